"""Change a campaign's state: its rows are complete, or a person pauses, resumes or cancels it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from smsq.worker.domain.errors import BadInput, BudgetSpent, Conflict
from smsq.worker.domain.money import UNITS, of_units
from smsq.worker.ledger.orders import Orders, orderer
from smsq.worker.ledger.scripts import Argument

_UNITS_OF = {"start_at": "1000", "budget": str(UNITS), "rate": "1"}  # what a stored number is divided by
_WHOLE = ("start_at", "budget")


class CampaignControl(Orders):
    """The verb that changes a campaign's state."""

    def control(
        self,
        campaign_id: str,
        verb: str,
        why: str = "",
        *,
        budget: Decimal | None = None,
        part_price: Decimal | None = None,
    ) -> str:
        """`close`, `pause`, `resume` or `cancel` a campaign; return its state afterwards.

        `budget` goes with `resume` and is in force from then on; `part_price` goes with a budget, for a campaign that
        was begun without a price. Raises BudgetSpent, and changes nothing, if one batch more would cost too much.
        """
        keys = [
            self.keys.campaign(campaign_id),
            self.keys.campaign(campaign_id, "h"),
            self.key("ready:bulk"),
            self.key("run"),
            self.keys.campaign(campaign_id, "a"),
        ]
        most = "" if budget is None else int(budget * UNITS)
        each = "" if part_price is None else str(part_price * UNITS)
        reply = self.call("control", keys, verb, why, most, each, orderer())
        state = reply[0].decode()
        if state == "gone":
            raise BadInput(f"there is no campaign {campaign_id}; `smsq campaign list` shows what there is")
        if state == "short":
            raise BudgetSpent(campaign_id, of_units(int(reply[1])))
        raised = "" if budget is None else f"/--budget/{budget:f}"
        self._note_order(reply, f"{verb}/{campaign_id}{raised}")
        return state

    def edit(self, campaign_id: str, changed: Mapping[str, str | float | Decimal]) -> None:
        """Change `start_at` (Unix seconds), `name`, `rate`, `window` or `budget` of a campaign that has not begun.

        An empty value takes a limit away. Raises Conflict, and changes nothing, if anything was handed out already.
        """
        told: list[Argument] = []
        for name, value in changed.items():
            unit = _UNITS_OF.get(name, "")
            told += [name, str(int(Decimal(value or 0) * int(unit))) if name in _WHOLE else str(value or ""), unit]
        keys = [self.keys.campaign(campaign_id), self.keys.campaign(campaign_id, "a"), self.key("run")]
        reply = self.call("edit", keys, orderer(), *told)
        word = reply[0].decode()
        if word == "gone":
            raise BadInput(f"there is no campaign {campaign_id}; `smsq campaign list` shows what there is")
        if word == "begun":
            raise Conflict(begun(campaign_id, reply[1].decode()))
        self._note_order(reply, f"edit/{campaign_id}/" + "/".join(f"{name}/{value}" for name, value in changed.items()))

    def close_campaign(self, campaign_id: str) -> str:
        """Note that every row is enrolled; return the state afterwards."""
        return self.control(campaign_id, "close")


def begun(campaign_id: str, state: str) -> str:
    """Why a campaign cannot be edited any more, and what to do."""
    if state in ("done", "cancelled"):
        return (
            f"campaign {campaign_id} is {state}: there is nothing to edit; `smsq campaign copy {campaign_id}` copies it"
        )
    return (
        f"messages of campaign {campaign_id} were handed out already, so it is too late to edit it: what has left "
        f"cannot be changed; `smsq campaign cancel {campaign_id}` keeps the rest from leaving, and "
        f"`smsq campaign retry {campaign_id} --unsent` or `smsq campaign run` sends that otherwise"
    )
