"""What `smsq top` draws: alarms first, all of it in any width, no colour without a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from smsq.producers.standing import CampaignNow, LaneNow, MirrorNow, Now
from smsq.producers.terminal.picture import drawn

QUIET = Now(
    at=1_800_000_000.0,
    lanes=(
        LaneNow(name="urgent", processes=1),
        LaneNow(name="bulk", processes=2, queued=4200, ready=42, sending=7, doubtful=3, oldest_s=75),
        LaneNow(name="chores", processes=0),
    ),
    requests=4.25,
    accepted=420,
    final=380,
    campaigns=(
        CampaignNow(id="abc12", name="spring\x1b[2J", state="running", messages=900, left=300, rate=30, waits=""),
        CampaignNow(id="def34", name="autumn", state="paused", messages=9, left=0, rate=0, waits="it is paused"),
    ),
    mirrors=(
        MirrorNow(name="www.smsc.ru", is_up=True, requests=4, seconds=0.21),
        MirrorNow(name="www2.smsc.ru", is_up=False, requests=0, seconds=None),
    ),
    doubts=0,
    parked=0,
    pending=12,
    balance=100.5,
    queued_cost=40.0,
    holds=0,
    country_holds=0,
    halted="",
    back_off="",
    is_led=True,
    missing_hosts=0,
    memory=3_200_000,
    memory_limit=10**9,
)


def lines(picture: Now, width: int = 100, **how: int) -> list[str]:
    """As a terminal of this width shows it."""
    out = io.StringIO()
    Console(file=out, width=width).print(drawn(picture, width, **how))
    return out.getvalue().splitlines()


def test_a_quiet_installation_has_no_alarm() -> None:
    """Rates, lanes, money, mirrors and campaigns, in this order."""
    shown = lines(QUIET)
    bulk = next(line for line in shown if line.startswith("bulk"))

    assert shown[0] == "smsq 4.2 requests/s · 420 accepted/s · 380 final/s · 12 without a status"
    assert shown[1].split() == ["lane", "up", "queued", "ready", "sending", "doubtful", "oldest"]
    assert bulk.split() == ["bulk", "2", "4200", "42", "7", "3", "1", "min", "15", "s"]
    assert "balance 100.50, queued messages cost about 40.00 · ledger 3.2 MB of 1.0 GB" in shown
    assert [line.split() for line in shown if line.startswith("www")] == [
        ["www.smsc.ru", "up", "4.0", "210", "ms"],
        ["www2.smsc.ru", "down"],
    ]
    assert any("def34 waits: it is paused" in line for line in shown)
    assert any("300/900" in line and "30/s" in line for line in shown)


def test_alarms_stand_above_the_rest() -> None:
    """The worst first; nothing steers the terminal."""
    worst = replace(
        QUIET, trouble="Redis is away", halted="the account is empty", doubles=2, is_led=False, holds=2,
        country_holds=1, doubts=4, parked=1, sick={"clock": 1}, back_off="the gateway asked", mirrors=None,
    )  # fmt: skip
    shown = lines(worst)

    assert shown[1:9] == [
        "old picture: Redis is away",
        "halted: the account is empty",
        "2 messages were accepted twice",
        "no scheduler leads",
        "the gateway asked",
        "processes that cannot send: 1 clock",
        "4 requests are in doubt; 1 wait for a person: `smsq doubts list`",
        "the shield holds 2 prefixes or countries, 1 of them whole countries",
    ]
    assert "\x1b" not in "".join(shown)
    assert any(line.startswith("mirrors: the metrics page of this host does not answer") for line in shown)


@pytest.mark.parametrize("width", [20, 40, 69, 80, 200])
def test_it_fits_any_width(width: int) -> None:
    """Nothing is cut off at the right but long names."""
    shown = lines(QUIET, width)

    assert max(map(len, shown)) <= width
    assert any("2" in line for line in shown if line.startswith("bulk"))


def test_many_campaigns_are_cut_short() -> None:
    """The fastest are shown."""
    slow = tuple(replace(QUIET.campaigns[0], id=f"slow{n}", rate=0) for n in range(30))
    shown = lines(replace(QUIET, campaigns=(*slow, QUIET.campaigns[0])), most_campaigns=3)

    assert sum("300/900" in line for line in shown) == 3
    assert any("abc12" in line for line in shown)
    assert shown[-1].strip() == "and 28 more: `smsq campaign list`"
