"""`smsq hlr check` and `smsq ping check`: a campaign whose report is the answer; and `--file`."""

from __future__ import annotations

import csv
import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsq.producers.api import Smsq
from smsq.producers.cli import main
from smsq.producers.report import COLUMNS
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.result import FIELDS
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Claim

PHONE = 79991230001
HLR = {"imsi": "250016012345678", "mcc": "250", "mnc": "01", "country": "Russia", "network": "MTS"}


@pytest.fixture
def phones(tmp_path: Path) -> Path:
    path = tmp_path / "phones.csv"
    path.write_text(f"phone,name\n+{PHONE},Ann\n+{PHONE + 1},Bob\n123,Bad\n", "utf-8")
    return path


def smsq(environ: dict[str, str], *words: object) -> Result:
    """Run the command in this process, without a terminal."""
    return CliRunner().invoke(main, [str(word) for word in words], env=environ)


def answered(environ: dict[str, str], campaign_id: str) -> None:
    """The workers' part, and the gateway's answers: one phone is on, the other does not exist."""
    with Smsq(environ=environ) as way_in:
        ledger = way_in.runtime.ledger
        for ref in ledger.feed(campaign_id, 10, 100)[0]:
            claim = ledger.claim(
                ref, "nonce", owner="bulk/h/1/a", mirror="https://one", lease_s=45.0, parallel=10, urgent_slots=3,
                slot_kept_s=75.0, credentials="right",
            )  # fmt: skip
            assert isinstance(claim, Claim)
            assert (claim.options.channel, claim.text) == ("hlr", "")
            ledger.settle_accepted(claim, 1, None, 60.0)
            known = {"gateway_id": claim.gateway_id, "at": 1}
            ledger.advance([Fact(recipient=PHONE, status=Status.DELIVERED, result=HLR, **known)])
            ledger.advance([Fact(recipient=PHONE + 1, status=Status.UNDELIVERABLE, error_code=1, **known)])


def test_a_check_is_a_campaign_whose_report_is_the_answer(
    environ: dict[str, str], phones: Path, tmp_path: Path
) -> None:
    """Begun without waiting; the same command waits for the answers and writes them, as a table, JSON or a file."""
    begun = smsq(environ, "hlr", "check", phones, "--yes", "--no-follow")
    assert begun.exit_code == 0, begun.output
    campaign_id = begun.stdout.strip()
    answered(environ, campaign_id)
    shown = smsq(environ, "campaign", "report", campaign_id)
    told = smsq(environ, "status", f"{json.loads(_report(environ, campaign_id, 'json'))[0]['id']}", "--json")

    assert "Russia MTS" in shown.stdout
    assert json.loads(told.stdout)["result"] == HLR
    header, first, second, bad = csv.reader(io.StringIO(_report(environ, campaign_id, "csv")))
    assert header == [*COLUMNS, *FIELDS]
    assert dict(zip(header, first, strict=True))["network"] == "MTS"
    assert dict(zip(header, second, strict=True))["error"] == "subscriber does not exist"
    assert bad[2] == "invalid"


def _report(environ: dict[str, str], campaign_id: str, form: str) -> str:
    found = smsq(environ, "campaign", "report", campaign_id, "--format", form)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_a_check_follows_to_its_end(environ: dict[str, str], phones: Path, tmp_path: Path) -> None:
    """Then it writes the answers. The phone that does not exist is one too, so the shell is told of no failure."""
    path = tmp_path / "answers.csv"
    gateway = threading.Thread(target=answer_the_next, args=[environ])
    gateway.start()
    result = smsq(environ, "hlr", "check", phones, "--yes", "--report", path, "--json")
    gateway.join()

    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    assert [row["network"] for row in rows] == ["MTS", "", ""]
    assert [row.get("result") for row in json.loads(result.stdout)] == [HLR, None, None]
    assert path.stat().st_mode & 0o777 == 0o600


def answer_the_next(environ: dict[str, str]) -> None:
    """Wait for a campaign whose rows are all in, and answer for it."""
    with Smsq(environ=environ) as way_in:
        while not (found := [view for view in way_in.campaigns.list() if view.closed]):
            way_in.runtime.clock.wait(0.02)
        answered(environ, found[0].id)


def test_a_check_that_is_over_is_not_paid_for_twice(environ: dict[str, str], phones: Path, tmp_path: Path) -> None:
    """The same file again is refused, with the id whose report has the answers, unless --again says so."""
    begun = smsq(environ, "hlr", "check", phones, "--yes", "--no-follow").stdout.strip()
    answered(environ, begun)

    refused = smsq(environ, "hlr", "check", phones, "--yes", "--report", tmp_path / "answers.csv")
    again = smsq(environ, "hlr", "check", phones, "--yes", "--no-follow", "--again")

    assert refused.exit_code == 2
    assert f"this file was sent already as campaign {begun}" in refused.stderr
    assert not (tmp_path / "answers.csv").exists()
    assert (again.exit_code, again.stdout.strip() != begun) == (0, True)


@pytest.mark.parametrize("kind", ["hlr", "ping"])
def test_a_check_asks_before_it_costs(environ: dict[str, str], phones: Path, kind: str) -> None:
    """As every campaign: without a terminal and without --yes nothing is enrolled."""
    result = smsq(environ, kind, "check", phones)

    assert result.exit_code == 2
    assert "Send 2 messages, 2 parts? Nobody can be asked here: add --yes" in result.stderr
    assert json.loads(smsq(environ, "campaign", "list", "--json").stdout) == []
    assert "text" not in result.output  # it has none


def test_answers_that_are_not_there_yet_cannot_be_written(environ: dict[str, str], phones: Path) -> None:
    """Said at once, not after the money is spent."""
    result = smsq(environ, "ping", "check", phones, "--yes", "--no-follow", "--json")

    assert (result.exit_code, "campaign report ID" in result.stderr) == (2, True)


def test_a_file_goes_with_a_message_and_a_campaign(environ: dict[str, str], tmp_path: Path) -> None:
    """By --file, which may be given several times; a missing one enrols nothing."""
    offer, more, people = tmp_path / "offer.pdf", tmp_path / "more.txt", tmp_path / "people.csv"
    offer.write_bytes(b"%PDF")
    more.write_bytes(b"text")
    people.write_text("email\nanna@example.ru\nboris@example.ru\n", "utf-8")
    mail = ("--channel", "mail", "--sender", "shop@example.ru", "--subj", "Offer")

    sent = smsq(environ, "send", "anna@example.ru", "Hi", *mail, "--file", offer, "--file", more)
    run = smsq(environ, "campaign", "run", people, "--text", "Hi", *mail, "--file", offer, "--yes", "--json")
    check = smsq(environ, "campaign", "check", people, "--text", "Hi", *mail, "--file", offer)
    missing = smsq(environ, "send", "anna@example.ru", "Hi", *mail, "--file", tmp_path / "no.pdf")

    assert (sent.exit_code, run.exit_code, check.exit_code) == (0, 0, 0), (sent.output, run.output, check.output)
    assert (missing.exit_code, "no.pdf cannot be read" in missing.stderr) == (2, True)
    with Smsq(environ=environ) as way_in:
        files = way_in.campaigns.show(json.loads(run.stdout)["id"]).options.files
        assert [file.name for file in files] == ["offer.pdf"]
        assert way_in.runtime.files.read(files)[0].content == b"%PDF"
        counts: dict[bytes, Any] = way_in.runtime.ledger.redis.hgetall(way_in.runtime.ledger.key("files"))
        assert sorted(map(int, counts.values())) == [1, 2]
