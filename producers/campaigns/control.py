"""Orders of a person about a campaign: pause, resume, cancel."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from smsq.producers.campaigns.show import Shown
from smsq.producers.intake.drafts import money_of
from smsq.producers.moments import plain
from smsq.producers.progress import NEVER_LEFT, UNSENT
from smsq.worker.domain.campaign import A_PERSON, GOING, ITSELF
from smsq.worker.domain.errors import BudgetSpent, SmsqError
from smsq.worker.ledger.views import CampaignView

# The state of a campaign after each verb.
REACHED = {"pause": ("paused",), "resume": GOING, "cancel": ("cancelled",)}


class Controlled(Shown):
    """Campaigns that go on, or not."""

    def pause(self, campaign_id: str) -> CampaignView:
        """Send no more of it until `resume`; requests under way are finished.

        One that is paused by itself is then paused by a person: it does not go on by itself.
        """
        return self._control(campaign_id, "pause")

    def resume(self, campaign_id: str, *, budget: Decimal | int | str | None = None) -> CampaignView:
        """Go on with the next row after the last one sent.

        `budget` sets a new budget, for a running campaign too: in the account's currency, with what is spent already.
        Raises BudgetSpent, with the least amount that would do, if the budget lets no further batch leave; the
        campaign then stays as it was. Raises BadInput if `budget` is not an amount of money.
        """
        view = self.show(campaign_id)
        money = money_of(budget)
        if money is None and view.state in REACHED["resume"]:
            return view
        _require(campaign_id, view.state, "resume", (*REACHED["resume"], "paused"))
        price = part_price(view) if money is not None else None
        try:
            self._smsq.runtime.ledger.control(campaign_id, "resume", budget=money, part_price=price)
        except BudgetSpent as error:
            raise budget_spent(self.show(campaign_id), money, error.least) from None
        return self.show(campaign_id)

    def cancel(self, campaign_id: str) -> CampaignView:
        """Send no more of it, for good. Messages that the gateway has already are followed to their end.

        This is one write, whatever the size of the campaign. The scheduler then ends the other messages as cancelled.
        """
        return self._control(campaign_id, "cancel")

    def _control(self, campaign_id: str, verb: str) -> CampaignView:
        """Apply a verb; does nothing if it was done already. Raises SmsqError if it cannot be done any more."""
        view = self.show(campaign_id)
        if view.state in REACHED[verb] and not (verb == "pause" and view.why in ITSELF):
            return view
        _require(campaign_id, view.state, verb, (*GOING, "paused"))
        state = self._smsq.runtime.ledger.control(campaign_id, verb, A_PERSON)
        _require(campaign_id, state, verb, REACHED[verb])  # it may have ended meanwhile
        return self.show(campaign_id)


def _require(campaign_id: str, state: str, verb: str, states: Sequence[str]) -> None:
    if state not in states:
        raise SmsqError(f"campaign {campaign_id} is {state}: there is nothing to {verb}")


def part_price(view: CampaignView) -> Decimal | None:
    """What a part costs, by what was charged so far, if the campaign was begun without a price; else None.

    Raises SmsqError if nothing was charged yet.
    """
    if view.part_price:
        return None
    left = view.messages - sum(view.statuses.get(name, 0) for name in (*UNSENT, *NEVER_LEFT, "doubtful", "parked"))
    charged = Decimal(view.parts * left) / max(1, view.enrolled) - view.unpriced
    if not view.cost or charged <= 0:
        raise SmsqError(
            f"campaign {view.id} began while its price was not known, and nothing has been charged yet, so a budget "
            "cannot be kept; try again after its first messages are sent"
        )
    return view.cost / charged


def budget_spent(view: CampaignView, wished: Decimal | None, least: Decimal, verb: str = "resume") -> BudgetSpent:
    """The error to raise: what is spent, what was not charged yet, and the least budget that would do."""
    budget = plain(wished if wished is not None else view.budget)
    expected = f" and about {plain(round(view.expected, 2))} not known yet" if view.expected else ""
    stays = "stays paused" if view.state == "paused" else "keeps its budget"
    return BudgetSpent(
        view.id,
        least,
        f"campaign {view.id} {stays}: it has spent {plain(view.cost)}{expected}, and a budget of {budget} is not "
        f"enough for its next batch: that needs `smsq campaign {verb} {view.id} --budget {plain(least)}` or more",
    )
