"""Files that commands write."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from smsq.producers.api import Smsq

Run = Callable[..., Result]


@pytest.fixture
def campaign(smsq: Smsq) -> str:
    return smsq.campaigns.run([{"phone": "+79991234567"}, {"phone": "x"}], text="Hello").id


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("which", [[], ["--rejects"]], ids=["a report", "rejects"])
def test_a_report_is_its_owner_s_alone(run: Run, campaign: str, tmp_path: Path, which: list[str]) -> None:
    """It is full of phones, whatever the umask; also where a wider file was there before."""
    fresh, old = tmp_path / "fresh.csv", tmp_path / "old.csv"
    old.write_text("before")
    old.chmod(0o644)
    before = os.umask(0)
    try:
        for path in (fresh, old):
            assert run("campaign", "report", campaign, "--format", "csv", *which, "--output", str(path)).exit_code == 0
    finally:
        os.umask(before)

    assert (mode(fresh), mode(old)) == (0o600, 0o600)
    assert old.read_text() == fresh.read_text() != "before"


@pytest.mark.parametrize(("said", "given"), [("640", 0o640), ("0644", 0o644)])
def test_others_may_read_it_if_that_is_said(run: Run, campaign: str, tmp_path: Path, said: str, given: int) -> None:
    """As chmod takes it."""
    path = tmp_path / "report.csv"
    run("campaign", "report", campaign, "--output", str(path), "--mode", said)

    assert mode(path) == given


def test_what_is_no_mode_is_a_sentence(run: Run, campaign: str, tmp_path: Path) -> None:
    """And nothing is written; what is no file keeps its mode."""
    path = tmp_path / "report.csv"
    wrong = run("campaign", "report", campaign, "--output", str(path), "--mode", "u=rw")
    before = mode(Path("/dev/null"))
    nowhere = run("campaign", "report", campaign, "--output", "/dev/null")

    assert (wrong.exit_code, "such as 640" in wrong.stderr, path.exists()) == (2, True, False)
    assert (nowhere.exit_code, mode(Path("/dev/null"))) == (0, before)
