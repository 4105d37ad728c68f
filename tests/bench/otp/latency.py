"""From the call to the gateway: every program in turns, idle and beside a backlog, and what codes cost the bulk."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import mean

from tests.bench.otp.pace import Times
from tests.bench.otp.stand_in import StandIn
from tests.bench.otp.systems import PATIENCE_S, PROGRAMS, Place, Program

SITUATIONS = ("idle", "loaded")
SLICES = 4  # of the codes beside campaigns; before, between and after them campaigns run alone


@dataclass(slots=True)
class Bulk:
    """Recipients per second beside codes, and in the windows just before and after."""

    pairs: list[tuple[float, float]] = field(default_factory=list)  # (with, without)

    @property
    def losses(self) -> list[float]:
        """Per cent lost, one reading per window with codes whose neighbours were not empty."""
        return [100 * (1 - beside / alone) for beside, alone in self.pairs if alone]


@dataclass(slots=True)
class Samples:
    """What one program did in one situation; times in milliseconds, one list per round."""

    arrivals: list[list[float]] = field(default_factory=list)  # from the beginning of the call to the gateway
    calls: list[float] = field(default_factory=list)  # the call alone
    lost: int = 0
    twice: int = 0
    bulk: Bulk = field(default_factory=Bulk)  # for programs whose backlog is watched
    failed: list[str] = field(default_factory=list)  # turns that came to nothing, each with its reason

    @property
    def all(self) -> list[float]:
        """Of all rounds; a code that never arrived took for ever."""
        return [ms for each in self.arrivals for ms in each] + [math.inf] * self.lost

    def add(self, sent: Sequence[Times], stamps: Sequence[tuple[int, int]]) -> None:
        """One round."""
        took, lost, twice = matched(sent, stamps)
        self.arrivals.append(took)
        self.calls += [(returned - began) / 1e6 for _, began, returned in sent]
        self.lost += lost
        self.twice += twice

    def fail(self, reason: str) -> None:
        """A round without codes."""
        self.arrivals.append([])
        self.failed.append(reason)


Latency = dict[str, dict[str, Samples]]  # by program, by situation


def nothing_yet(names: Sequence[str]) -> Latency:
    """What `measure` fills."""
    return {name: {situation: Samples() for situation in SITUATIONS} for name in names}


def measure(place: Place, found: Latency, rounds: int, many: int, *, alone_s: float) -> None:
    """Every program in both situations, `many` codes each, `rounds` times; another program begins each round.

    `alone_s` is how long campaigns run without codes between two slices. A turn that fails is noted, and the run goes
    on without it.
    """
    names = list(found)
    for n in range(rounds):
        shift = n % len(names)
        for name in [*names[shift:], *names[:shift]]:
            for situation, samples in found[name].items():
                said = f"  {n + 1}/{rounds} {PROGRAMS[name].label}, {situation}"
                try:
                    take(place, PROGRAMS[name], situation == "loaded", many, n, samples, alone_s)
                except (SystemExit, OSError, ValueError) as error:
                    samples.fail(str(error))
                    place.say(f"{said}: failed: {error}")
                    continue
                last = samples.arrivals[-1]
                told = ", ".join(f"{part:g} % {percentile(last, part):.1f}" for part in (50, 95, 99, 100) if last)
                place.say(f"{said}: {len(last)} codes, ms: {told}")


def take(
    place: Place, program: Program, is_loaded: bool, many: int, seed: int, samples: Samples, alone_s: float
) -> None:
    """One program, one situation, one round."""
    gateway = place.gateway
    gateway.reset()
    with program.started(place, is_loaded) as sampler:
        sampler.warm_up(program.warm_up)
        order = partial(sampler.order, least_s=program.gaps_s[0], most_s=program.gaps_s[1])
        if program.is_watched and is_loaded:
            sent, pairs = _beside(order, gateway, many, seed, alone_s)
        else:
            sent, pairs = order(many, seed=seed), []
        _await(gateway, len(sent))
        samples.add(sent, gateway.stamps())
        samples.bulk.pairs += pairs


def _beside(
    order: Callable[..., list[Times]], gateway: StandIn, many: int, seed: int, alone_s: float
) -> tuple[list[Times], list[tuple[float, float]]]:
    """Codes in slices, campaigns alone before, between and after them; recipients per second with and without."""
    sent: list[Times] = []
    parts = [many * (n + 1) // SLICES - many * n // SLICES for n in range(SLICES)]
    alone, beside = [_alone(gateway, alone_s)], []
    for n, part in enumerate(parts):
        before = gateway.count()
        sent += order(part, seed=SLICES * seed + n)
        beside.append(rate(before, gateway.count()))
        alone.append(_alone(gateway, alone_s))
    return sent, [(each, mean(alone[n : n + 2])) for n, each in enumerate(beside)]


def _alone(gateway: StandIn, seconds: float) -> float:
    before = gateway.count()
    time.sleep(seconds)
    return rate(before, gateway.count())


def _await(gateway: StandIn, many: int) -> None:
    """Until all have arrived, or none can be expected any more."""
    until = time.monotonic() + PATIENCE_S
    while gateway.count()["codes"] < many and time.monotonic() < until:
        time.sleep(0.05)


def rate(before: dict[str, int], after: dict[str, int]) -> float:
    """Recipients per second between two counts."""
    return (after["recipients"] - before["recipients"]) / ((after["at_ns"] - before["at_ns"]) / 1e9)


def matched(sent: Sequence[Times], stamps: Sequence[tuple[int, int]]) -> tuple[list[float], int, int]:
    """Milliseconds from each call to its first arrival, how many never arrived, how many arrived again."""
    first: dict[int, int] = {}
    twice = 0
    for phone, at in stamps:
        twice += phone in first
        first.setdefault(phone, at)
    took = [(first[phone] - began) / 1e6 for phone, began, _ in sent if phone in first]
    return took, len(sent) - len(took), twice


def percentile(readings: Sequence[float], part: float) -> float:
    """The least reading that `part` per cent do not exceed (nearest rank); 100 is the greatest."""
    return sorted(readings)[max(0, math.ceil(len(readings) * part / 100) - 1)]
