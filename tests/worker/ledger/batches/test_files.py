"""Which files the ledger needs: as long as one message or campaign that has not ended long ago has them."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import Conflict
from smsq.worker.domain.files import FileRef
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Claim
from smsq.worker.ledger.retention import Retention
from tests.worker.ledger.conftest import BOTH_WAYS, PHONE

pytestmark = BOTH_WAYS

A, B = (FileRef(name=f"{letter}.pdf", digest=letter * 64, size=1000) for letter in "ab")
KEEP_TEXTS_S = 3600.0


def needed(desk: Any) -> set[str]:
    """The first letters of the digests that are needed."""
    return {digest[0] for digest in desk.ledger.needed_files([A.digest, B.digest, "c" * 64])}


def mail(*files: FileRef) -> Options:
    return Options(channel="mail", files=files)


@pytest.fixture
def retention(desk: Any) -> Retention:
    return Retention(desk.ledger, desk.views, keep_texts_s=KEEP_TEXTS_S, keep_days=30)


def test_a_claim_names_its_files(desk: Any) -> None:
    """In the order in which they were given, with names and sizes."""
    ref = desk.single(options=mail(A, B))

    claim = desk.claim(ref)

    assert isinstance(claim, Claim)
    assert claim.options.files == (A, B)


def test_a_file_is_needed_until_its_last_message_has_ended_long_enough(desk: Any, retention: Retention) -> None:
    """Two messages share a file; each counts it once, however often its enrolment repeats itself."""
    first = desk.settled(desk.single(options=mail(A), key="one", lane="bulk"))
    desk.single(options=mail(A), key="one", lane="bulk")
    second = desk.settled(desk.single(PHONE + 1, options=mail(A, B, A)))
    assert {"a", "b"} == needed(desk)

    desk.fact(first.gateway_id)
    desk.now += KEEP_TEXTS_S + 1
    for _ in range(3):
        retention.forget_singles(desk.now)
    assert {"a", "b"} == needed(desk)

    desk.fact(second.gateway_id, PHONE + 1)
    desk.now += KEEP_TEXTS_S - 1
    retention.forget_singles(desk.now)
    assert {"a", "b"} == needed(desk)
    desk.now += 2
    for _ in range(3):
        retention.forget_singles(desk.now)
    assert set() == needed(desk)
    assert desk.redis.exists(desk.ledger.key("files")) == 0


def test_a_key_stands_for_its_files_too(desk: Any) -> None:
    """The same words with another file are other content."""
    desk.single(options=mail(A), key="one")

    with pytest.raises(Conflict):
        desk.single(options=mail(B), key="one")

    assert {"a"} == needed(desk)


def test_a_campaign_needs_its_files_until_its_texts_go(desk: Any, retention: Retention) -> None:
    """One count for all its rows."""
    campaign, (ref,) = desk.campaign(2, options=mail(A))
    claim = desk.settled(ref)
    for place in (1, 2):
        desk.fact(claim.gateway_id, PHONE + place, Status.DELIVERED)
    assert ("done", {"a"}) == (desk.views.campaign(campaign).state, needed(desk))

    desk.now += KEEP_TEXTS_S + 1
    for _ in range(3):
        retention.forget_campaigns(desk.now)

    assert set() == needed(desk)


def test_a_campaign_that_is_removed_needs_nothing(desk: Any, retention: Retention) -> None:
    """Be its texts still there or not: parked messages keep them, and nothing keeps it longer than that."""
    campaign, (ref,) = desk.campaign(1, options=mail(A))
    desk.settled(ref)
    desk.fact(desk.view(ref).ids[0].gateway_id, PHONE + 1)
    desk.now += 31 * 86_400
    while retention.forget_campaigns(desk.now):
        pass

    assert (None, set()) == (desk.views.campaign(campaign), needed(desk))


def test_a_lost_reply_lets_go_of_a_file_once(desk: Any) -> None:
    """A repeated verb takes nothing from another message that has the same file."""
    first, second = desk.single(options=mail(A)), desk.single(PHONE + 1, options=mail(A))

    for _ in range(3):
        desk.ledger.detach([first])
    assert needed(desk) == {"a"}
    desk.ledger.detach([second])
    assert needed(desk) == set()
