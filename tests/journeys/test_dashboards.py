"""The dashboards over a running system: the real Prometheus scrapes a town, and every expression returns data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smsq.producers.machine.up import free_port
from smsq.producers.otp import Verdict
from tests.deploy.dashboards import CHOSEN, FILES, Asked, expressions, filled
from tests.deploy.picture import Span, drawn
from tests.deploy.watching import Prometheus
from tests.journeys.test_otp import send, told
from tests.journeys.town import Journey, Town
from tests.peers.prometheus import NotHere, program
from tests.producers.web.front_door.opened import KEY, Line

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# What rightly returns nothing in this story, by the end of its place, and why.
NOTHING = {
    "annotation Alerts": "an alert may fire or not",
    "annotation Halts": "nothing is halted",
    "Rules of countries: A": "no country has a rule",
    "Codes that the shield kept back: A": "it keeps nobody back here",
    "Pages by SMS: A": "there is no on-call list",
    "Visible after: A": "it is measured only if a message in doubt is asked about before it is shown",
}


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[[str], Prometheus]]:
    """Starts Prometheus with the project's own rules, looking at one exporter each second."""
    try:
        path = program("prometheus")
    except NotHere as why:
        pytest.skip(str(why))
    started: list[Prometheus] = []

    def start(target: str) -> Prometheus:
        started.append(Prometheus.start(path, tmp_path / "prometheus", target))
        return started[0]

    yield start
    for each in started:
        each.stop()


def test_every_expression_of_every_dashboard_returns_data(
    make_town: Callable[..., Town], prometheus: Callable[[str], Prometheus], tmp_path: Path
) -> None:
    """A campaign, codes, a lost answer, an error, a door: if a panel shows nothing of it, the panel is wrong."""
    door = free_port()
    town = make_town(
        gateway=["--end", "sms:7=undeliverable"],
        SMSQ_BATCH_SIZE="10",
        SMSQ_SHIELD="watch",
        SMSQ_CODE_COOLDOWN_S="2",  # the gateway refuses a repeat within its minute
        SMSQ_API_KEYS=f"shop:{KEY}",
        SMSQ_DOOR_ADDR=f"127.0.0.1:{door}",
    )
    town.ledger.redis.config_set("maxmemory", "1gb")
    watching = prometheus(town.environ["SMSQ_METRICS_ADDR"])
    journey = town.begin()
    do_everything(town, journey, door)
    town.wait_for(lambda: watching.scrapes() >= 3, "a few scrapes", 90)
    do_everything(town, journey, door)  # of what was not there before, rate() sees the second event first
    journey.campaign(4000, rate=20)

    asked = [each for path in FILES for each in expressions(path)]
    assert [why for why in NOTHING if not any(each.where.endswith(why) for each in asked)] == []
    empty: list[Asked] = [each for each in asked if not each.where.endswith(tuple(NOTHING))]

    def all_had_data() -> bool:
        empty[:] = [each for each in empty if not watching.has_data(filled(each.expr))]
        return not empty

    try:
        town.wait_for(all_had_data, "data for every expression", 240)
    except AssertionError:
        pytest.fail("no data for\n" + "\n".join(f"{each.where}\n    {filled(each.expr)}" for each in empty))
    for each in asked:
        watching.values(filled(each.expr))  # raises if Prometheus does not understand it
    for path in FILES:
        now = time.time()
        picture = drawn(path.stem, watching.url, Span(now - 240, now, CHOSEN["$__rate_interval"]))
        (tmp_path / f"{path.stem}.svg").write_text(picture, encoding="utf-8")  # to look at: pytest --basetemp=FOLDER
        assert picture.count("No data") <= len(NOTHING)
    town.smsq.campaigns.cancel(journey.campaigns[-1])


def do_everything(town: Town, journey: Journey, door: int) -> None:
    """Once, all that the dashboards count: campaigns, codes, tries, second copies, doubts, errors, the door."""
    otp = town.smsq.otp
    journey.campaign(60)
    codes = send(journey, 4)
    phones = journey.phones[-4:]
    send(journey, 1, channels="sms:600s,tg")
    town.wait_for(lambda: set(phones) <= told(town, journey).keys(), "the codes at the gateway", 30)
    digits = told(town, journey)
    assert otp.check(codes[0].id, digits[phones[0]]) is Verdict.RIGHT
    assert otp.check(codes[1].id, "00000000") is Verdict.WRONG
    town.wait_for(lambda: otp.resend(codes[2].id), "a resend", 30)
    town.chosen_twice += 1
    town.wait_for(lambda: otp.show(codes[2].id).steps[-1].status in ("accepted", "delivered"), "its second copy", 30)
    town.order("misfortunes", {"kind": "denied", "next": 1})
    journey.send(1)
    struck, ended = town.struck(), doubts_ended(town)
    town.strike("cut_after", left=1)
    journey.send(1)
    town.wait_for(lambda: town.struck() > struck, "a lost answer", 30)
    (phone,) = town.phones(1)
    with Line(door) as line:
        assert line.get("/sys/send.php", f"phones={phone}&mes=Hi&fmt=1", host="smsc.example").text.endswith(",1")
    town.wait_for(lambda: doubts_ended(town) > ended, "the end of the doubt", 60)


def doubts_ended(town: Town) -> float:
    return sum(town.views.depth().by("smsq_doubts_total").values())
