"""What is checked of a draft against the installation before anything is read or enrolled."""

from __future__ import annotations

from smsq.producers.campaigns.show import Shown
from smsq.producers.intake.drafts import Draft
from smsq.worker.domain.campaign import OVER
from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.carried import check_carried
from smsq.worker.ledger.views import CampaignView


class Checked(Shown):
    """Campaigns that may be begun."""

    def check_carried(self, draft: Draft) -> None:
        """Raise BadInput if the transport cannot carry its channel or its options."""
        later = [name for name, _ in draft.per_row.columns] if draft.per_row is not None else []
        said = draft.template.written
        check_carried(self._smsq.settings.transport, draft.options, later=later, text=said)

    def before(self, draft: Draft) -> CampaignView | None:
        """The campaign that these rows, text and options became earlier, if it is still kept."""
        return self._smsq.runtime.views.campaign_of(draft.digest)

    def check_moment(self, draft: Draft, before: CampaignView | None) -> None:
        """Raise BadInput if a campaign that is not begun yet is to begin in the past, or never."""
        is_begun = before is not None and before.state not in OVER
        series, now = draft.series, self._smsq.runtime.clock.now()
        if series is not None and series.until is not None and not is_begun and series.first(now) > series.until:
            raise BadInput("it would never be sent: its first occurrence would be after --until")
        if draft.start_at is not None and draft.start_at < now and not is_begun:
            raise BadInput(
                "that moment has passed: `at` says when to begin, in this machine's time zone unless it names one"
            )
