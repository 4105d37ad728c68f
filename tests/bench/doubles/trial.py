"""What every program of the trial is given, and what is known of it afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smsq.producers.machine.up import SANDBOX_OPTIONS
from tests.bench.programs import start, stop

LOGIN, PASSWORD = "bench", "bench"
TEXT = "Your code is 4821"
FIRST_PHONE = 79_000_000_000
MIRRORS = 5  # as many as the vendor's libraries know


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One gateway that loses answers, and the work to be done at it."""

    messages: int
    share: float  # of answers that are lost after acceptance
    seed: int
    guard_s: float  # how long the gateway refuses the same text to the same phone; 0: never
    patience_s: float  # for one program; what is undecided then is counted as such
    folder: Path
    mirrors: tuple[str, ...]
    control: str

    def told(self) -> dict[str, Any]:
        """The same as a program reads it."""
        account = {"login": LOGIN, "password": PASSWORD, "text": TEXT, "mirrors": self.mirrors}
        return {**account, "phones": [f"+{FIRST_PHONE + n}" for n in range(self.messages)]}

    def environ(self, more: dict[str, str] | None = None) -> dict[str, str]:
        """The environment of a peer's processes."""
        return {"DOUBLES_TRIAL": json.dumps(self.told()), **(more or {})}

    def tally(self) -> dict[str, Any]:
        """The gateway's own count."""
        with urllib.request.urlopen(f"{self.control}/_sandbox/tally", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """What a program says of itself at its end, in messages."""

    sent: int = 0
    failed: int = 0
    undecided: int = 0

    def __str__(self) -> str:
        told = [f"{self.sent} sent"] if self.sent or not (self.failed or self.undecided) else []
        told += [f"{self.failed} failed"] * bool(self.failed)
        return ", ".join(told + [f"{self.undecided} undecided"] * bool(self.undecided))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: the gateway's count, and the program's own."""

    label: str
    messages: int
    answers_lost: int
    lost: int  # messages that were never accepted
    twice: int  # accepted once more than once
    refused_as_duplicate: int
    limits_broken: dict[str, int] = field(default_factory=dict)
    believed: Believed

    @classmethod
    def of(cls, label: str, trial: Trial, believed: Believed) -> Row:
        """What the gateway counted; a trial in which no answer was lost proves nothing and is ended."""
        tally = trial.tally()
        if trial.share and not tally["misfortunes"].get("lose_answer"):
            raise SystemExit(
                f"{label}: no answer was lost, so that nothing can be seen; more --messages, or another --seed"
            )
        return cls(
            label=label,
            messages=trial.messages,
            answers_lost=tally["misfortunes"].get("lose_answer", 0),
            lost=trial.messages - tally["distinct"],
            twice=tally["twice"],
            refused_as_duplicate=tally["guarded"],
            limits_broken=tally["limits_broken"],
            believed=believed,
        )

    @property
    def doubled(self) -> str:
        """Of the lost answers, how many became another copy."""
        return f"{self.twice / self.answers_lost:.0%}" if self.answers_lost else "-"


@contextlib.contextmanager
def trial(
    folder: Path, *, messages: int, share: float, seed: int, guard_s: float, patience_s: float
) -> Iterator[Trial]:
    """Start a fresh gateway, the same for everybody: the sandbox's short times, but a guard as long as is said."""
    argv = [sys.executable, "-m", "smsq", "sandbox", "--ports", ",".join(["0"] * MIRRORS), *SANDBOX_OPTIONS]
    argv += ["--login", LOGIN, "--lose-answers", str(share), "--seed", str(seed)]
    argv += ["--duplicate-window", str(guard_s), "--deliver-after", "0.2..0.5"]
    environ = {"SANDBOX_PASSWORD": PASSWORD, "PATH": os.environ.get("PATH", "")}
    process = start(argv, environ, log=folder / "gateway.log")
    try:
        ready = json.loads(process.stdout.readline())
        yield Trial(
            messages=messages,
            share=share,
            seed=seed,
            guard_s=guard_s,
            patience_s=patience_s,
            folder=folder,
            mirrors=tuple(ready["mirrors"]),
            control=ready["control"],
        )
    finally:
        stop(process)
