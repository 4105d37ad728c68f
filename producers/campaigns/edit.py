"""Edit a campaign that has not begun: in place what is not in its messages, else by a campaign that replaces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Unpack

from smsq.producers.campaigns.copy import Copied
from smsq.producers.campaigns.remade import Otherwise, Remade
from smsq.producers.fields import timestamp
from smsq.producers.intake.drafts import money_of
from smsq.worker.domain.campaign import GOING, OVER
from smsq.worker.domain.errors import BadInput, Conflict
from smsq.worker.domain.hours import Hours
from smsq.worker.ledger.campaigns.control import begun
from smsq.worker.ledger.views import CampaignView

EDITING = "it is being replaced by `smsq campaign edit`: run the same command again"


class Edited(Copied):
    """Campaigns that are changed before they begin."""

    def edit(
        self,
        campaign_id: str,
        *,
        text: str | None = None,
        sender: str | None = None,
        enrolled: Callable[[int], None] = lambda rows: None,
        **otherwise: Unpack[Otherwise],
    ) -> CampaignView:
        """Change a campaign of which nothing was handed out yet, and return it, or the one that replaces it.

        Name, moment, rate, window and budget change in place. Text and sender are in its messages: a new campaign of
        the same rows takes its place, and this one is cancelled when that is complete. The same call goes on if it was
        interrupted. A text with fields needs the file: cancel this one and run that.
        Raises Conflict, and changes nothing, if it has begun; BadInput if nothing is to change or a value is wrong.
        """
        if text is None and sender is None:
            return self.edit_in_place(campaign_id, **otherwise)
        return self.replace_with(self._priced(self.replacement(campaign_id, text, sender, **otherwise)), enrolled)

    def edit_in_place(self, campaign_id: str, **otherwise: Unpack[Otherwise]) -> CampaignView:
        """Change what is not in the messages of a campaign. Raises as `edit` does."""
        changed = _changed(self, campaign_id, otherwise)
        if "start_at" in changed and float(changed["start_at"]) < self._smsq.runtime.clock.now():
            raise BadInput("that moment has passed: `at` says when to begin; `smsq campaign resume` begins at once")
        self._smsq.runtime.ledger.edit(campaign_id, changed)
        return self.show(campaign_id)

    def replacement(
        self, campaign_id: str, text: str | None, sender: str | None, **otherwise: Unpack[Otherwise]
    ) -> Remade:
        """The campaign that is to take the place of another before anybody agreed to it. Raises as `edit` does."""
        view = self.show(campaign_id)
        _refuse_recurring(view)
        heir = self._heir(view)
        if heir is None and (view.fed or view.state in OVER):
            raise Conflict(begun(view.id, view.state))
        told = Otherwise(
            name=otherwise.get("name") or view.name,
            rate=otherwise.get("rate"),
            window=otherwise.get("window"),
            budget=otherwise.get("budget") or (view.budget or None),
            on_doubt=otherwise.get("on_doubt"),
            at=otherwise.get("at"),
        )
        remade = self.copied(view.id, text=text, sender=sender, kin="edit", again=True, **told)
        if heir is not None and (remade.before is None or remade.before.id != heir.id):
            raise Conflict(
                f"campaign {view.id} is being replaced by campaign {heir.id} already: edit that one, or end it with "
                f"`smsq campaign cancel {heir.id}`"
            )
        if told["at"] is None and view.start_at:
            remade = replace(remade, draft=replace(remade.draft, start_at=view.start_at))
        return replace(remade, is_paused=view.state == "paused" and view.why != EDITING)

    def replace_with(self, remade: Remade, enrolled: Callable[[int], None] = lambda rows: None) -> CampaignView:
        """Enrol the campaign that takes another's place, then cancel that one. Raises Conflict if that has begun."""
        ledger, old = self._smsq.runtime.ledger, remade.origin
        if old.state in GOING:
            ledger.control(old.id, "pause", EDITING)  # from here on nothing more of it is handed out
        if self.show(old.id).fed:
            if old.state in GOING:
                ledger.control(old.id, "resume")
            raise Conflict(begun(old.id, old.state))
        view = self.enrol_remade(remade, enrolled=enrolled)
        ledger.control(old.id, "cancel", f"campaign {view.id} replaces it")
        return self.show(view.id)

    def _heir(self, view: CampaignView) -> CampaignView | None:
        """The campaign that was begun to replace this one, if it was not cancelled."""
        heir = self._smsq.runtime.views.campaign(view.needed_by) if view.needed_by else None
        return heir if heir is not None and heir.kin == "edit" and heir.state != "cancelled" else None


def _refuse_recurring(view: CampaignView) -> None:
    if view.recurring is not None:
        raise BadInput(
            f"campaign {view.id} recurs, and is not edited: `smsq campaign cancel {view.id}` ends it, and its file can "
            "be run with what is to be otherwise"
        )


def _changed(edited: Edited, campaign_id: str, otherwise: Otherwise) -> dict[str, str | float | Decimal]:
    """The fields that change in place; raises BadInput for a wrong value, or if there are none."""
    view = edited.show(campaign_id)
    _refuse_recurring(view)
    changed: dict[str, str | float | Decimal] = {}
    if (name := otherwise.get("name")) is not None:
        changed["name"] = "".join(char for char in name if char.isprintable())[:100].strip() or view.name
    if (at := otherwise.get("at")) is not None:
        changed["start_at"] = timestamp(at)
    if (rate := otherwise.get("rate")) is not None:
        if not 0 < rate < float("inf"):
            raise BadInput(f"a rate is a number of parts per second above 0, not {rate:g}")
        changed["rate"] = rate
    if (window := otherwise.get("window")) is not None:
        changed["window"] = Hours.parse(window).written
    if (budget := money_of(otherwise.get("budget"))) is not None:
        if not view.part_price:
            raise BadInput(
                f"campaign {campaign_id} was begun without a budget, so the price of a part is not known: "
                f"`smsq campaign copy {campaign_id} --budget {budget:f}` begins one with it"
            )
        changed["budget"] = budget
    if otherwise.get("on_doubt") is not None:
        raise BadInput("on_doubt is in each message: `smsq campaign copy` begins a campaign with another")
    if not changed:
        raise BadInput("nothing is to change: say what, such as --at 2026-12-24T10:00 or --text")
    return changed
