"""The program of a million rows, with few."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_counts_as_the_gateway_does(tmp_path: Path) -> None:
    """From the file to the report, through all processes; nothing is missing and nothing is double."""
    words = ["--rows", "1000", "--json", "--out", str(tmp_path / "page.md"), "--keep", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.million", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["trouble"] == []
    assert sum(found["statuses"].values()) == found["gateway"]["accepted"] == 1000
    assert {"worker, bulk", "web (callbacks)", "scheduler", "sandbox gateway", "campaign run"} <= set(found["peaks"])
    assert "| all final |" in (tmp_path / "page.md").read_text()
