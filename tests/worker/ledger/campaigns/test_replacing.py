"""A campaign in another's place: one at a time, and never both."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.errors import Conflict
from smsq.worker.ledger.campaigns.kin import Kin
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS


def replace(desk: Any, origin: str, digest: str) -> Any:
    return desk.ledger.open_campaign(desk.plan(digest=digest), again=True, kin=Kin(origin=origin, word="edit"))


@pytest.fixture
def origin(desk: Any) -> str:
    """A campaign that is held for an edit."""
    campaign: str = desk.ledger.open_campaign(desk.plan(digest="d0")).id
    desk.ledger.control(campaign, "pause")
    return campaign


def test_one_campaign_takes_anothers_place(desk: Any, origin: str) -> None:
    """The same edit goes on with it; another one is refused, and so is the same if that is done."""
    heir = replace(desk, origin, "d1")
    assert (heir.created, desk.views.campaign(origin).replaced_by) == (True, heir.id)
    assert (replace(desk, origin, "d1").id, replace(desk, origin, "d1").created) == (heir.id, False)
    with pytest.raises(Conflict, match=rf"replaced by campaign {heir.id} already.*smsq campaign cancel {heir.id}"):
        replace(desk, origin, "d2")
    assert desk.ledger.close_campaign(heir.id) == "done"
    for digest in ("d1", "d2"):
        with pytest.raises(Conflict, match=f"replaced by campaign {heir.id} already"):
            replace(desk, origin, digest)


def test_a_cancelled_campaign_gives_its_place_back_if_nothing_was_handed_out(desk: Any, origin: str) -> None:
    """If something was, nothing takes the place, and the origin does not go on: some have had it."""
    first = replace(desk, origin, "d1").id
    desk.ledger.control(first, "cancel")
    second = replace(desk, origin, "d1").id
    assert second != first
    desk.redis.hset(desk.ledger.keys.campaign(second), "fed", 1)
    desk.ledger.control(second, "cancel")
    with pytest.raises(Conflict, match=rf"campaign retry {second} --unsent"):
        replace(desk, origin, "d3")
    with pytest.raises(Conflict, match=f"replaced by campaign {second}"):
        desk.ledger.control(origin, "resume")


def test_only_what_is_held_and_has_not_begun_is_replaced(desk: Any, origin: str) -> None:
    """In the same step: it may have gone on, or ended, since it was held."""
    desk.ledger.control(origin, "resume")
    with pytest.raises(Conflict, match="was resumed meanwhile: nothing was enrolled"):
        replace(desk, origin, "d1")
    desk.ledger.control(origin, "pause")
    desk.redis.hset(desk.ledger.keys.campaign(origin), "fed", 1)
    with pytest.raises(Conflict, match="too late to edit it"):
        replace(desk, origin, "d1")
    desk.redis.hset(desk.ledger.keys.campaign(origin), "fed", 0)
    desk.ledger.control(origin, "cancel")
    with pytest.raises(Conflict, match="is cancelled: there is nothing to edit"):
        replace(desk, origin, "d1")


def test_what_is_being_replaced_does_not_go_on(desk: Any, origin: str) -> None:
    """Neither by a person nor by itself, until the other is cancelled."""
    desk.ledger.control(origin, "resume")
    desk.ledger.pause_itself(origin, "balance", "no money")
    heir = replace(desk, origin, "d1").id
    with pytest.raises(Conflict, match=f"replaced by campaign {heir} already"):
        desk.ledger.control(origin, "resume")
    assert not desk.ledger.resume_itself(origin, "balance")
    assert desk.views.campaign(origin).state == "paused"
    desk.ledger.control(heir, "cancel")
    assert desk.ledger.control(origin, "resume") == "enrolling"


def test_a_copy_neither_hides_the_campaign_in_its_place_nor_is_made_twice(desk: Any, origin: str) -> None:
    """The copy is the newest kin of the origin; what has its place is another matter."""
    heir, kin = replace(desk, origin, "d1").id, Kin(origin=origin, word="copy")
    copy = desk.ledger.open_campaign(desk.plan(digest="c1"), kin=kin).id
    desk.ledger.close_campaign(copy)
    view = desk.views.campaign(origin)
    assert (view.needed_by, view.replaced_by) == (copy, heir)
    with pytest.raises(Conflict, match=rf"copied already as campaign {copy} \(done\); add --again"):
        desk.ledger.open_campaign(desk.plan(digest="c1"), kin=kin)
