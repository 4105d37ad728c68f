"""Look-ups of a file's phones, from the command to the answers, through every process."""

from __future__ import annotations

import csv
import io
import subprocess

import pytest

from smsq.worker.domain.result import FIELDS
from tests.journeys.town import OURS, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("kind", ["hlr", "ping"])
def test_a_check_of_a_file_writes_what_was_found(town: Town, kind: str) -> None:
    """Callbacks, questions and pages bring the answers; each phone is asked about once, by the gateway's own count."""
    before = town.count()["accepted"]
    first, many = town.next_phone, 150
    town.next_phone += many
    file, answers = town.folder / f"{kind}.csv", town.folder / f"{kind}-answers.csv"
    file.write_text("phone\n" + "".join(f"+{first + each}\n" for each in range(many)), "utf-8")

    words = [kind, "check", str(file), "--yes", "--report", str(answers)]
    done = subprocess.run([*OURS, *words], cwd=town.folder, env=town.environ, capture_output=True, timeout=240)

    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(answers.read_text("utf-8"))))
    assert [row["phone"] for row in rows] == [f"+{first + each}" for each in range(many)]
    assert {row["status"] for row in rows} <= {"delivered", "undeliverable", "expired"}
    assert set(FIELDS) <= set(rows[0])
    reached = [row for row in rows if row["status"] == "delivered"]
    assert reached
    if kind == "hlr":
        assert all(row["imsi"] and row["network"] for row in reached)
    assert town.count()["accepted"] - before == many
