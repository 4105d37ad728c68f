"""Who may not be sent to: those who opted out, countries that are blocked, and those who have got enough lately."""

from __future__ import annotations

from collections.abc import Sequence

from smsq.producers.campaigns.show import Shown
from smsq.producers.intake.drafts import Draft
from smsq.producers.intake.screening import Screen
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.status import Status


class Screening(Shown):
    """Screens of drafts, by what the ledger knows."""

    def capped_of(self, draft: Draft) -> Screen:
        """The same for a look at a draft that begins at once, with those who have got enough lately; nothing counts."""
        plain = self.screen_of(draft)

        def screen(recipients: Sequence[Recipient], sender: str | None) -> dict[int, Status]:
            full = self._smsq.runtime.ledger.at_cap(recipients, draft.cap) if draft.start_at is None else []
            capped = {place: Status.CAPPED for place, is_full in enumerate(full) if is_full}
            return {**capped, **plain(recipients, sender)}

        return screen

    def screen_of(self, draft: Draft, met: list[tuple[str, str]] | None = None) -> Screen:
        """What tells which recipients no message of this draft may go to; `met` gets the rules for countries it met."""

        def screen(recipients: Sequence[Recipient], sender: str | None) -> dict[int, Status]:
            found = self._smsq.runtime.ledger.screened(recipients, sender=sender, topic=draft.topic)
            if met is not None:
                met.extend(found.met)
            return found.statuses

        return screen
