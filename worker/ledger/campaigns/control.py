"""Change a campaign's state: its rows are complete, or a person pauses, resumes or cancels it."""

from __future__ import annotations

from decimal import Decimal

from smsq.worker.domain.errors import BadInput, BudgetSpent
from smsq.worker.domain.money import UNITS, of_units
from smsq.worker.ledger.orders import Orders, orderer


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

    def close_campaign(self, campaign_id: str) -> str:
        """Note that every row is enrolled; return the state afterwards."""
        return self.control(campaign_id, "close")
