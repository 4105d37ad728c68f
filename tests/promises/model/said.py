"""A message over SMPP whose answers may be lost: its parts, the gateway's history, and what may be concluded from that.

Time goes in ticks. A session takes the parts of an attempt one behind the other; then it answers, or is cut. A part
that was written arrives within `ARRIVAL` ticks, or never. The gateway holds the parts of a message until all are there,
and says so if it gives them up (`HOLDS`), or sends each on as it comes (`PASSES`). History shows what the phone got
within `VISIBLE` ticks, the comment in the last part; or it shows no comments (`MUTE`), or nothing new at all (`STALE`).
"""

from __future__ import annotations

from typing import NamedTuple

from tests.promises.model.promises import DOUBLED

REACHED_NOBODY = "settled, and no phone got it"

HOLDS, PASSES, MUTE, STALE = "holds", "passes", "mute", "stale"
SENDING, DOUBTFUL, READY, PARKED, SETTLED = "sending", "doubtful", "ready", "parked", "settled"

ARRIVAL, VISIBLE, DEADLINE = 2, 1, 1
WINDOW = DEADLINE + ARRIVAL + VISIBLE + 1
MOST_ATTEMPTS = 2
LAST = MOST_ATTEMPTS * (WINDOW + 2)

UNWRITTEN, LOST = -1, -2  # of a part; else the tick of its writing, or ARRIVED and that of its arrival
ARRIVED = 100

# The rules that can be left out.
OWN_ID = "absence is asked about under our own id"
CONTROL = "the control need not be found by its comment"
ROWS = "a row without a comment is overlooked"
SILENT = "a silent session is not ended"
SHORT = "the window leaves out the latest arrival"
REPEAT = "a part that got no answer is written again"
GIVEN_UP = "a message given up for want of a part has ended"
RULES = (OWN_ID, CONTROL, ROWS, SILENT, SHORT, REPEAT)


class World(NamedTuple):
    """How many parts the text has, and what the gateway does."""

    parts: int
    gateway: str


WORLDS = tuple(World(parts, gateway) for parts in (1, 2) for gateway in (HOLDS, PASSES, MUTE, STALE))


class Attempt(NamedTuple):
    """One claim: when, its parts, and whether its session lives."""

    at: int
    parts: tuple[int, ...]
    is_open: bool


class State(NamedTuple):
    """Everything."""

    now: int
    state: str
    attempts: tuple[Attempt, ...]


class Said:
    """The message, as something to walk."""

    def __init__(self, world: World, off: str = "") -> None:
        self.world = world
        self.off = off

    def first(self) -> State:
        return State(0, READY, ())

    def steps(self, s: State) -> list[tuple[str, State]]:
        found = [*self._of_ledger(s)]
        for number, attempt in enumerate(s.attempts):
            for what, changed in self._of_attempt(s, attempt, is_newest=number == len(s.attempts) - 1):
                attempts = (*s.attempts[:number], changed, *s.attempts[number + 1 :])
                found.append((what, s._replace(attempts=attempts)))
        if s.now < LAST and not any(self._is_due(s, attempt) for attempt in s.attempts):
            found.append(("a tick", s._replace(now=s.now + 1)))
        return found

    def broken(self, s: State) -> str:
        copies = sum(self._reached_phone(attempt) for attempt in s.attempts)
        if s.state == SETTLED and not copies:
            return REACHED_NOBODY
        return DOUBLED if copies > 1 else ""

    def worse(self, s: State, t: State) -> str:
        return ""

    def is_end(self, s: State) -> bool:
        return s.state in (SETTLED, PARKED) or s.now == LAST

    def tell(self, s: State) -> str:
        return str(tuple(s))

    # --- the wire --------------------------------------------------------------------------------------------

    def _of_attempt(self, s: State, attempt: Attempt, *, is_newest: bool) -> list[tuple[str, Attempt]]:
        found = []
        may_write = attempt.is_open and is_newest and s.state == SENDING and s.now <= attempt.at + DEADLINE
        for place, part in enumerate(attempt.parts):
            is_next = part == UNWRITTEN and (place == 0 or attempt.parts[place - 1] != UNWRITTEN)
            if may_write and is_next:
                found.append((f"part {place} is written", _with(attempt, place, s.now)))
            if 0 <= part < ARRIVED:
                found.append((f"part {place} arrives", _with(attempt, place, ARRIVED + s.now)))
                if not attempt.is_open:
                    found.append((f"part {place} is lost", _with(attempt, place, LOST)))
        if attempt.is_open:
            found.append(("the session is cut", attempt._replace(is_open=False)))
        return found

    def _is_due(self, s: State, attempt: Attempt) -> bool:
        """Whether a part that is on its way must arrive or be lost before the next tick."""
        if self.off == SILENT and attempt.is_open:
            return False
        return any(0 <= part < ARRIVED and s.now >= part + ARRIVAL for part in attempt.parts)

    # --- the gateway -----------------------------------------------------------------------------------------

    def _is_whole(self, attempt: Attempt) -> bool:
        return all(part >= ARRIVED for part in attempt.parts)

    def _reached_phone(self, attempt: Attempt) -> bool:
        if self.world.gateway == PASSES:
            return any(part >= ARRIVED for part in attempt.parts)
        return self._is_whole(attempt)

    def _is_given_up(self, attempt: Attempt) -> bool:
        """Whether the gateway holds a part, and no other comes any more."""
        return any(part >= ARRIVED for part in attempt.parts) and all(
            part >= ARRIVED or part == LOST or (part == UNWRITTEN and not attempt.is_open) for part in attempt.parts
        )

    def _shown_since(self, attempt: Attempt, parts: tuple[int, ...]) -> int | None:
        """The tick from which history certainly shows these parts, None if they are not all there."""
        return max(part - ARRIVED for part in parts) + VISIBLE if all(part >= ARRIVED for part in parts) else None

    def _shows_comment(self, attempt: Attempt, now: int) -> bool:
        if self.world.gateway in (MUTE, STALE):
            return False
        needed = attempt.parts[-1:] if self.world.gateway == PASSES else attempt.parts
        since = self._shown_since(attempt, needed)
        return since is not None and now >= since

    def _shows_row_without(self, attempt: Attempt, now: int) -> bool:
        """A row that no comment explains: of a part that was sent on alone."""
        if self.world.gateway == MUTE:
            since = self._shown_since(attempt, attempt.parts)
            return since is not None and now >= since
        if self.world.gateway in (HOLDS, STALE):
            return False
        return any(part >= ARRIVED and now >= part - ARRIVED + VISIBLE for part in attempt.parts[:-1])

    # --- the ledger ------------------------------------------------------------------------------------------

    def _of_ledger(self, s: State) -> list[tuple[str, State]]:
        if s.state == READY and len(s.attempts) < MOST_ATTEMPTS:
            claimed = Attempt(s.now, (UNWRITTEN,) * self.world.parts, is_open=True)
            return [("it is claimed", s._replace(state=SENDING, attempts=(*s.attempts, claimed)))]
        if s.state == READY:
            return [("enough", s._replace(state=PARKED))]
        newest = s.attempts[-1] if s.attempts else None
        if s.state == SENDING and newest is not None:
            return self._of_send(s, newest)
        if s.state == DOUBTFUL and newest is not None:
            return self._of_question(s, newest)
        return []

    def _of_send(self, s: State, newest: Attempt) -> list[tuple[str, State]]:
        found = []
        if newest.is_open and self._is_whole(newest):
            found.append(("it is answered", s._replace(state=SETTLED)))
        if all(part == UNWRITTEN for part in newest.parts) and not newest.is_open:
            return [*found, ("nothing was written", s._replace(state=READY))]
        over = not newest.is_open or s.now > newest.at + DEADLINE
        if over and self.off == REPEAT and len(s.attempts) < MOST_ATTEMPTS:
            again = Attempt(s.now, (UNWRITTEN,) * self.world.parts, is_open=True)
            found.append(("it is written again", s._replace(attempts=(*s.attempts, again))))
        if over:
            ended = newest if self.off == SILENT else newest._replace(is_open=False)
            found.append(("it is doubtful", s._replace(state=DOUBTFUL, attempts=(*s.attempts[:-1], ended))))
        return found

    def _of_question(self, s: State, newest: Attempt) -> list[tuple[str, State]]:
        found = []
        shown = any(self._shows_comment(attempt, s.now) for attempt in s.attempts)
        if shown and self.off != OWN_ID:
            return [("it is found", s._replace(state=SETTLED))]
        is_given_up = self.world.gateway == HOLDS and any(self._is_given_up(attempt) for attempt in s.attempts)
        if is_given_up and self.off == GIVEN_UP:
            found.append(("it is given up", s._replace(state=SETTLED)))
        window = WINDOW - (ARRIVAL if self.off == SHORT else 0)
        if s.now < newest.at + window:
            return []
        sees_control = self.world.gateway in (HOLDS, PASSES) or self.off in (CONTROL, OWN_ID)
        has_row = any(self._shows_row_without(attempt, s.now) for attempt in s.attempts)
        holds_back = has_row and self.off not in (ROWS, OWN_ID)  # a question about an id shows no rows
        if sees_control and not holds_back:
            found.append(("it is absent", s._replace(state=READY)))
        else:
            found.append(("a person decides", s._replace(state=PARKED)))
        return found


def _with(attempt: Attempt, place: int, part: int) -> Attempt:
    return attempt._replace(parts=(*attempt.parts[:place], part, *attempt.parts[place + 1 :]))
