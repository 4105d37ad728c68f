"""Requests of the front door in the ledger: whole or not at all, once, in both ways that a verb runs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import LedgerHalted, LedgerTrouble, LedgerUnreachable
from smsq.worker.ledger import Ledger
from smsq.worker.ledger.front_door.requests import Asked, Guarded, NewRequest, Reply, Taken
from tests.conftest import Plant

PHONE = 79991234567


def request(*phones: int, text: str = "Hi", given: str = "33", host: str = "a", lane: str = "urgent") -> NewRequest:
    """One request."""
    messages = [Asked(recipient=phone, shown=str(phone), text=text) for phone in phones or (PHONE,)]
    said = msgspec.msgpack.encode([(message.shown, message.text) for message in messages])
    return NewRequest(
        caller="shop",
        id=given,
        host=host,
        content=said,
        lane=lane,
        options=Options(),
        messages=messages,
        day="2026-11-29",
    )


def enrol(ledger: Ledger, *requests: NewRequest, reached: Sequence[Taken] = (), guard_s: float = 60.0) -> list[Reply]:
    """All of them together."""
    return ledger.enrol_requests(requests, reached, guard_s=guard_s, keep_s=1000.0)


def taken(reply: Reply) -> Taken:
    """It was."""
    assert isinstance(reply, Taken), reply
    return reply


def waiting(ledger: Ledger) -> int:
    """Messages that wait."""
    return sum(int(ledger.redis.zcard(ledger.key(f"ready:{lane}"))) for lane in ("urgent", "bulk"))


def test_many_requests_go_in_one_round_trip(plant: Plant) -> None:
    """Each with its own id; two of the same content in one group are one message."""
    replies = enrol(plant.ledger, request(), request(text="b", given=""), request(1_234_567, 1_234_568), request())
    first, drawn, both, repeat = map(taken, replies)

    assert (first.id, both.id, int(drawn.id) > 10**9) == ("33", "33", True)
    assert [len(each.refs) for each in (first, drawn, both, repeat)] == [1, 1, 2, 0]
    assert waiting(plant.ledger) == 4


def test_a_message_is_like_any_other(plant: Plant) -> None:
    """It is claimed, sent and settled; its text is sealed while it waits."""
    reply = taken(enrol(plant.ledger, request(text="4821"))[0])
    number = reply.refs[0].number
    packed = plant.ledger.redis.hget(plant.ledger.keys.shard(number), f"{number}t")
    plant.send(*reply.refs)

    assert b"4821" not in packed
    assert plant.ledger.texts_of([number]) == [""], "it is gone once it is settled"
    assert plant.statuses(reply.refs[0]) == ["accepted"]
    assert plant.sandbox.messages(PHONE)[0]["text"] == "4821"


def test_a_request_over_the_edge_of_a_hash(plant: Plant) -> None:
    """Batches of one request may lie in two hashes."""
    ledger = plant.ledger
    ledger.redis.set(ledger.key("n:batch"), 1024 - 3)
    reply = taken(enrol(ledger, request(*range(PHONE, PHONE + 7), lane="bulk"))[0])
    numbers = [ref.number for ref in reply.refs]

    assert (numbers[0] // 1024, numbers[-1] // 1024) == (0, 1)
    assert all(ledger.read(reply.refs))
    plant.send(*reply.refs)
    assert {status for ref in reply.refs for status in plant.statuses(ref)} == {"accepted"}


@pytest.mark.parametrize(
    ("reached_by", "repeat", "after_the_minute", "wanted"),
    [
        ([], "a", False, "same"),  # a lost answer
        ([], "a", True, "same"),  # the retry of a slow library
        (["a"], "b", False, "same"),  # it went on to the next host
        (["a"], "a", False, "guarded"),  # a deliberate repeat
        (["a", "b"], "b", False, "guarded"),
        (["a"], "a", True, "new"),
        (["a"], "b", True, "new"),
    ],
)
def test_who_gets_the_first_answer(
    plant: Plant, reached_by: list[str], repeat: str, after_the_minute: bool, wanted: str
) -> None:
    """By whom an answer has reached, and when."""
    ledger = plant.ledger
    first = taken(enrol(ledger, request(host="a"))[0])
    for host in reached_by:
        ledger.note_reached([Taken(id=first.id, parts=1, said=first.said, host=host)])
    reply = enrol(ledger, request(host=repeat), guard_s=-1.0 if after_the_minute else 60.0)[0]
    became = "guarded" if isinstance(reply, Guarded) else "new" if taken(reply).refs else "same"

    assert became == wanted
    assert waiting(ledger) == (2 if wanted == "new" else 1)


def test_a_note_comes_before_the_group_that_takes_it_along(plant: Plant) -> None:
    """So a repeat right behind its answer is seen as one."""
    first = taken(enrol(plant.ledger, request())[0])

    assert enrol(plant.ledger, request(), reached=[first]) == [Guarded()]


def test_a_note_of_what_is_no_longer_kept_writes_nothing(plant: Plant) -> None:
    """It must not bring a record back without its end."""
    first = taken(enrol(plant.ledger, request())[0])
    plant.ledger.redis.delete(first.said)
    plant.ledger.note_reached([first])

    assert not plant.ledger.redis.exists(first.said)


def test_a_lost_reply_is_the_same_message(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is made again, and knows its own record."""
    ledger, runs = plant.ledger, []
    run_each = ledger.way.run_each

    def lossy(connection: object, calls: Sequence[object]) -> list[object]:
        replies = run_each(connection, calls)  # type: ignore[arg-type]
        runs.append(len(calls))
        if len(runs) == 1:
            raise LedgerUnreachable("the reply was lost")
        return replies

    monkeypatch.setattr(ledger.way, "run_each", lossy)
    replies = [taken(reply) for reply in enrol(ledger, request(), request(text="b", given=""))]

    assert (len(runs), [len(reply.refs) for reply in replies], waiting(ledger)) == (2, [1, 1], 2)


def test_a_full_ledger_takes_nothing_of_a_request(plant: Plant) -> None:
    """Nor its id, nor its answer."""
    ledger = plant.ledger
    enrol(ledger, request(text="warm", given="1"))
    ledger.redis.config_set("maxmemory", 1)
    try:
        reply = enrol(ledger, request(PHONE, PHONE + 1))[0]
    finally:
        ledger.redis.config_set("maxmemory", 0)

    assert isinstance(reply, LedgerTrouble)
    assert ledger.numbers_of("shop", [("33", str(PHONE))]) == [None]
    assert waiting(ledger) == 1


def test_nothing_is_enrolled_while_a_run_is_not_in_force(plant: Plant) -> None:
    """As at any other entrance."""
    plant.ledger.redis.hset(plant.ledger.key("run"), "current", "another")

    assert isinstance(enrol(plant.ledger, request())[0], LedgerHalted)


def test_everything_has_an_end(plant: Plant) -> None:
    """Ids and lists of days as long as messages are kept, answers for ten minutes; the counter stays."""
    enrol(plant.ledger, request(given=""))
    redis = plant.ledger.redis
    lives = {key.decode().split(":")[2]: redis.ttl(key) for key in redis.keys("*door:*")}

    assert 990 < lives["id"] <= 1000
    assert 990 < lives["past"] <= 1000
    assert 590 < lives["said"] <= 600
    assert redis.ttl(plant.ledger.key("n:door")) == -1


def test_what_is_kept_of_an_answer_does_not_tell_the_text(plant: Plant) -> None:
    """A code has few values: its record's name is a keyed hash."""
    first = taken(enrol(plant.ledger, request(text="4821"))[0])
    held = str(plant.ledger.redis.hgetall(first.said))

    assert "4821" not in held
    assert str(PHONE) not in held + first.said


def test_a_request_rings_for_each_of_its_messages(plant: Plant) -> None:
    """While a worker listens; then nobody gives a hint of them. A repeat rings no more."""
    plant.ledger.beat("urgent/host/1/a", hears_for_s=60.0)
    asked = request(79990000001, 79990000002, 79990000003)
    first, again = (enrol(plant.ledger, asked)[0] for _ in range(2))

    assert [taken(each).is_hint_needed for each in (first, again)] == [False, False]
    assert plant.ledger.redis.llen("{smsq}:bell:ready:urgent") == 3
