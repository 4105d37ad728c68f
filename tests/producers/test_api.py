"""A program's way in: one message, its status, and what goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import smsq as package
from smsq.producers.api import Smsq
from smsq.producers.fields import moment
from smsq.producers.installation import HINT_TIMEOUT_S
from smsq.worker.clock import Clock
from smsq.worker.domain import errors
from smsq.worker.domain.batch import MessageId, Options, Ref
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings


def test_the_package_exports_the_way_in() -> None:
    """`from smsq import Smsq`; codes come later and are not pretended."""
    assert package.Smsq is Smsq
    assert not hasattr(Smsq, "otp")
    with pytest.raises(AttributeError, match="no attribute 'Smq'"):
        _ = package.Smq


def test_a_message_is_enrolled_and_hinted(smsq: Smsq) -> None:
    """Durably in the ledger, and the lane was told."""
    sent = smsq.send("+7 999 123-45-67", "Hi")
    receipt = smsq.status(sent.id)

    assert (sent.created, receipt.status, receipt.phone, receipt.parts) == (True, "queued", "+79991234567", 1)
    assert smsq.runtime.broker.client.llen(f"{smsq.runtime.broker.namespace}:urgent") == 1


def test_no_hint_is_given_that_would_wake_nobody(smsq: Smsq) -> None:
    """All slots are taken by workers who go on by themselves, and a few messages wait already."""
    for n in range(6):
        smsq.send(79991234500 + n, "Hi")
    given = smsq.runtime.broker.depth("urgent")
    far = 10**15
    smsq.runtime.ledger.redis.hset("{smsq}:ctl", "awake:0", f"2 {far}")
    smsq.runtime.ledger.redis.zadd("{smsq}:slots:urgent", {"1/1": far, "2/1": far})

    smsq.send("+79991234567", "Hi")

    assert (given, smsq.runtime.broker.depth("urgent")) == (6, 6)


def test_the_same_key_sends_once(smsq: Smsq) -> None:
    """A repeat gets the first answer; other content under the key is a conflict."""
    first = smsq.send(79991234567, "Hi", key="order-17", lane="bulk")
    again = smsq.send("+79991234567", "Hi", key="order-17", lane="bulk")

    assert (again.id, again.created) == (first.id, False)
    with pytest.raises(errors.Conflict, match="used with other content"):
        smsq.send("+79991234567", "Bye", key="order-17")


def test_what_the_gateway_is_told_is_kept_with_the_message(smsq: Smsq) -> None:
    """Sender, lifetime and moment travel as options."""
    sent = smsq.send("+79991234567", "Hi", sender="Shop", valid="1", at=datetime(2056, 11, 21, 12, tzinfo=UTC))
    raw = smsq.runtime.ledger.redis.hget(smsq.runtime.ledger.keys.shard(1), f"{sent.id.split('.')[0]}m")

    assert all(part in raw for part in (b'"sender":"Shop"', b'"valid":"1"', b'"time":"02742033600"'))


@pytest.mark.parametrize(
    ("phone", "text", "more", "error"),
    [
        ("123", "Hi", {}, errors.BadPhone),
        ("+79991234567", "", {}, errors.BadText),
        ("+79991234567", "__CALL__: hi", {}, errors.BadText),
        ("+79991234567", "Hi", {"lane": "fast"}, errors.BadInput),
        ("+79991234567", "Hi", {"on_doubt": "hope"}, errors.BadInput),
        ("+79991234567", "Hi", {"on_doubt": "resend"}, errors.BadInput),
        ("+79991234567", "Hi", {"at": "tomorrow"}, errors.BadInput),
        ("+79991234567", "Hi", {"at": "2020-01-01T00:00"}, errors.BadInput),
        ("+79991234567", "Hi", {"key": ""}, errors.BadInput),
        ("+79991234567", "Hi", {"key": " "}, errors.BadInput),
        ("+79991234567", "Hi", {"sender": "Магазин"}, errors.BadInput),
        ("+79991234567", "Hi", {"valid": "25"}, errors.BadInput),
        ("+79991234567", "Hi", {"options": Options(channel="pigeon")}, errors.BadInput),
        ("+79991234567", "Hi", {"options": Options(extra={"psw": "x"})}, errors.BadInput),
        ("+79991234567", "4821", {"options": Options(extra={"tg": "1"})}, errors.BadInput),
        ("+79991234567", "Hi", {"options": Options(extra={"hlr": "1"})}, errors.BadInput),
        ("+79991234567", "Hi", {"options": Options(extra={"mail": "1"})}, errors.BadInput),
        ("+79991234567", "Hi", {"options": Options(extra={"tz": "garbage"})}, errors.BadInput),
        ("+79991234567", "Hi", {"options": Options(time="garbage")}, errors.BadInput),
        ("+79991234567", "Hi", {"options": Options(translit=7)}, errors.BadInput),
        ("+79991234567", "Hi", {"options": {"sender": "Shop"}}, errors.BadInput),
        ("+79991234567", "Code 4821", {"options": Options(channel="tg")}, errors.BadText),
        ("+79991234567", "Code", {"options": Options(channel="call")}, errors.BadText),
        ("+79991234567", "code", {"options": Options(channel="call", comment="order 7")}, errors.BadInput),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_enrols_nothing(smsq: Smsq, phone: str, text: str, more: dict[str, str], error: type) -> None:
    """Found out before a batch number is drawn."""
    with pytest.raises(error):
        smsq.send(phone, text, **more)  # type: ignore[arg-type]
    assert smsq.runtime.ledger.redis.get(smsq.runtime.ledger.key("n:batch")) is None


def test_line_breaks_are_one_character_and_letters_are_whole(smsq: Smsq) -> None:
    """So they are counted, compared and sent: 160 characters are one part however a form writes their breaks."""
    first = smsq.send("+79991234567", "a" * 158 + "\r\nb", key="break")
    again = smsq.send("+79991234567", "a" * 158 + "\nb", key="break")
    cyrillic = smsq.send("+79991234567", "и\u0306" * 70)

    assert (again.id, again.created) == (first.id, False)
    assert [smsq.status(each.id).parts for each in (first, cyrillic)] == [1, 1]


@pytest.mark.parametrize("message_id", ["4711", "x.y", "4711.0", "0.0", "1.-1", None, 4711])
def test_an_unknown_id_is_said(smsq: Smsq, message_id: str) -> None:
    """Malformed or merely unknown."""
    with pytest.raises(errors.BadInput, match=r"looks like|no message"):
        smsq.status(message_id)


def test_a_lost_hint_loses_nothing(environ: dict[str, str]) -> None:
    """The queue is away: the message is enrolled all the same, and the sweeper will find it."""
    with Smsq(environ={**environ, "SMSQ_BROKER_URL": "redis://127.0.0.1:1/0"}) as smsq:
        sent = smsq.send("+79991234567", "Hi")

        waiting = smsq.runtime.ledger.redis.zrange(smsq.runtime.ledger.key("ready:urgent"), 0, -1)

        assert smsq.status(sent.id).status == "queued"
        assert [str(ref).encode() for ref in [Ref(MessageId.parse(sent.id).batch)]] == waiting


def test_queues_that_hang_hold_no_caller_up(smsq: Smsq) -> None:
    """A worker waits for them longer than whoever only gives a hint."""
    waits = smsq.runtime.broker.client.connection_pool.connection_kwargs["socket_timeout"]
    worker = Runtime.build(smsq.settings).broker.client.connection_pool.connection_kwargs["socket_timeout"]

    assert (waits, waits < worker) == (HINT_TIMEOUT_S, True)


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf"), 1e300, True, "5"])
def test_a_deadline_is_a_time_to_come(smsq: Smsq, deadline: object) -> None:
    """Anything else is refused in a sentence, and nothing is enrolled."""
    with pytest.raises(errors.BadInput, match="a deadline is a number of seconds"):
        smsq.send("+79991234567", "Hi", deadline_s=deadline)  # type: ignore[arg-type]

    assert smsq.send("+79991234567", "Hi", deadline_s=60).id == "1.0"


def test_the_ledger_of_another_account_is_refused(environ: dict[str, str]) -> None:
    """A sandbox's ledger never meets a real account's messages."""
    with pytest.raises(errors.LedgerForeign, match=r"belongs to smsc\.ru/demo, not to smsc\.ru/other"):
        Smsq(environ={**environ, "SMSQ_LOGIN": "other"}).__enter__()


def test_no_redis_is_one_sentence(home: Path) -> None:
    """Nothing half-written, nothing hangs."""
    settings = Settings.load({"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": "redis://127.0.0.1:1/0"})
    with Smsq(settings) as smsq, pytest.raises(errors.LedgerUnreachable, match="does not answer"):
        smsq.send("+79991234567", "Hi")


def test_a_call_whose_reply_is_lost_is_not_made_again(smsq: Smsq) -> None:
    """Without a key a second enrolment is a second message, however fast the first call failed."""

    class Held(Clock):
        def monotonic(self) -> float:
            return 0.0

    calls: list[int] = []

    def verb() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise errors.LedgerUnreachable("the reply was lost")

    smsq.runtime.clock = Held()

    with pytest.raises(errors.LedgerUnreachable):
        smsq.patiently(verb)

    assert calls == [1]


def test_a_question_without_workers_is_not_waited_for(smsq: Smsq) -> None:
    """Only workers speak to the gateway, and none is up."""
    with pytest.raises(errors.Unreachable, match="no worker of the chores lane is up"):
        smsq.balance()


def test_a_moment_is_unix_seconds_behind_a_zero() -> None:
    """The gateway's own form; text is local time unless it says otherwise."""
    assert moment("2026-11-21T12:00:00+00:00") == moment(datetime(2026, 11, 21, 12, tzinfo=UTC)) == "01795262400"
    assert moment(None) is None


def test_a_long_call_is_one_part(smsq: Smsq) -> None:
    """What is read aloud is not charged by what would be on the air, and goes out as what it is."""
    sent = smsq.send("+79991234567", "Your code is 4, 8, 2, 1. " * 10, options=Options(channel="call"))

    assert smsq.status(sent.id).parts == 1
    raw = smsq.runtime.ledger.redis.hget(smsq.runtime.ledger.keys.shard(1), f"{sent.id.split('.')[0]}m")
    assert b'"channel":"call"' in raw


def test_no_campaign_goes_by_a_channel_for_codes(smsq: Smsq) -> None:
    """Nothing is enrolled; the sentence names the way that there is."""
    with pytest.raises(errors.BadInput, match="smsq send --channel"):
        smsq.campaigns.run(["+79991234567"], text="4821", options=Options(channel="tg"))
