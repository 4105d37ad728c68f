from __future__ import annotations

from typing import Any

import msgspec
import pytest

from smsq.worker.domain.batch import MessageId, Options, Ref, pack
from smsq.worker.domain.errors import BadInput, Conflict, LedgerHalted, LedgerUnreachable
from smsq.worker.ledger import NewMessage
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

MESSAGE = NewMessage(79990000000, "Hi", key="order-17")


def some(first_row: int, count: int = 2) -> Any:
    rows = list(range(first_row, first_row + count))
    return pack([79990000000 + row for row in rows], None, rows, count)


def test_a_key_replays_the_first_answer(desk: Any) -> None:
    """The same key again is the same message, however often."""
    first = desk.ledger.enrol(MESSAGE)
    again = [desk.ledger.enrol(MESSAGE) for _ in range(3)]

    assert first.created
    assert {(each.id, each.created) for each in again} == {(first.id, False)}
    assert desk.motion() == {"ready:urgent": 1}


@pytest.mark.parametrize(
    "other",
    [NewMessage(79990000001, "Hi", key="order-17"), NewMessage(79990000000, "Ho", key="order-17")],
)
def test_a_key_with_other_content_is_a_conflict(desk: Any, other: NewMessage) -> None:
    """And names the message that has it, without its text."""
    first = desk.ledger.enrol(MESSAGE)

    with pytest.raises(Conflict, match=first.id.replace(".", r"\.")):
        desk.ledger.enrol(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Options(), Options(channel="".join(["s", "m", "s"]))),  # equal, and not the same string
        (Options(extra={"a": "1", "b": "2"}), Options(extra={"b": "2", "a": "1"})),
        (Options(channel="tg", sender="Shop"), Options(channel="".join(["t", "g"]), sender="".join(["Sh", "op"]))),
    ],
)
def test_equal_options_are_one_content(desk: Any, one: Options, other: Options) -> None:
    """Wherever their words were read from; what is written can be read back."""
    first = desk.ledger.enrol(NewMessage(79990000000, "Hi", key="order-17", options=one))

    assert desk.ledger.enrol(NewMessage(79990000000, "Hi", key="order-17", options=other)).id == first.id
    assert one.written() == other.written()
    assert msgspec.json.decode(other.written(), type=Options) == one


def test_without_a_key_every_enrolment_is_a_message(desk: Any) -> None:
    """Two equal texts to one phone are two messages where nobody says otherwise."""
    assert desk.single() != desk.single()


@pytest.mark.parametrize("wrong", [{"lane": "fast"}, {"on_doubt": "hope"}])
def test_words_that_are_not_in_the_table_are_refused(desk: Any, wrong: Any) -> None:
    """Before anything is written."""
    with pytest.raises(BadInput):
        desk.ledger.enrol(NewMessage(79990000000, "Hi", **wrong))
    assert desk.motion() == {}


def test_the_witness_hears_of_it_before_the_answer(desk: Any) -> None:
    """With the run, its n, the batch and the hash of the key, never the key."""
    heard: list[Any] = []
    desk.ledger.witness = lambda *told: heard.append(told)

    ref = desk.single(key="order-18")
    desk.single(phone=79990000001)

    (run, n, batch, key), (_, later, _, none) = heard
    assert (run.count("-"), batch, len(key), none) == (2, ref.number, 32, "")
    assert later == n + 1


def test_another_run_takes_nothing_in(desk: Any) -> None:
    """Until the roll call has cleared it; and a known key is still answered."""
    known = desk.ledger.enrol(MESSAGE)
    opened = desk.ledger.open_campaign(desk.plan())
    desk.redis.hset("{smsq}:run", "current", "another")

    for attempt in (
        lambda: desk.single(),
        lambda: desk.ledger.open_campaign(desk.plan()),
        lambda: desk.ledger.enrol_range(opened.id, 1, [some(1)], [], 2),
    ):
        with pytest.raises(LedgerHalted, match="roll call"):
            attempt()
    assert desk.ledger.enrol(MESSAGE).id == known.id


def test_numbers_that_are_taken_are_drawn_anew(desk: Any) -> None:
    """A counter that fell behind costs numbers, never a message that is there."""
    first = desk.single()
    desk.redis.set("{smsq}:n:batch", 0)
    desk.ledger._numbers = range(0)

    others = {desk.single(phone=79990000000 + n) for n in range(1, 4)}

    assert first not in others
    assert len(others) == 3


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("lane", ["urgent", "bulk"])
@pytest.mark.parametrize("key", [None, "order-17"])
def test_a_lost_reply_makes_no_second_message(
    desk: Any, monkeypatch: pytest.MonkeyPatch, lost: int, lane: str, key: str | None
) -> None:
    """Without a key too: the call repeats itself under the number that is its own, even once that was sent.

    It is told as the one that created the message, which is then hinted and written into the journal.
    """
    real, tries, written = desk.ledger.call_on, [], []
    monkeypatch.setattr(desk.ledger, "witness", lambda *words: written.append(words))

    def reply_is_lost(verb: str, ref: Ref, *arguments: Any, **more: Any) -> Any:
        reply = real(verb, ref, *arguments, **more)
        if verb == "enrol":
            tries.append(reply[0])
            if len(tries) <= lost:
                if len(tries) == 1:
                    desk.accept(desk.claim(ref))
                raise LedgerUnreachable("Redis does not answer")
        return reply

    monkeypatch.setattr(desk.ledger, "call_on", reply_is_lost)
    enrolled = desk.ledger.enrol(NewMessage(79990000000, "Hi", lane=lane, key=key))
    assert enrolled.created
    assert [number for _, _, number, _ in written] == [MessageId.parse(enrolled.id).batch]
    assert tries == [b"created"] * (lost + 1)
    assert desk.ledger.redis.hvals("{smsq}:totals").count(b"1") >= 1
    assert len(desk.ledger.redis.keys("{smsq}:b:*")) == 1


def test_a_ledger_that_stays_away_says_that_nothing_is_known(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who repeats it needs a key."""

    def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnreachable("Redis does not answer")

    monkeypatch.setattr(desk.ledger, "call_on", away)
    with pytest.raises(LedgerUnreachable, match=r"may or may not be enrolled.*key"):
        desk.ledger.enrol(NewMessage(79990000000, "Hi"))
