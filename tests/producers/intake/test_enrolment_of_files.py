"""Campaigns of files of every kind: killed while they enrol and run again, and the file of their rejects."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
from click.testing import Result

from smsq.producers.api import Smsq
from smsq.producers.intake.files import read_file
from smsq.worker.domain.errors import Conflict

FIRST, ROWS = 79990000001, 6000
Run = Callable[..., Result]

# Enrols and kills itself, as a machine that loses its power does, once so many rows are in.
KILLED = """
import os, signal, sys
from smsq.producers.api import Smsq
with Smsq() as smsq:
    smsq.campaigns.run(
        sys.argv[1],
        text="Hi {name}",
        enrolled=lambda rows: os.kill(os.getpid(), signal.SIGKILL) if rows >= int(sys.argv[2]) else None,
    )
"""


def rows_of(many: int) -> list[tuple[str, str]]:
    """So many good rows."""
    return [(f"+{FIRST + n}", f"P{n}") for n in range(many)]


def as_csv_gz(path: Path, many: int) -> Path:
    """A CSV, packed."""
    content = "phone,name\n" + "".join(f"{phone},{name}\n" for phone, name in rows_of(many))
    path.write_bytes(gzip.compress(content.encode(), 1))
    return path


def as_xlsx(path: Path, many: int) -> Path:
    """A workbook whose phones are numbers."""
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["phone", "name"])
        for at, (phone, name) in enumerate(rows_of(many), 1):
            sheet.write_number(at, 0, int(phone))
            sheet.write_string(at, 1, name)
    return path


def as_json_lines(path: Path, many: int) -> Path:
    """An object in each line."""
    path.write_text("".join(json.dumps({"phone": phone, "name": name}) + "\n" for phone, name in rows_of(many)))
    return path


KINDS = {"people.csv.gz": as_csv_gz, "people.xlsx": as_xlsx, "people.jsonl": as_json_lines}


@pytest.mark.parametrize("name", KINDS)
def test_killed_at_any_row_and_run_again_every_row_is_in_once(
    smsq: Smsq, environ: dict[str, str], tmp_path: Path, name: str
) -> None:
    """Three times in a row, wherever it was."""
    path = KINDS[name](tmp_path / name, ROWS)
    chance = random.Random(name)
    for row in sorted(chance.sample(range(1, ROWS), 3)):
        killed = subprocess.run(
            [sys.executable, "-P", "-c", KILLED, str(path), str(row)], env={**os.environ, **environ}, check=False
        )
        assert killed.returncode == -signal.SIGKILL
    view = smsq.campaigns.run(path, text="Hi {name}")
    report = [(each.row, each.phone, each.status) for each in smsq.campaigns.report(view.id)]

    assert len(smsq.campaigns.list()) == 1
    assert report == [(n + 1, f"+{FIRST + n}", "queued") for n in range(ROWS)]


def test_the_same_rows_as_another_kind_were_sent_already(smsq: Smsq, tmp_path: Path) -> None:
    """They are the same messages, so they wait for a word; a packed CSV is the campaign of the plain one."""
    view = smsq.campaigns.run(as_csv_gz(tmp_path / "a.csv.gz", 5), text="Hi {name}")
    plain = tmp_path / "a.csv"
    plain.write_bytes(gzip.decompress((tmp_path / "a.csv.gz").read_bytes()))

    assert smsq.campaigns.run(plain, text="Hi {name}").id == view.id
    for name in ("people.xlsx", "people.jsonl"):
        with pytest.raises(Conflict, match=r"5 (rows|messages|phones)"):
            smsq.campaigns.run(KINDS[name](tmp_path / name, 5), text="Hi {name}")
    more = smsq.campaigns.run(as_xlsx(tmp_path / "more.xlsx", 7), text="Hi {name}", only_new=True)
    assert more.statuses == {"queued": 2, "duplicate": 5}


def test_a_workbook_that_is_saved_again_is_the_same_campaign(smsq: Smsq, tmp_path: Path) -> None:
    """Its bytes differ, its rows do not."""
    first = smsq.campaigns.run(as_xlsx(tmp_path / "a.xlsx", 5), text="Hi {name}")
    again = as_xlsx(tmp_path / "b.xlsx", 5)
    with again.open("ab") as out:
        out.write(b"")
    assert read_file(again).digest == read_file(tmp_path / "a.xlsx").digest
    assert smsq.campaigns.run(again, text="Hi {name}").id == first.id


def test_a_spoilt_file_enrols_nothing(smsq: Smsq, run: Run, tmp_path: Path) -> None:
    """Nor do the good ones beside it."""
    good = as_csv_gz(tmp_path / "a.csv.gz", 5)
    cut = tmp_path / "b.csv.gz"
    cut.write_bytes(as_csv_gz(tmp_path / "c.csv.gz", 500).read_bytes()[:-9])
    result = run("campaign", "run", str(good), str(cut), "--text", "Hi", "--yes")

    assert result.exit_code == 2
    assert "b.csv.gz was cut: its gzip ends too early" in result.output
    assert smsq.campaigns.list() == []


MIXED = """{"phone": "+79990000001", "name": "Ann", "more": {"a": 1}}
{"phone": "+79990000002 / 8 999 000-00-03", "name": "Two"}
{"phone": "12", "name": "Short"}
{"phone": "+79990000001", "name": "Ann again"}
{"phone": "+79990000004", "name": ["x"]}
{broken
"""


def test_the_file_of_rejects_is_mended_and_run(run: Run, smsq: Smsq, tmp_path: Path) -> None:
    """In the form of the input; unmended it is rejected again; mended it is a campaign, whose rows are new."""
    path = tmp_path / "people.jsonl"
    path.write_text(MIXED)
    campaign_id = run("campaign", "run", str(path), "--text", "Hi {name}", "--yes").stdout.strip()
    rejects = tmp_path / "rejects.jsonl"
    told = run("campaign", "rejects", campaign_id, "--out", str(rejects))
    rows = [json.loads(line) for line in rejects.read_text().splitlines()]

    assert "4 rows in" in told.stderr
    assert [row.get("name") for row in rows] == ["Two", "Short", ["x"], None]
    assert rows[3] == {"smsq_reason": rows[3]["smsq_reason"], "smsq_line": "{broken"}
    assert "there are two numbers here" in rows[0]["smsq_reason"]
    assert run("campaign", "check", str(rejects), "--text", "Hi {name}").exit_code == 2
    rows[1]["phone"] = "+79990000012"
    rejects.write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = run("campaign", "run", str(rejects), "--text", "Hi {name}", "--yes", "--several-phones", "each")
    view = smsq.campaigns.show(again.stdout.strip())
    assert (view.rows, view.invalid, view.statuses["queued"]) == (5, 2, 3)


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_rejects_are_read_back_in_every_form(run: Run, tmp_path: Path, form: str) -> None:
    """With the cells that they had; a row for each phone of a cell has its own; the files are where they were."""
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("phone;name\n+79990000001 8 999 000-00-02;A\n12;B\n")
    second.write_text('phone;name\n34;"C; ""c"""\n+79990000003;D\n56\n')
    words = ("--text", "Hi {name}", "--yes", "--several-phones", "each")
    campaign_id = run("campaign", "run", str(first), str(second), *words).stdout.strip()
    out = tmp_path / f"rejects.{form}"
    run("campaign", "rejects", campaign_id, "--out", str(out))
    source = read_file(out)

    assert source.columns == ("smsq_reason", "phone", "name")
    assert [(*cells[1:],) for _, _, cells in source.as_written()] == [("12", "B"), ("34", 'C; "c"'), ("56", "")] or (
        form == "csv" and [len(cells) for _, _, cells in source.as_written()] == [3, 3, 2]
    )


def test_rejects_of_another_file_are_refused(run: Run, tmp_path: Path) -> None:
    """The rows would be other people's; a file that has moved is named."""
    path = tmp_path / "a.csv"
    path.write_text("phone\n+79990000001\n12\n")
    campaign_id = run("campaign", "run", str(path), "--text", "Hi", "--yes").stdout.strip()
    moved = path.rename(tmp_path / "moved.csv")

    assert "there is no file" in run("campaign", "rejects", campaign_id).output
    assert "12" in run("campaign", "rejects", campaign_id, str(moved)).stdout
    moved.write_text("phone\n+79990000009\n12\n")
    assert "has another phone than the campaign has" in run("campaign", "rejects", campaign_id, str(moved)).output


def test_rows_at_hand_have_no_file(run: Run, smsq: Smsq) -> None:
    """Their rejects are asked of a file that has them."""
    view = smsq.campaigns.run([{"phone": "+79990000001"}, {"phone": "12"}], text="Hi")

    assert "name a file with the same rows" in run("campaign", "rejects", view.id).output
