"""`smsq campaign report`: formats, choices, totals, and files that are whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from python_calamine import load_workbook

from smsq.producers.api import Smsq
from smsq.producers.campaigns import Campaigns
from smsq.worker.domain.errors import LedgerUnreachable
from smsq.worker.domain.receipt import Receipt

Run = Callable[..., Result]


@pytest.fixture
def campaign(smsq: Smsq) -> str:
    rows = [{"phone": "+79991234567"}, {"phone": "=1+1"}, {"phone": "+77011234567"}]
    return smsq.campaigns.run(rows, text="Hello").id


@pytest.mark.parametrize("name", ["report.csv", "report.jsonl", "report.ndjson", "report.xlsx", "report.json"])
def test_the_ending_names_the_format(run: Run, campaign: str, tmp_path: Path, name: str) -> None:
    """Every row is in it, in the file's order."""
    path = tmp_path / name
    result = run("campaign", "report", campaign, "--out", str(path))

    assert (result.exit_code, result.stdout) == (0, "")
    assert phones(path) == ["+79991234567", "=1+1", "+77011234567"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home", name]


def phones(path: Path) -> list[str]:
    """The phones in a report, as its format means them."""
    match path.suffix:
        case ".csv":
            return [line.split(",")[1].removeprefix("'") for line in path.read_text().splitlines()[1:]]
        case ".xlsx":
            return [row[1] for row in load_workbook(path).get_sheet_by_index(0).to_python()[1:]]
        case ".json":
            return [each["phone"] for each in json.loads(path.read_text())]
    return [json.loads(line)["phone"] for line in path.read_text().splitlines()]


def test_only_these_rows(run: Run, campaign: str) -> None:
    """By a word for several statuses; a wrong word names the right ones."""
    found = run("campaign", "report", campaign, "--format", "jsonl", "--only", "unsent")
    wrong = run("campaign", "report", campaign, "--only", "faild")

    assert [json.loads(line)["row"] for line in found.stdout.splitlines()] == [1, 3]
    assert (wrong.exit_code, "perhaps failed" in wrong.stderr) == (2, True)


def test_totals_are_one_object_for_machines(run: Run, campaign: str) -> None:
    """By as many kinds as are named, with a timeline if it is wanted."""
    words = ("campaign", "report", campaign, "--totals", "--by", "country", "--by", "status", "--timeline", "--json")
    told: dict[str, Any] = json.loads(run(*words).stdout)

    assert (told["id"], told["messages"]) == (campaign, 3)
    assert {each["country"]: each["messages"] for each in told["by"]["country"]} == {"RU": 1, "KZ": 1, "none": 1}
    assert [each["status"] for each in told["by"]["status"]] == ["queued", "invalid"]
    assert told["timeline"]["steps"] == []


def test_totals_for_people(run: Run, campaign: str) -> None:
    """A table, and a sentence if nothing has left."""
    result = run("campaign", "report", campaign, "--totals", "--timeline")

    assert [line.split()[:2] for line in result.stdout.splitlines()[1:4]] == [
        ["queued", "2"],
        ["invalid", "1"],
        ["all", "3"],
    ]
    assert "nothing has left yet" in result.stdout


def test_a_report_names_the_template_and_its_version(smsq: Smsq, run: Run) -> None:
    """For people above everything, for machines in the totals; a table of rows stays a table."""
    smsq.templates.add("hello", "Hello")
    view = smsq.campaigns.run(["+79991234567"], template="hello", name="spring")
    told = [run("campaign", "report", view.id, *words).stdout for words in ((), ("--totals",), ("--format", "csv"))]
    totals = json.loads(run("campaign", "report", view.id, "--totals", "--json").stdout)

    head = f"campaign {view.id} (spring), template hello@1"
    assert [each.splitlines()[0] == head for each in told] == [True, True, False]
    assert (totals["name"], totals["template"]) == ("spring", "hello@1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--json",), "rows for machines are --format jsonl"),
        (("--totals", "--format", "csv"), "totals have none"),
        (("--format", "xlsx"), "say where it goes, --out report.xlsx"),
    ],
    ids=["json of rows", "a format of totals", "a workbook to a terminal"],
)
def test_what_makes_no_sense_is_a_sentence(run: Run, campaign: str, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, and what to write instead."""
    result = run("campaign", "report", campaign, *words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize("name", ["report.csv", "report.xlsx"])
def test_a_report_that_fails_leaves_the_old_one(
    run: Run, campaign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever reads it finds the old one whole, and nothing half-written beside it."""
    path = tmp_path / name
    path.write_text("the old one")

    def report(self: Campaigns, campaign_id: str) -> Iterator[Receipt]:
        yield Receipt(id="1.0", phone="+79991234567", status="queued", row=1)
        raise LedgerUnreachable("Redis does not answer")

    monkeypatch.setattr(Campaigns, "report", report)
    result = run("campaign", "report", campaign, "--out", str(path))

    assert result.exit_code == 4
    assert path.read_text() == "the old one"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home", name]


def test_a_link_stays_a_link(run: Run, campaign: str, tmp_path: Path) -> None:
    """The file behind it is replaced."""
    behind, link = tmp_path / "behind.csv", tmp_path / "link.csv"
    behind.write_text("before")
    link.symlink_to(behind)
    run("campaign", "report", campaign, "--out", str(link))

    assert link.is_symlink()
    assert behind.read_text().startswith("row,phone")
