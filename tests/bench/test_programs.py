"""The benchmark's programs fit what they measure: each finds what it imports, before a long run needs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"celery_peer", "celery_actor", "huey_peer", "huey_actor", "drawing"}  # in environments of their own
WANTED = {"BENCH_BROKER": "redis://127.0.0.1:1/0", "DOUBLES_BROKER": "redis://127.0.0.1:1/0"}
WANTED |= dict.fromkeys(("BENCH_MIRROR", "DOUBLES_MIRRORS"), "http://127.0.0.1:1") | {"BENCH_QUEUES": "1"}
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "tests" / "bench").rglob("*.py")
    if path.stem not in ELSEWHERE and not path.stem.startswith(("test_", "__"))
)


@pytest.mark.parametrize("module", [module for module in MODULES if "celery" not in module])
def test_a_program_finds_what_it_imports(module: str) -> None:
    """A name that is gone would end a run of minutes."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=ROOT,
        env={**os.environ, **WANTED},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-500:]
