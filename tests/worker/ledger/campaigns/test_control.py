from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.errors import BadInput
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

PHONE = 79990000000


def test_what_a_person_does_to_a_campaign(desk: Any) -> None:
    """Each verb twice is each verb once; what is done stays done."""
    campaign, (ref,) = desk.campaign(1)
    said = [desk.ledger.control(campaign, verb) for verb in ("pause", "pause", "resume", "resume", "close")]
    assert said == ["paused", "paused", "running", "running", "running"]
    claim = desk.settled(ref)
    desk.fact(claim.gateway_id, PHONE + 1)
    assert [desk.ledger.control(campaign, verb) for verb in ("pause", "resume", "cancel")] == ["done"] * 3
    with pytest.raises(BadInput, match="no campaign nope"):
        desk.ledger.control("nope", "pause")


def test_a_campaign_is_done_when_all_is_final_or_parked(desk: Any) -> None:
    """Parked messages wait for an operator, not the campaign for them."""
    campaign, refs = desk.campaign(1, 1, on_doubt="park")
    claim = desk.settled(refs[0])
    desk.redis.hset("{smsq}:totals", "x", 0)
    doubted = desk.doubted(refs[1])
    desk.fact(claim.gateway_id, PHONE + 1)
    assert desk.views.campaign(campaign).state == "running"
    desk.probe(refs[1], {}, asked_s=73 * 3600.0)
    assert desk.views.campaign(campaign).state == "done"
    assert desk.views.campaign(campaign).statuses == {"delivered": 1, "parked": 1}
    desk.ledger.resolve(refs[1], doubted.fence, "drop")
    assert desk.views.campaign(campaign).statuses == {"delivered": 1, "cancelled": 1}
