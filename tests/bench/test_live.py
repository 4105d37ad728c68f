"""How the program of live orders counts, and that it runs to its end with few rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.live import obeyed_after, parts_between

ROOT = Path(__file__).parents[2]


def test_when_a_rate_is_obeyed() -> None:
    """Once no more leaves than it allows, and as much."""
    fast = [(10 + n / 100, 10) for n in range(1, 101)]  # 1000 parts a second for a second
    slow = [(11.0 + n, 100) for n in range(1, 60)]

    assert obeyed_after([*fast, *slow], 10.0, 100.0) == pytest.approx(0.78)  # the rest may have been saved up
    assert obeyed_after(slow, 11.0, 100.0) == pytest.approx(2.0)  # it is reached then
    assert obeyed_after([(at + 20, parts) for at, parts in slow], 11.0, 100.0) == pytest.approx(22.0)
    assert parts_between([*fast, *slow], 12.0, 22.0) == 1000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_gives_every_order() -> None:
    """With few rows the figures mean nothing; all of them are there."""
    words = ["--rows", "60000", "--seconds", "3", "--rate", "50", "--json"]
    done = subprocess.run([sys.executable, "-m", "tests.bench.live", *words], cwd=ROOT, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["held"].keys() == found["obeyed"].keys() == {"50 parts a second", "100 parts a second"}
    assert found["stopped"].keys() == {"pause", "cancel"}
