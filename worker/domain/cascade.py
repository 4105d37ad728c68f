"""A cascade: the channels of one code, tried in order, and when the next is tried. Pure: no clock, no store.

The next channel is tried only while the person does not have the code. So a delivery, or the end of the code, ends the
cascade, and a message that failed for good is not waited for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from smsq.worker.domain.otp import Step

UNSENT_LOOK_S = 2.0  # whether a first message was enrolled meanwhile
ARRIVED = frozenset({"delivered", "read", "clicked"})
FAILED = frozenset({"undeliverable", "expired", "refused", "late", "cancelled"})
# A code's own state, and what ends its cascade then.
OVER = {"used": "checked", "locked": "locked", "expired": "expired"}

# Why a step was taken: the word of records and metrics, and the sentence for people.
TAKEN = {
    "first": "the first channel",
    "waited": "the channel before delivered nothing in its time",
    "failed": "the channel before failed for good",
    "resend": "it was asked for again",
}
# Why the next one was not, or will not be.
ENDED = {
    "delivered": "the code was delivered",
    "checked": "the code was entered",
    "locked": "the code is locked after too many wrong tries",
    "expired": "the code has expired",
    "last": "there is no further channel",
    "optout": "this person wants no messages",
    "cost": "it would cost more than `max_cost`",
    "shield": "the shield refuses it",
}


def not_taken(why: str) -> str:
    """Why a channel was not tried, for people; '' while it may be.

    >>> not_taken("cost"), not_taken("shield:held")
    ('it would cost more than `max_cost`', 'the shield refuses it (held)')
    """
    word, _, more = why.partition(":")
    return ENDED.get(word, "its turn has not come") + (f" ({more})" if more else "")


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of a code: since when it is on its way, and its status; '' if it is not enrolled yet."""

    number: int
    at: float  # Unix seconds
    status: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until this moment (Unix seconds), unless something changes."""

    until: float


@dataclass(frozen=True, slots=True)
class Enrol:
    """Enrol the message of a step: the process that reserved it died."""

    number: int


@dataclass(frozen=True, slots=True)
class Take:
    """Try the channel at this place, for this reason (of `TAKEN`)."""

    place: int
    why: str


@dataclass(frozen=True, slots=True)
class End:
    """No further channel is tried, for this reason (of `ENDED`)."""

    why: str


Move = Wait | Enrol | Take | End


def end_of(channels: int, place: int, statuses: Collection[str], state: str) -> str:
    """Why no channel after the one at `place` of so many is tried, a word of `ENDED`; '' while one may be.

    `statuses` are those of all messages of the code, `state` is the code's own.

    >>> end_of(2, 0, ["delivered"], "waiting"), end_of(2, 1, ["sent"], "waiting"), end_of(2, 0, ["late"], "waiting")
    ('delivered', 'last', '')
    """
    if state in OVER:
        return OVER[state]
    if not ARRIVED.isdisjoint(statuses):
        return "delivered"
    if "optout" in statuses:
        return "optout"
    return "last" if place + 1 >= channels else ""


def next_move(steps: Sequence[Step], place: int, sent: Sequence[Sent], state: str, now: float) -> Move:
    """What a cascade does now.

    `place` is the channel tried last, `sent` all messages of the code in order (resends among them), `state` the
    code's own: `waiting`, `used`, `locked` or `expired`. The wait counts from the newest message.
    """
    newest, why = sent[-1], end_of(len(steps), place, [each.status for each in sent], state)
    if why and why != "last":
        return End(why)
    if not newest.status:  # the first belongs to its caller, who may have got an error
        return Enrol(newest.number) if newest.number else Wait(now + UNSENT_LOOK_S)
    if why:
        return End(why)
    if newest.status in FAILED:
        return Take(place + 1, "failed")
    until = newest.at + steps[place].wait_s
    return Take(place + 1, "waited") if now >= until else Wait(until)


def fits(most: int | None, spent: int, price: int) -> bool:
    """Whether `most` allows one more message; all in the ledger's units of money."""
    return most is None or spent + price <= most
