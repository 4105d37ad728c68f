"""`smsq.otp.send`: what leaves, in which words, once per key, and what is refused before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain import errors
from smsq.worker.domain.batch import MessageId
from smsq.worker.domain.errors import Conflict, SmsqError
from smsq.worker.domain.otp import Verdict
from smsq.worker.ledger.values import POLICIES
from tests.producers.otp.sent import PHONE, at_once, claimed, sent, text_of, with_settings, wrong


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
        patch.setattr(smsq.runtime.otp, "enrol", lambda *_, **__: 1 / 0)
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


def test_a_callers_key_meets_none_of_ours(environ: dict[str, str]) -> None:
    """However it is written: the messages of a code have keys too, and the shield knows admissions by them."""
    with with_settings(environ, SMSQ_CODE_COOLDOWN_S="0", SMSQ_SHIELD_PHONE="4/h") as smsq:
        code = smsq.otp.send(PHONE)
        text_of(smsq, code.message_id)
        own = [smsq.send(PHONE, "Hi", key=f"code/{code.id}/{number}", client="a") for number in range(2)]
        again = smsq.otp.resend(code.id)

        assert [each.created for each in own] == [True, True]
        assert len({code.message_id, again.message_id, *(each.id for each in own)}) == 4
        assert smsq.status(again.message_id).status == "queued"
        with pytest.raises(errors.TooMany):  # each of the four was counted
            smsq.otp.send(PHONE)


def test_a_number_for_tests_has_a_fixed_code(environ: dict[str, str]) -> None:
    """Its message brings it; others have codes of their own, and a repeat is one whatever is set by then."""
    told = {"SMSQ_TEST_CODES": f"{PHONE}:0042", "SMSQ_CODE_COOLDOWN_S": "0"}
    with with_settings(environ, **told) as smsq:
        code = smsq.otp.send(PHONE, template="{code}", key="k")
        assert text_of(smsq, code.message_id) == "0042"
        assert text_of(smsq, smsq.otp.resend(code.id).message_id) == "0042"
        assert smsq.otp.check(code.id, "0042") is Verdict.RIGHT
        other = smsq.otp.send("+79991234568", template="{code}")
        assert len(text_of(smsq, other.message_id)) == 6
    with with_settings(environ) as smsq:
        assert smsq.otp.send(PHONE, template="{code}", key="k").id == code.id


@pytest.mark.parametrize("mirrors", ["", "https://smsc.ru", "http://127.0.0.1:9,http://10.0.0.1"])
def test_a_fixed_code_is_refused_on_a_real_account(environ: dict[str, str], mirrors: str) -> None:
    """A number whose code is known is a door without a lock; and the sentence does not say it."""
    smsq = with_settings(environ, SMSQ_TEST_CODES=f"{PHONE}:0042", SMSQ_MIRRORS=mirrors)
    with pytest.raises(errors.BadSettings, match=r"SMSQ_TEST_CODES .* would let anybody in") as raised:
        smsq.otp.send(PHONE)

    assert "0042" not in raised.value.sentence
