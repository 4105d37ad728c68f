"""What `campaign show`, `list` and the question before sending tell people and machines."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsq.producers.api import Smsq
from smsq.producers.cli import main
from smsq.producers.cli.account import gateway
from smsq.producers.moments import when
from smsq.producers.terminal.display import list_lines
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Claim
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings
from tests.conftest import Plant

Chores = Callable[[Runtime], contextlib.AbstractContextManager[None]]
LOCAL = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three good rows and a bad one."""
    path = tmp_path / "people.csv"
    path.write_text("phone,name\n+79991230001,Ann\n+79991230002,Bob\n+79991230003,Cid\n12,Bad\n")
    return path


def smsq(environ: dict[str, str], *words: object) -> Result:
    """Run the command in this process, without a terminal."""
    return CliRunner().invoke(main, ["campaign", *map(str, words)], env=environ)


def shown(environ: dict[str, str], campaign_id: str) -> tuple[dict[str, str], dict[str, Any]]:
    """What `show` tells people, by name, and machines."""
    lines = smsq(environ, "show", campaign_id).stdout.splitlines()
    told = json.loads(smsq(environ, "show", campaign_id, "--json").stdout)
    return {line[:16].strip(): line[16:] for line in lines}, told


def test_show_tells_what_a_campaign_is(environ: dict[str, str], people: Path) -> None:
    """Text, sender, file, rate, window, budget, start: a person need not remember the command."""
    words = ("run", people, "--text", "Hello {name},\nbye", "--sender", "Shop", "--rate", "5", "--window", "9-21")
    campaign_id = smsq(environ, *words, "--yes").stdout.strip()
    with Smsq(environ=environ) as way_in:
        way_in.campaigns.resume(campaign_id)
        way_in.runtime.ledger.control(campaign_id, "resume", budget=Decimal(38), part_price=Decimal("3.8"))
    people_see, machines_see = shown(environ, campaign_id)

    assert people_see["text"] == "Hello {name},↵bye"
    assert people_see["sender"] == "Shop"
    assert people_see["file"] == str(people)
    assert people_see["rate"] == "5 parts a second at most"
    assert re.fullmatch(r"9-21 by the scheduler's clock \(here UTC[+-]\d\d:\d\d\)", people_see["window"])
    assert people_see["budget"] == "38"
    assert re.fullmatch(LOCAL, people_see["created"])
    expected = {
        "text": "Hello {name},\nbye", "sender": "Shop", "file": str(people), "rate": 5.0, "window": "9-21",
        "budget": 38.0, "starts_at": None, "first_sent_at": None, "done_at": None, "on_doubt": "ask", "failures": [],
        "expected_cost": 0.0,
    }  # fmt: skip
    assert {name: machines_see[name] for name in expected} == expected
    assert machines_see["created_at"].endswith("Z")
    assert machines_see["waits"].startswith("no worker of the bulk and status lane is up")


def test_what_was_not_said_is_not_shown(environ: dict[str, str], people: Path) -> None:
    """And null for machines."""
    people_see, machines_see = shown(environ, smsq(environ, "run", people, "--text", "Hi", "--yes").stdout.strip())

    assert people_see["sender"] == "the account's default"
    assert not {"rate", "window", "budget", "begins", "first sent", "done"} & people_see.keys()
    assert [machines_see[name] for name in ("sender", "rate", "window", "budget", "starts_at")] == [None] * 5


def test_a_scheduled_campaign_says_so_with_its_time(environ: dict[str, str], people: Path) -> None:
    """In the list, in show, and to machines; paused it is paused, and once it has begun it runs."""
    at = (datetime.now().astimezone() + timedelta(days=1)).replace(microsecond=0)
    campaign_id = smsq(environ, "run", people, "--text", "Hi", "--yes", "--at", at.isoformat()).stdout.strip()
    people_see, machines_see = shown(environ, campaign_id)

    assert people_see["state"] == f"scheduled, begins {at.isoformat()}"
    assert machines_see["state"] == "scheduled"
    assert datetime.fromisoformat(machines_see["starts_at"]) == at
    assert " scheduled " in smsq(environ, "list").stdout
    assert json.loads(smsq(environ, "list", "--json").stdout)[0]["state"] == "scheduled"
    assert smsq(environ, "pause", campaign_id).stdout == f"campaign {campaign_id} is paused\n"
    assert smsq(environ, "resume", campaign_id).stdout == f"campaign {campaign_id} is scheduled\n"
    with Smsq(environ=environ) as way_in:
        ledger = way_in.runtime.ledger
        ledger.redis.hset(ledger.keys.campaign(campaign_id), "start_at", int(at.timestamp() * 1000) - 2 * 86_400_000)
        assert way_in.campaigns.show(campaign_id).standing == "running"


def test_show_tells_why_messages_failed(environ: dict[str, str]) -> None:
    """Each reason with its number, the most frequent first."""
    with Smsq(environ=environ) as way_in:
        ledger = way_in.runtime.ledger
        view = way_in.campaigns.run([f"+7999000000{n}" for n in range(4)], text="Hi")
        (ref,) = ledger.feed(view.id, 1, 100)[0]
        claim = ledger.claim(
            ref, "n", owner="bulk/h/1/a", mirror="https://one", lease_s=45.0, parallel=50, urgent_slots=3,
            slot_kept_s=75.0, credentials="right",
        )  # fmt: skip
        assert isinstance(claim, Claim)
        ledger.settle_accepted(claim, 1, Decimal(4), 60.0)
        verdicts = ((Status.UNDELIVERABLE, 1), (Status.UNDELIVERABLE, 1), (Status.EXPIRED, 0), (Status.DELIVERED, 0))
        for phone, (status, code) in zip(claim.recipients, verdicts, strict=True):
            ledger.advance([Fact(gateway_id=claim.gateway_id, recipient=phone, status=status, error_code=code)])
    lines = smsq(environ, "show", view.id).stdout
    failures = shown(environ, view.id)[1]["failures"]

    assert [(each["status"], each["error_code"], each["messages"]) for each in failures] == [
        ("undeliverable", 1, 2),
        ("expired", 0, 1),
    ]
    assert f"  undeliverable 2 of them: {failures[0]['error']} (1)\n" in lines
    assert "  expired       1 of them: no reason was given\n" in lines


def test_the_list_has_a_header_and_fits(environ: dict[str, str], people: Path) -> None:
    """Times by this machine's clock; a narrow terminal cuts names, a file is not cut."""
    assert smsq(environ, "list").stdout.split() == ["id", "state", "rows", "delivered", "created", "name"]
    campaign_id = smsq(environ, "run", people, "--text", "Hi", "--name", "n" * 90, "--yes").stdout.strip()
    header, row = smsq(environ, "list").stdout.splitlines()
    with Smsq(environ=environ) as way_in:
        views = way_in.campaigns.list()
    narrow = list(list_lines(views, 60))

    assert header.index("created") == row.index(when(views[0].created_at))
    assert (row.split()[0], row.endswith("n" * 90)) == (campaign_id, True)
    assert [len(line) <= 60 for line in narrow] == [True, True]
    assert narrow[1].endswith("…")


def test_the_question_names_whose_money_it_is(environ: dict[str, str], people: Path) -> None:
    """Account, brand, sender and gateway, whether somebody is asked or not."""
    refused = smsq(environ, "run", people, "--text", "Hi", "--sender", "Shop")
    agreed = smsq(environ, "run", people, "--text", "Hi", "--yes")

    where = "through a sandbox on this machine, http://127.0.0.1:9"
    assert f"from account demo of smsc.ru, sender Shop, {where}" in refused.stderr
    assert f"from account demo of smsc.ru, the account's default sender, {where}" in agreed.stderr


@pytest.mark.parametrize(
    ("mirrors", "named"),
    [
        ("", "the real gateway, smsc.ru"),
        ("https://www2.smsc.ru", "the real gateway, www2.smsc.ru"),
        ("http://localhost:9101,http://[::1]:9102", "a sandbox on this machine, http://localhost:9101"),
        ("https://sms.example", "the gateway that SMSQ_MIRRORS names, sms.example"),
        ("https://notsmsc.ru", "the gateway that SMSQ_MIRRORS names, notsmsc.ru"),
    ],
)
def test_real_or_sandbox(mirrors: str, named: str) -> None:
    """By its mirrors."""
    assert gateway(Settings.load({"SMSQ_MIRRORS": mirrors} if mirrors else {})) == named


@pytest.mark.parametrize(
    ("budget", "balance", "above"),
    [
        ("10", "5", ", which is more than the budget of 10 RUR and the balance of 5 RUR?"),
        ("10", "500", ", which is more than the budget of 10 RUR?"),
        ("500", "5", ", which is more than the balance of 5 RUR?"),
        ("500", "500", "?"),
    ],
)
def test_the_question_names_a_price_above_budget_or_balance(
    plant: Plant, chores: Chores, people: Path, budget: str, balance: str, above: str
) -> None:
    """Before anybody says yes."""
    settings = plant.runtime.settings
    environ = {
        "SMSQ_HOME": str(settings.home), "SMSQ_REDIS_URL": str(settings.redis_url), "SMSQ_LOGIN": "demo",
        "SMSQ_PASSWORD": "demo",
    }  # fmt: skip
    plant.sandbox.account(balance=balance)
    with chores(plant.runtime):
        said = smsq(environ, "run", people, "--text", "Hello {name}", "--budget", budget).stderr

    assert f"Send 3 messages, 3 parts, about 11.40 RUR{above} Nobody can be asked here" in said
