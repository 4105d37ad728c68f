"""The list of opt-outs: entries come, go and are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from smsq.worker.domain.optout import OptOut, entry_name, parse_name
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import Store, translated

AT_ONCE = 1000  # entries in one call: a few ms of Redis
_SAID = msgspec.msgpack.Decoder(tuple[float, str])


class OptOuts(Store):
    """The verbs on the list. Each is idempotent: an entry that is there stays as it is."""

    def opt_out(self, entries: Iterable[OptOut]) -> int:
        """Put these on the list; return how many were not on it. Those that were keep their date and reason."""
        added = 0
        for some in _portions(entries):
            pairs: list[Argument] = []
            for each in some:
                pairs += (entry_name(each.scope, each.key), msgspec.msgpack.encode((each.at, each.reason)))
            added += self._change("add", pairs)
        return added

    def opt_in(self, entries: Iterable[OptOut]) -> int:
        """Take these off the list; return how many were on it."""
        removed = 0
        for some in _portions(entries):
            removed += self._change("remove", [entry_name(each.scope, each.key) for each in some])
        return removed

    def _change(self, verb: str, arguments: Sequence[Argument]) -> int:
        return int(self.call("list_optouts", [self.key("optouts"), self.key("ctl")], verb, *arguments)[0])

    def opted_out(self) -> Iterator[OptOut]:
        """Every entry, in no order; one that comes or goes meanwhile may be missing."""
        cursor: int | str = "0"
        while cursor != 0:
            with translated():
                cursor, found = self.redis.hscan(self.key("optouts"), cursor=cursor, count=AT_ONCE)
            yield from (_entry(name.decode(), said) for name, said in found.items())

    def entries_of(self, keys: Sequence[str]) -> list[OptOut]:
        """The entries of one recipient in every scope; `keys` are its own and its keyed hashes."""
        wanted = frozenset(keys)
        return [each for each in self.opted_out() if each.key in wanted]

    def how_many_opted_out(self) -> int:
        """How many entries there are."""
        with translated():
            return int(self.redis.hlen(self.key("optouts")))


def _entry(name: str, said: bytes) -> OptOut:
    scope, key = parse_name(name)
    at, reason = _SAID.decode(said)
    return OptOut(key=key, scope=scope, reason=reason, at=at)


def _portions(entries: Iterable[OptOut]) -> Iterator[list[OptOut]]:
    source = iter(entries)
    while some := list(islice(source, AT_ONCE)):
        yield some
