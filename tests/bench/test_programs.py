"""The benchmark's programs fit what they measure: each finds what it imports, before a long run needs it."""

from __future__ import annotations

import json
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
    if path.stem not in ELSEWHERE and not path.stem.startswith(("test_", "__")) and "celery" not in path.stem
)
# Each in a process that has imported none of the others, forked from one that has what they have in common.
IMPORTS = """
import importlib, json, os, sys, traceback
import smsq.producers.api, smsq.worker.processes.lane
for module in sys.argv[1:]:
    read, write = os.pipe()
    if not os.fork():
        try:
            importlib.import_module(module)
        except BaseException:
            os.write(write, traceback.format_exc().encode()[-500:])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        print(json.dumps([module, told.read()]), flush=True)
    os.wait()
"""


@pytest.fixture(scope="module")
def troubles() -> dict[str, str]:
    """What kept each program from its imports, '' for nothing."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *MODULES],
        cwd=ROOT,
        env={**os.environ, **WANTED},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-500:]
    return dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith('["tests.'))


@pytest.mark.parametrize("module", MODULES)
def test_a_program_finds_what_it_imports(troubles: dict[str, str], module: str) -> None:
    """A name that is gone would end a run of minutes."""
    assert troubles[module] == ""
