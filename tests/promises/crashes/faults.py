"""What can strike at a boundary, and the schedule that says where it does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Killed(BaseException):
    """The process is gone: nothing catches this but the world, and nothing of the process runs again."""


class Fault(StrEnum):
    """What happens to the one call that a boundary is."""

    KILLED_BEFORE = "killed-before"  # the process dies, nothing was sent
    KILLED_AFTER = "killed-after"  # it was carried out; the process dies before it knows
    REQUEST_LOST = "request-lost"  # nothing was carried out, the caller sees an error
    REPLY_LOST = "reply-lost"  # it was carried out, the caller sees an error
    PAUSED_SHORT = "paused-short"
    PAUSED_BEFORE = "paused-before"  # past the lease, the whole process, then it is sent
    PAUSED_AFTER = "paused-after"  # past the lease, one thread of a process that goes on beating, after the reply
    FROZEN_BEFORE = "frozen-before"  # past the window, the whole process, then it is sent
    FROZEN_AFTER = "frozen-after"  # past the window, the whole process, after the reply
    RUN_CHANGED = "run-changed"  # Redis begins another life (as a restart does) after the reply: a roll call follows
    ROLL_CALLED = "roll-called"  # the same, and the roll call is over before the caller goes on
    ARRIVES_LATE = "arrives-late"  # a send that the gateway takes only after the caller gave up


@dataclass(frozen=True, slots=True)
class Pause:
    """For how long, and whether the process' heartbeat stops too."""

    seconds: float
    is_after: bool
    is_frozen: bool


PAUSES = {
    Fault.PAUSED_SHORT: Pause(2.0, is_after=False, is_frozen=True),  # an owner is silent after three seconds
    Fault.PAUSED_BEFORE: Pause(50.0, is_after=False, is_frozen=True),  # a lease lasts 45
    Fault.PAUSED_AFTER: Pause(50.0, is_after=True, is_frozen=False),
    Fault.FROZEN_BEFORE: Pause(800.0, is_after=False, is_frozen=True),  # the window is 300, with an old control 600
    Fault.FROZEN_AFTER: Pause(800.0, is_after=True, is_frozen=True),
}
ARRIVES_AFTER_S = 110.0  # the latest arrival is taken to be 120
ROLL_CALL_S = 2.5  # a master looks once a second
AFTER = {Fault.KILLED_AFTER, Fault.REPLY_LOST, Fault.RUN_CHANGED, Fault.ROLL_CALLED}
AFTER |= {fault for fault, pause in PAUSES.items() if pause.is_after}

Schedule = dict[int, Fault]  # boundary, counted from the first of the story: what strikes there


READS = ("get", "hget", "hgetall", "hmget", "llen", "open", "zcard", "zrange", "zrangebyscore", "zrevrange")


def possible(boundary: str) -> list[Fault]:
    """What can strike at a boundary of this name, `process: call`.

    A read leaves nothing behind, nor does opening a line: what befalls its reply is what befalls its request or the
    next call.
    """
    call = boundary.partition(": ")[2]
    if call == "say send":
        return list(Fault)
    without = {Fault.ARRIVES_LATE}
    if call.split(" ")[0] in READS:
        without |= {Fault.KILLED_AFTER, Fault.REPLY_LOST, Fault.PAUSED_AFTER, Fault.FROZEN_AFTER, Fault.ROLL_CALLED}
    return [fault for fault in Fault if fault not in without]


def written(schedule: Schedule) -> str:
    """A schedule as the command takes it."""
    return " ".join(f"{place}:{fault}" for place, fault in sorted(schedule.items()))


def read(words: list[str]) -> Schedule:
    """The schedule that `written` wrote.

    >>> read(["12:reply-lost"])
    {12: <Fault.REPLY_LOST: 'reply-lost'>}
    """
    return {int(place): Fault(fault) for place, _, fault in (word.partition(":") for word in words)}
