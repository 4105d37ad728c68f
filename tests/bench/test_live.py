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
    """After the last second in which more left than the rate and a batch; a batch leaves as a whole."""
    fast = [(10 + n / 100, 10) for n in range(50)]  # 1000 parts a second for half a second
    slow = [(10.5 + n, 100) for n in range(1, 60)]

    assert obeyed_after([*fast, *slow], 10.0, 100.0) == pytest.approx(0.49)
    assert obeyed_after([*fast, *slow], 10.5, 100.0) == 0.0
    assert obeyed_after([], 0.0, 1.0) == 0.0
    assert parts_between([*fast, *slow], 11.0, 21.0) == 1000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_gives_every_order() -> None:
    """With few rows the figures mean nothing; all of them are there."""
    words = ["--rows", "60000", "--seconds", "3", "--rate", "50", "--json"]
    done = subprocess.run([sys.executable, "-m", "tests.bench.live", *words], cwd=ROOT, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["held"].keys() == found["obeyed"].keys() == {"50 parts a second", "100 parts a second"}
    assert found["stopped"].keys() == {"pause", "cancel"}
