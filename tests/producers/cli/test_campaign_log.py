"""`smsq campaign log`: what an operator sees of what was done to a campaign."""

from __future__ import annotations

import json
from collections.abc import Callable

from click.testing import Result

from smsq.producers.api import Smsq
from smsq.worker.ledger.orders import ordered_by
from smsq.worker.ownership import user_name

Run = Callable[..., Result]


def test_orders_are_listed(smsq: Smsq, run: Run) -> None:
    """A line for each, the oldest first; for machines an object each, moments in UTC."""
    me = f"user {user_name()}"
    campaign = smsq.campaigns.run(["+79990000001"], text="Hi", name="spring", at="2099-01-01T09:00+00:00").id
    run("campaign", "pause", campaign)
    with ordered_by("key shop"):
        smsq.campaigns.resume(campaign)
    said = run("campaign", "log", campaign)
    rows = json.loads(run("campaign", "log", campaign, "--json").stdout)

    assert [(row["by"], row["what"]) for row in rows] == [
        (me, "begin"), (me, "close"), (me, "pause"), ("key shop", "resume"),
    ]  # fmt: skip
    assert {"name": "start_at", "before": None, "after": "2099-01-01T09:00:00Z"} in rows[0]["changes"]
    assert rows[2]["changes"] == [{"name": "state", "before": "running", "after": "paused"}]
    lines = said.stdout.splitlines()
    assert len(lines) == 4
    assert "state running → paused" in lines[2]
    assert "9990000001" not in said.stdout


def test_there_is_none_of_an_unknown_campaign(run: Run) -> None:
    """A usage error that says where to look."""
    said = run("campaign", "log", "nope1")

    assert (said.exit_code, "campaign list" in said.output) == (2, True)
