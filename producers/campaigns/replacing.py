"""A campaign takes another's place: that one is held, and cancelled when the new one is complete."""

from __future__ import annotations

from smsq.producers.installation import Installation
from smsq.worker.domain.campaign import GOING, OVER
from smsq.worker.domain.errors import BadInput, Conflict
from smsq.worker.ledger.campaigns.control import begun
from smsq.worker.ledger.campaigns.kin import replaced
from smsq.worker.ledger.views import CampaignView

EDITING = "it is being replaced by `smsq campaign edit`: run the same command again"
EDITED_WHILE_PAUSED = "the campaign that it replaces was paused"


def replaceable(smsq: Installation, campaign_id: str) -> tuple[CampaignView, CampaignView | None]:
    """A campaign that may be replaced, and the one that was begun to replace it, if there is one.

    Raises BadInput if there is no such campaign or it recurs, Conflict if anything of it was handed out.
    """
    views = smsq.runtime.views
    view = views.campaign(campaign_id)
    if view is None:
        raise BadInput(f"there is no campaign {campaign_id}; `smsq campaign list` shows what there is")
    refuse_recurring(view)
    heir = views.campaign(view.replaced_by) if view.replaced_by else None
    if heir is not None and heir.state == "cancelled":
        if heir.fed:
            raise Conflict(_was_replaced(view, heir))
        heir = None
    if heir is None and (view.fed or view.state in OVER):
        raise Conflict(begun(view.id, view.state))
    return view, heir


def refuse_recurring(view: CampaignView) -> None:
    """Raise BadInput for a campaign that recurs."""
    if view.recurring is not None:
        raise BadInput(
            f"campaign {view.id} recurs, and is not edited: `smsq campaign cancel {view.id}` ends it, and its file can "
            "be run with what is to be otherwise"
        )


def require_same(old: CampaignView, heir: CampaignView | None, before: CampaignView | None) -> None:
    """Raise Conflict if another campaign than `before` is taking its place already."""
    if heir is not None and (before is None or before.id != heir.id):
        raise Conflict(replaced(old.id, heir.id))


def _was_replaced(old: CampaignView, heir: CampaignView) -> str:
    """Why a campaign is not edited that another has replaced, which was cancelled on its way."""
    lacks = "" if heir.closed else f"; it lacks rows after {heir.rows}: put those into a file of their own"
    return (
        f"campaign {old.id} was replaced by campaign {heir.id}, and that was cancelled when messages of it had been "
        f"handed out already: `smsq campaign retry {heir.id} --unsent` sends those that have not left{lacks}"
    )


def was_paused(old: CampaignView) -> bool:
    """Whether a person had paused it before it was replaced."""
    return old.state == "paused" and old.why != EDITING


def hold(smsq: Installation, campaign_id: str) -> CampaignView:
    """Hand out nothing more of a campaign; it, as it was before. Raises Conflict if it has begun meanwhile."""
    ledger, views = smsq.runtime.ledger, smsq.runtime.views
    old, _ = replaceable(smsq, campaign_id)
    if old.state in GOING:
        ledger.control(old.id, "pause", EDITING)
    now = views.campaign(old.id)
    if now is None or now.fed:
        if old.state in GOING:
            ledger.control(old.id, "resume")
        raise Conflict(begun(old.id, old.state))
    return old


def give_way(smsq: Installation, old: CampaignView, heir_id: str) -> None:
    """Cancel a campaign whose place another has taken."""
    smsq.runtime.ledger.control(old.id, "cancel", f"campaign {heir_id} replaces it")
