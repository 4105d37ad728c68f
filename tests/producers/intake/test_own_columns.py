"""A campaign's file beside its report."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsq.producers.cli import main

ROWS = """phone,name,id
8 (999) 123-00-01,Ann,7
12,=Bad,8
+79991230002,Bob,9
8-999-123-00-02,Bobby,10
"+79991230003",Cid,11
"""


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Phones as people write them, a bad one, a duplicate, a formula."""
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    return path


def smsq(environ: dict[str, str], *words: object) -> Result:
    """Run the command in this process, without a terminal."""
    return CliRunner().invoke(main, ["campaign", *map(str, words)], env=environ)


def rows_of(result: Result) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_a_report_has_the_file_s_columns_if_they_are_wanted(environ: dict[str, str], people: Path) -> None:
    """Behind its own, apart from them by name, and no cell that a spreadsheet evaluates; the message's id is there."""
    campaign_id = smsq(environ, "run", people, "--text", "Hi", "--yes").stdout.strip()
    words = ("report", campaign_id, "--columns-of", people, "--format")
    rows = rows_of(smsq(environ, *words, "csv"))
    objects = json.loads(smsq(environ, *words, "json").stdout)
    rejects = rows_of(smsq(environ, *words, "csv", "--rejects"))

    assert [(row["status"], row["name"], row["file_id"]) for row in rows] == [
        ("queued", "Ann", "7"), ("invalid", "'=Bad", "8"), ("queued", "Bob", "9"), ("duplicate", "Bobby", "10"),
        ("queued", "Cid", "11"),
    ]  # fmt: skip
    assert [(row["phone"], row["file_phone"]) for row in rows[:1]] == [("+79991230001", "8 (999) 123-00-01")]
    assert [bool(row["id"]) for row in rows] == [True, False, True, False, True]
    assert objects[2]["columns"] == {"phone": "+79991230002", "name": "Bob", "id": "9"}
    assert objects[2]["id"] == rows[2]["id"]
    assert [row["name"] for row in rejects] == ["'=Bad", "Bobby"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (ROWS.replace("+79991230002,Bob", "+79991230009,Bob"), "row 3 of .* has another phone"),
        (ROWS.replace("12,=Bad,8\n", ""), "ends after 4 rows"),
        (ROWS[: ROWS.index('"+7')], "ends after 4 rows"),
        (ROWS + "+79991230004,Dan,12\n", "has more than the 5 rows"),
    ],
    ids=["another phone", "a row less", "cut off", "a row more"],
)
def test_another_file_is_refused(environ: dict[str, str], people: Path, changed: str, said: str) -> None:
    """Its columns would stand beside other people."""
    campaign_id = smsq(environ, "run", people, "--text", "Hi", "--yes").stdout.strip()
    people.write_text(changed)
    result = smsq(environ, "report", campaign_id, "--columns-of", people, "--format", "csv")

    assert result.exit_code == 2
    assert re.search(said, result.stderr)


def test_a_table_has_no_room_for_them(environ: dict[str, str], people: Path) -> None:
    """And says what has."""
    campaign_id = smsq(environ, "run", people, "--text", "Hi", "--yes").stdout.strip()
    result = smsq(environ, "report", campaign_id, "--columns-of", people)

    assert result.exit_code == 2
    assert "use --format csv or json" in result.stderr
