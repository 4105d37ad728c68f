"""Change what a campaign goes by while it runs: its name, rate, window, budget, weight and what pauses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Literal

from smsq.producers.campaigns.control import budget_spent, part_price
from smsq.producers.campaigns.show import Shown
from smsq.producers.intake.drafts import money_of, name_of
from smsq.producers.intake.terms import percent_of, rate_of, weight_of, window_of
from smsq.producers.moments import plain
from smsq.worker.domain.errors import BadInput, BudgetSpent
from smsq.worker.domain.money import of_units, to_units


class Kept(Enum):
    """The value of a wish that nobody has."""

    AS_IT_IS = "as it is"


AS_IT_IS: Literal[Kept.AS_IT_IS] = Kept.AS_IT_IS


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing that a campaign goes by now, in words: what it was, and what it is."""

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name} {self.before} → {self.after}"


class Amended(Shown):
    """Campaigns that go by something else from now on."""

    def set(
        self,
        campaign_id: str,
        *,
        name: str | Kept = AS_IT_IS,
        rate: float | str | Kept | None = AS_IT_IS,
        window: str | Kept | None = AS_IT_IS,
        budget: Decimal | int | str | Kept | None = AS_IT_IS,
        weight: float | str | Kept = AS_IT_IS,
        stop_if_bad: float | str | Kept | None = AS_IT_IS,
        auto_resume: bool | Kept = AS_IT_IS,
    ) -> Sequence[Changed]:
        """Change a campaign that is being enrolled, running or paused; return what changed.

        None takes a rate, window or budget off; for `stop_if_bad`, a percentage, it means what the settings say, and 0
        means never. What is set stays in force if its enrolment goes on later. A paused campaign stays paused. Raises
        BadInput for a value that will not do, BudgetSpent for a budget that lets no further batch leave, SmsqError for
        a campaign that is over; then nothing has changed.
        """
        money = budget if budget is None or isinstance(budget, Kept) else money_of(budget)
        wishes: dict[str, str] = {}
        if not isinstance(name, Kept):
            wishes["name"] = name_of(name)
        if not isinstance(rate, Kept):
            wishes["rate"] = repr(0.0 if rate is None else rate_of(rate))
        if not isinstance(window, Kept):
            wishes["window"] = "" if window is None else window_of(window)
        if not isinstance(money, Kept):
            wishes["budget"] = str(to_units(money or Decimal(0)))
        if not isinstance(weight, Kept):
            wishes["weight"] = repr(weight_of(weight))
        if not isinstance(stop_if_bad, Kept):
            wishes["stop_if_bad"] = "" if stop_if_bad is None else repr(percent_of(stop_if_bad or "none"))
        if not isinstance(auto_resume, Kept):
            wishes["auto_resume"] = "1" if auto_resume else ""
        if not wishes:
            raise BadInput("nothing to set: name a rate, window, budget, weight or another thing to change")
        view = self.show(campaign_id)
        wished = money if isinstance(money, Decimal) else None
        price = part_price(view) if wished is not None else None
        try:
            changed = self._smsq.runtime.ledger.amend(campaign_id, wishes, part_price=price)
        except BudgetSpent as error:
            raise budget_spent(self.show(campaign_id), wished, error.least, "set") from None
        return [Changed(name.replace("_", " "), *map(SAID[name], values)) for name, values in changed.items()]


def _number(value: str) -> str:
    return f"{float(value):g}" if value and float(value) else "none"


def _percent(value: str) -> str:
    if not value:
        return "as the settings say"
    return f"{float(value):g}%" if float(value) else "never"


SAID: dict[str, Callable[[str], str]] = {
    "name": lambda value: repr(value),
    "rate": lambda value: f"{_number(value)} parts a second" if _number(value) != "none" else "none",
    "window": lambda value: value or "none",
    "budget": lambda value: plain(of_units(int(value))) if value not in ("", "0") else "none",
    "weight": lambda value: _number(value or "1"),
    "stop_if_bad": _percent,
    "auto_resume": lambda value: "on" if value else "off",
}
