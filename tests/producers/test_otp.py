"""`smsq.otp`: a code is sent, checked once, sent again, and told nowhere but in its message."""

from __future__ import annotations

import multiprocessing
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producers.api import Smsq
from producers.otp import OneTimeCode
from worker.domain import errors
from worker.domain.batch import MessageId, Ref
from worker.domain.code import Verdict
from worker.domain.errors import CodeOver, Conflict, CoolingDown, LedgerUnreachable, SmsqError, TooMany, WrongKey
from worker.ledger import Claim
from worker.ledger.values import POLICIES
from worker.redis_client import connect

PHONE = "+79991234567"


def claimed(smsq: Smsq, message_id: str) -> Claim:
    """What a worker would send."""
    claim = smsq.runtime.ledger.claim(
        Ref(MessageId.parse(message_id).batch),
        "nonce",
        owner="urgent/host/1/a",
        mirror="https://one",
        lease_s=45.0,
        parallel=100,
        urgent_slots=3,
        slot_kept_s=1.0,
        credentials="right",
    )
    assert isinstance(claim, Claim), claim
    return claim


def text_of(smsq: Smsq, message_id: str) -> str:
    """What the message says; its batch is as after a send then."""
    claim = claimed(smsq, message_id)
    smsq.runtime.ledger.settle_accepted(claim, 1, None, 60.0)
    assert claim.text is not None
    return claim.text


def sent(smsq: Smsq, **more: Any) -> tuple[OneTimeCode, str]:
    """A code whose message is nothing but it, and its digits."""
    code = smsq.otp.send(PHONE, **{"template": "{code}", **more})
    return code, text_of(smsq, code.message_id)


def wrong(digits: str) -> str:
    """Another code of the same length."""
    return str((int(digits) + 1) % 10 ** len(digits)).zfill(len(digits))


def at_once(many: int, act: Callable[[int], Any]) -> Counter[Any]:
    """What so many threads got, all at the same time."""
    with ThreadPoolExecutor(many) as pool:
        return Counter(pool.map(act, range(many)))


def with_settings(environ: dict[str, str], **settings: str) -> Smsq:
    return Smsq(environ={**environ, **settings})


def test_a_code_is_sent_and_checked(smsq: Smsq) -> None:
    """Its digits are in the message alone; it lets in once."""
    code, digits = sent(smsq)

    assert (len(digits), digits.isdigit(), code.created, code.channel) == (6, True, True, "sms")
    assert smsq.otp.check(code.id, wrong(digits)) is Verdict.WRONG
    assert smsq.otp.check(code.id, digits) is Verdict.RIGHT
    assert smsq.otp.check(code.id, digits) is Verdict.USED
    assert smsq.otp.check("nosuchcode", digits) is Verdict.UNKNOWN
    assert smsq.otp.check("no such code", digits) is Verdict.UNKNOWN


@pytest.mark.parametrize("length", range(4, 9))
def test_codes_of_every_length(smsq: Smsq, length: int) -> None:
    """With their leading zeros."""
    code, digits = sent(smsq, length=length)

    assert len(digits) == length
    assert smsq.otp.check(code.id, digits) is Verdict.RIGHT


@pytest.mark.parametrize(
    ("phone", "locale", "begins"),
    [
        ("+79991234567", None, "Ваш код: "),
        ("+77012345678", None, "Сіздің кодыңыз: "),
        ("+447911123456", None, "Your code is "),
        ("+79991234567", "en", "Your code is "),
    ],
    ids=["Russia", "Kazakhstan", "elsewhere", "as told"],
)
def test_the_text_is_in_the_language_of_the_phone(smsq: Smsq, phone: str, locale: str | None, begins: str) -> None:
    """Unless another is asked for; one part, and the code where a person finds it."""
    code = smsq.otp.send(phone, locale=locale)
    text = text_of(smsq, code.message_id)

    assert text.startswith(begins)
    digits = text.removeprefix(begins)[:6]
    assert smsq.otp.check(code.id, digits) is Verdict.RIGHT


def test_a_template_is_filled_in(smsq: Smsq) -> None:
    """Code, minutes rounded up, purpose; a brace of its own is written twice."""
    code = smsq.otp.send(PHONE, template="{{{purpose}}} {code} / {minutes}", purpose="pay", ttl=61)
    text = text_of(smsq, code.message_id)

    assert (text[:6], text[-4:]) == ("{pay} ", " / 2")


@pytest.mark.parametrize(
    ("wish", "kind", "word"),
    [
        ({"phone": "+7999"}, errors.BadPhone, "bad_phone"),
        ({"length": 3}, errors.BadLength, "bad_length"),
        ({"length": 9}, errors.BadLength, "bad_length"),
        ({"length": 6.0}, errors.BadLength, "bad_length"),
        ({"length": True}, errors.BadLength, "bad_length"),
        ({"ttl": 0}, errors.BadTtl, "bad_ttl"),
        ({"ttl": -5}, errors.BadTtl, "bad_ttl"),
        ({"ttl": 86_401}, errors.BadTtl, "bad_ttl"),
        ({"ttl": float("nan")}, errors.BadTtl, "bad_ttl"),
        ({"ttl": "300"}, errors.BadTtl, "bad_ttl"),
        ({"channels": "pigeon"}, errors.BadChannel, "bad_channel"),
        ({"channels": ""}, errors.NoChannel, "no_channel"),
        ({"channels": "sms,sms"}, errors.BadChannel, "bad_channel"),
        ({"channels": "sms:2h"}, errors.BadWait, "bad_wait"),
        ({"channels": "sms:-1s,tg"}, errors.BadWait, "bad_wait"),
        ({"template": "no code"}, errors.BadTemplate, "bad_template"),
        ({"template": "{code} {code}"}, errors.BadTemplate, "bad_template"),
        ({"template": "{code} {phone}"}, errors.BadTemplate, "bad_template"),
        ({"template": "{code.__class__}"}, errors.BadTemplate, "bad_template"),
        ({"template": "{code!r}"}, errors.BadTemplate, "bad_template"),
        ({"template": "{code:>99}"}, errors.BadTemplate, "bad_template"),
        ({"template": "{code} {minutes:{code}}"}, errors.BadTemplate, "bad_template"),
        ({"template": "{code"}, errors.BadTemplate, "bad_template"),
        ({"template": "__CALL__: {code}"}, errors.BadText, "bad_text"),
        ({"template": "{code}" + "x" * 1000}, errors.BadText, "bad_text"),
        ({"locale": "tlh"}, errors.BadInput, "bad_input"),
        ({"purpose": ""}, errors.BadInput, "bad_input"),
        ({"purpose": "x" * 65}, errors.BadInput, "bad_input"),
        ({"purpose": "a\nb"}, errors.BadInput, "bad_input"),
        ({"key": " "}, errors.BadInput, "bad_input"),
        ({"sender": "much too long a name"}, errors.BadInput, "bad_input"),
        ({"on_doubt": "guess"}, errors.BadInput, "bad_input"),
        ({"max_cost": "free"}, errors.BadInput, "bad_input"),
        ({"max_cost": 0}, errors.BadInput, "bad_input"),
        ({"client": ""}, errors.BadInput, "bad_input"),
        ({"phone": None}, errors.BadPhone, "bad_phone"),
        ({"phone": b"+79991234567"}, errors.BadPhone, "bad_phone"),
        ({"phone": True}, errors.BadPhone, "bad_phone"),
        ({"phone": 10**20}, errors.BadPhone, "bad_phone"),
        ({"phone": "79991234567x"}, errors.BadPhone, "bad_phone"),
        ({"phone": "+79991234567#1"}, errors.BadPhone, "bad_phone"),
        ({"phone": "+79991234567;"}, errors.BadPhone, "bad_phone"),
        ({"phone": "++79991234567"}, errors.BadPhone, "bad_phone"),
        ({"max_cost": True}, errors.BadInput, "bad_input"),
        ({"key": "k" * 1025}, errors.BadInput, "bad_input"),
        ({"phone": "+7999123\ud8004567"}, errors.BadPhone, "bad_phone"),
        ({"purpose": "log\ud800in"}, errors.BadInput, "bad_input"),
        ({"purpose": None}, errors.BadInput, "bad_input"),
        ({"client": "\udfff"}, errors.BadInput, "bad_input"),
        ({"client": 5}, errors.BadInput, "bad_input"),
        ({"key": "a\ud800"}, errors.BadInput, "bad_input"),
        ({"key": 5}, errors.BadInput, "bad_input"),
        ({"channels": None}, errors.BadChannel, "bad_channel"),
        ({"channels": [5]}, errors.BadChannel, "bad_channel"),
        ({"template": 5}, errors.BadTemplate, "bad_template"),
        ({"template": "{code}\ud800"}, errors.BadText, "bad_text"),
        ({"locale": ["en"]}, errors.BadInput, "bad_input"),
        ({"sender": 5}, errors.BadInput, "bad_input"),
        ({"on_doubt": ["ask"]}, errors.BadInput, "bad_input"),
        ({"max_cost": "\ud800"}, errors.BadInput, "bad_input"),
        ({"client": "x" * 129}, errors.BadInput, "bad_input"),
    ],
    ids=lambda wish: ascii(wish)[1:40] if isinstance(wish, dict) else "",
)
def test_a_bad_wish_is_refused_by_name(smsq: Smsq, wish: dict[str, Any], kind: type[SmsqError], word: str) -> None:
    """Before anything is written."""
    before = smsq.runtime.ledger.redis.dbsize()
    with pytest.raises(kind) as raised:
        smsq.otp.send(**{"phone": PHONE, **wish})

    assert raised.type is kind
    assert raised.value.word == word
    assert smsq.runtime.ledger.redis.dbsize() == before


def test_wrong_tries_lock_a_code(smsq: Smsq) -> None:
    """Five of them; then even the right one does not let in, and what could tell it is gone."""
    code, digits = sent(smsq)
    verdicts = [smsq.otp.check(code.id, wrong(digits)) for _ in range(6)]

    assert verdicts == [Verdict.WRONG] * 5 + [Verdict.LOCKED]
    assert smsq.otp.check(code.id, digits) is Verdict.LOCKED
    assert smsq.runtime.ledger.sealed_code(code.id) is None
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
    desk, ledger = smsq.runtime.codes, smsq.runtime.ledger
    judge, lost = ledger.judge_code, []

    def lossy(*args: Any, **options: Any) -> Verdict:
        verdict = judge(*args, **options)
        if len(lost) < 2:
            lost.append(verdict)
            raise LedgerUnreachable("the line broke")
        return verdict

    monkeypatch.setattr(ledger, "judge_code", lossy)
    verdict = desk.check(code.id, digits if is_right else wrong(digits))

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


@pytest.mark.parametrize("typed", ["", "x" * 10_000, "12a456", "²³¹²³¹", "\x00", "1" * 7, "None"])
def test_what_is_no_code_is_wrong(smsq: Smsq, typed: str) -> None:
    """And counts as a try."""
    code, _ = sent(smsq)

    assert smsq.otp.check(code.id, typed) is Verdict.WRONG
    assert smsq.otp.show(code.id).tries_left == 4


def test_a_number_is_no_code(smsq: Smsq) -> None:
    """Its zeros are gone, so a program that gives one is told at once."""
    code, digits = sent(smsq)
    with pytest.raises(errors.BadInput, match="leading zeros"):
        smsq.otp.check(code.id, int(digits))  # type: ignore[arg-type]

    assert smsq.otp.show(code.id).tries_left == 5


def test_a_key_makes_a_repeat_harmless(smsq: Smsq) -> None:
    """The same request gives the same code, another is a conflict."""
    first = smsq.otp.send(PHONE, key="order 7")
    again = smsq.otp.send(PHONE, key="order 7", client="10.0.0.9")

    assert (again.id, again.expires_at, again.message_id) == (first.id, first.expires_at, first.message_id)
    assert (first.created, again.created) == (True, False)
    assert smsq.runtime.ledger.redis.zcard("{smsq}:ready:urgent") == 1
    with pytest.raises(Conflict):
        smsq.otp.send(PHONE, key="order 7", length=4)


def test_ten_at_once_with_one_key_are_one_code(smsq: Smsq) -> None:
    """One message, one code."""
    codes = at_once(10, lambda _: smsq.otp.send(PHONE, key="order 7"))

    assert len({(code.id, code.message_id) for code in codes}) == 1
    assert sum(many for code, many in codes.items() if code.created) == 1
    assert smsq.runtime.ledger.redis.zcard("{smsq}:ready:urgent") == 1


def test_a_repeat_goes_on_where_a_producer_died(smsq: Smsq, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the record and the message: the repeat enrols what is missing."""
    with monkeypatch.context() as patch:
        patch.setattr(smsq.runtime.codes, "enrol", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            smsq.otp.send(PHONE, key="order 7", template="{code}")
    code = smsq.otp.send(PHONE, key="order 7", template="{code}")

    assert smsq.otp.check(code.id, text_of(smsq, code.message_id)) is Verdict.RIGHT


def test_a_repeat_of_what_is_over_sends_nothing(smsq: Smsq) -> None:
    """It tells the message that there was."""
    code = smsq.otp.send(PHONE, key="order 7", template="{code}")
    smsq.otp.check(code.id, text_of(smsq, code.message_id))
    again = smsq.otp.send(PHONE, key="order 7", template="{code}")

    assert (again.id, again.message_id, again.created) == (code.id, code.message_id, False)


def test_late_codes_are_never_sent(smsq: Smsq) -> None:
    """The message's time is the code's, for us and for operators."""
    code = smsq.otp.send(PHONE, ttl=61)
    claim = claimed(smsq, code.message_id)

    assert claim.options.valid == "00:02"
    assert claim.deadline == pytest.approx(code.expires_at, abs=0.01)


def test_codes_and_tries_are_counted(smsq: Smsq) -> None:
    """For the exporter; a repeat after a lost reply counts once."""
    code, digits = sent(smsq)
    for typed in (wrong(digits), digits, digits):
        smsq.otp.check(code.id, typed)
    smsq.otp.check("nosuchcode", digits)
    for _ in range(2):
        assert smsq.runtime.ledger.judge_code(sent(smsq)[0].id, "n", is_equal=True) is Verdict.RIGHT

    assert smsq.runtime.views.depth().codes == {"sent": 3, "wrong": 1, "right": 3, "used": 1, "unknown": 1}


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


def test_another_secret_key_sends_and_checks_nothing(smsq: Smsq, environ: dict[str, str]) -> None:
    """Before anything is written, with what to do about it."""
    code, digits = sent(smsq)
    told = {**environ, "SMSQ_SECRET_KEY": "x" * 40}
    with pytest.raises(WrongKey, match="SMSQ_SECRET_KEY"):
        Smsq(environ=told).__enter__()
    stranger = Smsq(environ=told)
    size = stranger.runtime.ledger.redis.dbsize()
    for act in (
        lambda: stranger.otp.send(PHONE),
        lambda: stranger.send(PHONE, "Hi"),
        lambda: stranger.otp.check(code.id, digits),
    ):
        with pytest.raises(WrongKey):
            act()

    assert stranger.runtime.ledger.redis.dbsize() == size
    stranger.close()
    assert smsq.otp.show(code.id).tries_left == 5
    assert smsq.otp.check(code.id, digits) is Verdict.RIGHT


def test_keys_are_changed_one_after_the_other(redis: Any, environ: dict[str, str]) -> None:
    """What the old one sealed is opened and checked by who has both, whichever comes first."""
    redis.delete("{smsq}:stamp")
    old, new = "o" * 40, "n" * 40

    def having(*keys: str) -> Smsq:
        smsq = with_settings(environ, SMSQ_SECRET_KEY=",".join(keys))
        smsq.runtime.ledger.found("smsc.ru/demo")
        return smsq

    first = having(old)
    code = first.otp.send(PHONE, key="order 7", template="{code}")
    both = [having(old, new), having(new, old)]
    assert both[1].otp.send(PHONE, key="order 7", template="{code}").id == code.id
    digits = text_of(both[1], code.message_id)
    assert both[0].otp.check(code.id, wrong(digits)) is Verdict.WRONG
    assert both[1].otp.check(code.id, digits) is Verdict.RIGHT
    with pytest.raises(WrongKey):
        first.otp.send(PHONE)
    last = having(new)
    assert len(sent(last)[1]) == 6
    with pytest.raises(WrongKey):
        first.runtime.ledger.found("smsc.ru/demo")
    for each in (first, *both, last):
        each.close()


def test_a_ledger_that_fell_back_forgets_its_codes(smsq: Smsq) -> None:
    """It may have forgotten that one was used: none from before lets in."""
    code, digits = sent(smsq)
    ledger = smsq.runtime.ledger
    ledger.redis.hset(ledger.key("ctl"), "recovered_at", int(ledger.time() * 1000))

    assert smsq.otp.check(code.id, digits) is Verdict.EXPIRED


def test_while_the_ledger_is_halted_nobody_is_let_in(smsq: Smsq) -> None:
    """It cannot be told, so it is not."""
    code, digits = sent(smsq)
    ledger = smsq.runtime.ledger
    ledger.redis.hset(ledger.key("ctl"), "fell", "for a test")
    for act in (
        lambda: smsq.otp.check(code.id, digits),
        lambda: smsq.otp.send(PHONE),
        lambda: smsq.otp.resend(code.id),
    ):
        with pytest.raises((errors.LedgerHalted, CoolingDown)):
            act()
    ledger.redis.hdel(ledger.key("ctl"), "fell")

    assert smsq.otp.check(code.id, digits) is Verdict.RIGHT


def test_what_is_printed_tells_no_code(smsq: Smsq) -> None:
    """Neither the code nor a phone, in anything that a program might log."""
    code, digits = sent(smsq)
    said = [repr(code), str(code), repr(smsq.otp.show(code.id)), repr(smsq.runtime.codes), repr(smsq.runtime.sealer)]
    opened = smsq.runtime.codes._open(sent(smsq)[0].id)
    said += [repr(opened), repr(opened.kept.order) if opened else ""]
    for act in (lambda: smsq.otp.resend(code.id), lambda: smsq.otp.send("+7999" + digits)):
        with pytest.raises(SmsqError) as raised:
            act()
        said.append("".join(traceback.format_exception(raised.value)) + repr(raised.value))

    for line in said:
        assert digits not in line
        assert "9991234567" not in line


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


def test_a_full_server_still_judges(smsq: Smsq) -> None:
    """Tries are counted and codes used up, though nothing new can be sent."""
    code, digits = sent(smsq)
    client = connect(smsq.settings.redis_url or "")
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(errors.LedgerFull):
            smsq.otp.send(PHONE)
        assert smsq.otp.check(code.id, wrong(digits)) is Verdict.WRONG
        assert smsq.otp.check(code.id, digits) is Verdict.RIGHT
        assert smsq.otp.check(code.id, digits) is Verdict.USED
    finally:
        client.config_set("maxmemory", "0")
        client.close()


@pytest.mark.parametrize("on_doubt", ["ask", "park", "resend"])
def test_a_code_takes_each_policy(smsq: Smsq, on_doubt: str) -> None:
    """Its own end is the deadline that a second copy needs."""
    code = smsq.otp.send(PHONE, on_doubt=on_doubt)
    ledger, number = smsq.runtime.ledger, MessageId.parse(code.message_id).batch
    meta = msgspec.msgpack.decode(ledger.redis.hget(ledger.keys.shard(number), f"{number}m"))

    assert meta[7] == POLICIES[on_doubt]


@pytest.mark.parametrize("written", ["8 (999) 123-45-67", "+7\u00a0999 123\u201145\u201167\u202c", "79991234567"])
def test_the_phone_is_told_as_it_was_understood(smsq: Smsq, written: str) -> None:
    """So that one phone is one person, however they write it."""
    code = smsq.otp.send(written)

    assert code.phone == PHONE
    assert PHONE[1:] not in repr(code)


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


def test_a_ledger_that_hangs_is_waited_for_once(smsq: Smsq, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor waits for a reply's time, not for three."""
    code, tries, ledger = smsq.otp.send(PHONE), [], smsq.runtime.ledger
    monkeypatch.setattr(ledger.clock, "monotonic", lambda: 5.0 * len(tries))

    def hang(*args: Any, **options: Any) -> Verdict:
        tries.append(args)
        raise LedgerUnreachable("no reply")

    monkeypatch.setattr(ledger, "judge_code", hang)
    with pytest.raises(LedgerUnreachable):
        smsq.runtime.codes.check(code.id, "123456")
    assert len(tries) == 1


def test_a_resend_says_how_long_the_code_still_lives(smsq: Smsq, environ: dict[str, str]) -> None:
    """Not how long it had at first; a minute at the least."""
    with with_settings(environ, SMSQ_CODE_COOLDOWN_S="0") as quick:
        code = quick.otp.send(PHONE, template="{minutes} {code}", ttl=300)
        assert text_of(quick, code.message_id)[:2] == "5 "
        ledger, begun = quick.runtime.ledger, quick.runtime.ledger.time()
        for after_s, minutes in ((130, "3 "), (290, "1 ")):
            ledger._now = lambda after_s=after_s: begun + after_s  # type: ignore[misc]
            assert text_of(quick, quick.otp.resend(code.id).message_id)[:2] == minutes


@pytest.mark.parametrize("code_id", [None, 5, b"abc", "\ud800", "a" * 41, ""])
def test_what_is_no_id_is_an_unknown_code(smsq: Smsq, code_id: Any) -> None:
    """Whoever asks for it, and however."""
    assert smsq.otp.check(code_id, "123456") is Verdict.UNKNOWN
    for act in (smsq.otp.resend, smsq.otp.show):
        with pytest.raises(CodeOver) as raised:
            act(code_id)
        assert raised.value.word == "unknown"


@pytest.mark.parametrize("purpose", [5, b"login", "log\ud800in"])
def test_a_purpose_that_is_no_word_is_told_and_counts_nothing(smsq: Smsq, purpose: Any) -> None:
    """It is the program's mistake."""
    code, digits = sent(smsq)
    with pytest.raises(errors.BadInput):
        smsq.otp.check(code.id, digits, purpose=purpose)

    assert smsq.otp.show(code.id).tries_left == 5


def test_a_resend_that_lost_the_ledger_half_way_is_taken_up(smsq: Smsq, environ: dict[str, str]) -> None:
    """Reserved and never enrolled: the next one enrols it, without another rest and another resend of the few."""
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
