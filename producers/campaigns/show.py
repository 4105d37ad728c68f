"""What there is to see of a campaign: its counts, why it waits, its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smsq.producers import waits
from smsq.producers.doubts import in_doubt, waits_for
from smsq.producers.installation import Installation
from smsq.producers.progress import Watch
from smsq.worker.domain.campaign import ITSELF
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.receipt import Receipt
from smsq.worker.ledger.campaigns.log import Entry
from smsq.worker.ledger.views import CampaignView, Failure

MOST_NAMED = 3  # campaigns of one name in an error, the newest


class Shown:
    """Campaigns that are kept, to be looked at."""

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def show(self, campaign_id: str) -> CampaignView:
        """Counts by status, and cost; raises BadInput for an unknown id, with the ids that go by it as a name."""
        view = self._smsq.runtime.views.campaign(campaign_id)
        if view is not None:
            return view
        if named := [each.id for each in self.list() if each.name == campaign_id]:
            raise BadInput(f"{campaign_id} is a name, and an id is needed: {', '.join(named[:MOST_NAMED])}")
        raise BadInput(f"there is no campaign {campaign_id}; `smsq campaign list` shows what there is")

    def why(self, view: CampaignView) -> str:
        """Why nothing of it is sent now, in a sentence; '' if something is, or may be."""
        runtime = self._smsq.runtime
        why = waits.why(runtime.views, view, runtime.clock.now(), runtime.settings.parallel_sends)
        return why or self.why_in_doubt(view)

    def why_in_doubt(self, view: CampaignView) -> str:
        """What its doubtful messages wait for and until when, in a sentence; '' if there are none."""
        if not view.statuses.get("doubtful"):
            return ""
        runtime = self._smsq.runtime
        return waits_for(in_doubt(runtime, runtime.views.in_doubt(view.id)))

    def stands_still(self, view: CampaignView) -> str:
        """Why it waits for a person: its enrolment stopped, or it was paused by itself; '' for another."""
        is_by_itself = view.state == "paused" and view.why in ITSELF
        return "; ".join(filter(None, (self.stopped(view), waits.paused(view) if is_by_itself else "")))

    def stopped(self, view: CampaignView) -> str:
        """Where its enrolment stopped and what to do, in a sentence; '' if enrolment goes on or is complete."""
        return waits.stopped(view, self._smsq.runtime.clock.now())

    def watch(self, campaign_id: str) -> Watch:
        """What `smsq.producers.progress.follow` looks at."""
        runtime = self._smsq.runtime
        return Watch(runtime.views, campaign_id, runtime.clock, runtime.settings.parallel_sends)

    def list(self) -> list[CampaignView]:
        """Every campaign that is kept, newest first."""
        return self._smsq.runtime.views.campaigns()

    def failures(self, view: CampaignView) -> Sequence[Failure]:
        """Why its messages failed, the most frequent reason first."""
        return self._smsq.runtime.views.failures(view)

    def log(self, campaign_id: str) -> Sequence[Entry]:
        """What was done to it, by whom and when, oldest first; raises BadInput for an unknown id."""
        self.show(campaign_id)
        return self._smsq.runtime.views.log(campaign_id)

    def report(self, campaign_id: str) -> Iterator[Receipt]:
        """Every row in the file's order, rejected ones included; streamed."""
        self.show(campaign_id)
        return self._smsq.runtime.views.report(campaign_id)
