"""Change a campaign: its rows are complete; a person pauses, resumes, cancels or amends it; it is paused by itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

from smsq.worker.domain.campaign import GOING
from smsq.worker.domain.errors import BadInput, BudgetSpent, Conflict, SmsqError
from smsq.worker.domain.money import UNITS, of_units
from smsq.worker.ledger.orders import SCHEDULER, Orders, orderer
from smsq.worker.ledger.scripts import Argument

_UNITS_OF = {"start_at": "1000", "budget": str(UNITS), "rate": "1"}  # what a stored number is divided by
_WHOLE = ("start_at", "budget")


class CampaignControl(Orders):
    """The verbs that change a campaign's state and what it goes by."""

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
        keys = self._control_keys(campaign_id)
        most = "" if budget is None else int(budget * UNITS)
        each = "" if part_price is None else str(part_price * UNITS)
        reply = self._changed(campaign_id, self.call("control", keys, verb, why, most, each, orderer(), "", ""))
        state = reply[0].decode()
        raised = "" if budget is None else f"/--budget/{budget:f}"
        self._note_order(reply, f"{verb}/{campaign_id}{raised}")
        return state

    def pause_itself(self, campaign_id: str, why: str, found: str) -> bool:
        """Pause a campaign without a person, with the reason and what was found; return whether it is paused for that.

        No journal keeps it: a ledger that fell back finds the same again.
        """
        return self._itself(campaign_id, "pause", why, found) == "paused"

    def resume_itself(self, campaign_id: str, why: str) -> bool:
        """Resume a campaign if it is paused for this very reason; return whether it goes on."""
        return self._itself(campaign_id, "resume", why, "") in GOING

    def _itself(self, campaign_id: str, verb: str, why: str, found: str) -> str:
        try:
            reply = self.call("control", self._control_keys(campaign_id), verb, why, "", "", SCHEDULER, "itself", found)
            return self._changed(campaign_id, reply)[0].decode()
        except BudgetSpent:
            return "paused"

    def _control_keys(self, campaign_id: str) -> list[str]:
        campaign = self.keys.campaign
        return [
            campaign(campaign_id),
            campaign(campaign_id, "h"),
            self.key("ready:bulk"),
            self.key("run"),
            campaign(campaign_id, "a"),
        ]

    def amend(
        self, campaign_id: str, wishes: Mapping[str, str], *, part_price: Decimal | None = None
    ) -> dict[str, tuple[str, str]]:
        """Change what a campaign goes by; return what changed, by field: the values before and from now on.

        `wishes` are fields of its hash, as they are written there. `part_price` goes with a budget, for a campaign that
        was begun without a price. Raises BudgetSpent, and changes nothing, if the budget lets no further batch leave.
        """
        keys = [self.keys.campaign(campaign_id), self.key("run"), self.keys.campaign(campaign_id, "a")]
        each = "" if part_price is None else str(part_price * UNITS)
        pairs = [item for pair in wishes.items() for item in pair]
        reply = self._changed(campaign_id, self.call("amend", keys, each, orderer(), *pairs))
        if reply[0] == b"over":
            raise SmsqError(f"campaign {campaign_id} is {reply[1].decode()}: only its name can still be changed")
        known = [value.decode() for value in reply[3:]]
        changed = {name: (old, new) for (name, new), old in zip(wishes.items(), known, strict=True) if old != new}
        said = "".join(f"/{name}/{quote(new, safe='')}" for name, new in wishes.items())
        self._note_order(reply, f"set/{campaign_id}{said}")  # also if nothing changed: the reply may have been lost
        return changed

    def _changed(self, campaign_id: str, reply: list[bytes]) -> list[bytes]:
        """The reply of a verb that changed the campaign; raises if it could not."""
        if reply[0] == b"gone":
            raise BadInput(f"there is no campaign {campaign_id}; `smsq campaign list` shows what there is")
        if reply[0] == b"short":
            raise BudgetSpent(campaign_id, of_units(int(reply[1])))
        return reply

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
