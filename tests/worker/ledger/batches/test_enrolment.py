from __future__ import annotations

from typing import Any

import msgspec
import pytest

from smsq.worker.domain.batch import MessageId, Options, Ref, pack
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput, Conflict, LedgerHalted, LedgerUnreachable
from smsq.worker.ledger import Order
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

ORDER = Order(79990000000, "Hi", key="order-17")


def some(first_row: int, count: int = 2) -> Any:
    rows = list(range(first_row, first_row + count))
    return pack([79990000000 + row for row in rows], None, rows, count)


def test_a_key_replays_the_first_answer(desk: Any) -> None:
    """The same order again is the same message, however often."""
    first = desk.ledger.enrol(ORDER)
    again = [desk.ledger.enrol(ORDER) for _ in range(3)]

    assert first.created
    assert {(each.id, each.created) for each in again} == {(first.id, False)}
    assert desk.motion() == {"ready:urgent": 1}


@pytest.mark.parametrize(
    "other",
    [Order(79990000001, "Hi", key="order-17"), Order(79990000000, "Ho", key="order-17")],
)
def test_a_key_with_other_content_is_a_conflict(desk: Any, other: Order) -> None:
    """And names the message that has it, without its text."""
    first = desk.ledger.enrol(ORDER)

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
    first = desk.ledger.enrol(Order(79990000000, "Hi", key="order-17", options=one))

    assert desk.ledger.enrol(Order(79990000000, "Hi", key="order-17", options=other)).id == first.id
    assert one.written() == other.written()
    assert msgspec.json.decode(other.written(), type=Options) == one


def test_without_a_key_every_order_is_a_message(desk: Any) -> None:
    """Two equal texts to one phone are two messages where nobody says otherwise."""
    assert desk.single() != desk.single()


@pytest.mark.parametrize("wrong", [{"lane": "fast"}, {"on_doubt": "hope"}])
def test_words_that_are_not_in_the_table_are_refused(desk: Any, wrong: Any) -> None:
    """Before anything is written."""
    with pytest.raises(BadInput):
        desk.ledger.enrol(Order(79990000000, "Hi", **wrong))
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


def test_ranges_go_in_in_order_and_once(desk: Any) -> None:
    """A producer that was killed goes on where it stood; what it repeats changes nothing."""
    opened = desk.ledger.open_campaign(desk.plan(digest="d1"))
    with pytest.raises(LedgerHalted, match="expects range 1, not 2"):
        desk.ledger.enrol_range(opened.id, 2, [some(3)], [], 4)

    assert desk.ledger.enrol_range(opened.id, 1, [some(1)], [], 2)
    assert not desk.ledger.enrol_range(opened.id, 1, [some(1)], [], 2)
    again = desk.ledger.open_campaign(desk.plan(digest="d1"))
    assert (again.id, again.created, again.ranges) == (opened.id, False, 1)
    assert desk.ledger.enrol_range(opened.id, 2, [some(3)], [], 4)

    view = desk.views.campaign(opened.id)
    assert (view.rows, view.batches, view.statuses) == (4, 2, {"queued": 4})


def test_rejected_rows_are_counted_and_shown_in_their_place(desk: Any) -> None:
    """Rows add up, and the report keeps the file's order."""
    opened = desk.ledger.open_campaign(desk.plan())
    rows = [1, 3, 6]
    batch = pack([79990000000 + row for row in rows], None, rows, 3)
    rejects = [
        Reject(2, "invalid", "too short", "12"),
        Reject(4, "duplicate", "row 1", "+7"),
        Reject(7, "invalid", "", ""),
    ]
    desk.ledger.enrol_range(opened.id, 1, [batch], rejects[:2], 6)
    desk.ledger.enrol_range(opened.id, 2, [], [Reject(5, "invalid", "", "x"), rejects[2]], 7)

    view = desk.views.campaign(opened.id)
    report = list(desk.views.report(opened.id))

    assert (view.rows, view.invalid, sum(view.statuses.values())) == (7, 4, 7)
    assert [(each.row, each.status) for each in report] == [
        (1, "queued"), (2, "invalid"), (3, "queued"), (4, "duplicate"), (5, "invalid"), (6, "queued"), (7, "invalid")
    ]  # fmt: skip
    assert (report[1].phone, report[1].error) == ("12", "too short")


def test_a_closed_campaign_takes_no_more_rows(desk: Any) -> None:
    """What would come in afterwards belongs to another campaign."""
    campaign, _ = desk.campaign(2)
    with pytest.raises(Conflict, match="takes no more rows"):
        desk.ledger.enrol_range(campaign, 2, [some(3)], [], 4)
    with pytest.raises(Conflict, match="there is no campaign"):
        desk.ledger.enrol_range("nope", 1, [some(3)], [], 4)


def test_a_finished_file_is_refused_unless_asked_for_again(desk: Any) -> None:
    """With the id of the campaign that sent it."""
    campaign, (ref,) = desk.campaign(1, digest="d1")
    claim = desk.settled(ref)
    desk.fact(claim.gateway_id, claim.phones[0])
    assert desk.views.campaign(campaign).state == "done"

    with pytest.raises(Conflict, match=campaign):
        desk.ledger.open_campaign(desk.plan(digest="d1"))
    again = desk.ledger.open_campaign(desk.plan(digest="d1"), again=True)
    assert again.created
    assert again.id != campaign


def test_again_goes_on_with_what_it_has_begun(desk: Any) -> None:
    """The command was interrupted, or its reply was lost: the second campaign is not begun a third time."""
    first, (ref,) = desk.campaign(1, digest="d1")
    claim = desk.settled(ref)
    desk.fact(claim.gateway_id, claim.phones[0])
    opened = [desk.ledger.open_campaign(desk.plan(digest="d1"), again=True) for _ in range(3)]
    assert [each.created for each in opened] == [True, False, False]
    assert len({each.id for each in opened} | {first}) == 2


def test_an_empty_campaign_is_done_when_closed(desk: Any) -> None:
    """All of its rows may have been rejected."""
    opened = desk.ledger.open_campaign(desk.plan())
    desk.ledger.enrol_range(opened.id, 1, [], [Reject(1, "invalid", "", "x")], 1)

    assert desk.ledger.close_campaign(opened.id) == "done"


def test_another_run_takes_nothing_in(desk: Any) -> None:
    """Until the roll call has cleared it; and a known key is still answered."""
    known = desk.ledger.enrol(ORDER)
    opened = desk.ledger.open_campaign(desk.plan())
    desk.redis.hset("{smsq}:run", "current", "another")

    for attempt in (
        lambda: desk.single(),
        lambda: desk.ledger.open_campaign(desk.plan()),
        lambda: desk.ledger.enrol_range(opened.id, 1, [some(1)], [], 2),
    ):
        with pytest.raises(LedgerHalted, match="roll call"):
            attempt()
    assert desk.ledger.enrol(ORDER).id == known.id


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
    enrolled = desk.ledger.enrol(Order(79990000000, "Hi", lane=lane, key=key))
    assert enrolled.created
    assert [number for _, _, number, _ in written] == [MessageId.parse(enrolled.id).batch]
    assert tries == [b"created"] * (lost + 1)
    assert desk.ledger.redis.hvals("{smsq}:totals").count(b"1") >= 1
    assert len(desk.ledger.redis.keys("{smsq}:b:*")) == 1


def test_a_range_that_is_in_already_is_written_down_too(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reply of the call that put it in may have been lost: a ledger that falls back behind it is found out."""
    written: list[Any] = []
    monkeypatch.setattr(desk.ledger, "witness", lambda *words: written.append(words))
    opened = desk.ledger.open_campaign(desk.plan())
    for _ in range(2):
        desk.ledger.enrol_range(opened.id, 1, [pack([79990000000], None, [1], 1)], [], 1)

    (run, n, _, name), again = written
    assert again == (run, n, 0, name)
    assert name == f"{opened.id}/1"


def test_a_ledger_that_stays_away_says_that_nothing_is_known(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who repeats it needs a key."""

    def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnreachable("Redis does not answer")

    monkeypatch.setattr(desk.ledger, "call_on", away)
    with pytest.raises(LedgerUnreachable, match=r"not known.*key"):
        desk.ledger.enrol(Order(79990000000, "Hi"))
