"""The page that a run leaves behind: `docs/otp-latency.md`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench import page
from tests.bench.environments import CELERY, HUEY
from tests.bench.figures import Spread, Table, Verdict, number
from tests.bench.otp.latency import SITUATIONS, Latency, Samples, percentile
from tests.bench.otp.pace import BULK_SIZE
from tests.bench.otp.sustained import PRODUCERS, RUNNERS, THINK_MS, Cpu
from tests.bench.otp.systems import PROGRAMS

PARTS = (50, 95, 99, 100)
HEADS = ("p50", "p95", "p99", "max")
IN_WORDS = {"idle": "idle", "loaded": "beside campaigns"}
KANNEL = 1_783  # sends/s of Kannel 1.4.5 at 50 ms with 100 pending, measured once on two such cores

INTRO = """# How long a one-time code takes

Written by `make bench-otp` (`{command}`); the figures are of one run, the ratios of that run alone. Measured is the
time from the beginning of the call that sends a code to the arrival of its request at the gateway, both by the
machine's one monotonic clock, matched by phone. Codes leave at random moments with a fixed seed; the programs take
turns in {rounds} rounds, each on a fresh Redis, and the first codes of a turn do not count.

Everything shares the cores named below, over loopback without TLS. The gateway is a stand-in that answers at once,
notes when each code came and counts the other recipients. *Idle*: nothing but codes. *Beside campaigns*: {rows:,}
recipients wait at any time, {size} in a request, and leave as fast as they can through the same Redis and gateway; a
producer restocks them for as long as codes are sent. Ours enrols campaigns of {rows:,} rows, one after the other, and
keeps its ledger safe with `appendfsync always`; the peers enqueue a message for every {size} recipients, on a Redis
that does not sync. Callbacks and questions about statuses are left out, for all.
"""


def lines(
    latency: Latency | None,
    sustained: dict[str, list[float]],
    facts: Sequence[str],
    *,
    command: str,
    rounds: int,
    rows: int,
    picture: str | None,
    missing: Sequence[str],
    cpu: Sequence[Cpu] = (),
) -> Iterator[str]:
    """The page, line by line."""
    yield INTRO.format(command=command, rounds=rounds, rows=rows, size=BULK_SIZE)
    yield from facts
    yield f"* Celery {CELERY}, huey {HUEY}, in environments of their own"
    yield from (f"* left out: {reason}" for reason in missing)
    yield "\n## Goals\n"
    goals = [
        (verdict.what, verdict.wanted, verdict.measured.shown(verdict.unit), verdict.distance, verdict.note)
        for verdict in verdicts(latency, sustained, cpu)
    ]
    yield from page.table(Table(head=("what", "goal", "measured", "distance", ""), rows=goals))
    yield "\nRatios of times are of all samples together, in brackets the least and the greatest of a round."
    yield "The rest are medians, with the least and the greatest."
    if latency is not None:
        yield "\n## From the call to the gateway\n"
        if picture is not None:
            yield f"![Shares of codes by time, idle and beside campaigns]({picture})\n"
        yield from page.table(table(latency))
        yield "\n*Call* is the median of the call alone, which for ours ends once the code is safe in the ledger."
        yield from _bulk(latency)
        yield "\n## How each was run\n"
        rowed = [(each.label, each.idle, each.loaded) for name, each in PROGRAMS.items() if name in latency]
        yield from page.table(Table(head=("program", *IN_WORDS.values()), rows=rowed))
    if sustained:
        yield "\n## Sends a second\n"
        yield (
            f"One message in a request, a gateway that answers after {THINK_MS:.0f} ms; from the first call to the "
            f"last arrival. {PRODUCERS} threads of one process call as fast as they can."
        )
        yield ""
        rates = [
            (RUNNERS[name].label, str(RUNNERS[name].slots), Spread.of(taken).shown(), f"{_ceiling(name):,.0f}")
            for name, taken in sustained.items()
            if taken
        ]
        head = ("program", "requests at once, at most", "sends/s: median (least-most)", "those requests allow")
        yield from page.table(Table(head=head, rows=rates))
    if cpu:
        yield f"\nCPU of one such send of smsq, all its processes and the caller: {_whole(cpu).shown(' ms')}."
        yield "*The rest* is what else `smsq up` runs: the other lanes, scheduler, web, exporter, supervisor."
        yield ""
        roles = list(dict.fromkeys(role for each in cpu for role in each))
        shares = [(role, Spread.of([each.get(role, 0.0) for each in cpu]).shown()) for role in roles]
        yield from page.table(Table(head=("role", "CPU ms of a send: median (least-most)"), rows=shares))


def verdicts(latency: Latency | None, sustained: dict[str, list[float]], cpu: Sequence[Cpu] = ()) -> Iterator[Verdict]:
    """The goals, each with how far it is."""
    ours = latency.get("ours") if latency is not None else None
    if latency is not None and ours is not None and ours["idle"].all:
        stock = latency.get("dramatiq")
        if stock is not None and stock["idle"].all:
            for part, goal in ((50, 50.0), (99, 20.0)):
                told = f"idle p{part}: stock dramatiq's against ours"
                yield Verdict(what=told, goal=goal, unit=" ×", measured=_ratio(stock["idle"], ours["idle"], part))
        idle = Spread.of([percentile(each, 50) for each in ours["idle"].arrivals if each])
        for goal, kind in ((2.5, ""), (2.0, ", stretch")):
            yield Verdict(what=f"idle p50{kind}", goal=goal, unit=" ms", measured=idle, is_floor=False)
        for part, goal in ((50, 2.0), (95, 3.0), (99, 5.0)) if ours["loaded"].all else ():
            told = f"p{part} beside campaigns against our own idle"
            measured = _ratio(ours["loaded"], ours["idle"], part)
            yield Verdict(what=told, goal=goal, unit=" ×", measured=measured, is_floor=False)
        bulk = ours["loaded"].bulk
        if bulk.losses:
            losses = Spread.of(bulk.losses)
            yield Verdict(what="bulk lost beside codes", goal=5.0, unit=" %", measured=losses, is_floor=False)
    if sustained.get("ours"):
        rates = Spread.of(sustained["ours"])
        yield Verdict(what="sends a second", goal=1000.0, unit="/s", measured=rates)
        note = "Kannel's, measured once on such a machine, which sends twice what got no answer"
        yield Verdict(what="sends a second, stretch", goal=KANNEL, unit="/s", measured=rates, note=note)
        if sustained.get("tenacity"):
            pairs = zip(sustained["ours"], sustained["tenacity"], strict=False)
            ratios = Spread.of([mine / theirs for mine, theirs in pairs])
            yield Verdict(
                what="sends a second against dramatiq + tenacity", goal=1000 / 246, unit=" ×", measured=ratios
            )

    if cpu:
        for goal, kind in ((1.6, ""), (1.1, ", stretch")):
            told = f"CPU of one send, all processes{kind}"
            yield Verdict(what=told, goal=goal, unit=" ms", measured=_whole(cpu), is_floor=False)


def _whole(cpu: Sequence[Cpu]) -> Spread:
    return Spread.of([sum(each.values()) for each in cpu])


def table(latency: Latency) -> Table:
    """Every program and situation in milliseconds; then how many times ours that is, in the same situation."""
    rows: list[Sequence[str]] = []
    for situation in SITUATIONS:
        mine = latency.get("ours")
        for name, both in latency.items():
            samples = both[situation]
            taken = samples.all
            if not taken:
                continue
            at = [percentile(taken, part) for part in PARTS]
            times = "-"
            if mine is not None and mine[situation].all and name != "ours":
                ratios = [percentile(taken, part) / percentile(mine[situation].all, part) for part in (50, 99)]
                times = " / ".join(f"{number(each)} ×" for each in ratios)
            rows.append(
                (
                    f"{PROGRAMS[name].label}, {IN_WORDS[situation]}",
                    f"{len(taken):,}",
                    *(_ms(each) for each in at),
                    times,
                    number(median(samples.calls)),
                    f"{samples.lost} / {samples.twice}",
                )
            )
    head = ("program", "codes", *(f"{name} ms" for name in HEADS), "p50 / p99 against ours", "call ms", "lost / twice")
    return Table(head=head, rows=rows)


def _bulk(latency: Latency) -> Iterator[str]:
    """What codes cost the campaigns of each program whose campaigns were watched; and turns that failed."""
    for name, both in latency.items():
        bulk = both["loaded"].bulk
        if bulk.losses:
            beside, alone = (Spread.of(each).shown() for each in zip(*bulk.pairs, strict=True))
            yield (
                f"\nCampaigns of {PROGRAMS[name].label} beside those codes: {beside} recipients/s; without codes, in "
                f"the windows before and after each: {alone}. {len(bulk.losses)} windows with codes, each against its "
                f"neighbours: {Spread.of(bulk.losses).shown(' %')} lost."
            )
        for situation, samples in both.items():
            for first_line in (reason.partition("\n")[0] for reason in samples.failed):
                yield f"\nA turn of {PROGRAMS[name].label}, {IN_WORDS[situation]}, failed: {first_line}"


def _ratio(above: Samples, below: Samples, part: int) -> Spread:
    """Of a percentile: over all samples, with the least and the greatest of a round."""
    rounds = [
        percentile(one, part) / percentile(other, part)
        for one, other in zip(above.arrivals, below.arrivals, strict=False)
        if one and other
    ]
    whole = percentile(above.all, part) / percentile(below.all, part)
    return Spread(whole, min([whole, *rounds]), max([whole, *rounds]))


def _ceiling(name: str) -> float:
    return RUNNERS[name].slots / (THINK_MS / 1000)


def _ms(value: float) -> str:
    return "never" if math.isinf(value) else number(value)
