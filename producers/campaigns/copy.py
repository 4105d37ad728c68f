"""Copy: send a campaign once more, as it was or with another text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Unpack

from smsq.producers.campaigns.remade import Otherwise, Remade, Remaking
from smsq.producers.campaigns.words import is_all_in
from smsq.worker.domain.campaign import OVER
from smsq.worker.domain.errors import Conflict
from smsq.worker.gateway.channels import channel
from smsq.worker.ledger.campaigns.kin import Kin
from smsq.worker.ledger.campaigns.kin import copied as already_copied
from smsq.worker.ledger.views import CampaignView


class Copied(Remaking):
    """Campaigns that are earlier ones once more."""

    def copied(
        self,
        campaign_id: str,
        *,
        text: str | None = None,
        sender: str | None = None,
        kin: str = "copy",
        again: bool = False,
        **otherwise: Unpack[Otherwise],
    ) -> Remade:
        """A copy before anybody agreed to it. Raises as `copy` does."""
        origin = self.show(campaign_id)
        copying = self._smsq.runtime.copying(origin)
        if not origin.closed:
            raise Conflict(
                f"campaign {origin.id} is not complete: its enrolment is at row {origin.rows}, and a copy would lack "
                "rows; run its file again first"
            )
        changed = {} if sender is None else {"sender": sender}
        told = [kin, origin.id, text, sender, otherwise.get("name"), otherwise.get("at") and str(otherwise.get("at"))]
        draft = self._draft_of(origin, copying, repr(told), otherwise, text=text, changed=changed)
        before = self.before(draft)
        if before is not None and before.state in OVER:
            if not again:
                raise Conflict(already_copied(origin.id, before.id, before.state))
            before = None
        if not copying.has_texts and text is None and channel(draft.options.channel).has_text:
            raise Conflict(
                f"the texts of campaign {origin.id} are no longer kept (SMSQ_KEEP_TEXTS): nothing was enrolled; give "
                "--text for one text for all, or run its file again"
            )
        self.check_moment(draft, before)
        said = channel(draft.options.channel).read(draft.template.render(())) if text is not None else None
        chosen = copying.choose(None)
        if not chosen.messages:
            why = "but for erased recipients, " if chosen.erased else ""
            raise Conflict(f"{why}campaign {origin.id} has no messages: there is nothing to copy")
        remade = Remade(
            origin=origin, draft=draft, kin=Kin(origin=origin.id, word=kin), copying=copying, rows=chosen.rows,
            text=said, changed=changed, before=before, again=again, erased=chosen.erased,
        )  # fmt: skip
        if before is not None and is_all_in(before):
            return remade
        return replace(remade, found=self._looked(remade, lambda part: None))

    def copy(
        self,
        campaign_id: str,
        *,
        text: str | None = None,
        sender: str | None = None,
        again: bool = False,
        enrolled: Callable[[int], None] = lambda rows: None,
        **otherwise: Unpack[Otherwise],
    ) -> CampaignView:
        """Send a campaign once more: a new campaign of the same messages that names it, with what is said otherwise.

        Needs no file. `text` is then that of all messages, without fields: the columns are not kept. The same call goes
        on with an interrupted copy; with `again` it makes another when that is over. Raises Conflict if the campaign
        was not enrolled completely or its texts are no longer kept; else as `run` does.
        """
        remade = self.copied(campaign_id, text=text, sender=sender, again=again, **otherwise)
        return self.enrol_remade(self._priced(remade), enrolled=enrolled)
