"""`smsq campaign retry|copy|edit`, and `run --every`: what is said, asked and answered at the door."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from smsq.producers.api import Smsq
from tests.producers.campaigns_over import end
from tests.producers.test_again import FATES, people

Run = Callable[..., Result]
LATER = "2099-01-01T09:00+00:00"


def over(smsq: Smsq) -> str:
    campaign = smsq.campaigns.run(people(8), text="Hi {name}", name="spring").id
    end(smsq, campaign, FATES)
    return campaign


def test_a_retry_shows_what_it_takes_and_asks(smsq: Smsq, run: Run) -> None:
    """Without a terminal it wants a yes, and enrols nothing until then; twice run it adds nothing."""
    origin = over(smsq)
    dry = run("campaign", "retry", origin, "--dry-run")
    asked = run("campaign", "retry", origin)
    done = run("campaign", "retry", origin, "--yes", "--json")
    same = run("campaign", "retry", origin, "--yes")

    assert (dry.exit_code, dry.stdout) == (0, "dry run: 3 messages, 3 parts; nothing was enrolled\n")
    assert (asked.exit_code, asked.stdout) == (2, "")
    assert f"3 messages of campaign {origin} (spring) again, as a new campaign" in asked.stderr
    assert "Send 3 messages, 3 parts? Nobody can be asked here: add --yes" in asked.stderr
    told = json.loads(done.stdout)
    assert (done.exit_code, told["origin"], told["made_as"], told["rows"]) == (0, origin, "retry", 3)
    assert (same.exit_code, same.stdout) == (0, f"{told['id']}\n")
    assert "sends these 3 messages of campaign" in same.stderr
    assert "nothing is added" in same.stderr
    assert len(smsq.campaigns.list()) == 2
    end(smsq, told["id"])
    assert run("campaign", "retry", origin, "--yes").exit_code == 2
    assert f"made of         campaign {origin} (retried)" in run("campaign", "show", told["id"]).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reason", "lost"], "a reason is expired, undeliverable, refused or an error code"),
        (["--reason", "77"], "failed for this reason (77): there is nothing to retry"),
        (["--unsent"], "never left: there is nothing to retry"),
        (["--parked"], "was given up by a person: there is nothing to retry"),
        (["--at", "2001-01-01T10:00+00:00"], "that moment has passed"),
        (["--window", "25-26"], "a window is two times of the day"),
    ],
)
def test_what_cannot_be_retried_is_named(smsq: Smsq, run: Run, words: list[str], said: str) -> None:
    """And nothing is enrolled."""
    refused = run("campaign", "retry", over(smsq), "--yes", *words)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert said in refused.stderr
    assert len(smsq.campaigns.list()) == 1


def test_a_campaign_that_runs_is_not_retried(smsq: Smsq, run: Run) -> None:
    """It says what to wait for, and how to end it."""
    campaign = smsq.campaigns.run(people(2), text="Hi", name="spring").id
    refused = run("campaign", "retry", campaign, "--yes")

    assert refused.exit_code == 2
    assert f"`smsq campaign show {campaign} --follow` waits for that" in refused.stderr


def test_a_copy_and_an_edit(smsq: Smsq, run: Run) -> None:
    """A copy has its own id; an edit in place keeps it, one of the text prints the id that takes its place."""
    campaign = smsq.campaigns.run(people(2), text="Hi", name="spring", at=LATER).id
    copy = json.loads(run("campaign", "copy", campaign, "--at", LATER, "--yes", "--json").stdout)
    moved = run("campaign", "edit", campaign, "--at", "2099-03-01T09:00+00:00", "--json")
    other = run("campaign", "edit", campaign, "--text", "Bye", "--yes", "--json")
    late = run("campaign", "edit", campaign, "--name", "x")

    assert (copy["origin"], copy["made_as"], copy["starts_at"]) == (campaign, "copy", "2099-01-01T09:00:00Z")
    assert json.loads(moved.stdout)["starts_at"] == "2099-03-01T09:00:00Z"
    told = json.loads(other.stdout)
    assert (told["origin"], told["made_as"], told["text"], told["starts_at"]) == (
        campaign, "edit", "Bye", "2099-03-01T09:00:00Z",
    )  # fmt: skip
    assert f"takes the place of campaign {campaign}, which is cancelled" in other.stderr
    assert (late.exit_code, "there is nothing to edit" in late.stderr) == (2, True)


def test_a_recurring_campaign_says_when(smsq: Smsq, run: Run, tmp_path: Path) -> None:
    """Before it is agreed to, in `show` and for machines; the same command again adds nothing."""
    file = tmp_path / "people.csv"
    file.write_text("phone\n+79990000001\n", encoding="utf-8")
    words = ["campaign", "run", str(file), "--text", "Hi", "--every", "Mon,thu 10:00", "--every-zone", "Europe/Moscow"]
    done = run(*words, "--count", "3", "--yes", "--json")
    same = run(*words, "--count", "3", "--yes")

    assert "all of it is sent every mon,thu 10:00 (Europe/Moscow), 3 times, for the first time at" in done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["every"]["calendar"], told["every"]["count"]) == ("recurring", "mon,thu 10:00", 3)
    assert "nothing is added" in same.stderr
    shown = run("campaign", "show", told["id"]).stdout
    assert "recurs          every mon,thu 10:00 (Europe/Moscow), next at " in shown
    assert run("campaign", "retry", told["id"], "--yes").exit_code == 2
    assert run("campaign", "edit", told["id"], "--name", "x").exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--every", "day"], "names no time of day"),
        (["--every", "monday 10:00"], "there is no day 'monday'"),
        (["--every", "day 10:00", "--every-zone", "Mars/Base"], "there is no time zone 'Mars/Base'"),
        (["--every", "day 10:00", "--count", "0"], "recurs once at least"),
        (["--every", "day 10:00", "--until", "2001-01-01"], "it would never be sent"),
        (["--until", "2099-01-01"], "--until is for a campaign that recurs: add --every"),
        (["--every", "day 10:00", "--until", "soon"], "soon"),
    ],
)
def test_a_wrong_calendar_is_named(smsq: Smsq, run: Run, tmp_path: Path, words: list[str], said: str) -> None:
    """And nothing is enrolled."""
    file = tmp_path / "people.csv"
    file.write_text("phone\n+79990000001\n", encoding="utf-8")
    refused = run("campaign", "run", str(file), "--text", "Hi", "--yes", *words)

    assert (refused.exit_code, said in refused.stderr, smsq.campaigns.list()) == (2, True, [])


def test_an_edit_with_a_file_renders_it_anew(smsq: Smsq, run: Run, tmp_path: Path) -> None:
    """A text with fields wants the file; with it the campaign's place is taken, and the same command adds nothing."""
    file = tmp_path / "people.csv"
    file.write_text("phone,name\n+79990000001,Anna\n+79990000002,Boris\n", encoding="utf-8")
    campaign = smsq.campaigns.run(file, text="Hi {name}", name="spring", at=LATER).id
    refused = run("campaign", "edit", campaign, "--text", "Bye {name}", "--yes")
    done = run("campaign", "edit", campaign, str(file), "--text", "Bye {name}", "--yes", "--json")
    same = run("campaign", "edit", campaign, str(file), "--text", "Bye {name}", "--yes", "--json")

    assert (refused.exit_code, "the columns of a file are not kept" in refused.stderr) == (2, True)
    told = json.loads(done.stdout)
    assert (told["origin"], told["rows"], told["text"], told["starts_at"]) == (
        campaign, 2, "Bye {name}", "2099-01-01T09:00:00Z",
    )  # fmt: skip
    assert json.loads(same.stdout)["id"] == told["id"]
    assert [view.state for view in smsq.campaigns.list()] == ["running", "cancelled"]


def test_an_edit_with_a_file_names_its_columns_again(smsq: Smsq, run: Run, tmp_path: Path) -> None:
    """What rows had of their own is not lost in silence, nor their time zones."""
    path = tmp_path / "people.csv"
    path.write_text("phone,from,ref,tz\n+79991234567,Shop,r1,Asia/Omsk\n+79991234568,Bank,r2,Asia/Tomsk\n")
    meant = {"sender": "from", "reference": "ref", "zone": "tz"}
    id_ = smsq.campaigns.run(path, text="Hi", per_row=meant, window="9-21", at="2099-01-01T09:00").id
    words = ("campaign", "edit", id_, str(path), "--text", "Hello", "--yes")
    bare = run(*words)
    zoneless = run(*words, "--per-row", "sender=from", "--per-row", "reference=ref")
    done = run(*words, *(word for name, column in meant.items() for word in ("--per-row", f"{name}={column}")))

    assert (bare.exit_code, "has reference, sender from columns of its file: name them again" in bare.stderr) == (
        2,
        True,
    )
    assert (zoneless.exit_code, "give --zone-unknown" in zoneless.stderr) == (2, True)
    assert done.exit_code == 0, done.stderr
    heir = smsq.campaigns.show(done.stdout.strip())
    rows = list(smsq.campaigns.report(heir.id))
    assert [(each.sender, each.reference) for each in rows] == [("Shop", "r1"), ("Bank", "r2")]
    assert (heir.zones, heir.window) == (("Asia/Omsk", "Asia/Tomsk"), "9-21")


def test_an_enrolling_process_is_killed_at_three_random_rows(smsq: Smsq, environ: dict[str, str]) -> None:
    """`kill -9`, and the same command again each time: every row is in exactly once, in the order of the file."""
    rows, chance = 6000, random.Random()
    origin = smsq.campaigns.run(people(rows), text="Hi {name}", name="spring", at=LATER).id
    smsq.campaigns.cancel(origin)
    while smsq.runtime.ledger.wind_up(origin, 1000, 50_000):
        pass
    words = [sys.executable, "-m", "smsq", "campaign", "retry", origin, "--unsent", "--yes"]
    killed_at = [0]
    for _ in range(3):
        target = killed_at[-1] + chance.randrange(1, max(2, (rows - killed_at[-1]) // 2))
        with subprocess.Popen(
            words, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as one:
            while one.poll() is None:
                if rows_of(smsq, origin) >= target:
                    one.kill()
        killed_at.append(rows_of(smsq, origin))
    done = subprocess.run(words, env={**os.environ, **environ}, capture_output=True, text=True, check=True)
    (retry,) = [view for view in smsq.campaigns.list() if view.origin == origin]

    assert 0 < killed_at[1] < rows, killed_at
    assert (done.stdout.strip(), retry.closed, retry.rows) == (retry.id, True, rows)
    assert [receipt.row for receipt in smsq.campaigns.report(retry.id)] == list(range(1, rows + 1))


def rows_of(smsq: Smsq, origin: str) -> int:
    """How many rows the retry of a campaign has."""
    return next((view.rows for view in smsq.campaigns.list() if view.origin == origin), 0)
