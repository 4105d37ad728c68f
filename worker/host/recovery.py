"""A host's part in recovering a ledger that fell back: take over what its journals know, and repeat nothing.

Messages that were sent and forgotten are asked about again under their old ids; if they are enrolled again later, they
get those ids before they can be sent. Sending goes on only when every host has done this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from smsq.worker.domain.errors import BadInput, LedgerHalted
from smsq.worker.host.journal import Brought, Journal, Ordered, Said
from smsq.worker.ledger import Ledger
from smsq.worker.ledger.hosts import HostSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What one host's journals know and the ledger does not."""

    run: str  # of the server that was looked at
    why: str  # why it is held to have fallen back; '' if it has not
    sends: Sequence[Said]  # under ids that the ledger gave and forgot
    brought: Sequence[Brought]  # enrolments that are gone, without those in `sends`
    orders: Sequence[Ordered] = ()  # persons must give them again


@dataclass(slots=True, kw_only=True)
class Taken:
    """The result of taking over."""

    word: str  # recovered, waits, sound or moved
    detail: str
    doubtful: int = 0  # sends whose batch is asked about from now on
    stubs: int = 0  # sends of unknown messages, kept under their keys
    nameless: list[Said] = field(default_factory=list)  # sends of unknown messages without a key


class Recovery:
    """Recovery on one host: `look` shows, `take_over` does it."""

    def __init__(self, ledger: Ledger, journal: Journal, account: str) -> None:
        self._ledger = ledger
        self._journal = journal
        self._account = account

    def check(self, hosts: Sequence[str]) -> list[str]:
        """The numbers of hosts given by number or name. Raises BadInput for one that the roll call does not wait for.

        Raises BadInput with the numbers for a name that several hosts have.
        """
        numbers = {*self._ledger.hosts(), *self._journal.hosts(), *self._ledger.reported_hosts()} - {self._journal.host}
        known = self._ledger.homes(numbers)
        return [self._number_of(told, known) for told in hosts]

    def _number_of(self, told: str, known: Sequence[HostSeen]) -> str:
        meant = [host for host in known if told in (host.number, host.name)]
        if len(meant) == 1:
            return meant[0].number
        if meant:
            raise BadInput(
                f"several hosts are called {told}: say which by {' or '.join(host.number for host in meant)}"
            )
        others = f"the hosts are {'; '.join(host.said for host in known)}" if known else "there is no other host"
        raise BadInput(f"no host is called {told}: {others}")

    def give_up(self, hosts: Sequence[str]) -> None:
        """Wait for these hosts no longer: what only they know as sent may be sent twice. Raises BadInput as `check`."""
        self.check(hosts)
        self._ledger.give_up(self._ledger.beat().run, hosts)

    def look(self) -> Forgotten:
        """Report this host to the roll call; return what the ledger lacks. Raises LedgerForeign, LedgerHalted.

        This host follows the server's new run before it reads the journals, so that no claim of an earlier run can be
        written after that.
        """
        host = self._journal.host
        name, knows_sends = self._journal.place, self._journal.knows_sends()
        empty = self._ledger.establish(self._account, host=host, name=name, knows_sends=knows_sends) == "empty"
        run = self._ledger.beat().run
        if empty:
            return self._forgotten(run, "this Redis is empty, the journals are not")
        if not self._journal.follow(run):
            raise LedgerHalted("a process of this home is writing its journal; try again in a moment")
        word, detail = self._ledger.report(run, host, self._journal.report())
        why = self._ledger.beat().fell
        if word == "waits" and not why:
            absent = "; ".join(each.said for each in self._ledger.homes(detail.split()))
            raise LedgerHalted(
                f"the roll call is not over: hosts have not answered: {absent}; start a worker on them, or give "
                "up those whose disks are lost with --without HOST"
            )
        return self._forgotten(run, why)

    def _forgotten(self, run: str, why: str) -> Forgotten:
        if not why:
            return Forgotten(run=run, why="", sends=[], brought=[])
        sends, brought, orders = self._journal.beyond(self._ledger.contained())
        sent = {said.ref.number for said in sends}
        never = [each for each in brought if "/" in each.known_as or each.number not in sent]
        return Forgotten(run=run, why=why, sends=sends, brought=never, orders=orders)

    def take_over(self, forgotten: Forgotten, without: Sequence[str] = ()) -> Taken:
        """Open every forgotten id again; sending goes on if every host but `without` has done so. Safe to repeat."""
        host = self._journal.host
        name = self._journal.place
        if self._ledger.establish(self._account, host=host, name=name, knows_sends=True) == "empty":
            self._ledger.establish(self._account, host=host, name=name, to_recover=True)
            forgotten = replace(forgotten, run=self._ledger.beat().run)
            if not self._journal.follow(forgotten.run):
                raise LedgerHalted("a process of this home is writing its journal; try again in a moment")
            self._ledger.report(forgotten.run, host, self._journal.report())
        self._ledger.give_up(forgotten.run, without)
        taken = Taken(word="", detail="")
        for said in forgotten.sends:
            self._open_again(said, taken)
        taken.word, taken.detail = self._ledger.recovered(forgotten.run, host)
        return taken

    def _open_again(self, said: Said, taken: Taken) -> None:
        word = self._ledger.adopt(said.ref, said.gateway_id, said.mirror)
        if word != "unknown":
            taken.doubtful += word != "stale"
        elif said.known_as:
            self._ledger.keep_stub(said.known_as, said.gateway_id, said.mirror, said.ref)
            taken.stubs += 1
        else:
            self._ledger.keep_stub("", said.gateway_id, said.mirror, said.ref)
            taken.nameless.append(said)
