"""`smsq campaign`, `send`, `status`, `cost` and `doctor` against a ledger without workers, and with a chores lane."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsq.producers.api import Smsq
from smsq.producers.cli import campaign_begin, main
from smsq.worker.processes.lane import owner_name
from smsq.worker.runtime import Runtime
from tests.conftest import Plant

Chores = Callable[[Runtime], contextlib.AbstractContextManager[None]]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three good rows, a duplicate, an invalid one."""
    path = tmp_path / "people.csv"
    path.write_text(
        "phone,name\n+79991230001,Ann\n+79991230002,“Bob”\n+79991230003,Cid\n+79991230003,Dup\n123,=Bad\n", "utf-8"
    )
    return path


def smsq(environ: dict[str, str], *words: object) -> Result:
    """Run the command in this process, without a terminal."""
    return CliRunner().invoke(main, [str(word) for word in words], env=environ)


def last(result: Result) -> Any:
    """The object in the last line of standard output."""
    return json.loads(result.stdout.splitlines()[-1])


def test_check_names_every_bad_row(environ: dict[str, str], people: Path) -> None:
    """Row, value and reason, what makes it dear, and that the price needs workers; nothing is enrolled."""
    result = smsq(environ, "campaign", "check", people, "--text", "Hello {name}")

    assert result.exit_code == 0
    assert "5 rows: 3 messages, 3 parts" in result.stdout
    assert f"{people} read as UTF-8, with commas between columns" in result.stdout
    assert "first text: Hello Ann" in result.stdout
    assert "row 4 (line 5) duplicate: +79991230003: this phone is in an earlier row" in result.stdout
    assert "row 5 (line 6) invalid: 123: too few digits" in result.stdout
    assert "price: not known, no worker of the chores lane is up" in result.stdout
    assert last(smsq(environ, "campaign", "list", "--json")) == []


def test_check_warns_of_what_costs_without_need(environ: dict[str, str], tmp_path: Path) -> None:
    """Characters that make texts dear, numbers that no text reaches, numbers whose owner is paid."""
    path = tmp_path / "people.csv"
    path.write_text("phone,name\n+79991230001,“Bob”\n+74951234567,Ann\n+78091234567,Cid\n88001234567,Dan\n", "utf-8")
    words = ("campaign", "check", path, "--text", "Hello {name}" + "." * 100)
    result = smsq(environ, *words)
    told = last(smsq(environ, *words, "--json"))

    assert 'because of “ (U+201C) in 1 text, first in row 1: write "' in result.stdout
    assert "2 messages to landlines and free numbers: hardly any text arrives there" in result.stdout
    assert "1 message to premium and personal numbers: their owners may be paid" in result.stdout
    assert (told["landlines"], told["premium_numbers"]) == (2, 1)


def test_a_row_shows_how_a_file_was_read_if_that_was_guessed(environ: dict[str, str], tmp_path: Path) -> None:
    """Somebody should see letters before texts are paid for."""
    path = tmp_path / "people.csv"
    path.write_bytes("phone,name\n+79991230001,Ann\n+79991230002,Пётр Иванов\n".encode("windows-1251"))
    result = smsq(environ, "campaign", "check", path, "--text", "Hello")

    assert "read as windows-1251, with commas between columns; row 2: +79991230002, Пётр Иванов\n" in result.stdout


def test_check_tells_machines_the_same(plant: Plant, chores: Chores, people: Path) -> None:
    """With price and balance where workers are up."""
    environ = environ_of(plant)
    with chores(plant.runtime):
        told = last(smsq(environ, "campaign", "check", people, "--text", "Hello {name}", "--json"))

    counts = {name: told[name] for name in ("rows", "valid", "invalid", "duplicates", "parts", "price")}
    assert counts == {"rows": 5, "valid": 3, "invalid": 1, "duplicates": 1, "parts": 3, "price": 11.4}
    assert [reject["row"] for reject in told["rejects"]] == [4, 5]
    assert (told["price_is_exact"], told["currency"]) == (True, "RUR")
    assert told["balance"] > 1000


def environ_of(plant: Plant) -> dict[str, str]:
    """The environment of a plant, for a command."""
    settings = plant.runtime.settings
    return {
        "SMSQ_HOME": str(settings.home),
        "SMSQ_REDIS_URL": str(settings.redis_url),
        "SMSQ_LOGIN": "demo",
        "SMSQ_PASSWORD": "demo",
    }


def test_what_costs_money_wants_a_yes(plant: Plant, chores: Chores, people: Path) -> None:
    """Count, parts and price first; without a terminal exit code 2, and nothing is enrolled."""
    environ = environ_of(plant)
    with chores(plant.runtime):
        refused = smsq(environ, "campaign", "run", people, "--text", "Hello {name}")

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Send 3 messages, 3 parts, about 11.40 RUR? Nobody can be asked here: add --yes" in refused.stderr
    assert last(smsq(environ, "campaign", "list", "--json")) == []


def test_run_show_pause_and_report(environ: dict[str, str], people: Path) -> None:
    """A campaign's life without workers: it waits, and every command says so."""
    ran = smsq(environ, "campaign", "run", people, "--text", "Hello {name}", "--name", "spring", "--yes", "--json")
    told = last(ran)
    campaign_id = told["id"]
    paused = smsq(environ, "campaign", "pause", campaign_id)
    table = smsq(environ, "campaign", "show", campaign_id)

    assert ran.exit_code == 0
    expected = {
        "id": campaign_id,
        "name": "spring",
        "state": "running",
        "rows": 5,
        "invalid": 2,
        "statuses": {"queued": 3, "duplicate": 1, "invalid": 1},
        "doubles": 0,
        "cost": 0.0,
    }
    assert {name: told[name] for name in expected} == expected
    assert "no worker of the bulk and status lane is up" in ran.stderr
    assert paused.stdout == f"campaign {campaign_id} is paused\n"
    assert "queued" in table.stdout
    assert last(smsq(environ, "campaign", "resume", campaign_id, "--json"))["state"] == "running"
    assert last(smsq(environ, "campaign", "cancel", campaign_id, "--yes", "--json"))["state"] == "cancelled"


def test_reports_in_every_form(environ: dict[str, str], people: Path, tmp_path: Path) -> None:
    """All rows or rejects only, to standard output or a file."""
    campaign_id = last(smsq(environ, "campaign", "run", people, "--text", "Hi", "--yes", "--json"))["id"]
    rows = list(csv.DictReader(io.StringIO(smsq(environ, "campaign", "report", campaign_id, "--format", "csv").stdout)))
    rejects = json.loads(smsq(environ, "campaign", "report", campaign_id, "--format", "json", "--rejects").stdout)
    written = smsq(environ, "campaign", "report", campaign_id, "--output", tmp_path / "report.txt")

    assert [(row["row"], row["phone"], row["status"]) for row in rows[2:]] == [
        ("3", "+79991230003", "queued"),
        ("4", "+79991230003", "duplicate"),
        ("5", "123", "invalid"),
    ]
    assert [reject["row"] for reject in rejects] == [4, 5]
    assert (written.stdout, len((tmp_path / "report.txt").read_text().splitlines())) == ("", 6)


def test_a_repeat_adds_nothing_and_says_so(environ: dict[str, str], people: Path) -> None:
    """Every row is in: no price, no question, and what is wished otherwise is named as not applied."""
    words = ("campaign", "run", people, "--text", "Hi", "--rate", "5", "--name", "spring")
    campaign_id = smsq(environ, *words, "--yes").stdout.strip()
    smsq(environ, "campaign", "pause", campaign_id)
    same = smsq(environ, *words)
    other = smsq(environ, *words[:5], "--rate", "6", "--window", "1-2", "--budget", "7", "--on-doubt", "park")

    assert (same.exit_code, same.stdout.strip()) == (0, campaign_id)
    assert "all of its 5 rows are enrolled: nothing is added" in same.stderr
    assert f"it stays paused until `smsq campaign resume {campaign_id}`" in same.stderr
    assert "price" not in same.stderr
    assert "is not applied" not in same.stderr
    not_applied = [line.split()[0] for line in other.stderr.splitlines() if "is not applied" in line]
    assert not_applied == ["--rate", "--window", "--budget", "--on-doubt"]


def test_a_redis_that_does_not_answer_is_named(home: Path) -> None:
    """And that nothing was enrolled, so that the command is simply repeated; its password is not shown."""
    environ = {"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": "redis://me:s3cret@127.0.0.1:1/0"}
    for told in ({}, {"SMSQ_LOGIN": "me"}):
        result = smsq({**environ, **told}, "send", "+79991234567", "Hi")

        assert result.exit_code == 4
        assert "redis://127.0.0.1:1/0: Redis does not answer" in result.stderr
        assert "Nothing was enrolled; repeat the same command" in result.stderr
        assert "s3cret" not in result.output


def test_check_warns_of_empty_fields_and_fails_where_nothing_can_go(environ: dict[str, str], tmp_path: Path) -> None:
    """As run would; all of it is shown all the same."""
    path = tmp_path / "people.csv"
    path.write_text("phone,Name\n+79991230001,\n+79991230002,Bob\n")
    empty = smsq(environ, "campaign", "check", path, "--text", "Hello {name}")
    path.write_text("phone\n12\n")
    nothing = smsq(environ, "campaign", "check", path, "--text", "Hello", "--json")

    assert empty.exit_code == 0
    assert "  {Name} is empty in 1 row; {Name|…} says what stands there instead\n" in empty.stdout
    assert (nothing.exit_code, last(nothing)["valid"]) == (2, 0)
    assert "no row can be sent" in nothing.stderr


def test_a_verb_that_comes_too_late_says_so(environ: dict[str, str], people: Path) -> None:
    """Exit code 1, and a campaign that is over stays as it ended; a verb twice is no error."""
    campaign_id = smsq(environ, "campaign", "run", people, "--text", "Hi", "--yes").stdout.strip()
    twice = [smsq(environ, "campaign", verb, campaign_id).exit_code for verb in ("resume", "pause", "pause")]
    twice.append(smsq(environ, "campaign", "cancel", campaign_id, "--yes").exit_code)
    late = {verb: smsq(environ, "campaign", verb, campaign_id) for verb in ("cancel", "pause", "resume")}
    with Smsq(environ=environ) as way_in:
        redis = way_in.runtime.ledger.redis
        redis.hset(way_in.runtime.ledger.keys.campaign(campaign_id), mapping={"state": "done", "why": ""})
        way_in.runtime.ledger.control(campaign_id, "pause", "a person said so")
        why = way_in.campaigns.show(campaign_id).why
    done = smsq(environ, "campaign", "cancel", campaign_id)

    assert (twice, late["cancel"].exit_code, why) == ([0, 0, 0, 0], 0, "")
    assert (late["pause"].exit_code, late["resume"].exit_code, done.exit_code) == (1, 1, 1)
    assert f"campaign {campaign_id} is cancelled: there is nothing to resume" in late["resume"].stderr
    assert f"campaign {campaign_id} is done: there is nothing to cancel" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "words", [("list",), ("list", "--json"), ("report", "{id}", "--format", "csv")], ids=lambda words: " ".join(words)
)
def test_a_full_disk_and_a_closed_pipe_are_no_tracebacks(
    environ: dict[str, str], people: Path, words: tuple[str, ...]
) -> None:
    """A sentence for the one, silence for the other."""
    campaign_id = smsq(environ, "campaign", "run", people, "--text", "Hi", "--yes").stdout.strip()
    argv = [sys.executable, "-m", "smsq", "campaign", *(word.format(id=campaign_id) for word in words)]
    shell = {**os.environ, **environ}
    with open("/dev/full", "w") as full:
        unwritten = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, env=shell, check=False)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=shell) as piped:
        assert piped.stdout is not None
        piped.stdout.close()
        assert piped.stderr is not None
        said = piped.stderr.read()

    assert (unwritten.returncode, unwritten.stderr) == (
        1,
        "smsq: the output cannot be written: No space left on device\n",
    )
    assert (piped.returncode, said) == (1, b"")


def test_a_report_to_a_full_disk_names_the_file(environ: dict[str, str], people: Path, tmp_path: Path) -> None:
    """And a folder that is not there."""
    campaign_id = smsq(environ, "campaign", "run", people, "--text", "Hi", "--yes").stdout.strip()
    result = smsq(environ, "campaign", "report", campaign_id, "--output", tmp_path / "no" / "report")

    assert result.exit_code == 1
    assert "report cannot be written: No such file" in result.stderr


def test_a_past_moment_is_refused_for_what_is_not_begun(environ: dict[str, str], people: Path) -> None:
    """A campaign begins later or at once; the same command goes on with one whose moment came."""
    words = ("campaign", "run", people, "--text", "Hi", "--yes", "--at")
    refused = smsq(environ, *words, "2020-01-01T00:00")

    assert refused.exit_code == 2
    assert "that moment has passed" in refused.stderr
    assert last(smsq(environ, "campaign", "list", "--json")) == []
    assert smsq(environ, *words[:-1]).exit_code == 0
    assert smsq(environ, *words, "2020-01-01T00:00").exit_code == 0


def test_a_report_is_a_campaign_s_file(environ: dict[str, str], people: Path, tmp_path: Path) -> None:
    """Phones stand in it as they can be read again, whatever the region."""
    campaign_id = last(smsq(environ, "campaign", "run", people, "--text", "Hi", "--yes", "--json"))["id"]
    report = tmp_path / "report.csv"
    smsq(environ, "campaign", "report", campaign_id, "--format", "csv", "--output", report)
    told = last(smsq(environ, "campaign", "check", report, "--text", "Hi", "--region", "DE", "--json"))

    assert (told["valid"], told["duplicates"], told["invalid"]) == (3, 1, 1)


def test_one_that_is_cancelled_while_it_is_enrolled_is_no_success(
    environ: dict[str, str], people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's cancel is said by the command that enrolled it, and by its exit code."""
    enrol = campaign_begin._enrol

    def and_cancelled(smsq: Smsq, *how: Any) -> Any:
        view = enrol(smsq, *how)
        smsq.campaigns.cancel(view.id)
        return smsq.campaigns.show(view.id)

    monkeypatch.setattr(campaign_begin, "_enrol", and_cancelled)
    result = smsq(environ, "campaign", "run", people, "--text", "Hello {name}", "--yes")

    assert result.exit_code == 1
    assert "cancelled meanwhile" in result.stderr


def test_a_finished_file_is_refused(environ: dict[str, str], people: Path) -> None:
    """With the old id, exit code 2, and before anybody is asked for money."""
    words = ("campaign", "run", people, "--text", "Hi", "--yes")
    campaign_id = smsq(environ, *words).stdout.strip()
    smsq(environ, "campaign", "cancel", campaign_id, "--yes")
    refused = smsq(environ, *words)

    assert refused.exit_code == 2
    assert f"sent already as campaign {campaign_id} (cancelled)" in refused.stderr
    assert smsq(environ, *words, "--again").exit_code == 0


def test_a_corrected_file_is_not_sent_twice(environ: dict[str, str], people: Path) -> None:
    """`check` and `run` say how many rows, of which campaign and when; `run` wants to know what becomes of them."""
    words = ("campaign", "run", people, "--text", "Hello {name}", "--yes")
    campaign_id = smsq(environ, *words).stdout.strip()
    people.write_text(people.read_text().replace("123,=Bad", "+79991230004,Eve"))
    checked = smsq(environ, "campaign", "check", people, "--text", "Hello {name}")
    told = last(smsq(environ, "campaign", "check", people, "--text", "Hello {name}", "--json"))
    refused = smsq(environ, *words)
    both = smsq(environ, *words, "--only-new", "--again")
    new = smsq(environ, *words, "--only-new", "--json")
    again = smsq(environ, "campaign", "cancel", last(new)["id"], "--yes"), smsq(environ, *words, "--again", "--json")
    rejects = json.loads(smsq(environ, "campaign", "report", last(new)["id"], "--format", "json", "--rejects").stdout)

    said = f"3 rows were sent already with the same text and sender: 3 by campaign {campaign_id} (people) on 20"
    assert said in checked.stdout
    assert "needs --only-new or --again" in checked.stdout
    assert [(each["campaign"], each["rows"]) for each in told["sent_already"]] == [(campaign_id, 3)]
    assert (refused.exit_code, refused.stdout, both.exit_code) == (2, "", 2)
    assert said.replace("3 rows", "3 of 5 rows") in refused.stderr
    assert "--only-new leaves them out, --again sends them again" in refused.stderr
    assert (new.exit_code, last(new)["statuses"]) == (0, {"queued": 1, "duplicate": 4})
    assert "they are left out" in new.stderr
    assert "Sending 1 message, 1 part" in new.stderr
    assert [each["error"].split(" on ")[0] for each in rejects[:3]] == [f"sent already by campaign {campaign_id}"] * 3
    assert (again[1].exit_code, last(again[1])["statuses"]) == (0, {"queued": 4, "duplicate": 1})
    assert "they are sent again" in again[1].stderr


def test_a_file_that_changes_at_the_question_enrols_nothing(
    environ: dict[str, str], people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person agreed on is not what the file holds by then."""
    agree = campaign_begin.agree

    def slowly(*given: Any, **how: Any) -> Any:
        agreed = agree(*given, **how)
        people.write_text(people.read_text() + "+79991230009,Late\n")
        return agreed

    monkeypatch.setattr(campaign_begin, "agree", slowly)
    result = smsq(environ, "campaign", "run", people, "--text", "Hi", "--yes")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "people.csv has changed since it was checked: nothing was enrolled" in result.stderr
    assert last(smsq(environ, "campaign", "list", "--json")) == []


def test_an_enrolment_that_stopped_is_shown_everywhere(environ: dict[str, str]) -> None:
    """In the list and in detail, for people and for machines."""

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with Smsq(environ=environ) as way_in:
        with pytest.raises(KeyboardInterrupt):
            way_in.campaigns.run([f"+{79990000000 + n}" for n in range(1500)], text="Hi", enrolled=stop)
        campaign_id = way_in.campaigns.list()[0].id
        way_in.runtime.ledger.redis.hset(way_in.runtime.ledger.keys.campaign(campaign_id), "ranged_at", 1)
    shown = [
        smsq(environ, "campaign", *words).stdout
        for words in (("list",), ("list", "--json"), ("show", campaign_id), ("show", campaign_id, "--json"))
    ]

    assert all("its enrolment stopped at row 1000, on 1970-01-01" in each for each in shown)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("campaign", "run", "nowhere.csv", "--text", "Hi", "--yes"), 2, "there is no file nowhere.csv"),
        (("campaign", "show", "zzzzz"), 2, "there is no campaign zzzzz"),
        (("campaign", "report", "zzzzz"), 2, "there is no campaign zzzzz"),
        (("campaign", "check", "{people}", "--text", "Hi", "--sender", "Магазин"), 2, "a sender is up to 11"),
        (("campaign", "run", "{people}", "--text", "Hi", "--valid", "25", "--yes"), 2, "1 to 24 hours"),
        (("send", "+79991234567", "Hi", "--sender", "A23456789012"), 2, "a sender is up to 11"),
        (("campaign", "run", "{people}", "--text", "Hi", "--rate", "nan", "--yes"), 2, "a rate is a number of parts"),
        (("campaign", "run", "{people}", "--text", "Hi", "--rate", "inf", "--yes"), 2, "a rate is a number of parts"),
        (("campaign", "check", "{people}", "--text", "Hi", "--region", "XX"), 2, "there is no country 'XX'"),
        (("campaign", "check", "{people}", "--text", "__CALL__ {{name}}"), 2, "takes for a command"),
        (("send", "+79991234567", "Hi", "--key", ""), 2, "is not empty"),
        (("send", "+79991234567", "Hi", "--on-doubt", "resend"), 2, "resend needs a deadline"),
        (("send", "+79991234567", "Hi", "--at", "2020-01-01T00:00"), 2, "that moment has passed"),
        (("status", "17"), 2, "a message id looks like"),
        (("send", "12", "Hi"), 2, "too few digits"),
        (("send", "+79991234567", "Hi", "--channel", "pigeon"), 2, "no channel 'pigeon'"),
        (("cost", "+79991234567", "Hi"), 4, "no worker of the chores lane"),
        (("cost", "+79991234567"), 2, "say which text"),
        (("balance",), 4, "no worker of the chores lane"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_one_sentence(
    environ: dict[str, str], people: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    """And an exit code by its kind."""
    result = smsq(environ, *(word.format(people=people) for word in words))

    assert result.exit_code == code
    assert said in result.stderr


def test_nothing_up_is_exit_code_4(home: Path) -> None:
    """Every command that needs the ledger says the same."""
    commands = (("balance",), ("status", "1.0"), ("send", "+79991234567", "Hi"), ("campaign", "list"))
    results = [smsq({"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": ""}, *words) for words in commands]

    assert {result.exit_code for result in results} == {4}
    assert all("nothing runs in" in result.stderr for result in results)


def test_a_message_waits_where_no_worker_is(environ: dict[str, str]) -> None:
    """Enrolled all the same; --wait gives up with exit code 4 and says how to look again."""
    sent = smsq(environ, "send", "+79991234567", "Hi", "--key", "a", "--json")
    waited = smsq(environ, "send", "+79991234567", "Hi", "--key", "a", "--wait", "--json", "--timeout", "0.2")
    status = last(smsq(environ, "status", last(sent)["id"], "--json"))

    assert (sent.exit_code, last(sent)["created"], waited.exit_code) == (0, True, 4)
    assert "waits: no worker of the urgent lane is up" in sent.stderr
    assert "is still queued after 0.2 s" in waited.stderr
    assert status.pop("waits") == "no worker of the urgent lane is up; `smsq up` starts one"
    assert last(waited) == status
    assert (status["phone"], status["status"], status["gateway_id"]) == ("+79991234567", "queued", None)


def test_a_gateway_out_of_reach_is_named(plant: Plant) -> None:
    """By `send --wait`, with exit code 4, by a campaign and by doctor."""
    for mirror in (1, 2):
        plant.sandbox.mirror(mirror, down=True)
    for lane in ("urgent", "bulk", "status"):
        plant.ledger.beat(owner_name(lane), "gateway")
    plant.send(plant.enrol())
    environ = {**environ_of(plant), "SMSQ_MIRRORS": ",".join(plant.sandbox.mirrors)}
    waited = smsq(environ, "send", "+79991234567", "Hi", "--wait", "--timeout", "0.2")
    found = last(smsq(environ, "doctor", "--json"))

    assert waited.exit_code == 4
    assert "waits: the workers can reach no mirror of the gateway" in waited.stderr
    assert {"gateway"} <= {each["name"] for each in found if each["level"] == "fail"}


def test_a_refused_log_in_is_exit_code_3_however_short_the_wait(plant: Plant) -> None:
    """It will not mend itself within any timeout."""
    plant.ledger.beat(owner_name("urgent"), "login")
    plant.ledger.halt_login("these")
    waited = smsq(environ_of(plant), "send", "+79991234567", "Hi", "--wait", "--timeout", "0.2")

    assert waited.exit_code == 3
    assert "the gateway refuses the log-in" in waited.stderr


def test_the_price_of_one_message(plant: Plant, chores: Chores) -> None:
    """Braces in a single text are braces."""
    with chores(plant.runtime):
        told = last(smsq(environ_of(plant), "cost", "+79991234567", "Привет {" + "я" * 70, "--json"))
        balance = last(smsq(environ_of(plant), "balance", "--json"))

    assert told == {"messages": 1, "parts": 2, "cost": 7.6, "exact": True}
    assert balance["currency"] == "RUR"


def test_doctor_finds_what_is_wrong(plant: Plant) -> None:
    """Redis is there, no lane is up, one mirror is down: each with its cure, exit code 1."""
    plant.sandbox.mirror(2, down=True)
    environ = {**environ_of(plant), "SMSQ_MIRRORS": ",".join(plant.sandbox.mirrors)}
    result = smsq(environ, "doctor", "--json")
    found = {(each["name"], each["level"]) for each in last(result)}

    assert result.exit_code == 1
    assert {("redis", "ok"), ("account", "ok"), ("run", "ok"), ("lane bulk", "fail"), ("scheduler", "fail")} <= found
    assert {("mirror", "ok"), ("mirror", "warn")} <= found
    assert all(each["cure"] for each in last(result) if each["level"] == "fail")


def test_doctor_without_redis_says_so_first(home: Path) -> None:
    """Exit code 4, and no password in what it prints."""
    environ = {
        "SMSQ_HOME": str(home),
        "SMSQ_REDIS_URL": "redis://me:s3cret@127.0.0.1:1/0",
        "SMSQ_MIRRORS": "http://127.0.0.1:1",
    }
    result = smsq(environ, "doctor")

    assert result.exit_code == 4
    assert "redis://127.0.0.1:1/0 does not answer" in result.stdout
    assert "s3cret" not in result.output


def test_a_key_makes_a_repeat_harmless(environ: dict[str, str]) -> None:
    """The same id, and one message in the ledger."""
    first = smsq(environ, "send", "+79991234567", "Hi", "--key", "a").stdout.strip()
    second = smsq(environ, "send", "+79991234567", "Hi", "--key", "a").stdout.strip()
    with Smsq(environ=environ) as way_in:
        waiting = way_in.runtime.views.in_motion()["ready:urgent"]

    assert (second, waiting) == (first, 1)
