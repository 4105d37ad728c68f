"""Pages to the people on call: what is paged, once; how much, and what Alertmanager is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from smsq.producers.web.alerts import MAX_BODY, MOST_PARTS, Alert, Notification, key_of, text_of
from smsq.worker.domain.text import parts
from smsq.worker.runtime import Runtime
from tests.conftest import Plant
from tests.producers.web.test_callback import Receiver, receive  # noqa: F401

KEY = "a-key-of-the-receiver"
PHONES = ("+79990000001", "+79990000002")
BEGAN = datetime.fromtimestamp(1_700_000_000, UTC)
Receive = Callable[[Runtime], Receiver]


def alert(fingerprint: str = "f1", name: str = "SmsqNoLeader", **more: Any) -> dict[str, Any]:
    labels = {"alertname": name, "severity": "page", **more.pop("labels", {})}
    told = {"status": "firing", "startsAt": "2026-11-30T06:00:00.123Z", "annotations": {"summary": "Nobody leads."}}
    return {**told, "fingerprint": fingerprint, "labels": labels, **more}


def notification(*alerts: dict[str, Any], status: str = "firing", group: str = "{}:{}") -> dict[str, Any]:
    """As Alertmanager writes it, with what is not read."""
    beside = {"receiver": "on-call", "truncatedAlerts": 0, "externalURL": "http://am", "commonLabels": {}}
    return {"version": "4", "groupKey": group, "status": status, "alerts": list(alerts), **beside}


def post(receiver: Receiver, body: object, key: str | None = KEY) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    status, answer = receiver.ask("POST", "/alerts", raw, headers)
    return status, json.loads(answer) if answer.startswith(b"{") else answer


@pytest.fixture
def on_call(make_plant: Callable[..., Plant]) -> Plant:
    return make_plant(
        SMSQ_ALERTS_KEY=KEY, SMSQ_ONCALL=",".join(PHONES), SMSQ_ONCALL_PER_HOUR="3", SMSQ_ONCALL_SENDER="ops"
    )


def enrolled(plant: Plant) -> int:
    """How many pages are in the ledger."""
    return int(plant.ledger.redis.zcard(plant.ledger.key("ready:urgent")))


def test_the_same_alerts_are_paged_once(on_call: Plant, receive: Receive) -> None:  # noqa: F811
    """However often they are posted, in whatever order, with a figure that has changed; each phone once."""
    receiver = receive(on_call.runtime)
    before = enrolled(on_call)
    first = notification(alert("f1"), alert("f2"))
    again = notification(alert("f2", annotations={"summary": "3.4 s"}), alert("f1", annotations={"summary": "3.4 s"}))
    answers = [post(receiver, each) for each in (first, first, again)]

    assert answers == [(200, {"outcome": word}) for word in ("sent", "grouped", "grouped")]
    assert enrolled(on_call) - before == len(PHONES)


def test_what_is_new_is_paged(on_call: Plant, receive: Receive) -> None:  # noqa: F811
    """Its end, and the same alert that begins anew."""
    receiver = receive(on_call.runtime)
    answers = [
        post(receiver, notification(alert())),
        post(receiver, notification(alert(status="resolved"), status="resolved")),
        post(receiver, notification(alert(startsAt="2026-11-30T07:00:00Z"))),
    ]

    assert [word["outcome"] for _, word in answers] == ["sent"] * 3


def test_pages_are_limited(on_call: Plant, receive: Receive) -> None:  # noqa: F811
    """Three in an hour here; then one more text says so, and repeats of earlier ones are not held against anybody."""
    receiver = receive(on_call.runtime)
    before = enrolled(on_call)
    words = [post(receiver, notification(alert(), group=f"g{n}"))[1]["outcome"] for n in range(6)]
    again = post(receiver, notification(alert(), group="g0"))[1]["outcome"]

    assert (words, again) == (["sent"] * 3 + ["limited"] * 3, "grouped")
    assert enrolled(on_call) - before == (3 + 1) * len(PHONES)


def test_what_wakes_nobody_is_not_paged(on_call: Plant, receive: Receive) -> None:  # noqa: F811
    """A ticket, and alerts of a group that are over."""
    receiver = receive(on_call.runtime)
    before = enrolled(on_call)
    told = [alert(labels={"severity": "ticket"}), alert(status="resolved")]

    assert post(receiver, notification(*told)) == (200, {"outcome": "ignored"})
    assert enrolled(on_call) == before


@pytest.mark.parametrize(
    ("body", "key", "status"),
    [
        (notification(alert()), None, 401),
        (notification(alert()), "another-key-of-them", 401),
        (notification(alert()), "ключ", 401),
        (b"{", KEY, 400),
        (b"[]", KEY, 400),
        (b"\xff" * 10, KEY, 400),
        ({**notification(alert()), "version": "3"}, KEY, 400),
        (notification({**alert(), "startsAt": "yesterday"}), KEY, 400),
        (b"x" * (MAX_BODY + 1), KEY, 413),
    ],
)
def test_a_bad_call_is_told_why(
    on_call: Plant,
    receive: Receive,  # noqa: F811
    body: object,
    key: str | None,
    status: int,
) -> None:
    """Problem details, without what was in it."""
    answered, problem = post(receive(on_call.runtime), body, key and key.encode().decode("latin-1"))

    assert (answered, problem["status"], problem["type"]) == (status, status, "about:blank")
    assert "yesterday" not in problem["detail"]


def test_without_a_ledger_alertmanager_tries_again(on_call: Plant, receive: Receive) -> None:  # noqa: F811
    """503; and without a key there is no such page."""
    settings = on_call.runtime.settings
    gone = "redis://127.0.0.1:1/0"
    away = Runtime(msgspec.structs.replace(settings, redis_url=gone, broker_url=gone), gone, gone)
    unset = Runtime.build(msgspec.structs.replace(settings, alerts_key=None))

    assert post(receive(away), notification(alert()))[0] == 503
    assert post(receive(unset), notification(alert()))[0] == 404


def read(**told: Any) -> Alert:
    return Alert("f", BEGAN, **told)


def test_a_text_is_short_and_has_no_phone() -> None:
    """Names with their counts, then the first summary; two parts at most."""
    many = [read(labels={"alertname": f"Smsq{n}"}) for n in range(60)]
    two = [read(labels={"alertname": "SmsqAlarm"}, annotations={"summary": "to +79991234567\nnow"})] * 2

    assert text_of("firing", two) == "[FIRING] SmsqAlarm x2: to +..67 now"
    assert text_of("resolved", [read()]) == "[OK] alert"
    assert parts(text_of("firing", many)) <= MOST_PARTS
    assert parts(text_of("firing", [read(annotations={"summary": "Ж" * 900})])) <= MOST_PARTS


def test_a_page_is_repeated_after_its_time() -> None:
    """Counted from the alert's beginning: two Alertmanagers seconds apart agree."""
    told = Notification(version="4", groupKey="g", status="firing", alerts=[read()])
    began = BEGAN.timestamp()
    keys = [key_of(told, told.alerts, began + s, 3600) for s in (30, 45, 3590, 3631, 3655)]

    assert (len(set(keys[:3])), len(set(keys[3:])), len(set(keys))) == (1, 1, 2)
