"""`smsq campaign pause|resume|cancel`: what is asked, what is refused, and what is said of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsq.producers.api import Smsq
from smsq.producers.cli import main
from smsq.producers.intake.drafts import draft
from smsq.worker.domain.errors import BadInput, BudgetSpent, SmsqError
from smsq.worker.ledger import Claim

FIRST = 79990000000


@pytest.fixture
def way_in(environ: dict[str, str]) -> Iterator[Smsq]:
    """A program's way in beside the command's."""
    with Smsq(environ=environ) as smsq:
        yield smsq


def smsq(environ: dict[str, str], *words: str) -> Result:
    """Run the command in this process, without a terminal."""
    return CliRunner().invoke(main, ["campaign", *words], env=environ)


def on_a_terminal(environ: dict[str, str], answer: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The same with somebody at the keyboard who types `answer`."""
    master, slave = os.openpty()
    os.write(master, answer.encode())
    try:
        return subprocess.run(
            [sys.executable, "-m", "smsq", "campaign", *words],
            env={**os.environ, **environ}, stdin=slave, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    finally:
        os.close(master)
        os.close(slave)


def campaign(smsq: Smsq, rows: int, *, sent: int = 0, cost: str | None = "1", **how: Any) -> str:
    """A campaign of single messages, of which so many were accepted at this cost each."""
    people = [f"+{FIRST + n}" for n in range(rows)]
    drafted = draft(people, text="Hi", name="spring", **how)
    ledger = smsq.runtime.ledger
    opened = ledger.open_campaign(drafted.plan(1, 0.0))
    from smsq.producers.intake.drafts import ranges

    for part in ranges(drafted, opened.batch_size):
        ledger.enrol_range(opened.id, part.n, part.batches, part.rejects, rows)
    ledger.redis.hset(ledger.keys.campaign(opened.id), "part_price", "10000" if how.get("budget") else "0")
    ledger.close_campaign(opened.id)
    for ref in ledger.feed(opened.id, sent, 100)[0]:
        claim = ledger.claim(
            ref, "n", owner="bulk/h/1/a", mirror="https://one", lease_s=45.0, parallel=50, urgent_slots=3,
            slot_kept_s=75.0, credentials="right",
        )  # fmt: skip
        if isinstance(claim, Claim):
            ledger.settle_accepted(claim, 1, None if cost is None else Decimal(cost), 60.0)
    return opened.id


def test_a_cancel_is_asked_about(environ: dict[str, str], way_in: Smsq) -> None:
    """With what is left and what is gone; without a terminal it wants a yes, and changes nothing until then."""
    campaign_id = campaign(way_in, 5, sent=2)
    refused = smsq(environ, "cancel", campaign_id, "--json")

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"Cancel campaign {campaign_id} (spring, created " in refused.stderr
    assert "3 of 5 messages will never be sent; 2 have left already" in refused.stderr
    assert "Nobody can be asked here: add --yes" in refused.stderr
    assert way_in.campaigns.show(campaign_id).state == "running"

    cancelled = smsq(environ, "cancel", campaign_id, "--yes")
    assert (cancelled.exit_code, cancelled.stdout) == (0, f"campaign {campaign_id} is cancelled\n")
    assert smsq(environ, "cancel", campaign_id).exit_code == 0  # nothing is left to ask


@pytest.mark.parametrize(
    ("answer", "code", "state"), [("n\n", 1, "running"), ("\n", 1, "running"), ("y\n", 0, "cancelled")]
)
def test_a_terminal_is_asked(environ: dict[str, str], way_in: Smsq, answer: str, code: int, state: str) -> None:
    """Enter alone cancels nothing."""
    campaign_id = campaign(way_in, 2)
    said = on_a_terminal(environ, answer, "cancel", campaign_id)

    assert (said.returncode, way_in.campaigns.show(campaign_id).state) == (code, state)
    assert "2 of 2 messages will never be sent; nothing has left yet" in said.stderr


def test_a_spent_budget_is_raised_with_the_resume(environ: dict[str, str], way_in: Smsq) -> None:
    """As it is, it says what it needs and stays paused; with enough it goes on."""
    campaign_id = campaign(way_in, 5, sent=3, budget="2")
    waits = way_in.campaigns.why(way_in.campaigns.show(campaign_id))
    as_it_is = smsq(environ, "resume", campaign_id)
    too_little = smsq(environ, "resume", campaign_id, "--budget", "2.5")
    nothing = smsq(environ, "resume", campaign_id, "--budget", "much")

    assert f"its budget is spent: 2 of 2; `smsq campaign resume {campaign_id} --budget N` raises it" in waits
    assert (as_it_is.exit_code, too_little.exit_code, nothing.exit_code) == (1, 1, 2)
    assert f"campaign {campaign_id} stays paused: it has spent 2, and a budget of 2 is not enough" in as_it_is.stderr
    assert f"needs `smsq campaign resume {campaign_id} --budget 3` or more" in too_little.stderr
    assert way_in.campaigns.show(campaign_id).state == "paused"

    raised = smsq(environ, "resume", campaign_id, "--budget", "3", "--json")
    view = way_in.campaigns.show(campaign_id)
    assert raised.exit_code == 0
    assert json.loads(raised.stdout)["state"] == view.state == "running"
    assert (view.budget, view.why) == (3, "")


def test_what_was_not_told_is_named(way_in: Smsq) -> None:
    """Of a budget that nothing of was charged yet."""
    campaign_id = campaign(way_in, 3, sent=3, cost=None, budget="2")

    with pytest.raises(BudgetSpent, match="it has spent 0 and about 2 not known yet") as refused:
        way_in.campaigns.resume(campaign_id)
    assert (refused.value.least, refused.value.word) == (3, "budget_spent")
    assert "0 of 2, and about 2 more for sent messages" in way_in.campaigns.why(way_in.campaigns.show(campaign_id))


def test_programs_raise_a_budget_too(way_in: Smsq) -> None:
    """Of a running campaign as well; amounts are checked, what is over has none."""
    campaign_id = campaign(way_in, 5, budget="2")
    assert way_in.campaigns.resume(campaign_id, budget=4).budget == 4
    with pytest.raises(BadInput, match="amount of money"):
        way_in.campaigns.resume(campaign_id, budget=-1)
    way_in.campaigns.cancel(campaign_id)
    with pytest.raises(SmsqError, match="is cancelled: there is nothing to resume"):
        way_in.campaigns.resume(campaign_id, budget=9)


def test_a_campaign_without_a_price_goes_by_what_was_charged(way_in: Smsq) -> None:
    """And takes no budget while nothing was."""
    nothing, charged = campaign(way_in, 3), campaign(way_in, 4, sent=2, cost="1.5", sender="Shop")
    with pytest.raises(SmsqError, match="began while its price was not known"):
        way_in.campaigns.resume(nothing, budget=4)
    with pytest.raises(BudgetSpent) as refused:
        way_in.campaigns.resume(charged, budget=4)

    assert refused.value.least == Decimal("4.5")
    assert way_in.campaigns.resume(charged, budget="4.5").part_price == Decimal("1.5")


def test_a_repeated_run_says_how_its_budget_is_set(environ: dict[str, str], way_in: Smsq, tmp_path: Path) -> None:
    """It is not applied to a campaign that is begun, and a spent one is not resumed without."""
    file = tmp_path / "people.csv"
    file.write_text("phone\n+79991230001\n")
    campaign_id = smsq(environ, "run", str(file), "--text", "Hi", "--yes").stdout.strip()
    ledger = way_in.runtime.ledger
    ledger.redis.hset(ledger.keys.campaign(campaign_id), mapping={"state": "paused", "why": "budget"})
    said = smsq(environ, "run", str(file), "--text", "Hi", "--budget", "7").stderr

    assert f"not applied: the campaign goes on as it was begun; `smsq campaign set {campaign_id} --budget …`" in said
    assert f"it stays paused until `smsq campaign resume {campaign_id} --budget N`" in said


def test_a_raise_is_in_the_journal(way_in: Smsq) -> None:
    """A ledger that fell back has forgotten it: `smsq recover` shows it as it is given again."""
    campaign_id = campaign(way_in, 3, budget="2")
    way_in.campaigns.resume(campaign_id, budget="12.50")
    _, _, orders = way_in.runtime.journal.beyond({})

    assert f"resume/{campaign_id}/--budget/12.50" in [each.what for each in orders]


def test_what_was_cancelled_is_no_failure(environ: dict[str, str], way_in: Smsq) -> None:
    """Somebody wanted it so: following it to its end is not exit code 5."""
    campaign_id = campaign(way_in, 3)
    way_in.campaigns.cancel(campaign_id)
    way_in.runtime.ledger.wind_up(campaign_id, 10, 10_000)
    followed = smsq(environ, "show", campaign_id, "--follow")

    assert followed.exit_code == 0
    assert "failed 0 · doubtful 0 · parked 0 · cancelled 3" in followed.stderr
    assert "3 messages cancelled" in followed.stderr


@pytest.mark.parametrize("mode", ["watch", "on", "off"])
def test_the_shield_s_mode_is_a_command(environ: dict[str, str], smsq: Smsq, mode: str) -> None:
    """The same as `shield limit mode …`, in a word less to remember at night."""
    answer = CliRunner().invoke(main, ["shield", mode], env=environ, catch_exceptions=False)

    assert (answer.exit_code, answer.stdout) == (0, f"mode {mode}\n")
    assert smsq.shield.show().limits["mode"] == mode
