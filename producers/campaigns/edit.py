"""Edit a campaign that has not begun: in place what is not in its messages, else by a campaign that replaces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Unpack

from smsq.producers.campaigns.copy import Copied
from smsq.producers.campaigns.remade import Otherwise, Remade, without_moment
from smsq.producers.campaigns.replacing import (
    give_way,
    hold,
    refuse_recurring,
    replaceable,
    require_same,
    was_paused,
)
from smsq.producers.fields import timestamp
from smsq.producers.intake.drafts import Draft, How, draft, money_of
from smsq.producers.intake.sources import AnyRows
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.hours import Hours
from smsq.worker.ledger.views import CampaignView


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
        """Change a campaign of which nothing was handed out yet, and return it, or the one that takes its place.

        Name, moment, rate, window and budget change in place. Text and sender are in its messages: a new campaign of
        the same rows takes its place, and this one is cancelled when that is complete. The same call goes on if it was
        interrupted. A text with fields needs the file: `enrol(replacing(campaign_id, file, text=…))`.
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
        view, heir = replaceable(self._smsq, campaign_id)
        told = Otherwise(
            name=otherwise.get("name") or view.name,
            rate=otherwise.get("rate"),
            window=otherwise.get("window"),
            budget=otherwise.get("budget") or (view.budget or None),
            on_doubt=otherwise.get("on_doubt"),
            at=otherwise.get("at"),
        )
        remade = self.copied(view.id, text=text, sender=sender, kin="edit", again=True, **told)
        require_same(view, heir, remade.before)
        if told["at"] is None and view.start_at:
            remade = replace(remade, draft=replace(remade.draft, start_at=view.start_at))
        return replace(remade, is_paused=was_paused(view))

    def replace_with(self, remade: Remade, enrolled: Callable[[int], None] = lambda rows: None) -> CampaignView:
        """Enrol the campaign that takes another's place, then cancel that one. Raises Conflict if that has begun."""
        old = hold(self._smsq, remade.origin.id)
        view = self.enrol_remade(remade, enrolled=enrolled)
        give_way(self._smsq, old, view.id)
        return self.show(view.id)

    def replacing(self, campaign_id: str, rows: AnyRows, *, text: str | None = None, **how: Unpack[How]) -> Draft:
        """The draft of a file that is to take a campaign's place, as that one was in all that `how` does not say.

        `begin` of it, or `enrol`, does so. Raises as `edit` does, and as a draft of the file.
        """
        view, heir = replaceable(self._smsq, campaign_id)
        if heir is None:
            _require_columns(view, how)
        if text is None and not view.template:
            raise BadInput(f"the text of campaign {view.id} is no longer kept: give --text")
        kept: dict[str, Any] = {
            "name": view.name, "rate": view.rate or None, "window": view.window or None, "budget": view.budget or None,
            "on_doubt": view.on_doubt, "topic": view.topic or None, "weight": view.weight,
            "stop_if_bad": view.stop_if_bad, "auto_resume": view.auto_resume, "cap": view.cap or None,
        }  # fmt: skip
        if text is None:
            kept |= {"language": view.language or None, "plain_chars": view.plain_chars}
        told = {**kept, **{name: value for name, value in how.items() if value is not None}}
        options = without_moment(view.options)
        said = view.template if text is None else text
        told["options"], settings = options, self._smsq.settings
        drafted = draft(rows, text=said, guests=settings.guests, transport=settings.transport, **told)
        drafted = replace(drafted, replaces=view.id, saved_as=view.saved_as if text is None else "")
        if how.get("at") is None and view.start_at:
            drafted = replace(drafted, start_at=view.start_at)
        require_same(view, heir, self.before(drafted))
        return drafted


def _require_columns(view: CampaignView, how: How) -> None:
    """Raise BadInput if columns of the file had a meaning that nothing gives to those of the new file."""
    named = how.get("per_row") or ()
    lost = [word for word in view.words if not word.startswith("tag_") and word not in named]
    if any(word.startswith("tag_") for word in view.words) and "tags" not in named:
        lost.append("tags")
    if lost:
        raise BadInput(
            f"campaign {view.id} has {', '.join(lost)} from columns of its file: name them again, as in --per-row "
            f"{lost[0]} (in Python `per_row`)"
        )
    if view.zones and not ({"zone", "region", "at"} & {*named} or how.get("zone_unknown")):
        raise BadInput(
            f"rows of campaign {view.id} have a time zone or a moment of their own: name the columns again, as in "
            "--per-row zone or --per-row at, or give --zone-unknown"
        )


def _changed(edited: Edited, campaign_id: str, otherwise: Otherwise) -> dict[str, str | float | Decimal]:
    """The fields that change in place; raises BadInput for a wrong value, or if there are none."""
    view = edited.show(campaign_id)
    refuse_recurring(view)
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
                f"`smsq campaign set {campaign_id} --budget {budget:f}` asks for it"
            )
        changed["budget"] = budget
    if otherwise.get("on_doubt") is not None:
        raise BadInput("on_doubt is in each message: `smsq campaign copy` begins a campaign with another")
    if not changed:
        raise BadInput("nothing is to change: say what, such as --at 2026-12-24T10:00 or --text")
    return changed
