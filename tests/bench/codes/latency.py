"""From the call to the gateway: every program in turns, idle and beside a backlog, and what codes cost the bulk."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean

from tests.bench.codes.pace import Times
from tests.bench.codes.stand_in import StandIn
from tests.bench.codes.systems import DRAMATIQ_QUEUES, PATIENCE_S, PROGRAMS, Place, Sampler

SITUATIONS = ("idle", "loaded")
GAPS_S = {"ours": (0.03, 0.11), "dramatiq": (0.02, 0.06), "celery": (0.015, 0.035), "huey": (0.015, 0.035)}
WARM_UP = {"ours": 20, "dramatiq": 2 * DRAMATIQ_QUEUES, "celery": 20, "huey": 20}
SLICES = 4  # of the codes beside campaigns; before, between and after them campaigns run alone
ALONE_S, QUICK_ALONE_S = 5.0, 1.0


@dataclass(slots=True)
class Samples:
    """What one program did in one situation; times in milliseconds, one list per round."""

    arrivals: list[list[float]] = field(default_factory=list)  # from the beginning of the call to the gateway
    calls: list[float] = field(default_factory=list)  # the call alone
    lost: int = 0
    twice: int = 0

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


@dataclass(slots=True)
class Bulk:
    """Recipients per second beside codes, and in the windows just before and after."""

    pairs: list[tuple[float, float]] = field(default_factory=list)  # (with, without)

    @property
    def losses(self) -> list[float]:
        """Per cent lost, one reading per window with codes whose neighbours were not empty."""
        return [100 * (1 - beside / alone) for beside, alone in self.pairs if alone]


@dataclass(slots=True)
class Latency:
    """All samples of a run: by program, by situation."""

    samples: dict[str, dict[str, Samples]]
    bulk: Bulk

    @classmethod
    def of(cls, names: Sequence[str]) -> Latency:
        """Nothing measured yet."""
        return cls({name: {situation: Samples() for situation in SITUATIONS} for name in names}, Bulk())


def measure(place: Place, found: Latency, rounds: int, many: int, *, is_quick: bool) -> None:
    """Every program in both situations, `many` codes each, `rounds` times; another program begins each round."""
    names = list(found.samples)
    for n in range(rounds):
        shift = n % len(names)
        for name in [*names[shift:], *names[:shift]]:
            for situation in SITUATIONS:
                samples = found.samples[name][situation]
                take(place, name, situation, many, n, samples, found.bulk, QUICK_ALONE_S if is_quick else ALONE_S)
                last = samples.arrivals[-1]
                told = ", ".join(f"{part:g} % {percentile(last, part):.1f}" for part in (50, 95, 99, 100) if last)
                place.say(f"  {n + 1}/{rounds} {PROGRAMS[name].label}, {situation}: {len(last)} codes, ms: {told}")


def take(
    place: Place, name: str, situation: str, many: int, seed: int, samples: Samples, bulk: Bulk, alone_s: float
) -> None:
    """One program, one situation, one round."""
    gateway = place.gateway
    gateway.reset()
    with PROGRAMS[name].started(place, situation == "loaded") as sampler:
        sampler.warm_up(WARM_UP[name])
        if name == "ours" and situation == "loaded":
            sent = _beside(sampler, gateway, many, seed, bulk, alone_s)
        else:
            sent = _ordered(sampler, name, many, seed)
        _await(gateway, len(sent))
        samples.add(sent, gateway.stamps())


def _ordered(sampler: Sampler, name: str, many: int, seed: int) -> list[Times]:
    least_s, most_s = GAPS_S[name]
    return sampler.order(many, least_s=least_s, most_s=most_s, seed=seed)


def _beside(sampler: Sampler, gateway: StandIn, many: int, seed: int, bulk: Bulk, alone_s: float) -> list[Times]:
    """Codes in slices, campaigns alone before, between and after them."""
    sent: list[Times] = []
    parts = [many * (n + 1) // SLICES - many * n // SLICES for n in range(SLICES)]
    alone, beside = [_alone(gateway, alone_s)], []
    for n, part in enumerate(parts):
        before = gateway.count()
        sent += _ordered(sampler, "ours", part, SLICES * seed + n)
        beside.append(rate(before, gateway.count()))
        alone.append(_alone(gateway, alone_s))
    bulk.pairs += [(each, mean(alone[n : n + 2])) for n, each in enumerate(beside)]
    return sent


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
