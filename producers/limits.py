"""Limits of the whole installation that can be changed while it runs: `Smsq.limits`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from smsq.producers.installation import Installation
from smsq.producers.intake.terms import rate_of
from smsq.worker.domain.errors import BadInput
from smsq.worker.ledger.live_limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The limits as they hold: what was set, else what the settings of this shell say."""

    rate: float  # parts per second, 0 for no limit
    reserve: Decimal  # of the balance, for urgent messages
    was_set: Limits


class LimitControl:
    """Show and set limits."""

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def show(self) -> InForce:
        """What holds now; a worker whose SMSQ_RATE differs goes by its own, unless a rate was set."""
        told, settings = self._smsq.runtime.ledger.limits(), self._smsq.settings
        rate = told.rate if told.rate is not None else settings.rate or 0.0
        reserve = told.reserve if told.reserve is not None else settings.reserve
        return InForce(rate=rate, reserve=reserve, was_set=told)

    def set_rate(self, rate: float | str | None) -> None:
        """Most parts a second over all workers, for campaigns and bulk messages; None takes the limit off."""
        ledger = self._smsq.runtime.ledger
        ledger.set_rate(0.0 if rate is None else rate_of(rate), self._smsq.settings.rate)

    def set_sender_rate(self, sender: str, rate: float | str | None) -> None:
        """Most parts a second under this sender, '' for the account's own; None takes the limit off."""
        self._smsq.runtime.ledger.set_sender_rate(sender, None if rate is None else rate_of(rate))

    def set_reserve(self, reserve: Decimal | int | str | None) -> None:
        """What campaigns leave of the balance for urgent messages; None or 0 for nothing."""
        self._smsq.runtime.ledger.set_reserve(reserve_of(reserve or 0))

    def forget(self) -> None:
        """Let SMSQ_RATE and SMSQ_RESERVE hold again."""
        self._smsq.runtime.ledger.set_rate(None, self._smsq.settings.rate)
        self._smsq.runtime.ledger.set_reserve(None)


def reserve_of(reserve: Decimal | int | str) -> Decimal:
    """An amount of money, 0 for none; raises BadInput if it is not one."""
    try:
        money = Decimal(str(reserve))
    except ArithmeticError:
        money = Decimal(-1)
    if not money.is_finite() or money < 0:
        raise BadInput(f"a reserve is an amount of money, or `none`, not {reserve!r}")
    return money
