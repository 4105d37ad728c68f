"""A dry run says what would be enrolled, raises what enrolling would, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import BadInput, BadPhone, Conflict

Run = Callable[..., Result]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Two good rows and a bad one."""
    path = tmp_path / "people.csv"
    path.write_text("phone,name\n+79991230001,Ann\n+79991230002,Bob\n12,Cid\n")
    return path


def everything(smsq: Smsq) -> dict[bytes, Any]:
    """Every key of the ledger with its content."""
    redis = smsq.runtime.ledger.redis
    return {key: redis.dump(key) for key in redis.keys("*")}


def test_a_dry_run_of_a_message_writes_nothing(smsq: Smsq) -> None:
    """It says what would leave, and whether a repeat would add anything."""
    smsq.send("+79991230001", "Hi", key="order-17", lane="bulk")
    before = everything(smsq)
    fresh = smsq.send("8 999 123-00-02", "“Hi”" + "." * 70, dry_run=True, sender="shop", key="order-18")
    known = smsq.send("+79991230001", "Hi", key="order-17", dry_run=True)

    assert (fresh.recipient, fresh.parts, fresh.sender, fresh.lane) == ("+79991230002", 2, "shop", "urgent")
    assert (fresh.is_known, known.is_known) == (False, True)
    for wrong, error in {"12": BadPhone, "+79991230001": BadInput}.items():
        with pytest.raises(error):
            smsq.send(wrong, "Hi" if error is BadPhone else "", dry_run=True)
    with pytest.raises(BadInput, match="needs a deadline"):
        smsq.send("+79991230001", "Hi", on_doubt="resend", dry_run=True)
    assert everything(smsq) == before


def test_a_dry_run_of_a_campaign_writes_nothing(smsq: Smsq, people: Path) -> None:
    """Neither does one of a campaign that has begun, or is refused since its rows were sent already."""
    before = everything(smsq)
    found = smsq.campaigns.run(people, text="Hello {name}", dry_run=True)
    assert (found.messages, found.invalid, found.first, found.continues) == (2, 1, "Hello Ann", "")
    assert everything(smsq) == before

    view = smsq.campaigns.run(people, text="Hello {name}")
    begun = everything(smsq)
    assert smsq.campaigns.run(people, text="Hello {name}", dry_run=True).continues == view.id
    people.write_text(people.read_text() + "+79991230003,Dan\n")
    with pytest.raises(Conflict, match="sent already"):
        smsq.campaigns.run(people, text="Hello {name}", dry_run=True)
    assert smsq.campaigns.run(people, text="Hello {name}", dry_run=True, only_new=True).messages == 1
    assert everything(smsq) == begun


def test_the_commands_say_what_would_be_enrolled(run: Run, smsq: Smsq, people: Path) -> None:
    """In words and for machines, without a worker and without a question."""
    before = everything(smsq)
    sent = run("send", "+79991230001", "Hi {name}", "--dry-run")
    ran = run("campaign", "run", str(people), "--text", "Hi {name}", "--dry-run")
    told = json.loads(run("campaign", "run", str(people), "--text", "Hi {name}", "--dry-run", "--json").stdout)

    assert sent.stdout == (
        "would send to +79991230001 by sms (9 characters, 1 part): Hi {name}\ndry run: nothing was enrolled\n"
    )
    assert ran.exit_code == 0
    assert ran.stdout.endswith("dry run: 2 messages, 2 parts; nothing was enrolled\n")
    assert "row 3 (line 4) invalid" in ran.stdout
    assert (told["dry_run"], told["valid"], told["campaign"], told["price"]) == (True, 2, None, None)
    assert everything(smsq) == before
    refused = run("campaign", "run", str(people), "--text", "Hi {nmae}", "--dry-run")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "did you mean name" in refused.stderr
