"""What is known of the time zones of a campaign's rows: looked up for a new one, kept for one that goes on."""

from __future__ import annotations

from dataclasses import replace

from smsq.producers.campaigns.checks import Checked
from smsq.producers.intake.drafts import Draft
from smsq.worker.domain.errors import Conflict
from smsq.worker.ledger.values import Opened
from smsq.worker.ledger.views import CampaignView

OUTAGE_S = 60.0  # how long enrolment waits for a Redis that went away


class Zoned(Checked):
    """Drafts with what is known of time zones."""

    def known(self, draft: Draft, before: CampaignView | None = None) -> Draft:
        """The draft with what is known of its rows' time zones; `before` is its own unfinished campaign.

        A moment of a row has passed if it had when the campaign was begun.
        """
        if draft.zoning is None:
            return draft
        now = before.created_at if before is not None else self._smsq.runtime.clock.now()
        places = self._smsq.runtime.ledger.places() if draft.zoning.by_recipient else {}
        return replace(draft, zoning=draft.zoning.with_knowledge(places, now))

    def check_cut(self, draft: Draft) -> None:
        """Raise Conflict if rows left before a fall-back: how they were grouped then is not known any more."""
        if draft.zoning is None or not draft.zoning.by_recipient or self.before(draft) is not None:
            return
        if self._smsq.runtime.ledger.fell_back_on(draft.digest):
            raise Conflict(
                "before the ledger fell back some of this file was sent, grouped by what was then known of time zones, "
                "so nobody can tell which of its rows are sent; put the rows to send into a file of their own"
            )

    def with_places_of(self, draft: Draft, opened: Opened) -> Draft:
        """The draft with what was known of numbers when its campaign was begun."""
        zoning = draft.zoning
        if zoning is None or not zoning.by_recipient:
            return draft
        ledger = self._smsq.runtime.ledger
        places = self._smsq.patiently(lambda: ledger.keep_places(opened.id, zoning.learned), outage_s=OUTAGE_S)
        return replace(draft, zoning=replace(zoning, learned=places))
