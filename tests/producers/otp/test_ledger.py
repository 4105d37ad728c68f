"""Codes and the ledger: its secret key, and what is heard when it halts, hangs or is full."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain import errors
from smsq.worker.domain.errors import CoolingDown, LedgerUnreachable, SmsqError, WrongKey
from smsq.worker.domain.otp import Verdict
from smsq.worker.redis_client import connect
from tests.producers.otp.sent import PHONE, sent, text_of, with_settings, wrong


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
        smsq.runtime.ledger.establish("smsc.ru/demo")
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
        first.runtime.ledger.establish("smsc.ru/demo")
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
    said = [repr(code), str(code), repr(smsq.otp.show(code.id)), repr(smsq.runtime.otp), repr(smsq.runtime.sealer)]
    opened = smsq.runtime.otp._open(sent(smsq)[0].id)
    said += [repr(opened), repr(opened.kept.spec) if opened else ""]
    for act in (lambda: smsq.otp.resend(code.id), lambda: smsq.otp.send("+7999" + digits)):
        with pytest.raises(SmsqError) as raised:
            act()
        said.append("".join(traceback.format_exception(raised.value)) + repr(raised.value))

    for line in said:
        assert digits not in line
        assert "9991234567" not in line


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


def test_a_ledger_that_hangs_is_waited_for_once(smsq: Smsq, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor waits for a reply's time, not for three."""
    code, tries, ledger = smsq.otp.send(PHONE), [], smsq.runtime.ledger
    monkeypatch.setattr(ledger.clock, "monotonic", lambda: 5.0 * len(tries))

    def hang(*args: Any, **options: Any) -> Verdict:
        tries.append(args)
        raise LedgerUnreachable("no reply")

    monkeypatch.setattr(ledger, "judge_otp", hang)
    with pytest.raises(LedgerUnreachable):
        smsq.runtime.otp.check(code.id, "123456", "login")
    assert len(tries) == 1
