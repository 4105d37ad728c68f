"""The gateway's own count, from which the demo and the tests take their verdict.

A double is one phone given one text more than once, or one client id and phone accepted more than once; whether
anything is missing shows by comparing with the phones that should have been served. Records are counted
once, when they are new, so that a count after each second of a large campaign stays cheap.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from smsq.worker.gateway.numbers import status_of
from smsq.worker.sandbox.gateway import Gateway
from smsq.worker.sandbox.handset import Handsets
from smsq.worker.sandbox.state import Record, money

SAMPLE = 10


class Count:
    """Counts what the gateway accepted; asks it for all the rest."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self._counted: dict[str, int] = {}  # log-in -> records that were looked at
        self._texts: dict[int, int] = {}  # hash of (phone, text) -> times accepted
        self._ids: dict[int, int] = {}  # hash of (id, phone) -> times accepted
        self._phones: set[str] = set()
        self._twice: dict[int, str] = {}
        self._twice_by_id = 0
        self._accepted = self._parts = self._files = self._repeated = 0
        self._channels: dict[str, int] = {}
        self._refused: dict[int, int] = {}
        self._open: list[Record] = []
        self._final: dict[int, int] = {}

    def report(self, now: float, *, with_statuses: bool = True) -> dict[str, Any]:
        """Everything worth knowing, as JSON will carry it; no text and no whole phone.

        Statuses cost 2 µs for each message that is not final, so leave them out if you ask every second.
        """
        self._catch_up()
        gateway = self._gateway
        accounts = gateway.accounts.values()
        return {
            "accepted": self._accepted,
            "distinct": len(self._texts),
            "twice": sum(self._texts[key] - 1 for key in self._twice),
            "twice_by_id": self._twice_by_id,
            "twice_sample": list(self._twice.values())[:SAMPLE],
            "repeated": self._repeated,
            "parts": self._parts,
            "files": self._files,
            "channels": dict(self._channels),
            "refused": {str(code): number for code, number in sorted(self._refused.items())},
            "statuses": self._statuses(now) if with_statuses else None,
            "limits_broken": dict(gateway.limits_broken),
            "guarded": gateway.sends.guarded,
            "requests": dict(gateway.requests),
            "errors": dict(gateway.errors),
            "misfortunes": dict(gateway.misfortunes.struck),
            "peak_parallel": {
                pool: max((account.limits.peak[pool] for account in accounts), default=0) for pool in ("sends", "asks")
            },
            "running": {pool: sum(account.limits.running[pool] for account in accounts) for pool in ("sends", "asks")},
            "spent": str(money(sum(account.spent for account in accounts))),
            "balance": {account.login: str(money(account.balance)) for account in accounts},
        }

    def missing(self, phones: Iterable[str]) -> list[str]:
        """Those of these phones that no message was ever accepted for."""
        self._catch_up()
        return [phone for phone in phones if phone not in self._phones]

    def _catch_up(self) -> None:
        for account in self._gateway.accounts.values():
            known = self._counted.get(account.login, 0)
            for record in account.records[known:]:
                self._add(record, account.login)
            self._counted[account.login] = len(account.records)

    def _add(self, record: Record, login: str) -> None:
        if record.code:
            self._refused[record.code] = self._refused.get(record.code, 0) + len(record.messages)
            return
        self._accepted += len(record.messages)
        self._parts += record.parts
        self._channels[record.channel] = self._channels.get(record.channel, 0) + len(record.messages)
        self._files += len(record.files)
        self._repeated += len(record.repeats)
        self._open.append(record)
        texts, ids, message_id = self._texts, self._ids, record.id
        # What a request holds twice is accepted once, and is the caller's mistake all the same.
        for message in (*record.messages, *record.repeats) if record.repeats else record.messages:
            phone = message[0]
            key = hash(message)
            times = texts.get(key, 0)
            texts[key] = times + 1
            if times:
                self._twice[key] = mask(phone)
            pair = hash((login, message_id, phone))
            times = ids.get(pair, 0)
            ids[pair] = times + 1
            if times:
                self._twice_by_id += 1
            self._phones.add(phone)

    def _statuses(self, now: float) -> dict[str, int]:
        """How many messages have each status; final ones are not looked at again."""
        handsets: Handsets = self._gateway.handsets
        slowest_s = handsets.slowest_s()
        moving: dict[int, int] = {}
        still_open = []
        for record in self._open:
            age_s = now - record.at - record.starts_s
            has_ended = age_s >= slowest_s
            tally = self._final if has_ended else moving
            for phone, _ in record.messages:
                code = self._gateway.statuses.standing(record, phone, now).code
                tally[code] = tally.get(code, 0) + 1
            if not has_ended:
                still_open.append(record)
        self._open = still_open
        named: dict[str, int] = {}
        for tally in (self._final, moving):
            for code, number in tally.items():
                named[_name(code)] = named.get(_name(code), 0) + number
        return named


def mask(phone: str) -> str:
    """A phone that can be told from its neighbours but not called."""
    return f"{phone[:4]}***{phone[-2:]}"


def _name(code: int) -> str:
    """The status as our own reports name it, so that the two can be compared."""
    status = status_of(code)
    return status.name.lower() if status is not None else str(code)
