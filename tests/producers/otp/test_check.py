"""`smsq.otp.check`: one right try, few wrong ones, and what people type."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsq.producers.api import Smsq
from smsq.worker.domain import errors
from smsq.worker.domain.batch import MessageId
from smsq.worker.domain.errors import CodeOver, LedgerUnreachable
from smsq.worker.domain.otp import Verdict
from tests.producers.otp.sent import PHONE, at_once, sent, with_settings, wrong


def test_wrong_tries_lock_a_code(smsq: Smsq) -> None:
    """Five of them; then even the right one does not let in, and what could tell it is gone."""
    code, digits = sent(smsq)
    verdicts = [smsq.otp.check(code.id, wrong(digits)) for _ in range(6)]

    assert verdicts == [Verdict.WRONG] * 5 + [Verdict.LOCKED]
    assert smsq.otp.check(code.id, digits) is Verdict.LOCKED
    assert smsq.runtime.ledger.sealed_otp(code.id) is None
    assert smsq.otp.show(code.id).state == "locked"


def test_of_fifty_wrong_tries_at_once_five_are_heard(smsq: Smsq) -> None:
    """However they race, nobody gets a sixth."""
    code, digits = sent(smsq)
    verdicts = at_once(50, lambda n: smsq.otp.check(code.id, str((int(digits) + 1 + n) % 10**6).zfill(6)))

    assert verdicts == {Verdict.WRONG: 5, Verdict.LOCKED: 45}


def test_of_fifty_right_tries_at_once_one_lets_in(smsq: Smsq) -> None:
    """The others hear that it is used."""
    code, digits = sent(smsq)
    verdicts = at_once(50, lambda _: smsq.otp.check(code.id, digits))

    assert verdicts == {Verdict.RIGHT: 1, Verdict.USED: 49}


def _try_from_elsewhere(environ: dict[str, str], code_id: str, digits: str, heard: Any) -> None:
    with Smsq(environ=environ) as smsq:
        heard.put([smsq.otp.check(code_id, digits).value for _ in range(5)])


@pytest.mark.slow
def test_processes_share_one_right_try(smsq: Smsq, environ: dict[str, str]) -> None:
    """They read the same key in the same home."""
    code, digits = sent(smsq)
    context = multiprocessing.get_context("spawn")
    heard = context.Queue()
    others = [
        context.Process(target=_try_from_elsewhere, args=(environ, code.id, digits, heard), daemon=True)
        for _ in range(3)
    ]
    for other in others:
        other.start()
    verdicts = Counter(verdict for _ in others for verdict in heard.get(timeout=60))
    for other in others:
        other.join(30)

    assert verdicts == {"right": 1, "used": 14}


@pytest.mark.parametrize("channels", ["sms", "sms:20s,call"])
def test_a_message_knows_whose_it_is(smsq: Smsq, channels: str) -> None:
    """That of a single channel too: by this the ledger knows what it must not send again by itself."""
    code, ledger = smsq.otp.send(PHONE, channels=channels), smsq.runtime.ledger
    number = MessageId.parse(code.message_id).batch

    assert ledger.redis.hget(ledger.keys.shard(number), f"{number}c") == code.id.encode()


@pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])
def test_a_lost_reply_changes_no_verdict(smsq: Smsq, monkeypatch: pytest.MonkeyPatch, is_right: bool) -> None:
    """The try is repeated under its nonce: a right code is not called used, a wrong one counts once."""
    code, digits = sent(smsq)
    codes, ledger = smsq.runtime.otp, smsq.runtime.ledger
    judge, lost = ledger.judge_otp, []

    def lossy(*args: Any, **options: Any) -> Verdict:
        verdict = judge(*args, **options)
        if len(lost) < 2:
            lost.append(verdict)
            raise LedgerUnreachable("the line broke")
        return verdict

    monkeypatch.setattr(ledger, "judge_otp", lossy)
    verdict = codes.check(code.id, digits if is_right else wrong(digits), "login")

    assert lost == [verdict] * 2
    assert verdict is (Verdict.RIGHT if is_right else Verdict.WRONG)
    assert smsq.otp.show(code.id).tries_left == (0 if is_right else 4)
    assert smsq.shield.show().all.verified == is_right, "the shield hears of it, once"


def test_a_code_expires(smsq: Smsq) -> None:
    """It is told from one that never was for a day, then no more."""
    code, digits = sent(smsq, ttl=60)
    ledger = smsq.runtime.ledger
    made_at = ledger.time()
    ledger._now = lambda: made_at + 60
    assert smsq.otp.show(code.id).state == "expired"
    assert smsq.otp.check(code.id, digits) is Verdict.EXPIRED
    ledger._now = lambda: made_at  # what could tell it is gone, whatever the clock says now
    assert smsq.otp.check(code.id, digits) is Verdict.WRONG

    left_ms = ledger.redis.pttl(ledger.key(f"code:{code.id}"))
    assert 86_400_000 < left_ms <= 86_460_000
    assert 0 < ledger.redis.pttl(ledger.key(f"code:{sent(smsq, ttl=60)[0].id}:s")) <= 61_000


def test_every_trace_of_a_code_goes_by_itself(smsq: Smsq) -> None:
    """Nobody need clean up: each key has its end."""
    before = set(smsq.runtime.ledger.redis.keys("*"))
    smsq.otp.send(PHONE, key="order 7")
    left = {key: smsq.runtime.ledger.redis.pttl(key) for key in smsq.runtime.ledger.redis.keys("*code*")}

    assert len(left) == 3
    assert all(ms > 0 for ms in left.values())
    assert not before & set(left)


def test_a_code_for_one_purpose_opens_no_other(smsq: Smsq) -> None:
    """It counts as a wrong try."""
    code, digits = sent(smsq, purpose="login")

    assert smsq.otp.check(code.id, digits, purpose="pay") is Verdict.WRONG
    assert smsq.otp.show(code.id).tries_left == 4
    assert smsq.otp.check(code.id, digits, purpose="login") is Verdict.RIGHT


def test_a_check_without_a_purpose_is_one_of_a_login(smsq: Smsq, caplog: pytest.LogCaptureFixture) -> None:
    """As a code without one is: none for another purpose passes, and the log says why, without the digits."""
    for purpose in ("pay", "Login", "login "):
        code, digits = sent(smsq, purpose=purpose)
        assert smsq.otp.check(code.id, digits) is Verdict.WRONG
        assert caplog.messages == ["code checked for another purpose than it was sent for: wrong, whatever was typed"]
        caplog.clear()
        assert smsq.otp.check(code.id, digits, purpose=purpose) is Verdict.RIGHT
    code, digits = sent(smsq)

    assert smsq.otp.check(code.id, digits) is Verdict.RIGHT
    assert caplog.messages == []


@pytest.mark.parametrize(
    "written",
    ["{0}{1} {2}{3} {4}{5}", " {0}{1}{2}-{3}{4}{5}\n", "{0}{1}{2}\u00a0{3}{4}{5}", "{0}.{1}.{2}.{3}.{4}.{5}"],
)
def test_a_code_is_read_as_people_type_it(smsq: Smsq, written: str) -> None:
    """With what they put between digits."""
    code, digits = sent(smsq)

    assert smsq.otp.check(code.id, written.format(*digits)) is Verdict.RIGHT


def test_digits_of_other_scripts_are_digits(smsq: Smsq) -> None:
    """Phones type them where that is the language."""
    code, digits = sent(smsq)

    assert smsq.otp.check(code.id, digits.translate({48 + n: 0x0660 + n for n in range(10)})) is Verdict.RIGHT


@pytest.mark.parametrize("typed", ["x" * 10_000, "12a456", "²³¹²³¹", "\x00", "1" * 7, "None"])
def test_what_is_no_code_is_wrong(smsq: Smsq, typed: str) -> None:
    """And counts as a try."""
    code, _ = sent(smsq)

    assert smsq.otp.check(code.id, typed) is Verdict.WRONG
    assert smsq.otp.show(code.id).tries_left == 4


@pytest.mark.parametrize("typed", ["", "  ", "\u00a0", "\u200e\n"])
def test_an_empty_field_costs_no_try(smsq: Smsq, typed: str) -> None:
    """A form that was sent before anything was typed; it is wrong all the same, also for a code that never was."""
    code, digits = sent(smsq)

    assert [smsq.otp.check(each, typed) for each in (code.id, "nosuchcode")] == [Verdict.WRONG] * 2
    assert smsq.otp.show(code.id).tries_left == 5
    assert smsq.otp.check(code.id, digits) is Verdict.RIGHT


def test_a_number_is_no_code(smsq: Smsq) -> None:
    """Its zeros are gone, so a program that gives one is told at once."""
    code, digits = sent(smsq)
    with pytest.raises(errors.BadInput, match="leading zeros"):
        smsq.otp.check(code.id, int(digits))  # type: ignore[arg-type]

    assert smsq.otp.show(code.id).tries_left == 5


def test_codes_and_tries_are_counted(smsq: Smsq) -> None:
    """For the exporter; a repeat after a lost reply counts once."""
    code, digits = sent(smsq)
    for typed in (wrong(digits), digits, digits):
        smsq.otp.check(code.id, typed)
    smsq.otp.check("nosuchcode", digits)
    for _ in range(2):
        assert smsq.runtime.ledger.judge_otp(sent(smsq)[0].id, "n", is_equal=True) is Verdict.RIGHT

    codes = smsq.runtime.views.depth().by("smsq_codes_total")
    assert codes == {
        "sent": 3,
        "wrong": 1,
        "right": 3,
        "used": 1,
        "unknown": 1,
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tries=st.lists(st.booleans(), min_size=1, max_size=12), most=st.integers(1, 6))
def test_verdicts_follow_from_the_tries(environ: dict[str, str], tries: list[bool], most: int) -> None:
    """Right once, wrong at most so often, and what came first stays."""
    with with_settings(environ, SMSQ_CODE_ATTEMPTS=str(most), SMSQ_SHIELD="off") as smsq:
        code, digits = sent(smsq)
        heard = [smsq.otp.check(code.id, digits if right else wrong(digits)) for right in tries]

    expected, state, misses = [], None, 0
    for right in tries:
        expected.append(state or (Verdict.RIGHT if right else Verdict.WRONG))
        if state is None and right:
            state = Verdict.USED
        elif state is None:
            misses += 1
            state = Verdict.LOCKED if misses == most else None
    assert heard == expected


@pytest.mark.parametrize("end", [Verdict.USED, Verdict.LOCKED])
def test_what_has_not_left_of_a_code_that_is_over_does_not_leave(environ: dict[str, str], end: Verdict) -> None:
    """A resend that waits for a worker would bring a code that lets nobody in; what left before stays as it is."""
    with with_settings(environ, SMSQ_CODE_COOLDOWN_S="0") as quick:
        code, digits = sent(quick)
        again = quick.otp.resend(code.id)
        tries = [digits] if end is Verdict.USED else [wrong(digits)] * 5
        for typed in tries:
            assert quick.status(again.message_id).status == "queued"
            quick.otp.check(code.id, typed)

        assert [step.status for step in quick.otp.show(code.id).steps] == ["accepted", "cancelled"]
        assert quick.otp.check(code.id, digits) is end


@pytest.mark.parametrize("code_id", [None, 5, b"abc", "\ud800", "a" * 41, ""])
def test_what_is_no_id_is_an_unknown_code(smsq: Smsq, code_id: Any) -> None:
    """Whoever asks for it, and however."""
    assert smsq.otp.check(code_id, "123456") is Verdict.UNKNOWN
    for act in (smsq.otp.resend, smsq.otp.show):
        with pytest.raises(CodeOver) as raised:
            act(code_id)
        assert raised.value.word == "unknown"


@pytest.mark.parametrize("purpose", [None, "", 5, b"login", "log\ud800in", "log\nin", "x" * 65])
def test_a_purpose_that_is_no_word_is_told_and_counts_nothing(smsq: Smsq, purpose: Any) -> None:
    """It is the program's mistake."""
    code, digits = sent(smsq)
    with pytest.raises(errors.BadInput):
        smsq.otp.check(code.id, digits, purpose=purpose)

    assert smsq.otp.show(code.id).tries_left == 5
