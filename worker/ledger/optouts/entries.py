"""The list of opt-outs: entries come, go and are read."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from smsq.worker.domain.optout import OptOut, entry_name, parse_name, plain_key, reply_of
from smsq.worker.domain.recipient import Recipient
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import Store, translated

log = logging.getLogger(__name__)

BY_REPLY = "by reply"  # the reason of what a reply put on the list
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

    # Replies -------------------------------------------------------------------------------------------------------

    def take_replies(self, replies: Iterable[tuple[Recipient, str, float]]) -> tuple[int, int]:
        """Put those on the list who ask for it, and take those off who ask to be written to again.

        Each is from whom, the whole text, and when in Unix seconds (0: now). Only what a reply has put on the list is
        taken off by a reply. Returns how many entries came and went.
        """
        stops: list[OptOut] = []
        starts: list[OptOut] = []
        for recipient, text, at in replies:
            word = reply_of(text)
            entry = OptOut(key=plain_key(recipient), reason=BY_REPLY, at=at or self.time_here())
            stops += [entry] if word == "stop" else []
            starts += [entry] if word == "start" else []
        added = self.opt_out(stops) if stops else 0
        removed = self.opt_in(self._put_by_reply(starts)) if starts else 0
        if added or removed:
            log.info("replies taken opted_out=%d opted_in=%d", added, removed)
        return added, removed

    def _put_by_reply(self, entries: Sequence[OptOut]) -> list[OptOut]:
        """Those of these that a reply put on the list, and no later than this one was written."""
        with translated():
            held = self.redis.hmget(self.key("optouts"), [entry_name(each.scope, each.key) for each in entries])
        said = [(each, _SAID.decode(raw)) for each, raw in zip(entries, held, strict=True) if raw is not None]
        return [each for each, (at, reason) in said if reason == BY_REPLY and at <= each.at]

    def answers_read(self) -> int:
        """The gateway's id of the last answer that was read."""
        with translated():
            return int(self.redis.hget(self.key("ctl"), "answers:read") or 0)

    def note_answers_read(self, last_id: int) -> None:
        """Note that answers up to this one were read."""
        self.call("note", [self.key("ctl")], "answers:read", last_id)

    def are_answers_due(self, now: float, every_s: float) -> bool:
        """Whether it is time to read answers; a yes begins the next interval."""
        with translated():
            last = self.redis.hget(self.key("ctl"), "answers:asked")
            if last is not None and now - float(last) < every_s:
                return False
            self.redis.hset(self.key("ctl"), "answers:asked", int(now))
        return last is not None

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
