"""A million personalised rows through everything: a file, `smsq up`, statuses back by callback, a report of every row.

    python -m tests.bench.million [--rows N]

`smsq up` runs as an operator runs it, on a Redis of its own that syncs every write; the gateway is a sandbox with its
usual limits, which calls back for each message. The campaign is run by the command, paused and resumed once on the way,
and its reports are written by the command. The counts of the report must be the gateway's own. A full run writes
`docs/million.md`.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click

from smsq.producers.api import Smsq
from tests.bench import files
from tests.bench.programs import LOGIN, PASSWORD, ROOT, family, start, stop, wait_until

ROWS = 1_000_000
SECRET = "a secret of the bench alone"
PAUSE_AT = 0.3  # of the rows accepted
LOOK_S = 0.02
QUIET_S = 1.0  # without another message: then a pause has taken hold
START_S = 300.0
LANES = ("bulk", "status", "chores")
PATIENCE_S = 4 * 3600.0
CALLBACK_LINES = 100
FORMATS = ("csv", "jsonl", "xlsx")
UNSETTLED = ("queued", "sending", "doubtful", "accepted")
# What each process is, by the words of its command line, the more special first.
ROLES = {
    "--lane urgent": "worker, urgent",
    "--lane bulk": "worker, bulk",
    "--lane status": "worker, status",
    "--lane chores": "worker, chores",
    "scheduler": "scheduler",
    "exporter": "exporter",
    " web": "web (callbacks)",
    "ledger": "Redis, ledger",
    "queues": "Redis, queues",
    "valkey": "Redis",
    "redis-server": "Redis",
}
Say = Callable[[str], None]


@dataclass
class Found:
    """What was measured; times in seconds, sizes in bytes."""

    rows: int
    times: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)  # of memory, by process
    sizes: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    gateway: dict[str, Any] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)  # what must not be

    def expect(self, is_so: bool, what: str) -> None:
        """Note what is not as it must be."""
        if not is_so:
            self.trouble.append(what)


class Installation:
    """`smsq up` and its gateway."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.say = say
        self.environ: dict[str, str] = {}
        self.control = ""
        self._peaks: dict[str, int] = {}
        self._watch = threading.Event()

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        """Start the gateway and everything of ours; stop it in order."""
        web, metrics = free_port(), free_port()
        config = self.folder / "gateway.toml"
        config.write_text(
            f'callback_url = "http://127.0.0.1:{web}/callback"\ncallback_secret = "{SECRET}"\n'
            f'callback_lines = {CALLBACK_LINES}\nbalance = "1000000000"\nundeliverable = 0.02\nexpire = 0.01\n'
        )
        sandbox = [sys.executable, "-m", "smsq", "sandbox", "--ports", "0,0", "--config", str(config)]
        gateway = start(
            [*sandbox, "--login", LOGIN, "--password", PASSWORD], has_session=True, log=self.folder / "gateway.log"
        )
        ours = None
        try:
            ready = json.loads(gateway.stdout.readline())
            self.control = ready["control"]
            self.environ = {
                "SMSQ_HOME": str(self.home),
                "SMSQ_MIRRORS": ",".join(ready["mirrors"]),
                "SMSQ_LOGIN": LOGIN,
                "SMSQ_PASSWORD": PASSWORD,
                "SMSQ_CALLBACK_SECRET": SECRET,
                "SMSQ_WEB_ADDR": f"127.0.0.1:{web}",
                "SMSQ_METRICS_ADDR": f"127.0.0.1:{metrics}",
            }
            ours = start([sys.executable, "-m", "smsq", "up"], self.environ, log=self.folder / "up.log")
            threading.Thread(target=self._drain, args=(ours,), daemon=True).start()
            wait_until(lambda: (self.home / "up.json").exists(), "starting smsq up", START_S)
            threading.Thread(target=self._note_peaks, args=(ours.pid, gateway.pid), daemon=True).start()
            with Smsq(environ=self.environ) as smsq:
                wait_until(lambda: all(smsq.lanes().get(lane) for lane in LANES), "the workers", START_S)
            yield
        finally:
            self._watch.set()
            if ours is not None:
                stop(ours, 60.0)
            stop(gateway)

    def peaks(self) -> dict[str, int]:
        """The most memory that each process has had so far; of several of one kind, the largest."""
        return dict(sorted(self._peaks.items()))

    def tally(self, *, with_statuses: bool = False) -> dict[str, Any]:
        """The gateway's own count."""
        name = "report" if with_statuses else "tally"
        with urllib.request.urlopen(f"{self.control}/_sandbox/{name}", timeout=600) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _note_peaks(self, ours: int, gateway: int) -> None:
        while not self._watch.wait(1.0):
            self._note("supervisor", ours)
            self._note("sandbox gateway", gateway)
            for pid, command in family(ours):
                self._note(next((role for words, role in ROLES.items() if words in command), "other"), pid)

    def _note(self, role: str, pid: int) -> None:
        with contextlib.suppress(OSError, ValueError, StopIteration):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            line = next(line for line in lines if line.startswith("VmHWM"))
            self._peaks[role] = max(self._peaks.get(role, 0), int(line.split()[1]) * 1024)

    def _drain(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with (self.folder / "up.out").open("wb") as out:
            for line in process.stdout:
                out.write(line)


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def command(installation: Installation, *words: str) -> tuple[bytes, float, int]:
    """Run a command of ours: its output, how long it took, the most memory it had."""
    log = installation.folder / "commands.log"
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    process = start([sys.executable, "-m", "smsq", *words], installation.environ, log=log)
    peak = 0
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    while process.poll() is None:
        with contextlib.suppress(OSError, StopIteration):
            told = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            peak = max(peak, int(next(line for line in told if line.startswith("VmHWM")).split()[1]) * 1024)
        time.sleep(0.05)
    reader.join()
    took = time.monotonic() - began
    if process.returncode not in (0, 5):
        raise SystemExit(f"smsq {' '.join(words[:3])} failed ({process.returncode}): {log.read_text()[-2000:]}")
    return b"".join(lines), took, peak or before


def measure(rows: int, folder: Path, say: Say) -> Found:
    """The whole way of so many rows."""
    found = Found(rows)
    file = files.write(folder / "people.csv", rows)
    found.sizes["file"] = file.stat().st_size
    installation = Installation(folder, say)
    with installation.up(), Smsq(environ=installation.environ) as smsq:
        memory = partial(redis_memory, smsq)
        found.sizes["redis before"] = memory()
        began = time.monotonic()
        enrolling = threading.Thread(target=_enrol, args=(installation, file, found))
        enrolling.start()
        campaign_id = _await_campaign(smsq)
        _pause_once(installation, smsq, campaign_id, rows, found)
        enrolling.join()
        say(f"enrolled in {found.times['enrolment']:.1f} s")
        _await_final(smsq, campaign_id, began, found, memory, say)
        found.sizes["redis after"] = memory()
        _report(installation, smsq, campaign_id, found, say)
        found.gateway = installation.tally(with_statuses=True)
        _compare(found)
        found.sizes["append-only files"] = size_of(installation.home, "appendonly")
        found.sizes["journals"] = size_of(installation.home / "journal")
        time.sleep(1.5)  # the memory of processes is read once a second
        found.peaks |= installation.peaks()
    return found


def _enrol(installation: Installation, file: Path, found: Found) -> None:
    words = ("campaign", "run", str(file), "--text", files.OWN_TEXT, "--name", "million", "--yes", "--json")
    _, found.times["enrolment"], found.peaks["campaign run"] = command(installation, *words)


def _await_campaign(smsq: Smsq) -> str:
    wait_until(lambda: bool(smsq.campaigns.list()), "the first look through the file", 600.0)
    return smsq.campaigns.list()[0].id


def _pause_once(installation: Installation, smsq: Smsq, campaign_id: str, rows: int, found: Found) -> None:
    """Pause at full speed, see when the gateway takes its last message, and go on."""
    wait_until(lambda: installation.tally()["accepted"] >= rows * PAUSE_AT, "the first rows", PATIENCE_S)
    asked = time.monotonic()
    smsq.campaigns.pause(campaign_id)
    paused, many, last = time.monotonic(), -1, time.monotonic()
    while time.monotonic() - last < QUIET_S:
        now = installation.tally()["accepted"]
        if now != many:
            many, last = now, time.monotonic()
        time.sleep(LOOK_S)
    found.times["pause, command"] = paused - asked
    found.times["pause, last message"] = last - asked
    smsq.campaigns.resume(campaign_id)


def _await_final(smsq: Smsq, campaign_id: str, began: float, found: Found, memory: Callable[[], int], say: Say) -> None:
    until, said = time.monotonic() + PATIENCE_S, 0.0
    while time.monotonic() < until:
        view = smsq.campaigns.show(campaign_id)
        left = {name: view.statuses.get(name, 0) for name in UNSETTLED}
        now = time.monotonic()
        if "all accepted" not in found.times and view.closed and not left["queued"] and not left["sending"]:
            found.times["all accepted"] = now - began
            found.sizes["redis, all accepted"] = memory()
        if view.closed and not any(left.values()):
            found.times["all final"] = now - began
            found.statuses = dict(view.statuses)
            found.expect(view.doubles == 0, f"{view.doubles} doubles")
            return
        if now - said > 20:
            said = now
            say(f"  {now - began:.0f} s: {dict(view.statuses)}")
        time.sleep(0.25)
    raise SystemExit(f"not final after {PATIENCE_S:g} s: {smsq.campaigns.show(campaign_id).statuses}")


def _report(installation: Installation, smsq: Smsq, campaign_id: str, found: Found, say: Say) -> None:
    """Every format, and totals; the CSV is read back and counted."""
    for form in FORMATS:
        path = installation.folder / f"report.{form}"
        _, took, peak = command(installation, "campaign", "report", campaign_id, "--out", str(path))
        found.times[f"report, {form}"], found.peaks[f"campaign report, {form}"] = took, peak
        found.sizes[f"report, {form}"] = path.stat().st_size
        say(f"report {form}: {took:.1f} s, {peak / 2**20:.0f} MB")
    words = ("campaign", "report", campaign_id, "--totals", "--by", "country", "--by", "hour", "--timeline", "--json")
    out, took, peak = command(installation, *words)
    found.times["totals"], found.peaks["campaign report, totals"] = took, peak
    found.expect(json.loads(out)["messages"] == found.rows, "totals do not add up to the rows")
    counted: Counter[str] = Counter()
    with (installation.folder / "report.csv").open(encoding="utf-8", newline="") as stream:
        for place, row in enumerate(csv.DictReader(stream), 1):
            counted[row["status"]] += 1
            if int(row["row"]) != place:
                found.expect(False, f"row {place} of the report is row {row['row']}")
                break
    found.expect(counted.total() == found.rows, f"the report has {counted.total()} lines")
    found.expect(dict(counted) == found.statuses, f"the report's counts {dict(counted)} are not the ledger's")


def _compare(found: Found) -> None:
    told = found.gateway
    found.expect(told["accepted"] == found.rows, f"the gateway accepted {told['accepted']}")
    found.expect(told["twice"] == told["twice_by_id"] == 0, f"{told['twice']} doubles at the gateway")
    found.expect(not told["limits_broken"], f"limits broken: {told['limits_broken']}")
    ours = {name: many for name, many in found.statuses.items() if many}
    found.expect(told["statuses"] == ours, f"the gateway counts {told['statuses']}, the report {ours}")


def redis_memory(smsq: Smsq) -> int:
    """Bytes that the ledger's server uses for data."""
    return int(smsq.runtime.ledger.redis.info("memory")["used_memory"])


def size_of(folder: Path, part: str = "") -> int:
    """Bytes of the files under a folder whose path has this part."""
    return sum(
        path.stat().st_size for path in folder.rglob("*") if part in str(path.relative_to(folder)) and path.is_file()
    )


def lines(found: Found) -> Iterator[str]:
    """The page."""
    rows, times, sizes = found.rows, found.times, found.sizes
    yield "# A million rows\n"
    yield "Written by `python -m tests.bench.million`: one run, everything on one machine, over loopback.\n"
    yield f"- Machine: {os.cpu_count()} cores shared by gateway, Redis, workers and commands."
    yield f"- {rows:,} rows, a Cyrillic text of its own for each; batches of 100, the default settings of `smsq up`."
    yield "- Statuses came back by signed callbacks of their own, or by history if that was sooner, by the"
    yield "  thousand; the report's counts are the gateway's.\n"
    yield "| what | |\n|---|---|"
    for name, value in (
        ("`campaign run`: look through, compare, enrol", f"{times['enrolment']:.0f} s"),
        ("all accepted, from the start of that command", f"{times['all accepted']:.0f} s"),
        ("recipients a second", f"{rows / times['all accepted']:,.0f}"),
        ("all final", f"{times['all final']:.0f} s"),
        ("pause, until the command returned", f"{times['pause, command']:.3f} s"),
        ("pause, until the gateway's last message", f"{times['pause, last message']:.2f} s"),
        *((f"report, {form}", f"{times[f'report, {form}']:.0f} s, {mb(sizes[f'report, {form}'])}") for form in FORMATS),
        ("totals and timeline", f"{times['totals']:.0f} s"),
        ("Redis per recipient, all accepted, texts kept", per_row(found, "redis, all accepted")),
        ("Redis per recipient, all final, texts kept", per_row(found, "redis after")),
        (
            "callbacks that the gateway made, and that failed",
            "{pushed:,}, {failed:,}".format_map(found.gateway["callbacks"]),
        ),
        ("append-only files", mb(sizes["append-only files"])),
        ("journals", mb(sizes["journals"])),
        ("statuses", ", ".join(f"{name} {many:,}" for name, many in sorted(found.statuses.items()))),
    ):
        yield f"| {name} | {value} |"
    yield "\nThe most memory that each process has had (`VmHWM`):\n\n| process | |\n|---|---|"
    for role, peak in found.peaks.items():
        yield f"| {role} | {mb(peak)} |"


def per_row(found: Found, which: str) -> str:
    """Bytes that a recipient costs in the ledger."""
    return f"{(found.sizes[which] - found.sizes['redis before']) / found.rows:.1f} B"


def mb(size: int) -> str:
    """Megabytes of 2^20 bytes."""
    return f"{size / 2**20:,.0f} MB"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", type=click.IntRange(1000), default=ROWS, show_default=True, help="Rows of the campaign.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the page here, whatever the number of rows.")
@click.option("--keep", type=click.Path(path_type=Path), help="Work in this folder, and leave it.")
@click.option("--json", "as_json", is_flag=True, help="Print every reading as one JSON object.")
def main(rows: int, out: Path | None, keep: Path | None, as_json: bool) -> None:
    """Take a campaign of a million rows through everything, and write docs/million.md."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    say = partial(click.echo, err=True)
    with contextlib.ExitStack() as stack:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smsq-million-")))
        found = measure(rows, folder.resolve(), say)
    if out is None and rows == ROWS and not found.trouble:
        out = ROOT / "docs" / "million.md"
    if out is not None:
        out.write_text("\n".join(lines(found)) + "\n", encoding="utf-8")
    click.echo(json.dumps(vars(found)) if as_json else "\n".join(lines(found)))
    for each in found.trouble:
        say(f"WRONG: {each}")
    sys.exit(1 if found.trouble else 0)


if __name__ == "__main__":
    main()
