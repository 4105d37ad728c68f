"""Orders that take hold while a campaign is sent at full speed: how soon, and how exactly, by the gateway's own stamps.

    python -m tests.bench.live [--rows N] [--seconds S] [--rate N]

`smsq up` runs as an operator runs it, beside a sandbox with its usual limits. Each order is a command in a process of
its own; the clock runs from the moment at which that command has returned. A rate is set twice, the second time to
double; each is counted over S seconds that begin when it must be obeyed. Then the campaign is paused and, after a
resume, cancelled, each time at full speed.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from smsq.producers.api import Smsq
from tests.bench import files
from tests.bench.million import Installation, Say, command
from tests.bench.programs import wait_until

ROWS, SECONDS, RATE = 1_000_000, 60.0, 300.0
OBEYED_S = 2.0  # after which a rate must hold
STOPPED_S = 1.0  # after which a pause and a cancel must have taken hold
HELD = 0.02  # how far from a rate it may be over a minute
BUCKET_S = 1.0  # of a rate that may be saved up
NEARLY = 0.9  # of a rate, in a second: then it is reached
SLACK_PARTS = 100  # a batch leaves as a whole
QUIET_S = 3.0  # without another message: then an order has taken hold
LOOK_S = 0.1
MOST_SHOWN = 1000  # messages in one answer of the sandbox
WARM_S = 4.0  # at full speed before an order
PATIENCE_S = 900.0

Stamp = tuple[float, int]  # when the gateway took a message (Unix seconds), and its parts


@dataclass
class Found:
    """What was measured, in seconds and parts a second; `trouble` is what is not as it must be."""

    speed: dict[str, float] = field(default_factory=dict)  # before each order
    obeyed: dict[str, float] = field(default_factory=dict)  # seconds from a rate until it holds
    held: dict[str, float] = field(default_factory=dict)  # parts a second over the whole time
    off: dict[str, float] = field(default_factory=dict)  # how far that is from the rate, 0.01 for a percent
    stopped: dict[str, float] = field(default_factory=dict)  # seconds from an order until the last message
    trouble: list[str] = field(default_factory=list)

    def expect(self, is_so: bool, what: str) -> None:
        """Note what is not as it must be."""
        if not is_so:
            self.trouble.append(what)


class Stamps:
    """What the gateway took since this began, read a few times a second."""

    def __init__(self, control: str) -> None:
        self._control, self._after = control, newest(control)[1]
        self._found: list[Stamp] = []
        self._is_short = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def end(self) -> list[Stamp]:
        """All of it, in order."""
        self._over.set()
        self._thread.join()
        if self._is_short:
            raise SystemExit("more messages came in a look than the gateway shows in one answer: take a lower --rate")
        return sorted(self._found)

    def _read(self) -> None:
        while not self._over.wait(LOOK_S):
            with urllib.request.urlopen(
                f"{self._control}/_sandbox/messages?limit={MOST_SHOWN}&after={self._after}"
            ) as answer:
                told = json.load(answer)["messages"]
            self._is_short = self._is_short or len(told) == MOST_SHOWN
            if told:
                self._after = told[0]["n"]
                self._found += [(each["at"], each["parts"]) for each in told]


def newest(control: str) -> tuple[float, int]:
    """When the gateway took its newest message, and the number of that."""
    with urllib.request.urlopen(f"{control}/_sandbox/messages?limit=1") as answer:
        told = json.load(answer)["messages"]
    return (told[0]["at"], told[0]["n"]) if told else (0.0, 0)


def obeyed_after(stamps: Sequence[Stamp], since: float, rate: float) -> float:
    """How long after `since` a rate held: from then on no more left than it allows, and once as much as it allows.

    It allows what comes to it by the second, and a second's worth that was saved up.
    """
    requests: Counter[float] = Counter()  # parts of one request have one stamp
    for at, parts in stamps:
        if at > since:
            requests[at] += parts
    after = sorted(requests.items())
    begin = next(at for at in (since, *(at for at, _ in after)) if not _is_above(after, at, rate))
    reached = next((at for at, _ in after if parts_between(after, at - BUCKET_S, at) >= NEARLY * rate), since)
    return max(begin, reached) - since


def _is_above(requests: Sequence[Stamp], begin: float, rate: float) -> bool:
    """Whether at any moment more had left since `begin` than the rate allows."""
    left = 0
    for at, parts in requests:
        if at > begin:
            left += parts
            if left > rate * (at - begin + BUCKET_S) + SLACK_PARTS:
                return True
    return False


def parts_between(stamps: Sequence[Stamp], begin: float, end: float) -> int:
    """Parts that the gateway took in this time."""
    return sum(parts for at, parts in stamps if begin <= at < end)


class Live:
    """One campaign that is sent, and orders to it."""

    def __init__(self, installation: Installation, smsq: Smsq, campaign: str, found: Found, say: Say) -> None:
        self._installation, self._smsq, self._campaign = installation, smsq, campaign
        self._found, self._say = found, say

    def order(self, *words: str) -> float:
        """Give an order by a command; when that has returned, in Unix seconds."""
        command(self._installation, "campaign", words[0], self._campaign, *words[1:])
        return time.time()

    def rate(self, rate: float, seconds: float) -> None:
        """Set a rate, and count what leaves under it."""
        name = f"{rate:g} parts a second"
        self._found.speed[name] = self._speed()
        returned = self.order("set", "--rate", f"{rate:g}")
        stamps = Stamps(self._installation.control)  # at full speed the gateway could not show all between two looks
        begin = returned + OBEYED_S
        time.sleep(max(0.0, begin + seconds - time.time()) + 2 * LOOK_S)
        all_of_it = stamps.end()
        held = parts_between(all_of_it, begin, begin + seconds) / seconds
        off = held / rate - 1
        self._found.obeyed[name] = obeyed_after(all_of_it, returned, rate)
        self._found.held[name], self._found.off[name] = held, off
        self._found.expect(self._found.obeyed[name] <= OBEYED_S, f"{name}: obeyed after more than {OBEYED_S:g} s")
        self._found.expect(abs(off) <= HELD, f"{name}: {off:+.1%} over {seconds:g} s")
        self._say(f"{name}: {held:.1f}, {off:+.2%}; obeyed after {self._found.obeyed[name]:.2f} s")

    def stop(self, *words: str) -> None:
        """Give an order after which nothing leaves, and see when the last message did."""
        self._found.speed[words[0]] = self._speed()
        returned = self.order(*words)
        last, at = 0, time.monotonic()
        while time.monotonic() - at < QUIET_S:
            number = newest(self._installation.control)[1]
            if number != last:
                last, at = number, time.monotonic()
            time.sleep(0.05)
        took = newest(self._installation.control)[0] - returned
        self._found.stopped[words[0]] = took
        self._found.expect(took > -STOPPED_S, f"{words[0]}: nothing was being sent at the order; take more --rows")
        self._found.expect(took <= STOPPED_S, f"{words[0]}: messages left {took:.2f} s after it")
        self._say(f"{words[0]}: the last message {took:+.3f} s after the command returned")

    def _speed(self) -> float:
        """Messages a second over the last while, at full speed."""
        begin, before = time.monotonic(), self._installation.tally()["accepted"]
        time.sleep(WARM_S)
        speed = (self._installation.tally()["accepted"] - before) / (time.monotonic() - begin)
        self._found.expect(speed > 0, "nothing was being sent before an order")
        return float(speed)


def measure(rows: int, seconds: float, rate: float, folder: Path, say: Say) -> Found:
    """All orders, one after another."""
    found = Found()
    file = files.write(folder / "people.csv", rows)
    installation = Installation(folder, say)
    words = ("campaign", "run", str(file), "--text", files.OWN_TEXT, "--name", "live", "--yes", "--json")
    with installation.up(), Smsq(environ=installation.environ) as smsq:
        command(installation, *words)
        campaign = smsq.campaigns.list()[0].id
        live = Live(installation, smsq, campaign, found, say)
        wait_until(lambda: installation.tally()["accepted"] > 0, "the first messages", PATIENCE_S)
        live.rate(rate, seconds)
        live.rate(2 * rate, seconds)
        live.order("set", "--rate", "none")
        live.stop("pause")
        live.order("resume")
        wait_until(lambda: smsq.campaigns.show(campaign).state == "running", "the resume", PATIENCE_S)
        live.stop("cancel", "--yes")
        left = smsq.campaigns.show(campaign)
        found.expect(left.doubles == 0, f"{left.doubles} doubles")
        found.expect(left.statuses.get("delivered", 0) < rows, "the campaign ended before the last order: more --rows")
    return found


def lines(found: Found, seconds: float) -> Iterator[str]:
    """The figures as a table."""
    yield "| order | before it | obeyed after | over the time |\n|---|---|---|---|"
    for name, held in found.held.items():
        yield (
            f"| {name} | {found.speed[name]:,.0f}/s | {found.obeyed[name]:.2f} s (goal {OBEYED_S:g}) | "
            f"{held:.1f}/s over {seconds:g} s, {found.off[name]:+.2%} (goal {HELD:.0%}) |"
        )
    for name, took in found.stopped.items():
        yield (
            f"| {name} | {found.speed[name]:,.0f}/s | the last message {took:+.3f} s from the command's return "
            f"(goal {STOPPED_S:g}) | |"
        )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", type=click.IntRange(1000), default=ROWS, show_default=True, help="Rows of the campaign.")
@click.option("--seconds", type=click.FloatRange(1), default=SECONDS, show_default=True, help="Time under each rate.")
@click.option("--rate", type=click.FloatRange(1), default=RATE, show_default=True, help="The first rate.")
@click.option("--json", "as_json", is_flag=True, help="Print every reading as one JSON object.")
def main(rows: int, seconds: float, rate: float, as_json: bool) -> None:
    """Measure how soon orders take hold at full speed, and how exactly a rate is held."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    say = partial(click.echo, err=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smsq-live-")))
        found = measure(rows, seconds, rate, folder.resolve(), say)
    click.echo(json.dumps(vars(found)) if as_json else "\n".join(lines(found, seconds)))
    for each in found.trouble:
        say(f"WRONG: {each}")
    sys.exit(1 if found.trouble else 0)


if __name__ == "__main__":
    main()
