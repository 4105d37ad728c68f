"""Which mirror to try next: one table per process, shared by its threads.

The given order is the order of preference. Each attempt names the mirrors that it has tried already, so that it goes
round; the breaker of each mirror says whether we back off from it, which is never for ever.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from smsq.worker.clock import Clock
from smsq.worker.transports.breaker import Breaker

OWING_S = 2.0  # a mirror that has owed an answer for longer is not preferred


def _nobody(mirror: str, is_up: bool) -> None:
    """The default of `on_seen`: do nothing."""


class Mirrors:
    """The mirrors of one brand.

    `on_seen(mirror, is_up)` is called each time a mirror was tried, and never for one that was not.
    """

    def __init__(self, bases: Sequence[str], clock: Clock, *, on_seen: Callable[[str, bool], None] = _nobody) -> None:
        if not bases:
            raise ValueError("a gateway has at least one mirror")
        self.bases = tuple(dict.fromkeys(base.rstrip("/") for base in bases))
        self._clock = clock
        self._on_seen = on_seen
        self._lock = threading.Lock()
        self._breakers = {base: Breaker() for base in self.bases}
        self._owed: dict[str, dict[int, float]] = {base: {} for base in self.bases}  # requests under way: since when
        self._tokens = itertools.count()
        # Whether `Warmer` tries mirrors that could not be reached, so that no send has to wait for one.
        self.are_tried_elsewhere = False

    def next(self, exclude: Collection[str] = ()) -> str | None:
        """The mirror for the next send, or None if we back off from all but those in `exclude`."""
        now = self._clock.monotonic()
        with self._lock:
            chosen = self._choose(exclude, now)
            if chosen is not None:
                self._breakers[chosen].take(now)
            return chosen

    def _choose(self, exclude: Collection[str], now: float) -> str | None:
        free = [base for base in self.bases if base not in exclude and self._breakers[base].free_at() <= now]
        well = [base for base in free if not self._breakers[base].is_tripped] or free[:1]
        return min(well, key=lambda base: (self._is_left_to_others(base), self._owes(base, now)), default=None)

    def _is_left_to_others(self, base: str) -> bool:
        return self.are_tried_elsewhere and self._breakers[base].is_unreachable

    def _owes(self, base: str, now: float) -> bool:
        oldest = next(iter(self._owed[base].values()), now)  # they lie in the order in which they began
        return now - oldest > OWING_S

    @contextmanager
    def owing(self, mirror: str) -> Iterator[None]:
        """Hold this while a request to it is under way: the next send avoids a mirror that owes an answer for long."""
        owed = self._owed.get(mirror.rstrip("/"), {})
        token = next(self._tokens)
        with self._lock:
            owed[token] = self._clock.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del owed[token]

    def has_better(self, mirror: str) -> bool:
        """Whether this mirror has owed an answer for long and the next send would go to another."""
        base, now = mirror.rstrip("/"), self._clock.monotonic()
        with self._lock:
            if base not in self._owed or not self._owes(base, now):
                return False
            return self._choose((), now) not in (base, None)

    def next_to_ask(self, exclude: Collection[str] = ()) -> str | None:
        """The mirror for a question, which may be repeated: a tripped one is asked if no other is free."""
        now = self._clock.monotonic()
        with self._lock:
            free = [base for base in self.bases if base not in exclude and self._breakers[base].paused_until <= now]
            return min(free, key=lambda base: self._breakers[base].is_tripped, default=None)

    def next_to_probe(self) -> str | None:
        """A tripped or unreachable mirror whose probe is due, for a question such as the balance; else None.

        Without it a mirror that nobody needs would count as down for ever, since sends go to those before it.

        The caller calls `good` or `unknown` afterwards; its next probe is due later.
        """
        now = self._clock.monotonic()
        with self._lock:
            for base in self.bases:
                breaker = self._breakers[base]
                if not breaker.is_up and max(breaker.paused_until, breaker.question_at) <= now:
                    breaker.put_off_question(now)
                    return base
            return None

    def next_to_warm(self, exclude: Collection[str] = ()) -> str | None:
        """The first mirror that may be connected to and whose answers can be believed, or None."""
        now = self._clock.monotonic()
        with self._lock:
            for base in sorted(self.bases, key=lambda each: self._owes(each, now)):
                breaker = self._breakers[base]
                if base not in exclude and not breaker.is_tripped and breaker.paused_until <= now:
                    return base
            return None

    def wait_s(self) -> float:
        """Seconds until a send may be tried at some mirror; 0 if one may now."""
        now = self._clock.monotonic()
        with self._lock:
            return max(0.0, min(breaker.free_at() for breaker in self._breakers.values()) - now)

    def is_cut_off(self) -> bool:
        """Whether the last try to connect failed everywhere."""
        with self._lock:
            return all(breaker.is_unreachable for breaker in self._breakers.values())

    def tripped(self) -> tuple[str, ...]:
        """The tripped mirrors: they wait for a well-formed answer, such as one to a balance probe."""
        with self._lock:
            return tuple(base for base in self.bases if self._breakers[base].is_tripped)

    def good(self, mirror: str) -> None:
        """Note that it gave a well-formed answer, be it an error code."""
        self._note(mirror, lambda breaker, now: breaker.good())

    def unknown(self, mirror: str) -> None:
        """Note a request to it whose outcome is unknown."""
        self._note(mirror, lambda breaker, now: breaker.unknown(now))

    def reached(self, mirror: str) -> None:
        """Note that a connection to it was opened."""
        self._note(mirror, lambda breaker, now: breaker.reached())

    def unreachable(self, mirror: str) -> None:
        """Note that no connection to it could be opened."""
        self._note(mirror, lambda breaker, now: breaker.unreachable(now))

    def _note(self, mirror: str, verdict: Callable[[Breaker, float], None]) -> None:
        """Apply a verdict; one about a mirror that is not in the settings is dropped."""
        breaker = self._breakers.get(mirror.rstrip("/"))
        if breaker is None:
            return
        now = self._clock.monotonic()
        with self._lock:
            verdict(breaker, now)
            is_up = breaker.is_up
        self._on_seen(mirror.rstrip("/"), is_up)
