"""Campaigns end to end: ours against the bare client, the stock loop, the libraries' loop, a message per recipient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smsq.worker.settings import Settings
from tests.bench import files
from tests.bench.figures import Measurement, Spread, Table, Verdict, number
from tests.bench.programs import gateway
from tests.bench.turns import PROGRAMS, Job, Turn

SLOW_ROWS = {"loop": 3_000, "recipient": 3_000}
SEQUENTIAL_BATCHES = 30  # of the bare client where the gateway takes its time
LABELS = {
    "ours": "smsq",
    "bare": "bare batched client",
    "stock": "stock loop",
    "loop": "the libraries' loop",
    "recipient": "one dramatiq message per recipient",
}
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One campaign and what is asked of it: ratios to each peer, and CPU milliseconds of a request by role."""

    name: str
    title: str
    text: str
    batch: int
    goals: dict[str, float]
    stretch: dict[str, float] = field(default_factory=dict)
    cpu_ms: dict[str, tuple[float, float]] = field(default_factory=dict)  # goal and stretch, by role
    think_ms: float = 0.0


CASES = (
    Case(
        name="campaign-500",
        title="CSV to accepted, one text, batch 500",
        text=files.ONE_TEXT,
        batch=500,
        goals={"loop": 60, "recipient": 150, "bare": 0.8, "stock": 2},
        stretch={"bare": 1},
    ),
    Case(
        name="campaign-100",
        title="CSV to accepted, one text, batch 100 (the default)",
        text=files.ONE_TEXT,
        batch=100,
        goals={"loop": 40, "recipient": 100, "bare": 0.6, "stock": 1.2},
        stretch={"stock": 1.5},
        cpu_ms={"workers": (0.75, 0.65), "ledger server": (0.45, 0.35)},
    ),
    Case(
        name="personal-500",
        title="CSV to accepted, a Cyrillic text for each, batch 500",
        text=files.OWN_TEXT,
        batch=500,
        goals={"loop": 40, "recipient": 90, "bare": 0.9},
    ),
    Case(
        name="thinking-50",
        title="A gateway that answers after 50 ms, one text, batch 500",
        text=files.ONE_TEXT,
        batch=500,
        goals={"bare": 0.9},
        think_ms=50.0,
    ),
)


def measure(case: Case, rows: int, rounds: int, folder: Path, say: Say) -> Measurement:
    """All programs of a case in turns, `rounds` times; every turn's count is checked against the gateway's own."""
    path = files.write(folder / f"{case.name}.csv", rows)
    turns: dict[str, list[Turn]] = {name: [] for name in ("ours", *case.goals)}
    sizes = {name: _rows_of(name, case, rows) for name in turns}
    with gateway(folder, case.think_ms) as running:
        job = Job(file=path, text=case.text, batch=case.batch, gateway=running, folder=folder)
        for number_of_round in range(rounds):
            names = list(turns)
            shift = number_of_round % len(names)
            for name in names[shift:] + names[:shift]:
                turn = PROGRAMS[name](job, sizes[name])
                turns[name].append(turn)
                say(f"  {number_of_round + 1}/{rounds} {LABELS[name]}: {turn.rate:,.0f} rows/s")
    return _measurement(case, turns, rounds)


def in_flight() -> int:
    """How many requests of the bulk lane may run at once by the default settings."""
    settings = Settings.load({})
    return settings.parallel_sends - settings.urgent_slots


def _rows_of(name: str, case: Case, rows: int) -> int:
    if case.think_ms and name == "bare":
        return min(rows, case.batch * SEQUENTIAL_BATCHES)
    return min(rows, SLOW_ROWS.get(name, rows))


def _measurement(case: Case, turns: dict[str, list[Turn]], rounds: int) -> Measurement:
    times = in_flight() if case.think_ms else 1
    verdicts = []
    for peer, goal in case.goals.items():
        ratios = [a.rate / (b.rate * times) for a, b in zip(turns["ours"], turns[peer], strict=True)]
        against = f"{LABELS[peer]}, one request at a time, × {times}" if case.think_ms else LABELS[peer]
        measured = Spread.of(ratios)
        verdicts.append(Verdict(what=f"against {against}", goal=goal, unit=" ×", measured=measured))
        if peer in case.stretch:
            told = f"against {against}, stretch"
            verdicts.append(Verdict(what=told, goal=case.stretch[peer], unit=" ×", measured=measured))
    for role, goals in case.cpu_ms.items():
        spent = Spread.of([turn.cpu_us()[role] * case.batch / 1000 for turn in turns["ours"]])
        for goal, kind in zip(goals, ("", ", stretch"), strict=True):
            what = f"CPU of a request, {role}{kind}"
            verdicts.append(Verdict(what=what, goal=goal, unit=" ms", measured=spent, is_floor=False))
    how = f"{turns['ours'][0].rows:,} rows; {rounds} rounds."
    if case.think_ms:
        how += f" {times} requests in flight (`SMSQ_PARALLEL_SENDS` less `SMSQ_URGENT_SLOTS`, the defaults)."
    rates = Table(
        head=("program", "rows", "rows/s: median (least-most)"),
        rows=[
            (LABELS[name], f"{taken[0].rows:,}", Spread.of([turn.rate for turn in taken]).shown())
            for name, taken in turns.items()
        ],
    )
    readings: dict[str, object] = {
        name: {"rate": [turn.rate for turn in taken], "cpu_us": [turn.cpu_us() for turn in taken]}
        for name, taken in turns.items()
    }
    return Measurement(
        name=case.name,
        title=case.title,
        how=how,
        verdicts=verdicts,
        tables=(rates, _cpu(case, turns)),
        readings=readings,
    )


def _cpu(case: Case, turns: dict[str, list[Turn]]) -> Table:
    """CPU of each program, by role; medians."""
    rows: list[Sequence[str]] = []
    for name, taken in turns.items():
        roles = list(dict.fromkeys(role for turn in taken for role in turn.cpu_s))
        middle = {role: Spread.of([turn.cpu_us().get(role, 0.0) for turn in taken]).middle for role in roles}
        of_a_request = 1 if name in SLOW_ROWS else case.batch
        shares = [{role: us * times for role, us in middle.items()} for times in (1, of_a_request / 1000)]
        of_row, of_request = (", ".join(f"{role} {number(each)}" for role, each in share.items()) for share in shares)
        whole = number(sum(middle.values()))
        rows.append((LABELS[name], whole, of_row, f"{number(sum(shares[1].values()))} ms: {of_request}"))
    return Table(head=("program", "CPU µs per row", "of it", "of a request"), rows=rows)
