"""When a draft would be done: the limits and the other campaigns of this installation, as a forecast needs them."""

from __future__ import annotations

from collections.abc import Iterator

from smsq.producers.campaigns.show import Shown
from smsq.producers.intake.drafts import Draft
from smsq.producers.intake.forecast import Forecast, Limit, Other, forecast
from smsq.producers.intake.preflight import Preflight
from smsq.worker.domain.campaign import GOING
from smsq.worker.ledger.views import CampaignView


class Foretold(Shown):
    """Forecasts of drafts."""

    def forecast(self, draft: Draft, found: Preflight) -> Forecast:
        """When a draft would be done, by its limits and those of this installation; the assumptions are in it."""
        settings, live = self._smsq.settings, self._smsq.runtime.ledger.limits()
        sender = draft.options.sender or ""
        beside = list(self._beside(draft))
        others = tuple(_other(view) for view in beside)
        under_sender = tuple(_other(view) for view in beside if (view.options.sender or "") == sender)
        rate = live.rate if live.rate is not None else settings.rate or 0.0
        return forecast(
            found.messages,
            found.parts,
            begins_at=max(self._smsq.runtime.clock.now(), draft.start_at or 0.0),
            limits=(
                Limit("the campaign's rate", draft.rate or 0.0),
                Limit("the rate of the whole installation", rate, others),
                Limit("the rate of its sender", live.senders.get(sender, 0.0), under_sender),
            ),
            window=draft.window or "",
            batch_size=settings.batch_size,
            slots=settings.parallel_sends - settings.urgent_slots,
            weight=draft.weight,
            others=others,
            zones=found.by_zone if draft.zoning is not None and draft.zoning.by_recipient else None,
        )

    def _beside(self, draft: Draft) -> Iterator[CampaignView]:
        """The campaigns that are being sent beside a draft: neither itself nor the one whose place it takes."""
        own = self._smsq.runtime.views.campaign_of(draft.digest)
        besides = {draft.replaces, own.id if own is not None else ""}
        for view in self._smsq.runtime.views.campaigns(live_only=True):
            waits = view.statuses.get("queued", 0) > 0 and not view.is_scheduled and view.recurring is None
            if view.state in GOING and waits and view.id not in besides:
                yield view


def _other(view: CampaignView) -> Other:
    """What such a campaign still has to send."""
    return Other(view.statuses["queued"] * view.parts / max(1, view.enrolled), view.weight)
