"""Sending hours in the recipients' own time, by a clock that the test moves through weeks and a year."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smsq.producers.intake.drafts import Draft, draft, ranges
from smsq.worker.domain.batch import Ref
from smsq.worker.gateway.http import SEND_PATH, client_forms
from smsq.worker.gateway.login import Login
from smsq.worker.ledger import Claim, ClaimRefusal, NoClaim, Terms
from smsq.worker.ledger.values import ClaimCall
from smsq.worker.sandbox import Profile
from smsq.worker.sandbox.gateway import Gateway
from smsq.worker.scheduler.feed import Feed
from smsq.worker.scheduler.windows import Windows

WINDOW = "09:30-20:00 not sun,2027-01-01"
# Clocks that never change, change in the north, in the south, by half an hour, in Ramadan; odd minutes from UTC.
ZONES = (
    *("Europe/Moscow", "Asia/Yekaterinburg", "Asia/Kamchatka", "Europe/Berlin", "Europe/London", "America/New_York"),
    *("America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Auckland"),
    "Africa/Casablanca",
)
GRID_S = 3600  # between two looks at the clock
FIRST_PHONE = 79991000000


class Simulated:
    """An installation whose ledger, scheduler, sender and sandbox go by one clock of the test's."""

    def __init__(self, office: Any, start: datetime) -> None:
        self.office, self.ledger = office, office.ledger
        self.at = start.timestamp()
        self.ledger._now = lambda: self.at
        self.feed, self.windows = Feed(office.runtime), Windows(office.runtime)
        self.gateway = Gateway(Profile())
        self.login = Login("demo", "demo")
        self._calls = 0

    def enrol(self, drafted: Draft, size: int = 100) -> str:
        assert drafted.zoning is not None
        plan = drafted.plan(size, self.at)
        opened = self.ledger.open_campaign(plan)
        rows = 0
        for part in ranges(drafted, size):
            rows += part.rows
            assert not part.rejects, part.rejects[0]
            self.ledger.enrol_range(opened.id, part.n, part.batches, part.rejects, rows, zones=part.zones)
        self.ledger.close_campaign(opened.id)
        return str(opened.id)

    def step(self, at: float) -> None:
        """Move the clock, and do all that can be done then."""
        self.at = at
        self.windows.tick(at)
        self.feed.tick(at)
        while True:
            self.feed.tick(at)
            if not self._send_all():
                break
        self.office.broker.flushdb()

    def claim_next(self) -> Claim | NoClaim:
        terms = Terms(
            owner="bulk/h/1/a", mirror="https://one", lease_s=45.0, parallel=50, urgent_slots=3, slot_kept_s=75.0,
            credentials="right",
        )  # fmt: skip
        self._calls += 1
        found: Claim | NoClaim = self.ledger.claim_next(
            secrets.token_hex(8), terms, ClaimCall("bulk/h/1/a/1", self._calls, "bulk")
        )
        return found

    def _send_all(self) -> int:
        many = 0
        while True:
            claim = self.claim_next()
            if isinstance(claim, NoClaim):
                if claim.refusal is ClaimRefusal.MORE:
                    continue
                return many
            self.send(claim)
            self.ledger.settle_accepted(claim, 1, Decimal(1), 60.0)
            many += len(claim.recipients)

    def send(self, claim: Claim) -> None:
        assert claim.text is not None
        body = client_forms.send_same(self.login, claim.gateway_id, claim.recipients, claim.text, claim.options)
        ticket: Any = self.gateway.begin(1, "10.0.0.1", SEND_PATH, b"", body, self.at, b"")
        answer = self.gateway.finish(ticket, self.at)
        self.gateway.leave(ticket)
        assert b"error" not in answer.body, answer.body

    def arrivals(self) -> Iterator[tuple[int, float]]:
        """Every message by the sandbox's stamps: phone, Unix seconds."""
        for account in self.gateway.accounts.values():
            for record in account.records:
                for phone, _ in record.messages:
                    yield int(phone.lstrip("+")), record.at


@pytest.fixture
def simulated(office: Any) -> Callable[[datetime], Simulated]:
    """Makes an installation at a moment."""
    return lambda start: Simulated(office, start)


def is_open(zone: str, at: float) -> bool:
    """The window of these tests, looked up minute by minute."""
    here = datetime.fromtimestamp(at, ZoneInfo(zone))
    minute = here.hour * 60 + here.minute
    return 9 * 60 + 30 <= minute < 20 * 60 and here.weekday() != 6 and here.strftime("%m-%d") != "01-01"


def first_open(zone: str, at: float) -> float:
    """The first moment from then on at which a message may leave: not in the last seconds of an opening."""
    if is_open(zone, at) and is_open(zone, at + 5):
        return at
    minute = at // 60 * 60 + 60
    while not is_open(zone, minute):
        minute += 60
    return minute


def table(path: Path, rows: list[tuple[str, float]]) -> Path:
    lines = [
        f"+{FIRST_PHONE + n},{zone},{datetime.fromtimestamp(at, UTC).isoformat()}" for n, (zone, at) in enumerate(rows)
    ]
    path.write_text("\n".join(["phone,zone,when", *lines]) + "\n")
    return path


def run_through(simulated: Any, path: Path, start: datetime, end: datetime, rows: list[tuple[str, float]]) -> None:
    """Every row left inside its own window, and within one look at the clock of the first moment at which it could."""
    world = simulated(start)
    drafted = draft(
        table(path / "people.csv", rows), text="Hello", window=WINDOW, per_row={"zone": "zone", "at": "when"}
    )
    campaign = world.enrol(drafted)
    grid = range(int(start.timestamp()), int(end.timestamp()), GRID_S)
    for at in sorted({*map(float, grid), *(at + 1 for _, at in rows)}):
        world.step(at)

    arrived = dict(world.arrivals())
    assert len(arrived) == len(rows) == sum(1 for _ in world.arrivals())
    outside = [(zone, at) for n, (zone, _) in enumerate(rows) if not is_open(zone, at := arrived[FIRST_PHONE + n])]
    assert outside == []
    late = [
        (zone, wished, arrived[FIRST_PHONE + n])
        for n, (zone, wished) in enumerate(rows)
        if not 0 <= arrived[FIRST_PHONE + n] - first_open(zone, wished) <= GRID_S + 1
    ]
    assert late == []
    assert [receipt.row for receipt in world.office.views.report(campaign)] == list(range(1, len(rows) + 1))


def moments(start: datetime, days: int, every: timedelta, seed: int) -> Iterator[tuple[str, float]]:
    chance = random.Random(seed)
    for zone in ZONES:
        at = start + timedelta(hours=2)
        while at < start + timedelta(days=days):
            yield zone, float(int(at.timestamp()) + chance.randrange(7200))
            at += every


@pytest.mark.parametrize(
    "around", [datetime(2027, 3, 14, tzinfo=UTC), datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 10, 31, tzinfo=UTC)]
)
def test_days_in_which_clocks_change(simulated: Any, tmp_path: Path, around: datetime) -> None:
    """New York's, Europe's, and the way back: nothing leaves outside a row's own window, nothing waits needlessly."""
    start = around - timedelta(days=2)
    run_through(simulated, tmp_path, start, start + timedelta(days=7), list(moments(start, 4, timedelta(hours=9), 1)))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_year(simulated: Any, tmp_path: Path) -> None:
    """Twelve zones and all their clock changes."""
    start = datetime(2026, 12, 1, tzinfo=UTC)
    rows = list(moments(start, 362, timedelta(days=2, hours=5), 2))
    run_through(simulated, tmp_path, start, start + timedelta(days=367), rows)


def test_rows_of_a_file_leave_zone_by_zone(simulated: Any, tmp_path: Path) -> None:
    """Each in its morning; batches are cut by zone, and the report has the order of the file."""
    path = tmp_path / "people.csv"
    zones = ["Asia/Kamchatka", "Europe/Moscow", "Asia/Omsk"]
    path.write_text("phone,tz\n" + "".join(f"+{FIRST_PHONE + n},{zones[n % 3]}\n" for n in range(90)))
    start = datetime(2027, 1, 11, 15, tzinfo=UTC)  # 18:00 in Moscow
    world = simulated(start)
    campaign = world.enrol(draft(path, text="Hello", window="9-18", per_row={"zone": "tz"}), size=20)
    left = []
    for hour in range(24):
        world.step(start.timestamp() + 3600 * hour)
        left.append(sum(1 for _ in world.arrivals()))

    assert (left[5], left[6], left[11], left[12], left[14], left[15]) == (0, 30, 30, 60, 60, 90)
    assert [receipt.row for receipt in world.office.views.report(campaign)] == list(range(1, 91))
    batches = world.office.ledger.read(world.office.views.batch_refs(campaign))
    assert [batch.count for batch in batches] == [20, 20, 20, 10, 10, 10]


def test_a_changed_window_is_kept_at_once(simulated: Any, tmp_path: Path) -> None:
    """Also by batches that wait for the old one."""
    path = tmp_path / "people.csv"
    path.write_text("phone,tz\n" + "".join(f"+{FIRST_PHONE + n},Europe/Moscow\n" for n in range(40)))
    noon = datetime(2027, 1, 11, 9, tzinfo=UTC)
    world = simulated(noon)
    campaign = world.enrol(draft(path, text="Hello", window="9-18", per_row={"zone": "tz"}), size=20)
    world.windows.tick(world.at)
    world.feed.tick(world.at)
    world.at += 9 * 3600  # handed out, and not claimed before the evening
    refused = world.ledger.claim(
        world.office.views.batch_refs(campaign)[0], "n", owner="bulk/h/1/a", mirror="https://one", lease_s=45.0,
        parallel=50, urgent_slots=3, slot_kept_s=75.0, credentials="right",
    )  # fmt: skip
    assert isinstance(refused, NoClaim)
    assert (refused.refusal, refused.wait_s) == (ClaimRefusal.CLOSED, 12 * 3600)

    world.ledger.set_window(campaign, "9-23")
    world.step(world.at + 1)
    assert sum(1 for _ in world.arrivals()) == 40


def test_a_window_that_never_opens_leaves_its_place_to_others(simulated: Any, tmp_path: Path) -> None:
    """What was handed out before counts for nobody, and goes at once with another window."""
    path = tmp_path / "people.csv"
    path.write_text("phone,name\n" + "".join(f"+{FIRST_PHONE + n},Ann\n" for n in range(2)))
    world = simulated(datetime(2027, 1, 11, 9, tzinfo=UTC))
    campaign = world.enrol(draft(path, text="Hello", window="6-23", zone_unknown="all"), size=1)
    world.windows.tick(world.at)
    world.feed.tick(world.at)
    assert world.ledger.handed_out() == 2
    world.ledger.set_window(campaign, "9-10")
    world.windows.tick(world.at)
    assert isinstance(world.claim_next(), NoClaim)

    assert world.ledger.handed_out() == 0
    world.ledger.set_window(campaign, "6-23")
    world.step(world.at + 1)
    assert sum(1 for _ in world.arrivals()) == 2


def test_what_comes_back_at_night_waits(simulated: Any, tmp_path: Path) -> None:
    """A release, a pause: the batch's own zone decides, not when it was handed out."""
    path = tmp_path / "people.csv"
    path.write_text("phone,tz\n" + "".join(f"+{FIRST_PHONE + n},Asia/Omsk\n" for n in range(2)))
    evening = datetime(2027, 1, 11, 11, 59, tzinfo=UTC)
    world = simulated(evening)
    campaign = world.enrol(draft(path, text="Hello", window="9-18", per_row={"zone": "tz"}), size=1)
    world.windows.tick(world.at)
    world.feed.tick(world.at)
    claim = world.claim_next()
    assert isinstance(claim, Claim)
    world.ledger.control(campaign, "pause")
    assert isinstance(world.claim_next(), NoClaim)  # the other is held
    world.at += 120
    world.ledger.release(claim, unwritten=True)
    world.ledger.control(campaign, "resume")
    world.step(world.at + 1)
    assert list(world.arrivals()) == []
    world.step(datetime(2027, 1, 12, 3, 0, 1, tzinfo=UTC).timestamp())
    assert sum(1 for _ in world.arrivals()) == 2
    assert Ref(claim.ref.number, campaign) == claim.ref
