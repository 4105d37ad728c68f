"""`smsq.otp.resend`: the same code again, after a while, while it lives."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import CodeOver, CoolingDown, LedgerUnreachable, TooMany
from smsq.worker.domain.otp import Verdict
from tests.producers.otp.sent import PHONE, at_once, sent, text_of, with_settings, wrong


def test_a_code_is_sent_again(smsq: Smsq, environ: dict[str, str]) -> None:
    """The same digits in a new message, whose time is what is left of the code's."""
    with with_settings(environ, SMSQ_CODE_COOLDOWN_S="0", SMSQ_CODE_RESENDS="2") as quick:
        code, digits = sent(quick, ttl=90)
        again = quick.otp.resend(code.id)

        assert (again.id, again.expires_at) == (code.id, code.expires_at)
        assert again.message_id != code.message_id
        assert text_of(quick, again.message_id) == digits
        shown = quick.otp.show(code.id)
        assert [step.message_id for step in shown.steps] == [code.message_id, again.message_id]
        assert [step.status for step in shown.steps] == ["accepted", "accepted"]
        assert shown.resends_left == 1
        text_of(quick, quick.otp.resend(code.id).message_id)
        with pytest.raises(TooMany) as raised:
            quick.otp.resend(code.id)
        assert raised.value.word == "too_many"
        assert quick.otp.check(code.id, digits) is Verdict.RIGHT


@pytest.mark.parametrize("lost", ["reserve_step", "enrol"])
def test_a_resend_survives_a_lost_reply(
    smsq: Smsq, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """It is repeated under its token: one more message, not none and not two."""
    with with_settings(environ, SMSQ_CODE_COOLDOWN_S="0") as quick:
        code, digits = sent(quick)
        verb, calls = getattr(quick.runtime.ledger, lost), []

        def lossy(*args: Any, **options: Any) -> Any:
            answer = verb(*args, **options)
            calls.append(answer)
            if len(calls) == 1:
                raise LedgerUnreachable("the line broke")
            return answer

        monkeypatch.setattr(quick.runtime.ledger, lost, lossy)
        again = quick.otp.resend(code.id)

        assert len(calls) == 2
        assert [step.message_id for step in quick.otp.show(code.id).steps] == [code.message_id, again.message_id]
        assert text_of(quick, again.message_id) == digits


def test_a_code_cools_down_first(smsq: Smsq) -> None:
    """The gateway would refuse the same text within a minute."""
    code, _ = sent(smsq)
    with pytest.raises(CoolingDown) as raised:
        smsq.otp.resend(code.id)

    assert raised.value.word == "cooling_down"
    assert raised.value.retry_after_s is not None
    assert 55 < raised.value.retry_after_s <= 61


def test_a_code_that_has_not_left_is_not_sent_again(smsq: Smsq, environ: dict[str, str]) -> None:
    """Two equal texts would leave together."""
    with with_settings(environ, SMSQ_CODE_COOLDOWN_S="0") as quick:
        code = quick.otp.send(PHONE)
        with pytest.raises(CoolingDown, match="not left"):
            quick.otp.resend(code.id)
        assert len(quick.otp.show(code.id).steps) == 1


@pytest.mark.parametrize("state", ["used", "locked", "expired", "unknown"])
def test_what_is_over_is_not_sent_again(smsq: Smsq, state: str) -> None:
    """The error says what became of it."""
    code, digits = sent(smsq)
    ledger = smsq.runtime.ledger
    if state == "used":
        smsq.otp.check(code.id, digits)
    elif state == "locked":
        for _ in range(5):
            smsq.otp.check(code.id, wrong(digits))
    elif state == "expired":
        over_at = code.expires_at + 1
        ledger._now = lambda: over_at
    with pytest.raises(CodeOver) as raised:
        smsq.otp.resend("nosuchcode" if state == "unknown" else code.id)

    assert raised.value.word == state


def test_ten_resends_at_once_are_one_message(smsq: Smsq, environ: dict[str, str]) -> None:
    """The others hear that it went out a moment ago."""
    with with_settings(environ, SMSQ_CODE_COOLDOWN_S="30") as quick:
        code, _ = sent(quick)
        later = quick.runtime.ledger.time() + 40
        quick.runtime.ledger._now = lambda: later

        def act(_: int) -> str:
            try:
                return quick.otp.resend(code.id).id
            except CoolingDown as error:
                return error.word

        assert at_once(10, act) == {code.id: 1, "cooling_down": 9}
        assert len(quick.otp.show(code.id).steps) == 2


def test_a_resend_says_how_long_the_code_still_lives(smsq: Smsq, environ: dict[str, str]) -> None:
    """Not how long it had at first; a minute at the least."""
    with with_settings(environ, SMSQ_CODE_COOLDOWN_S="0") as quick:
        code = quick.otp.send(PHONE, template="{minutes} {code}", ttl=300)
        assert text_of(quick, code.message_id)[:2] == "5 "
        ledger, begun = quick.runtime.ledger, quick.runtime.ledger.time()
        for after_s, minutes in ((130, "3 "), (290, "1 ")):
            ledger._now = lambda after_s=after_s: begun + after_s  # type: ignore[misc]
            assert text_of(quick, quick.otp.resend(code.id).message_id)[:2] == minutes


def test_a_resend_that_lost_the_ledger_half_way_is_taken_up(smsq: Smsq, environ: dict[str, str]) -> None:
    """Reserved and never enrolled: the next one enrols it, without another cooldown and another resend of the few."""
    with with_settings(environ, SMSQ_CODE_RESENDS="1") as quick:
        code, digits = sent(quick)
        ledger, begun = quick.runtime.ledger, quick.runtime.ledger.time()
        ledger._now = lambda: begun + 62
        assert ledger.reserve_step(code.id, "died", "sms", most_resends=1).word == "step"
        with pytest.raises((CoolingDown, TooMany)):
            quick.otp.resend(code.id)
        ledger._now = lambda: begun + 68
        again = quick.otp.resend(code.id)

        assert text_of(quick, again.message_id) == digits
        assert [step.message_id for step in quick.otp.show(code.id).steps] == [code.message_id, again.message_id]
