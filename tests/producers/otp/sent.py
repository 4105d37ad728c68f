"""What tests of codes begin with: one that was sent, its digits, many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from smsq.producers.api import Smsq
from smsq.producers.otp import OneTimeCode
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.ledger import Claim

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
