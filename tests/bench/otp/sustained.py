"""How many sends a second the urgent lane sustains: one message in a request, a gateway that takes its time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.bench.otp import systems
from tests.bench.otp.stand_in import stand_in
from tests.bench.otp.systems import PATIENCE_S, PROCESSES, THREADS, Place, Sampler
from tests.bench.programs import wait_until

THINK_MS = 50.0
SLOTS = 100
PRODUCERS = 8  # threads of one process that call
QUICK = 10  # of that many sends, one

Started = Callable[[Place], contextlib.AbstractContextManager[Sampler]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A program that sends as fast as it can; `sends` in one turn."""

    label: str
    slots: int
    sends: int
    started: Started


def _dramatiq(threads: int, *, with_tenacity: bool) -> Started:
    more = {"BENCH_QUEUES": "1", "BENCH_TENACITY": "1" if with_tenacity else "0"}
    return lambda place: systems.dramatiq(place, False, more, threads)


RUNNERS: dict[str, Runner] = {
    "ours": Runner(
        label=f"smsq, `SMSQ_PARALLEL_SENDS={SLOTS}`",
        slots=SLOTS,
        sends=3_000,
        started=lambda place: systems.ours(place, False, {"SMSQ_PARALLEL_SENDS": str(SLOTS)}),
    ),
    "dramatiq": Runner(
        label=f"stock dramatiq, {PROCESSES} × {THREADS} threads (the defaults)",
        slots=PROCESSES * THREADS,
        sends=1_000,
        started=_dramatiq(THREADS, with_tenacity=False),
    ),
    "tenacity": Runner(
        label=f"dramatiq + tenacity, {PROCESSES} × {THREADS} threads",
        slots=PROCESSES * THREADS,
        sends=1_000,
        started=_dramatiq(THREADS, with_tenacity=True),
    ),
    "tenacity-wide": Runner(
        label=f"dramatiq + tenacity, {PROCESSES} × {SLOTS // PROCESSES} threads",
        slots=SLOTS // PROCESSES * PROCESSES,
        sends=2_000,
        started=_dramatiq(SLOTS // PROCESSES, with_tenacity=True),
    ),
}


Cpu = dict[str, float]  # milliseconds of one send, by role


def measure(place: Place, rounds: int, *, is_quick: bool) -> tuple[dict[str, list[float]], list[Cpu]]:
    """Sends per second of each, one reading per round, from the first call to the last arrival; and CPU of ours.

    A turn that fails is said and left out.
    """
    spent: list[Cpu] = []
    names = list(RUNNERS)
    found: dict[str, list[float]] = {name: [] for name in names}
    with stand_in(place.folder, THINK_MS) as gateway:
        there = replace(place, gateway=gateway)
        for n in range(rounds):
            shift = n % len(names)
            for name in [*names[shift:], *names[:shift]]:
                runner = RUNNERS[name]
                try:
                    sends = runner.sends // QUICK if is_quick else runner.sends
                    rate, cpu = _turn(runner, there, sends)
                except (SystemExit, OSError, ValueError) as error:
                    place.say(f"  {n + 1}/{rounds} {runner.label}: failed: {error}")
                    continue
                found[name].append(rate)
                spent += [cpu] if cpu else []
                place.say(f"  {n + 1}/{rounds} {runner.label}: {rate:.0f} sends/s")
    return found, spent


def _turn(runner: Runner, place: Place, sends: int) -> tuple[float, Cpu]:
    gateway = place.gateway
    gateway.reset()
    with runner.started(place) as sampler:
        sampler.warm_up(2 * runner.slots)
        before = sampler.cpu_s()
        sent = sampler.order(sends, threads=PRODUCERS)
        wait_until(lambda: gateway.count()["codes"] >= sends, runner.label, 2 * PATIENCE_S)
        after = sampler.cpu_s()
        stamps = gateway.stamps()
        if len({phone for phone, _ in stamps}) != sends or len(stamps) != sends:
            raise SystemExit(f"{runner.label}: {len(stamps)} arrivals of {sends} sends")
        took_s = (max(at for _, at in stamps) - min(began for _, began, _ in sent)) / 1e9
        return sends / took_s, {role: (after[role] - before.get(role, 0.0)) / sends * 1000 for role in after}
