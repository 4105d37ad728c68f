"""Limits of the whole installation that a person changes while everything runs; they replace those of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import quote

import msgspec

from smsq.worker.ledger.orders import Orders
from smsq.worker.ledger.store import translated

RATES = msgspec.json.Decoder(dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What was set while everything ran; None for what was not, and the settings hold."""

    rate: float | None = None  # parts per second of all campaigns and bulk messages, 0 for no limit
    reserve: Decimal | None = None  # of the balance, for urgent messages
    senders: Mapping[str, float] = field(default_factory=dict)  # parts per second; '' is the account's own sender


class LiveLimits(Orders):
    """The verb that sets limits."""

    def limits(self) -> Limits:
        """The limits that were set."""
        with translated():
            rate, reserve, senders = self.redis.hmget(self.key("ctl"), ["rate", "reserve", "sender_rates"])
        return Limits(
            rate=float(rate) if rate is not None else None,
            reserve=Decimal(reserve.decode()) if reserve is not None else None,
            senders=RATES.decode(senders) if senders is not None else {},
        )

    def set_rate(self, rate: float | None, settings_rate: float | None) -> None:
        """Set the rate of all, 0 for no limit; None lets that of the settings hold again."""
        self._set("rate", "" if rate is None else repr(float(rate)), before=settings_rate or 0)

    def set_sender_rate(self, sender: str, rate: float | None) -> None:
        """Set the rate of a sender; None lifts it."""
        self._set("sender", repr(float(rate or 0)), sender=sender)

    def set_reserve(self, reserve: Decimal | None) -> None:
        """Set what campaigns leave of the balance; None lets the reserve of the settings hold again."""
        self._set("reserve", "" if reserve is None else f"{reserve:f}")

    def _set(self, what: str, value: str, *, sender: str = "", before: float = 0) -> None:
        keys = [self.key("ctl"), self.key("bucket"), self.key("run")]
        known = self.call("limit", keys, what, value, sender, before)
        whose = f"/{quote(sender, safe='') or '-'}" if what == "sender" else ""
        self._note_order(known, f"limits/{what}{whose}/{value or 'default'}")  # also if a lost reply said it before
