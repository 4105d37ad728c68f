"""When the next channel's turn is, and how channels are written."""

from __future__ import annotations

import pytest

from smsq.worker.domain.cascade import ENDED, TAKEN, End, Enrol, Move, Sent, Take, Wait, fits, next_move, not_taken
from smsq.worker.domain.errors import BadChannel, BadWait, NoChannel
from smsq.worker.domain.otp import Step, steps_of, written

STEPS = (Step("sms", 20.0), Step("tg", 30.0), Step("call", 0.0))


def sent(*statuses: str, at: float = 100.0) -> list[Sent]:
    """Messages of a code, enrolled at the same moment."""
    return [Sent(number, at, status) for number, status in enumerate(statuses)]


MOVES = [
    ("the wait is not over", 0, sent("accepted"), "waiting", 119.9, Wait(120.0)),
    ("the wait is over", 0, sent("accepted"), "waiting", 120.0, Take(1, "waited")),
    ("a doubtful message is waited for as any", 0, sent("doubtful"), "waiting", 110.0, Wait(120.0)),
    ("and no longer", 0, sent("doubtful"), "waiting", 121.0, Take(1, "waited")),
    ("so is one that nobody sent yet", 0, sent("queued"), "waiting", 121.0, Take(1, "waited")),
    ("the second channel has a wait of its own", 1, sent("accepted", "accepted"), "waiting", 129.0, Wait(130.0)),
    ("what cannot be delivered is not waited for", 0, sent("undeliverable"), "waiting", 100.1, Take(1, "failed")),
    ("nor what expired", 0, sent("expired"), "waiting", 100.1, Take(1, "failed")),
    ("nor what was refused", 1, sent("accepted", "refused"), "waiting", 100.1, Take(2, "failed")),
    ("nor what came too late to be sent", 0, sent("late"), "waiting", 100.1, Take(1, "failed")),
    ("an earlier failure does not count any more", 1, sent("refused", "accepted"), "waiting", 101.0, Wait(130.0)),
    ("delivered", 0, sent("delivered"), "waiting", 100.1, End("delivered")),
    ("an earlier message arrives after all", 1, sent("read", "accepted"), "waiting", 200.0, End("delivered")),
    ("entered", 0, sent("accepted"), "used", 100.1, End("checked")),
    ("entered although it failed", 0, sent("undeliverable"), "used", 100.1, End("checked")),
    ("locked", 0, sent("accepted"), "locked", 200.0, End("locked")),
    ("expired", 0, sent("accepted"), "expired", 200.0, End("expired")),
    ("no further channel", 2, sent("accepted", "accepted", "accepted"), "waiting", 999.0, End("last")),
    ("the last one failed", 2, sent("late", "late", "refused"), "waiting", 999.0, End("last")),
    ("whoever reserved the step died", 1, sent("accepted", ""), "waiting", 999.0, Enrol(1)),
    ("even of the last channel", 2, sent("late", "late", ""), "waiting", 999.0, Enrol(2)),
    ("whoever asked for it died: its first message is theirs", 0, sent(""), "waiting", 110.0, Wait(112.0)),
    ("somebody who wants no messages gets no call", 0, sent("optout"), "waiting", 999.0, End("optout")),
]


@pytest.mark.parametrize(
    ("place", "messages", "state", "now", "move"), [row[1:] for row in MOVES], ids=[row[0] for row in MOVES]
)
def test_what_is_next(place: int, messages: list[Sent], state: str, now: float, move: Move) -> None:
    """Only while nobody has the code."""
    assert next_move(STEPS, place, messages, state, now) == move


def test_a_resend_is_waited_for() -> None:
    """The wait counts from the newest message, which a person asked for a moment ago."""
    messages = [Sent(0, 100.0, "accepted"), Sent(1, 115.0, "accepted")]

    assert next_move(STEPS, 0, messages, "waiting", 121.0) == Wait(135.0)


def test_every_word_has_its_sentence() -> None:
    """What moves say can be shown."""
    moves = [row[-1] for row in MOVES]

    assert {move.why for move in moves if isinstance(move, Take)} <= set(TAKEN)
    assert {move.why for move in moves if isinstance(move, End)} <= set(ENDED)
    assert not_taken("shield:phone_limit") == "the shield refuses it (phone_limit)"
    assert not_taken("") == "its turn has not come"


@pytest.mark.parametrize(
    ("most", "spent", "price", "is_paid"),
    [(None, 10**9, 10**9, True), (100, 60, 40, True), (100, 61, 40, False), (100, 0, 101, False)],
)
def test_a_cap_holds_what_was_spent_and_what_comes(most: int | None, spent: int, price: int, is_paid: bool) -> None:
    """To the last unit."""
    assert fits(most, spent, price) is is_paid


@pytest.mark.parametrize(
    ("channels", "steps"),
    [
        ("sms", (Step("sms", 0.0),)),
        ("sms:20s,tg:30s,call", STEPS),
        (" sms : 20 , tg : 0.5m , call ", STEPS),
        ("tg:2m,sms", (Step("tg", 120.0), Step("sms", 0.0))),
        ("tg:1min,sms:9s", (Step("tg", 60.0), Step("sms", 9.0))),
    ],
)
def test_channels_are_read(channels: str, steps: tuple[Step, ...]) -> None:
    """Seconds and minutes; the last one's wait is of no use and may be left out."""
    assert steps_of(channels) == steps
    assert steps_of(written(steps)) == steps


@pytest.mark.parametrize(
    ("channels", "error", "sentence"),
    [
        ("", NoChannel, "at least one"),
        (" , ", NoChannel, "at least one"),
        ("sms:-5s,tg", BadWait, "a second to an hour"),
        ("sms:0s,tg", BadWait, "a second to an hour"),
        ("sms:2h,tg", BadWait, "a second to an hour"),
        ("sms:61m,tg", BadWait, "a second to an hour"),
        ("sms:,tg", BadWait, "a second to an hour"),
        ("sms:٢٠s,tg", BadWait, "a second to an hour"),
        ("sms,tg", BadWait, "each channel but the last"),
        ("sms:20s,,tg", BadChannel, "look like"),
        ("SMS", BadChannel, "look like"),
        ("sms:20s,tg:20s,sms", BadChannel, "sms is listed twice"),
        ("a:1s,b:1s,c:1s,d:1s,e:1s,f", BadChannel, "at most"),
    ],
)
def test_channels_that_make_no_sense(channels: str, error: type[BadChannel], sentence: str) -> None:
    """An empty list, a wait that is none, and other channels are told apart by their words."""
    with pytest.raises(error, match=sentence) as caught:
        steps_of(channels)

    assert caught.value.word == error.word
    assert len({NoChannel.word, BadWait.word, BadChannel.word}) == 3
