"""Two hosts whose processes are started and replaced one by one, as a service manager does it, in either version.

`Fleet` has every kind of process twice, but for the receiver of callbacks and the exporter. `Sender` is a program that
sends codes all the while, and `Pace` watches how many messages the gateway takes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smsq.worker.processes.parent import ask_kernel
from tests.journeys.town import SMSQ, START_S, Journey, Town

ROOT = Path(__file__).parents[2]
SECRET_KEY = "a secret key that both homes have"
STOP_S = 60.0
LANES = ("urgent", "bulk", "status", "chores")
SCHEDULERS = ("scheduler-a", "scheduler-b")
WORKERS = tuple(f"{lane}-{host}" for host in "ab" for lane in LANES)
ALL = (*SCHEDULERS, *WORKERS, "web", "exporter")

_SENDER = """
import sys, threading, time
from smsq import Smsq
from smsq.worker.domain.errors import SmsqError
first, every_s = int(sys.argv[1]), float(sys.argv[2])
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
with Smsq() as smsq:
    n = 0
    print("ready", flush=True)
    while not stop.is_set():
        began = time.time()
        try:
            sent = smsq.send(first + n, "Your code is 4821", key=f"code-{first + n}")
        except SmsqError as error:
            print(f"later {error.word}", flush=True)
        else:
            print(f"sent {first + n} {sent.id} {began} {time.time() - began}", flush=True)
            n += 1
        stop.wait(max(0.0, began + every_s - time.time()))
"""


def _end_with_us() -> None:
    ask_kernel(signal.SIGKILL)


def tree_of(commit: str, place: Path) -> Path:
    """The files of an earlier commit; skips if this copy of the repository does not have it."""
    told = subprocess.run(["git", "-C", ROOT, "archive", "--format=tar", commit], capture_output=True, check=False)
    if told.returncode:
        pytest.skip(f"commit {commit[:8]} is not in this copy of the repository: git fetch --unshallow")
    place.mkdir()
    packed = place.with_suffix(".tar")
    packed.write_bytes(told.stdout)
    with tarfile.open(packed) as tar:
        tar.extractall(place, filter="tar")
    packed.unlink()
    return place


@dataclass
class Fleet:
    """The processes of a town that has a Redis of its own and no `smsq up`; `tree` is the version they begin with."""

    town: Town
    tree: Path | None = None  # None: this one
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def begin(self) -> None:
        """Start everything, and wait until it works."""
        assert self.town.server is not None
        self.town.server.start()
        for name in ALL:
            self._start(name, self.tree)
        for name in ALL:
            self._await(name)
        self.town.wait_for(lambda: self.town.in_force() and self.town.leader(), "the roll call and a leader", START_S)

    def replace(self, name: str, tree: Path | None) -> None:
        """Stop a process in order and start it in that version."""
        before = self.running[name]
        before.terminate()
        assert before.wait(STOP_S) in (0, -signal.SIGTERM), self.said(name)
        self._start(name, tree)
        self._await(name)

    def environ(self, tree: Path | None, host: str = "a") -> dict[str, str]:
        """What a process of that host and version is told."""
        told = {**self.town.environ, "SMSQ_HOME": str(self.town.folder / f".smsq-{host}")}
        return told if tree is None else {**told, "PYTHONPATH": str(tree)}

    def said(self, name: str) -> str:
        """The end of what a process said."""
        return (self.town.folder / f"{name}.log").read_text(errors="replace")[-1500:]

    def _start(self, name: str, tree: Path | None) -> None:
        kind, _, host = name.partition("-")
        words = ["worker", "--lane", kind] if kind in LANES else [kind]
        with open(self.town.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                [*SMSQ, *words],
                cwd=self.town.folder,
                env=self.environ(tree, host or "a"),
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_us,
            )
        self.town.others.append(self.running[name])

    def _await(self, name: str) -> None:
        kind, pid = name.partition("-")[0], self.running[name].pid
        variable = {"web": "SMSQ_WEB_ADDR", "exporter": "SMSQ_METRICS_ADDR"}.get(kind)

        def is_up() -> bool:
            assert self.running[name].poll() is None, self.said(name)
            if variable is not None:
                host, _, port = self.town.environ[variable].rpartition(":")
                socket.create_connection((host, int(port)), 1.0).close()
                return True
            if kind in LANES:
                return any(owner.split("/")[2] == str(pid) for owner in self.town.views.owners(3.0))
            return bool(self.town.leader())

        self.town.wait_for(is_up, f"{name}: {self.said(name)}", START_S)


class Sender:
    """A program of ours, in either version, that sends a code every so often until it is stopped."""

    def __init__(self, fleet: Fleet, journey: Journey, tree: Path | None, *, every_s: float = 0.3) -> None:
        self._journey = journey
        self.sent: list[tuple[int, float, float]] = []  # phone, Unix time of the call, seconds that it took
        self.later = 0  # calls that raised, and were made again
        first = journey.town.next_phone
        journey.town.next_phone += 10_000
        with open(fleet.town.folder / "sender.log", "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _SENDER, str(first), str(every_s)],
                cwd=fleet.town.folder,
                env={**os.environ, **fleet.environ(tree)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=_end_with_us,
            )
        fleet.town.others.append(self._process)  # type: ignore[arg-type]
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", (fleet.town.folder / "sender.log").read_text()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            what, *rest = line.split()
            if what == "sent":
                self.sent.append((int(rest[0]), float(rest[2]), float(rest[3])))
                self._journey.phones.append(int(rest[0]))
                self._journey.singles.append(rest[1])
            else:
                self.later += 1

    def stop(self) -> None:
        """Between two calls: what was enrolled was told."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(STOP_S) == 0
        self._reader.join(STOP_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Pace:
    """How many messages the gateway has taken, looked at all the time."""

    def __init__(self, town: Town, look_s: float = 0.2) -> None:
        self._town = town
        self._look_s = look_s
        self._stopped = threading.Event()
        self.seen: list[tuple[float, int]] = []  # monotonic time, accepted
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopped.wait(self._look_s):
            with contextlib.suppress(OSError):
                self.seen.append((time.monotonic(), int(self._town.count()["accepted"])))

    def rate(self, since: float, until: float) -> float:
        """Messages in a second between two moments."""
        inside = [each for each in self.seen if since <= each[0] <= until]
        if len(inside) < 2:
            return 0.0
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])

    def gap(self, since: float, until: float) -> float:
        """The longest time without another message between two moments."""
        longest, last = 0.0, (since, -1)
        for at, many in self.seen:
            if since <= at <= until and many != last[1]:
                longest, last = max(longest, at - last[0]), (at, many)
        return max(longest, until - last[0])
