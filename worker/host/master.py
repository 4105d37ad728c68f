"""The master's part in the roll call: follow the server's run, report what this host knows, free unsent claims.

The process that starts the workers calls `Master.tick()` about once a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from smsq.worker.domain.errors import JournalTrouble, LedgerHalted, LedgerTrouble, SmsqError
from smsq.worker.domain.status import BatchState
from smsq.worker.host.files import Files
from smsq.worker.host.journal import Journal
from smsq.worker.ledger import Ledger
from smsq.worker.ledger.hosts import HomeInUse, in_use
from smsq.worker.ledger.runs import HEARD_MS, Beat

log = logging.getLogger(__name__)

TIDY_EVERY_S = 3600.0
NOTE_EVERY_S = 5.0
LOOK_EVERY_S = 10.0  # while a host is away: a look counts for two minutes
SILENT_AFTER_S = HEARD_MS / 1000 + 2.0  # after its last beat a home counts as unused
ASK_AGAIN_S = 0.5
NAMED_AFTER_S = 1.0  # a running process holds a lock for a millisecond
KILLED_AFTER_S = 5.0  # its claims are doubtful by then


class Master:
    """Keeps one host's workers on the run that is in force."""

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        say: Callable[[str], None] = lambda line: None,
        files: Files | None = None,
    ) -> None:
        self._ledger = ledger
        self._files = files
        self._say = say  # prints to the person at the terminal
        self._journal = journal
        self._told = ""
        self._held_since = float("inf")
        self._tidy_at = self._note_at = self._look_at = float("-inf")
        self._is_told = False  # whether the ledger knows what we have noted

    def establish(self, account: str) -> None:
        """At the start: stamp or check the ledger.

        Raises LedgerForeign, JournalTrouble, HomeInUse, and LedgerHalted if the ledger was emptied.
        """
        self._journal.attendance.begin()
        host, place = self._journal.host, self._journal.place
        if host in self._ledger.away() and not self._journal.is_away() and not self._journal.leave():
            raise JournalTrouble(
                "the ledger says that this host signed off, but a process of its home holds the journal"
            )
        if self._established(account, host, place) == "empty":
            raise LedgerHalted(
                "this Redis is empty, but the journals under SMSQ_HOME/journal tell of messages that were sent: "
                "point SMSQ_REDIS_URL at the right server or restore its data; if the data is lost, run "
                "`smsq recover`; to begin anew on purpose, move that folder away"
            )

    def _established(self, account: str, host: str, place: str) -> str:
        """Establish; return the ledger's word. A home that moved, or whose machine restarted, waits for the old one.

        Raises HomeInUse if the old home does not fall silent.
        """
        sends, where, clock = self._journal.knows_sends(), self._journal.where, self._ledger.clock
        until = clock.monotonic() + SILENT_AFTER_S
        while True:
            try:
                return self._ledger.establish(account, host=host, name=place, where=where, knows_sends=sends)
            except HomeInUse as error:
                if clock.monotonic() >= until:
                    raise
                self._tell("not started yet", error)
                clock.wait(ASK_AGAIN_S)

    def tick(self) -> bool:
        """Follow the run of the server; return whether claims are granted now."""
        try:
            beat = self._ledger.beat(host=self._journal.host, where=self._journal.where)
        except LedgerTrouble as error:
            self._tell("ledger unreachable", error)
            return False
        if beat.other_home:  # it was accepted while we were silent: nothing is claimed here until a person decides
            self._journal.leave()
            self._tell("ledger halted", HomeInUse(in_use(beat.other_home)))
            return False
        if beat.in_force and self._journal.newest_run() == beat.run:
            if self._told:
                self._say("the ledger is in order again; sending goes on")
            self._told = ""
            self._remember_hosts()
            self._look(beat.run)
            self._note()
            self._tidy()
            return True
        try:
            return self._join(beat)
        except JournalTrouble as error:  # what cannot be read is not nothing: no report, and all hosts wait
            self._tell("roll call not answered", LedgerHalted(error.sentence))
            return False
        except SmsqError as error:
            self._tell("ledger halted", error)
            return False

    def _remember_hosts(self) -> None:
        """Write down which hosts there are: a ledger from before a host joined must not be cleared without it."""
        try:
            self._journal.remember_hosts(self._ledger.hosts())
        except (LedgerTrouble, OSError) as error:
            self._tell("hosts not written down", LedgerHalted(type(error).__name__))

    def _look(self, run: str) -> None:
        """Write down which hosts signed off and which are back: a host that returns waits until we have noted that."""
        now = self._ledger.clock.monotonic()
        try:
            noted = self._journal.notes.last()
            known = noted.away if noted is not None and noted.run == run else {}
            is_due = not self._is_told or (bool(known) and now >= self._look_at)
            if not is_due and self._ledger.away() == known:
                return
            self._is_told, self._look_at = False, now + LOOK_EVERY_S
            with self._journal.notes.alone():
                self._note_away(run)
            self._is_told = True
        except (LedgerTrouble, OSError) as error:
            log.warning("sign-offs not written down why=%s", type(error).__name__)

    def _note_away(self, run: str) -> None:
        """Look and write it down; then look again, which tells the ledger what is on our disk."""
        for is_second in (False, True):
            noted = self._journal.notes.last()
            look = self._ledger.look(run, self._journal.host, noted.at if noted is not None else 0)
            if look is None:
                return
            if noted is None and not look.away:
                return
            is_known = noted is not None and (noted.run, noted.away) == (run, look.away)
            if is_known and (is_second or not look.away):
                return
            self._journal.notes.write(look)
            gone = set(look.away) - set(noted.away if noted is not None else ())
            for host in self._ledger.homes(gone):
                self._say(f"host {host.said}; nothing waits for it if Redis restarts")

    def _note(self) -> None:
        now = self._ledger.clock.monotonic()
        if now >= self._note_at:
            self._note_at = now + NOTE_EVERY_S
            self._journal.note()

    def _tidy(self) -> None:
        now = self._ledger.clock.monotonic()
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_EVERY_S
            removed = self._journal.tidy()
            if removed:
                log.info("old journal files removed files=%d", removed)
        if self._files is not None:
            try:
                self._files.tidy(self._ledger.needed_files)
            except (LedgerTrouble, OSError) as error:
                log.warning("files not looked through why=%s", type(error).__name__)

    def _join(self, beat: Beat) -> bool:
        if not self._journal.follow(beat.run):
            self._pass_by()
            return False  # a process is writing a line: microseconds, unless it is frozen
        self._held_since = float("inf")
        claims = self._claims()
        said = self._journal.said(claims, min(claims.values(), default=0.0))
        word, detail = self._ledger.report(beat.run, self._journal.host, self._journal.report(said))
        if word == "force" and self._journal.is_away():
            return self._come_back(beat.run)
        if word in ("cleared", "force"):
            self._remember_hosts()  # hosts that joined by this roll call must be known if an older copy is restored
            self._journal.note()
        if word == "cleared":
            freed = self._free_unsaid(beat.run)
            log.warning("roll call cleared run=%s unsaid=%d", beat.run[:8], freed)
            for host in self._ledger.homes(detail.split()):
                log.warning("roll call did not wait for a host that signed off host=%s", host.name)
                self._say(f"Redis restarted; nothing waits for host {host.said}")
            return not self._journal.is_away()
        if word == "waits":
            absent = "; ".join(host.said for host in self._ledger.homes(detail.split()))
            self._tell("roll call waits", LedgerHalted(f"hosts that have not answered: {absent}"))
        elif word == "fell":
            self._tell("ledger fell back", LedgerHalted(detail))
        return word == "force"

    def _come_back(self, run: str) -> bool:
        """After a sign-off: claim again once no other host can vouch for this one."""
        word, until, hosts = self._ledger.come_back(run, self._journal.host)
        if word == "waits":
            those = "; ".join(host.said for host in self._ledger.homes(hosts))
            when = time.strftime("%H:%M:%S", time.localtime(until))
            sentence = (
                f"it had signed off, and waits until others record that it is back, {when} at the latest: {those}"
            )
            self._tell("this host is not back yet", LedgerHalted(sentence))
            return False
        return word == "back" and self._journal.come_back(run)

    def sign_off(self) -> bool:
        """Sign off, as the last act of a host that stopped in order: a roll call will not wait for it. Whether it did.

        It does not if another process of this home lives, if something of ours is being sent, if the ledger lacks what
        we know, if our journals may lack lines, or if no other host could vouch for us. Then the next roll call waits
        for this host, as if it had died.
        """
        try:
            with self._journal.attendance.alone():
                why_not = self._signed_off()
        except (SmsqError, OSError) as error:
            why_not = error.sentence if isinstance(error, SmsqError) else str(error.strerror)
        if why_not:
            log.info("host not signed off why=%s", why_not)
        else:
            log.info("host signed off")
        return not why_not

    def _signed_off(self) -> str:
        """Sign off if possible; return why it was not done, '' if it was."""
        host = self._journal.host
        beat = self._ledger.beat(host=host)
        if not beat.in_force or self._journal.newest_run() != beat.run:
            return "the run in force is not ours"
        if self._journal.is_unsure():
            return "lines of the journal may be missing"
        if not self._journal.leave():
            return "a process holds the journal"
        claims = self._claims()  # from here on no other claim of ours can be sent
        if self._journal.said(claims, min(claims.values(), default=0.0)):
            return "a request of this host is being sent"
        word, detail = self._ledger.report(beat.run, host, self._journal.report())
        if word != "force":
            return f"{word} {detail}"
        word = self._ledger.sign_off(beat.run, host)
        return "" if word == "signed" else word

    def _pass_by(self) -> None:
        """Name processes that hold the lock for long; kill a worker that is frozen, leave others to a person."""
        now = self._ledger.clock.monotonic()
        self._held_since = min(self._held_since, now)
        if now - self._held_since < NAMED_AFTER_S:
            return
        for holder in self._journal.holders():
            ends = "it is killed" if holder.is_worker else "let it go on (`fg`, `kill -CONT`), or end it"
            self._tell("roll call not answered", LedgerHalted(f"{holder.said}; {ends}"))
            if holder.is_worker and holder.is_stopped and now - self._held_since >= KILLED_AFTER_S:
                log.error("frozen worker killed pid=%d", holder.pid)
                holder.kill()

    def _claims(self) -> dict[int, float]:
        """Gateway ids of the claims that are being sent, with when they were granted."""
        held = self._ledger.read(self._ledger.leases())
        newest = [batch.ids[-1] for batch in held if batch is not None and batch.ids]
        return {known.gateway_id: known.claimed_at for known in newest}

    def _free_unsaid(self, run: str) -> int:
        """Make claims of an earlier run without a journal line ready again: they were never sent and never will be.

        Every host named its own when it reported. The verb leaves claims of the run in force alone. If a line may be
        lost nothing is freed: those claims expire and are asked about.
        """
        said = self._ledger.reported_ids(run)
        if said is None:
            return 0
        freed = 0
        for batch in self._ledger.read(self._ledger.leases()):
            if batch is None or batch.state != BatchState.SENDING or not batch.ids:
                continue
            newest = batch.ids[-1].gateway_id
            if newest not in said:
                freed += self._ledger.release_unsaid(batch.ref, batch.fence, newest) == "released"
        return freed

    def _tell(self, what: str, error: SmsqError) -> None:
        sentence = f"{what}: {error.sentence}"
        if sentence != self._told:
            log.error("%s why=%s", what, error.sentence)
            self._told = sentence
            if isinstance(error, LedgerHalted):
                self._say(f"nothing is sent: {sentence}; `smsq doctor` has the cure")
