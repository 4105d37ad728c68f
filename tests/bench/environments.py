"""Environments of their own for peers and tools that ours does not hold: made once, by pip as it is configured here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.programs import ROOT

PLACE = ROOT / "build" / "peers"
CELERY = "5.7.0"
HUEY = "3.5.4"
MATPLOTLIB = "3.11.2"


class NotToBeHad(Exception):
    """The environment could not be made; the sentence says why."""


def celery(say: Callable[[str], None]) -> Path:
    """The Python of an environment with Celery, made if it is not there."""
    return _made(f"celery-{CELERY}", (f"celery[redis]=={CELERY}", "requests"), say)


def huey(say: Callable[[str], None]) -> Path:
    """The same with huey."""
    return _made(f"huey-{HUEY}", (f"huey=={HUEY}", "redis", "requests"), say)


def matplotlib(say: Callable[[str], None]) -> Path:
    """The same with what draws the pictures."""
    return _made(f"matplotlib-{MATPLOTLIB}", (f"matplotlib=={MATPLOTLIB}",), say)


def _made(name: str, packages: tuple[str, ...], say: Callable[[str], None]) -> Path:
    folder = PLACE / name
    python, ready = folder / "bin" / "python", folder / ".ready"
    if ready.exists():
        return python
    say(f"  making an environment for {packages[0]} in {folder.relative_to(ROOT)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for argv in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", *packages],
    ):
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise NotToBeHad(f"{packages[0]} cannot be had from pip's index: {said[-1][:200]}")
    ready.touch()
    return python
