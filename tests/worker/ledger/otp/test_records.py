"""The records of codes to the millisecond: when they expire, cool down, lock, and what goes when."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.errors import Conflict, LedgerHalted
from smsq.worker.domain.otp import Verdict
from smsq.worker.ledger.otp.records import REMEMBERED_S, step_key
from tests.worker.ledger.conftest import BOTH_WAYS, Desk

pytestmark = BOTH_WAYS


def write(desk: Desk, otp_id: str = "a", **more: Any) -> Any:
    """A code that lives for a minute and takes two wrong tries."""
    told: dict[str, Any] = {
        "key": None,
        "contents": ["ab" * 32],
        "sealed": b"sealed",
        "digest": b"hash",
        "ttl_s": 60.0,
        "attempts": 2,
        "channels": "sms",
        "channel": "sms",
    }
    return desk.ledger.open_otp(otp_id, **{**told, **more})


def judge(desk: Desk, nonce: str, is_equal: bool = False) -> Verdict:
    return desk.ledger.judge_otp("a", nonce, is_equal=is_equal)


@pytest.mark.parametrize(("age_s", "verdict"), [(59.999, Verdict.RIGHT), (60.0, Verdict.EXPIRED)])
def test_a_code_lives_to_the_millisecond(desk: Desk, age_s: float, verdict: Verdict) -> None:
    """And no longer."""
    opened = write(desk)
    assert (opened.made_at, opened.expires_at) == (desk.now, desk.now + 60)
    desk.now += age_s

    assert judge(desk, "n", is_equal=True) is verdict


@pytest.mark.parametrize("end", [Verdict.USED, Verdict.LOCKED, Verdict.EXPIRED])
def test_what_could_tell_a_code_goes_with_its_end(desk: Desk, end: Verdict) -> None:
    """The record stays for a day, to say which end it was."""
    write(desk)
    if end is Verdict.USED:
        judge(desk, "n", is_equal=True)
    elif end is Verdict.LOCKED:
        assert [judge(desk, "n"), judge(desk, "m")] == [Verdict.WRONG] * 2
    else:
        desk.now += 60
        judge(desk, "n")

    assert desk.ledger.sealed_otp("a") is None
    assert not desk.redis.exists("{smsq}:code:a:s")
    assert judge(desk, "o", is_equal=True) is end
    view = desk.ledger.otp("a")
    assert view is not None
    assert (view.state, view.tries_left) == (end.value, {"used": 0, "locked": 0, "expired": 2}[end.value])
    assert 0 < desk.redis.pttl("{smsq}:code:a") <= (60 + REMEMBERED_S) * 1000


def test_a_key_is_remembered_as_long_as_its_code(desk: Desk) -> None:
    """Its content by a keyed hash, any that was kept before included."""
    first = write(desk, key="k", contents=["aa" * 32])
    again = write(desk, "b", key="k", contents=["bb" * 32, "aa" * 32])

    assert (again.id, again.created, again.made_at) == (first.id, False, first.made_at)
    with pytest.raises(Conflict):
        write(desk, "b", key="k", contents=["bb" * 32])
    assert desk.ledger.otp("b") is None
    (record,) = desk.redis.keys("*codekey*")
    assert desk.redis.pttl(record) > REMEMBERED_S * 1000


def test_steps_are_numbered_and_cool_down(desk: Desk) -> None:
    """From the newest of them, whoever took it."""
    write(desk)
    reserve = desk.ledger.reserve_step
    assert reserve("a", "t1", "sms", cooldown_s=10, most_resends=1).word == "cooling"
    desk.now += 9.5
    cooling = reserve("a", "t1", "sms", cooldown_s=10, most_resends=1)
    assert (cooling.word, cooling.wait_s) == ("cooling", 0.5)
    desk.now += 0.5
    step = reserve("a", "t1", "sms", cooldown_s=10, most_resends=1)
    assert (step.word, step.number, step.at, step.expires_at) == ("step", 1, desk.now, desk.now + 50)
    assert reserve("a", "t2", "sms", most_resends=1).word == "too_many"
    other = reserve("a", "t3", "call")
    assert (other.word, other.number) == ("step", 2)

    view = desk.ledger.otp("a")
    assert view is not None
    assert [(step.channel, step.message_id) for step in view.steps] == [("sms", ""), ("sms", ""), ("call", "")]
    assert view.resends == 1
    assert step_key("a", 2) == "code/a/2"


@pytest.mark.parametrize("word", ["used", "locked", "expired", "unknown"])
def test_what_is_over_takes_no_step(desk: Desk, word: str) -> None:
    """Neither a resend nor another channel."""
    write(desk)
    if word == "used":
        judge(desk, "n", is_equal=True)
    elif word == "locked":
        judge(desk, "n"), judge(desk, "m")
    elif word == "expired":
        desk.now += 60

    assert desk.ledger.reserve_step("b" if word == "unknown" else "a", "t", "sms").word == word


def test_after_a_recovery_no_older_code_lets_in_or_leaves(desk: Desk) -> None:
    """The ledger may have forgotten that it was used; newer ones do."""
    write(desk)
    desk.now += 1
    desk.redis.hset("{smsq}:ctl", "recovered_at", int(desk.now * 1000))
    assert judge(desk, "n", is_equal=True) is Verdict.EXPIRED
    assert desk.ledger.reserve_step("a", "t", "sms").word == "expired"
    desk.now += 0.001
    write(desk, "b")

    assert desk.ledger.judge_otp("b", "n", is_equal=True) is Verdict.RIGHT


def test_a_run_that_is_not_in_force_judges_nothing(desk: Desk) -> None:
    """A restored copy may hold a code that was used already."""
    write(desk)
    desk.redis.hset("{smsq}:run", "current", "another")
    for act in (lambda: judge(desk, "n", is_equal=True), lambda: write(desk, "b"),
                lambda: desk.ledger.reserve_step("a", "t", "sms")):  # fmt: skip
        with pytest.raises(LedgerHalted):
            act()

    assert desk.ledger.sealed_otp("a") is not None
