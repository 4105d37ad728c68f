"""Jobs: what is written is read again, and nothing else is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from smsq.worker.domain import job as jobs
from smsq.worker.domain.batch import MAX_MESSAGES, Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.job import BalanceJob, Job, PriceJob

PHONE = 79991234567


@pytest.mark.parametrize(
    "job",
    [
        BalanceJob(),
        PriceJob(recipients=(PHONE,), text="Hi", options=Options(sender="Shop")),
        PriceJob(messages=((PHONE, "a"), (PHONE + 1, "b"))),
    ],
    ids=["balance", "one text", "own texts"],
)
def test_a_job_is_read_as_it_was_written(job: Job) -> None:
    """By any process."""
    assert jobs.read(jobs.kind_of(job), jobs.written(job)) == job


WRONG: list[tuple[str, str, Any]] = [
    ("a phone that is a form's piece", "price", {"recipients": ["79135556661&cost=0"], "text": "Hi"}),
    ("a phone in quotes", "price", {"recipients": ["79135556661"], "text": "Hi"}),
    ("a phone of sixteen digits", "price", {"recipients": [10**15], "text": "Hi"}),
    ("a negative phone", "price", {"recipients": [-1], "text": "Hi"}),
    ("a phone and a half", "price", {"recipients": [79135556661.5], "text": "Hi"}),
    ("a text that is none", "price", {"recipients": [PHONE], "text": 5}),
    ("no text", "price", {"recipients": [PHONE]}),
    ("no phones", "price", {"text": "Hi"}),
    ("both kinds", "price", {"recipients": [PHONE], "text": "Hi", "messages": [[PHONE, "Hi"]]}),
    ("nothing", "price", {}),
    ("a field that no job has", "price", {"recipients": [PHONE], "text": "Hi", "cost": 0}),
    ("an option that is no word", "price", {"recipients": [PHONE], "text": "Hi", "options": {"sender": 5}}),
    ("an extra that is no word", "price", {"recipients": [PHONE], "text": "Hi", "options": {"extra": {"a": 1}}}),
    ("too many", "price", {"recipients": [PHONE] * (MAX_MESSAGES + 1), "text": "Hi"}),
    ("a kind that is none", "send", {"recipients": [PHONE], "text": "Hi"}),
    ("no object", "balance", [1]),
]


@pytest.mark.parametrize(("kind", "payload"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_no_job_is_not_read(kind: str, payload: Any) -> None:
    """Whoever could write into Redis could otherwise have anything said to the gateway."""
    with pytest.raises(BadInput, match="cannot be read"):
        jobs.read(kind, msgspec.json.encode(payload))


def test_what_stood_there_is_not_repeated() -> None:
    """Neither phone nor text reaches a log."""
    with pytest.raises(BadInput) as caught:
        jobs.read("price", b'{"recipients": ["79135556661&cost=0"], "text": "secret"}')

    assert "7913" not in caught.value.sentence
    assert "secret" not in caught.value.sentence


def test_bytes_that_are_no_json_are_no_job() -> None:
    """Nor is what is cut short."""
    for payload in (b"", b"{", b"\xff\xfe"):
        with pytest.raises(BadInput):
            jobs.read("price", payload)


@pytest.mark.parametrize(
    "payload", [{"recipients": ["7"], "text": "Hi"}, {"text": "Hi"}, {"phones": [PHONE], "txt": "Hi"}]
)
def test_a_program_hears_what_is_wrong(payload: dict[str, Any]) -> None:
    """Where it asks for a price."""
    with pytest.raises(BadInput, match="a price needs"):
        jobs.price_of(payload)
