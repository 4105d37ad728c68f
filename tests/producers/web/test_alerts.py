"""Alertmanager's notices become pages: once, to everybody on call, and never more than is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from smsq.producers.web.alerts import MAX_BODY
from smsq.worker.domain.errors import LedgerUnreachable
from smsq.worker.domain.text import parts
from smsq.worker.runtime import Runtime
from tests.conftest import Plant
from tests.producers.web.test_callback import Receiver, receive  # noqa: F401

KEY = "a-key-of-the-alertmanager"
RIGHT = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


@pytest.fixture
def plant(make_plant: Callable[..., Plant]) -> Plant:
    """Two people are on call."""
    return make_plant(SMSQ_ALERTS_KEY=KEY, SMSQ_ONCALL="+79990000001, +79990000002", SMSQ_ONCALL_PER_HOUR="5")


@pytest.fixture
def door(plant: Plant, receive: Callable[[Runtime], Receiver]) -> Receiver:  # noqa: F811
    """What Alertmanager posts to."""
    return receive(plant.runtime)


def alert(name: str = "SmsqNoLeader", *, severity: str = "page", status: str = "firing", summary: str = "") -> Any:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": severity},
        "annotations": {"summary": summary or f"{name} is on"},
        "startsAt": "2026-11-30T04:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": f"f-{name}",
    }


def notice(*alerts: Any, status: str = "firing", group: str = '{}:{job="smsq"}') -> bytes:
    told = {
        "version": "4",
        "groupKey": group,
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "on-call",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": alerts,
    }
    return json.dumps(told).encode()


def post(door: Receiver, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    status, answer = door.ask("POST", "/alerts", body, RIGHT if headers is None else headers)
    return status, json.loads(answer)


def queued(plant: Plant) -> int:
    """How many messages are ready to be sent."""
    return int(plant.runtime.views.depth().shown["smsq_batches"]["urgent", "ready"])


def test_a_page_goes_to_each_person_once(plant: Plant, door: Receiver) -> None:
    """However often it is posted: a second Alertmanager posts the same, and each repeats what was not answered."""
    told = [post(door, notice(alert(), alert("SmsqLedgerDown"))) for _ in range(3)]

    assert told == [(200, {"paged": 2}), *[(200, {"paged": 0, "grouped": 2})] * 2]
    assert queued(plant) == 2


def test_another_number_in_the_summary_is_the_same_page(plant: Plant, door: Receiver) -> None:
    """A summary often has a value that grows."""
    post(door, notice(alert(summary="codes take 3.97 s")))
    assert post(door, notice(alert(summary="codes take 4.12 s"))) == (200, {"paged": 0, "grouped": 2})


def test_one_more_alert_is_another_page_and_so_is_the_end(plant: Plant, door: Receiver) -> None:
    """Each tells the people something new."""
    post(door, notice(alert()))
    assert post(door, notice(alert(), alert("SmsqLedgerDown")))[1] == {"paged": 2}
    over = notice(alert(status="resolved"), status="resolved")
    assert post(door, over)[1] == {"paged": 2}


def test_only_what_should_wake_somebody_pages(plant: Plant, door: Receiver) -> None:
    """Tickets are taken and page nobody."""
    status, told = post(door, notice(alert(severity="ticket")))

    assert (status, told["paged"]) == (200, 0)
    assert queued(plant) == 0


def test_a_storm_ends_with_one_text_that_says_so(plant: Plant, door: Receiver) -> None:
    """Five pages an hour here, and a text that more are held back; each of them to both."""
    told = [post(door, notice(alert(f"Alert{number}"), group=f"{number}"))[1] for number in range(8)]

    assert told == [{"paged": 2}] * 5 + [{"paged": 0, "limited": 2}] * 3
    assert queued(plant) == (5 + 1) * 2


def test_a_page_has_two_parts_at_most(plant: Plant, door: Receiver) -> None:
    """Of GSM letters and of others; names and summaries can be as long as somebody made them."""
    from smsq.producers.web.alerts import _NOTICE, text_of

    for summary in ("x" * 5000, "ж" * 5000):
        text = text_of(_NOTICE.decode(notice(*[alert(f"Alert{n}" * 9, summary=summary) for n in range(40)])))
        assert parts(text) <= 2
        assert text.startswith("smsq PAGE: Alert0")
    text = text_of(_NOTICE.decode(notice(alert(), alert(), alert("Other", summary="b"))))
    assert text == "smsq PAGE: SmsqNoLeader x2, Other. SmsqNoLeader is on"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, notice(alert()), 401),
        ({"Authorization": "Bearer another-key-of-somebody"}, notice(alert()), 401),
        ({"Authorization": "Bearer \xe9"}, notice(alert()), 401),
        (RIGHT, b"{", 400),
        (RIGHT, b'{"groupKey": 5, "status": "firing", "alerts": []}', 400),
        (RIGHT, b"x" * (MAX_BODY + 1), 413),
    ],
)
def test_bad_input_is_told_as_a_problem(
    plant: Plant, door: Receiver, headers: dict[str, str], body: bytes, status: int
) -> None:
    """With a sentence; nothing is sent."""
    answered, told = post(door, body, headers)

    assert (answered, told["status"]) == (status, status)
    assert len(told["detail"]) > 20
    assert queued(plant) == 0


def test_without_a_key_there_is_no_such_address(
    make_plant: Callable[..., Plant],
    receive: Callable[[Runtime], Receiver],  # noqa: F811
) -> None:
    """Off by default."""
    assert post(receive(make_plant().runtime), notice(alert()))[0] == 404


def test_while_the_ledger_is_away_alertmanager_tries_again(
    plant: Plant, door: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 means that; then nobody is paged twice."""

    def away(*_: Any, **__: Any) -> None:
        raise LedgerUnreachable("Redis does not answer")

    post(door, notice(alert("Other")))
    with monkeypatch.context() as patch:
        patch.setattr("smsq.producers.api.Smsq.send", away)
        assert post(door, notice(alert()))[0] == 503
    assert post(door, notice(alert())) == (200, {"paged": 2})


def test_a_page_reaches_the_handset(plant: Plant, door: Receiver) -> None:
    """Over the whole way: posted twice, sent once to each."""
    from smsq.worker.actors.send import Sender
    from smsq.worker.processes.lane import owner_name

    for _ in range(2):
        post(door, notice(alert("SmsqNoLeader", summary="No scheduler leads.")))
    sender = Sender(plant.runtime, owner_name("urgent"))
    for _ in range(2):
        sender.send_batches([])

    got = sorted((message["phone"], message["text"]) for message in plant.sandbox.messages())
    assert got == [(f"7999000000{n}", "smsq PAGE: SmsqNoLeader. No scheduler leads.") for n in (1, 2)]
