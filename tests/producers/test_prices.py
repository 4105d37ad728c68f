"""Prices at a program's door: a job that asks, and that nothing can make a send."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, BadPhone
from smsq.worker.domain.job import PriceJob
from smsq.worker.runtime import Runtime
from tests.conftest import Plant

PHONE = 79135556661
Chores = Callable[[Runtime], AbstractContextManager[None]]
INJECTED: list[tuple[str, dict[str, Any]]] = [
    ("a phone", {"phones": [f"{PHONE}&cost=0"], "text": "Hi"}),
    ("a phone among messages", {"messages": [[f"{PHONE}&cost=0", "Hi"]]}),
    ("a record of the list", {"messages": [[f"{PHONE}:Hi\n+79990000000", "Hi"]]}),
    ("an extra field", {"phones": [PHONE], "text": "Hi", "options": {"extra": {"cost": "0"}}}),
    ("an extra field's name", {"phones": [PHONE], "text": "Hi", "options": {"extra": {"a&cost": "0"}}}),
    ("an option that is no word", {"phones": [PHONE], "text": "Hi", "options": {"sender": 5}}),
    ("a field of its own", {"phones": [PHONE], "text": "Hi", "cost": 0}),
    ("a text that is none", {"phones": [PHONE], "text": {"a": "&cost=0"}}),
    ("a list of nothing", {"messages": []}),
    ("a row of three", {"messages": [[PHONE, "Hi", "&cost=0"]]}),
]


def smsq_of(plant: Plant) -> Smsq:
    return Smsq(plant.runtime.settings)


@pytest.mark.parametrize("payload", [row[1] for row in INJECTED], ids=[row[0] for row in INJECTED])
def test_a_price_cannot_be_made_a_send(plant: Plant, chores: Chores, payload: dict[str, Any]) -> None:
    """Refused at the door, and by a worker that finds the same in Redis; the gateway hears nothing of either."""
    with chores(plant.runtime), smsq_of(plant) as smsq:
        with pytest.raises(BadInput):
            smsq.price(payload)

        job_id = plant.ledger.post_job(PriceJob(recipients=(PHONE,), text="Hi"))
        plant.ledger.redis.hset(plant.ledger.key(f"job:{job_id}"), "payload", msgspec.json.encode(payload))
        plant.runtime.hints.job(job_id)
        answer = plant.ledger.await_job(job_id, 20.0)

    assert answer is not None
    assert answer["refused"]
    report = plant.sandbox.report()
    assert (report["accepted"], report["requests"]) == (0, {})


def test_phones_are_read_by_the_rule_of_every_door(plant: Plant, chores: Chores) -> None:
    """A program may write them as people do; what is no phone is named as such."""
    with chores(plant.runtime), smsq_of(plant) as smsq:
        cost, parts = smsq.price({"phones": ["8 913 555-66-61", PHONE + 1], "text": "Hi", "options": Options()})
        with pytest.raises(BadPhone):
            smsq.price({"phones": ["12"], "text": "Hi"})

    assert (cost, parts) == (Decimal("7.6"), 2)
