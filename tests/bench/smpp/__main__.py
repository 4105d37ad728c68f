"""The command: measure the codec, the urgent lane and the bulk lane in turns, and say how far each is from its goal."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from tests.bench import files, ours, programs
from tests.bench.figures import Spread, Verdict, number
from tests.bench.otp import systems
from tests.bench.otp.pace import FIRST_CODE_PHONE
from tests.bench.otp.stand_in import StandIn, stand_in
from tests.bench.otp.sustained import PRODUCERS
from tests.bench.otp.systems import PATIENCE_S, Place
from tests.bench.programs import LOGIN, PASSWORD, wait_until
from tests.peers.smpp import NotHere, Peer, peer

WINDOW = 50
SLOTS = 100
BATCH = 100
GOAL, STRETCH = 1_500, 2_500
CODEC_SUBMITS, URGENT_SENDS, BULK_ROWS = 20_000, 6_000, 20_000
QUICK = 10  # of that many, one


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One reading: submits a second, and CPU milliseconds of a submit by role."""

    rate: float
    cpu_ms: Mapping[str, float]


def environ(server: Peer) -> dict[str, str]:
    """What our programs are told of the server."""
    return {
        "SMSQ_TRANSPORT": "smpp",
        "SMSQ_SMPP_URL": server.url,
        "SMSQ_SMPP_PASSWORD": PASSWORD,
        "SMSQ_PARALLEL_SENDS": str(SLOTS),
    }


@contextlib.contextmanager
def server() -> Iterator[Peer]:
    """A fresh one for each turn."""
    with peer(login=LOGIN, password=PASSWORD, log=False) as running:
        yield running


def codec(folder: Path, submits: int) -> Turn:
    """The bare loop."""
    with server() as running:
        before = programs.cpu_s(running.process.pid)
        told = {"port": running.port, "submits": submits, "window": WINDOW, "first": FIRST_CODE_PHONE}
        said = programs.run("smpp.bare", told, log=folder / "bare.log")
        spent = {**said["cpu_s"], "server": programs.cpu_s(running.process.pid) - before}
        _check(running, submits)
    return Turn(rate=submits / said["seconds"], cpu_ms={role: each / submits * 1000 for role, each in spent.items()})


class _Arrivals(StandIn):
    """The stand-in for questions; what has arrived, the SMPP server says."""

    def __init__(self, mirror: str, running: Peer) -> None:
        super().__init__(mirror)
        self._running = running

    def count(self) -> dict[str, Any]:
        return {"codes": self._running.count()["submits"]}

    def reset(self) -> None:
        pass


def urgent(folder: Path, sends: int) -> Turn:
    """Single messages from eight threads of one program, `smsq up` whole; from the first call to the last arrival."""
    with server() as running, stand_in(folder) as questions:
        gateway = _Arrivals(questions.mirror, running)
        place = Place(gateway=gateway, folder=folder, file=folder, rows=0, say=click.echo)
        with systems.ours(place, False, environ(running)) as sampler:
            warm = 2 * SLOTS
            sampler.warm_up(warm)
            before = {**sampler.cpu_s(), "server": programs.cpu_s(running.process.pid)}
            sent = sampler.order(sends, threads=PRODUCERS)
            began = min(began for _, began, _ in sent)
            wait_until(lambda: gateway.count()["codes"] >= warm + sends, "the urgent lane", 2 * PATIENCE_S)
            took_s = (time.monotonic_ns() - began) / 1e9
            after = {**sampler.cpu_s(), "server": programs.cpu_s(running.process.pid)}
        _check(running, warm + sends)
    spent = {role: (after[role] - before.get(role, 0.0)) / sends * 1000 for role in after}
    return Turn(rate=sends / took_s, cpu_ms=spent)


def bulk(folder: Path, rows: int) -> Turn:
    """A campaign in batches of a hundred, from the file to the ledger's last `accepted`."""
    path = files.write(folder / "bulk.csv", rows)
    told = {"file": str(path), "text": files.ONE_TEXT, "batch": BATCH, "rows": rows}
    with (
        server() as running,
        programs.gateway(folder) as questions,
        ours.running(questions, folder, environ(running)) as system,
    ):
        before = {**system.cpu_s(), "server": programs.cpu_s(running.process.pid)}
        said = programs.run("produce", told, system.environ, log=folder / "ours.log")
        after = {**system.cpu_s(), "server": programs.cpu_s(running.process.pid)}
        _check(running, rows)
    spent = {**said["cpu_s"], **{role: after[role] - before[role] for role in after}}
    return Turn(rate=rows / said["seconds"], cpu_ms={role: each / rows * 1000 for role, each in spent.items()})


def _check(running: Peer, submits: int) -> None:
    """The server's own count: each once."""
    counted = running.count()["submits"]
    if counted != submits:
        raise SystemExit(f"the server counted {counted} submits of {submits}")


CASES: dict[str, tuple[Callable[[Path, int], Turn], int]] = {
    "codec": (codec, CODEC_SUBMITS),
    "urgent": (urgent, URGENT_SENDS),
    "bulk": (bulk, BULK_ROWS),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help=f"One submit of {QUICK}, one round.")
@click.option("--rounds", type=click.IntRange(1), help="Turns of each program.  [default: 3]")
@click.option("--only", multiple=True, type=click.Choice(list(CASES)), help="These alone.")
@click.option("--json", "as_json", is_flag=True, help="Print every reading as one JSON object.")
def main(quick: bool, rounds: int | None, only: tuple[str, ...], as_json: bool) -> None:
    """Measure submits a second over SMPP."""
    rounds = rounds or (1 if quick else 3)
    say = partial(click.echo, err=True)
    turns: dict[str, list[Turn]] = {name: [] for name in only or CASES}
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as place:
        for n in range(rounds):
            for name in turns:
                measure, many = CASES[name]
                try:
                    turn = measure(Path(place), many // QUICK if quick else many)
                except NotHere as why:
                    raise SystemExit(str(why)) from None
                turns[name].append(turn)
                say(f"  {n + 1}/{rounds} {name}: {turn.rate:,.0f} submits/s")
    if as_json:
        click.echo(json.dumps({name: [each.rate for each in taken] for name, taken in turns.items()}))
        return
    for name, taken in turns.items():
        measured = Spread.of([turn.rate for turn in taken])
        cpu = ", ".join(
            f"{role} {number(Spread.of([turn.cpu_ms.get(role, 0.0) for turn in taken]).middle)}"
            for role in taken[0].cpu_ms
        )
        click.echo(f"{name:8} {measured.shown()} submits/s; CPU ms of one: {cpu}")
        if name != "codec":
            for goal in (GOAL, STRETCH):
                verdict = Verdict(what=name, goal=goal, unit="/s", measured=measured)
                click.echo(f"         goal {verdict.wanted}: {verdict.distance}")


if __name__ == "__main__":
    sys.exit(main())
