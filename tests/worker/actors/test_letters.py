"""Messages that leave as letters, by a real mail server into the sandbox's gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.domain.status import BatchState
from smsq.worker.sandbox import Profile
from tests.conftest import Plant

PATIENCE_S = 20.0


def await_true(claim: Callable[[], bool]) -> None:
    """Try until it holds."""
    until = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def post(make_plant: Callable[..., Plant]) -> Plant:
    """A plant whose messages leave over SMTP."""
    return make_plant(letters=True)


def settle(plant: Plant, ref: Any) -> BatchState:
    """Ask until the doubt has ended."""

    def is_over() -> bool:
        plant.doubts.settle_doubts([str(ref)])
        return plant.state(ref) != BatchState.DOUBTFUL

    await_true(is_over)
    return plant.state(ref)


def count(plant: Plant) -> tuple[int, int, int]:
    """What the gateway accepted, how many of them twice, how many letters the mail server took."""
    report = plant.sandbox.report()
    return report["accepted"], report["twice"], report["letters"]


def control(plant: Plant) -> None:
    """A message that is known to be accepted, so that absence means something."""
    ref = plant.enrol(79990000000, "control")
    plant.send(ref)
    assert settle(plant, ref) == BatchState.SETTLED


def test_a_letter_is_settled_by_asking(post: Plant) -> None:
    """It leaves once, the gateway shows it under our id, and no send went over HTTP."""
    ref = post.enrol()

    post.send(ref)
    assert (post.state(ref), post.ledger.read([ref])[0].why) == (BatchState.DOUBTFUL, "handed_over")

    assert settle(post, ref) == BatchState.SETTLED
    assert post.statuses(ref)[0] in ("accepted", "delivered")
    assert count(post) == (1, 0, 1)
    assert "send" not in post.sandbox.report()["requests"]


def test_a_campaign_of_letters(post: Plant) -> None:
    """Texts of their own, with what would break a line in them."""
    texts = ["Hello: Ann", "Hello, Bob", "Привет,\nВера: [text] 😀"]
    phones = [79990000001, 79990000002, 79990000003]
    (ref,) = post.campaign(phones, texts=texts)

    post.send(ref)

    assert settle(post, ref) == BatchState.SETTLED
    assert count(post) == (3, 0, 1)
    assert {row["phone"]: row["text"] for row in post.sandbox.messages()} == dict(
        zip(map(str, phones), texts, strict=True)
    )


@pytest.mark.parametrize("kind", ["lose_answer", "reset", "hang", "accepted_451"])
def test_a_letter_whose_fate_is_unknown_is_asked_about(post: Plant, kind: str) -> None:
    """The mail server took it and did not say so, or said: later. It is found, and not sent again."""
    post.sandbox.misfortune(kind, next_few=1, command="letter")
    ref = post.enrol()

    post.send(ref)

    assert settle(post, ref) == BatchState.SETTLED
    assert count(post) == (1, 0, 1)


@pytest.mark.parametrize("kind", ["letter_lost", "letter_later"])
def test_a_letter_that_does_not_arrive_is_parked(post: Plant, kind: str) -> None:
    """Nobody can know that it will not: it is never sent again by itself."""
    control(post)
    post.sandbox.misfortune(kind, next_few=1)
    ref = post.enrol(79990000009)

    post.send(ref)

    assert settle(post, ref) == BatchState.PARKED
    assert post.ledger.read([ref])[0].why == "held back"
    post.send(ref)
    assert count(post)[:2] == (1, 0)


def test_a_letter_that_was_held_back_settles_what_was_parked(post: Plant) -> None:
    """It arrives after the window, and the watch finds it."""
    control(post)
    post.sandbox.misfortune("letter_held", next_few=1, seconds=3600)
    ref = post.enrol(79990000009)
    post.send(ref)
    assert settle(post, ref) == BatchState.PARKED
    post.sandbox.call(lambda server: server.mail.deliver())

    def is_found() -> bool:
        post.doubts.watch_absent([str(ref)])
        return post.state(ref) == BatchState.SETTLED

    await_true(is_found)
    assert post.statuses(ref)[0] in ("accepted", "delivered")
    assert count(post) == (2, 0, 2)


@pytest.mark.parametrize("kind", ["rcpt_refused", "rcpt_later"])
def test_a_mail_server_that_takes_no_letters_pauses_everything(post: Plant, kind: str) -> None:
    """No message is refused for it; all wait, and leave when it is mended."""
    post.sandbox.misfortune(kind, next_few=1)
    ref = post.enrol()

    post.send(ref)

    assert post.state(ref) == BatchState.READY
    assert post.ledger.redis.hget(post.ledger.key("ctl"), "quiet_until") is not None
    assert count(post) == (0, 0, 0)


def test_a_letter_that_the_mail_server_refuses_is_refused(post: Plant) -> None:
    """It was about this letter, and certain."""
    post.sandbox.misfortune("letter_refused", next_few=1)
    ref = post.enrol()

    post.send(ref)

    assert post.state(ref) == BatchState.SETTLED
    assert post.statuses(ref) == ["refused"]
    assert count(post) == (0, 0, 0)


def test_a_dead_mail_server_stops_sending_and_no_questions(post: Plant) -> None:
    """Its breaker is its own: what is in doubt is still asked about."""
    ref = post.enrol()
    post.send(ref)
    post.sandbox.call(lambda server: server.mail.stop())
    other = post.enrol(79990000009)

    post.send(other)

    assert post.state(other) == BatchState.READY
    assert settle(post, ref) == BatchState.SETTLED
    assert (post.runtime.health.ails("bulk"), post.runtime.health.ails("status")) == ("gateway", None)


def test_what_the_gateway_does_not_take_of_a_letter_is_parked(make_plant: Callable[..., Plant]) -> None:
    """A refusal by letter is silent: only the questions tell, and they cannot tell it from a slow queue."""
    plant = make_plant(letters=True, profile=Profile(mass_ask_every_s=0.09, minute_s=0.09, denied_text="spam"))
    control(plant)
    ref = plant.enrol(79990000009, "spam")

    plant.send(ref)

    assert settle(plant, ref) == BatchState.SETTLED
    assert plant.statuses(ref) == ["refused"]  # the gateway shows a refused message under its id
