"""The benchmark's programs fit what they measure: each finds what it imports, before a long run needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import files, programs
from tests.bench.campaigns import CASES, measure

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


@pytest.mark.parametrize("text", [files.ONE_TEXT, files.OWN_TEXT], ids=["one text", "own texts"])
def test_the_stock_loop_sends_every_row_once(tmp_path: Path, text: str) -> None:
    """It knows nothing of ours; the gateway's own count agrees with it."""
    file = files.write(tmp_path / "campaign.csv", 120)
    with programs.gateway(tmp_path) as running:
        told = {"file": str(file), "text": text, "batch": 50, "rows": 120, "mirror": running.mirror}
        said = programs.run(
            "stock", {**told, "login": programs.LOGIN, "password": programs.PASSWORD}, log=tmp_path / "log"
        )
        tally = running.tally()

    assert (said["accepted"], tally["accepted"], tally["twice"]) == (120, 120, 0)


def test_the_cpu_of_a_family_is_told_by_role() -> None:
    """By what stands in a command line; who is not named counts with the first."""
    nap = "import sys; sys.stdin.read()"
    start = f"import subprocess, sys; [subprocess.Popen([sys.executable, '-c', {nap!r}, n]) for n in 'ab']; {nap[12:]}"
    process = subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE)
    try:
        programs.wait_until(lambda: len(list(programs.family(process.pid))) == 2, "two children", 20)
        found = programs.cpu_by_role(process.pid, {"read() a": "first", "no such": "nobody"}, "the rest")
    finally:
        process.communicate()

    assert found.keys() == {"first", "the rest"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_small_campaign_is_measured_from_end_to_end(tmp_path: Path) -> None:
    """Every program of the case that is the default, and what a request costs by role."""
    [case] = [each for each in CASES if each.name == "campaign-100"]
    measured = measure(case, 2_000, 1, tmp_path, lambda words: None)

    assert {"against stock loop", "against stock loop, stretch"} <= {each.what for each in measured.verdicts}
    spent = json.loads(json.dumps(measured.readings))["ours"]["cpu_us"][0]
    assert {"workers", "ledger server", "queue server", "producer"} <= spent.keys()
