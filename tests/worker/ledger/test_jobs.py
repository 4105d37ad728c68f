from __future__ import annotations

from typing import Any

from smsq.worker.domain.job import PriceJob
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

PHONE = 79990000000


def test_jobs_are_answered_once(desk: Any) -> None:
    """And waited for with a bell."""
    price = PriceJob(recipients=(PHONE,), text="Hi")
    job = desk.ledger.post_job(price)
    assert desk.ledger.await_job(job, 0.05) is None
    assert desk.ledger.take_job(job) == price
    desk.ledger.finish_job(job, {"cost": "1.5"})
    assert desk.ledger.take_job(job) is None
    assert desk.ledger.await_job(job, 1.0) == {"cost": "1.5"}
