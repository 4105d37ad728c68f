"""`smsq.otp`: a code is sent, checked once, sent again, and told nowhere but in its message."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from producers.api import Smsq
from producers.otp import OneTimeCode
from worker.domain.batch import MessageId, Ref
from worker.domain.code import Verdict
from worker.domain.errors import (
    BadChannel,
    BadInput,
    BadLength,
    BadPhone,
    BadTemplate,
    BadTtl,
    CodeOver,
    Conflict,
    CoolingDown,
    LedgerUnreachable,
    SmsqError,
    TooMany,
    WrongKey,
)
from worker.ledger import Claim

PHONE = "+79991234567"
ONLY_CODE = {"template": "{code}"}


def said(smsq: Smsq, code: OneTimeCode, nonce: str = "n") -> Claim:
    """What a worker would send: its claim, with the text in clear."""
    claim = smsq.runtime.ledger.claim(
        Ref(MessageId.parse(code.message_id).batch),
        nonce,
        owner="urgent/host/1/a",
        mirror="https://one",
        lease_s=45.0,
        parallel=10,
        urgent_slots=3,
        slot_kept_s=1.0,
        credentials="right",
    )
    assert isinstance(claim, Claim), claim
    return claim


def text_of(smsq: Smsq, code: OneTimeCode) -> str:
    text = said(smsq, code).text
    assert text is not None
    return text


def sent(smsq: Smsq, **more: Any) -> tuple[OneTimeCode, str]:
    """A code that is its whole text, and its digits."""
    code = smsq.otp.send(PHONE, **{**ONLY_CODE, **more})
    return code, text_of(smsq, code)


def wrong(digits: str) -> str:
    return str((int(digits) + 1) % 10 ** len(digits)).zfill(len(digits))


def test_a_code_is_sent_and_checked(smsq: Smsq) -> None:
    """Its digits are in the message alone; it lets in once."""
    code, digits = sent(smsq)

    assert (len(digits), digits.isdigit(), code.created, code.channel) == (6, True, True, "sms")
    assert smsq.otp.check(code.id, wrong(digits)) is Verdict.WRONG
    assert smsq.otp.check(code.id, digits) is Verdict.RIGHT
    assert smsq.otp.check(code.id, digits) is Verdict.USED
    assert smsq.otp.check("nosuchcode", digits) is Verdict.UNKNOWN
