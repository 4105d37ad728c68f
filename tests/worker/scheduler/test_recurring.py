"""Occurrences of a recurring campaign: each is begun once, whatever happens, or skipped with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain import guests
from smsq.worker.domain.optout import OptOut, plain_key
from smsq.worker.domain.recurrence import Recurrence, Series
from smsq.worker.ledger import NoClaim
from smsq.worker.scheduler import recurring as recurring_module
from smsq.worker.scheduler.feed import Feed
from smsq.worker.scheduler.recurring import GRACE_S, Recurring
from smsq.worker.scheduler.windup import WindUp

PHONE = 79990000000  # of the first row
DAY_S, HOUR_S = 86_400.0, 3_600.0


def origin(office: Any, batches: int = 3, **options: Any) -> tuple[str, float]:
    """A campaign that recurs daily; its id and its first occurrence."""
    calendar = Recurrence.parse("day 10:00", "Europe/Moscow")
    first = calendar.after(office.now)
    return office.campaign(batches, series=Series(calendar=calendar, next_at=first), **options), first


def at(office: Any, moment: float, duty: Recurring, ticks: int = 50) -> None:
    """Let the duty run at a moment until it has nothing to do."""
    office.ahead_s += moment - office.now
    for _ in range(ticks):
        duty.tick(office.now)


def made(office: Any, campaign: str) -> list[Any]:
    """Its occurrences, oldest first."""
    return [view for view in reversed(office.views.campaigns()) if view.origin == campaign]


def test_an_occurrence_is_a_campaign_of_its_own(office: Any) -> None:
    """Begun at its moment, of all rows; nothing of the origin itself leaves."""
    campaign, first = origin(office)
    duty = Recurring(office.runtime)
    at(office, first - 1, duty)
    assert made(office, campaign) == []
    Feed(office.runtime).tick(office.now)
    at(office, first, duty)
    at(office, first + DAY_S, duty)

    one, two = made(office, campaign)
    assert (one.kin, one.rows, one.closed, one.statuses) == ("every", 3, True, {"queued": 3})
    assert one.name != two.name
    view = office.views.campaign(campaign)
    assert (view.standing, view.fed, view.recurring.occurred, view.recurring.newest) == ("recurring", 0, 2, two.id)
    assert view.recurring.next_at == first + 2 * DAY_S
    log = [(entry.by, entry.what) for entry in office.views.log(campaign)]
    assert log[-4:] == [("scheduler", "every"), ("scheduler", "occur")] * 2


def test_two_schedulers_begin_it_once(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking turns in the middle of it, and a third that begins anew: every row is in once."""
    monkeypatch.setattr(recurring_module, "PORTION_S", 0.0)
    campaign, first = origin(office, batches=4000)
    office.ahead_s += first - office.now
    duties = [Recurring(office.runtime), Recurring(office.runtime)]
    for turn in range(6):
        duties[turn % 2].tick(office.now)
    duties.append(Recurring(office.runtime))
    for turn in range(60):
        duties[turn % 3].tick(office.now)

    (one,) = made(office, campaign)
    assert (one.rows, one.batches, one.closed) == (4000, one.batches, True)
    rows = [receipt.row for receipt in office.views.report(one.id)]
    assert rows == list(range(1, 4001))


def test_what_is_late_is_begun_within_an_hour_and_skipped_after(office: Any) -> None:
    """Of several that were missed the newest alone may still begin; the origin says why the others did not."""
    campaign, first = origin(office)
    duty = Recurring(office.runtime)
    at(office, first + 3 * DAY_S + GRACE_S - 60, duty)

    view = office.views.campaign(campaign)
    assert (view.recurring.occurred, view.recurring.skipped, len(made(office, campaign))) == (1, 3, 1)
    assert view.recurring.next_at == first + 4 * DAY_S
    assert "could not begin within an hour" in view.recurring.skipped_why
    at(office, first + 4 * DAY_S + GRACE_S + 60, duty)
    assert len(made(office, campaign)) == 1
    assert office.views.campaign(campaign).recurring.next_at == first + 5 * DAY_S


def test_a_paused_campaign_does_not_recur(office: Any) -> None:
    """Until it is resumed; a cancelled one never does."""
    campaign, first = origin(office)
    duty = Recurring(office.runtime)
    office.ledger.control(campaign, "pause")
    at(office, first + 60, duty)
    assert made(office, campaign) == []
    office.ledger.control(campaign, "resume")
    at(office, first + 120, duty)
    assert len(made(office, campaign)) == 1
    office.ledger.control(campaign, "cancel")
    WindUp(office.runtime).tick(office.now)
    at(office, first + 5 * DAY_S, duty)
    assert len(made(office, campaign)) == 1
    assert office.views.depth().shown["smsq_messages_total"].get(("bulk", "sms", "cancelled"), 0) == 0


@pytest.mark.parametrize("end", ["most", "until"])
def test_a_series_ends(office: Any, end: str) -> None:
    """After so many, or at a day: then the origin is over, and is kept no longer than any other."""
    campaign, first = origin(office)
    told = {"most": 2} if end == "most" else {"until_at": round((first + DAY_S) * 1000)}
    office.redis.hset(f"{{smsq}}:c:{campaign}", mapping=told)
    duty = Recurring(office.runtime)
    for day in range(4):
        at(office, first + day * DAY_S, duty)
    WindUp(office.runtime).tick(office.now)

    view = office.views.campaign(campaign)
    assert (len(made(office, campaign)), view.standing, view.state, view.is_over) == (2, "ended", "cancelled", True)
    assert view.recurring.next_at == 0


def test_an_occurrence_that_a_person_cancels_is_not_made_anew(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its rows are not all in; the next one comes at its moment."""
    monkeypatch.setattr(recurring_module, "PORTION_S", 0.0)
    campaign, first = origin(office, batches=3000)
    office.ahead_s += first - office.now
    duty = Recurring(office.runtime)
    duty.tick(office.now)
    (one,) = made(office, campaign)
    office.ledger.control(one.id, "cancel")
    at(office, first + 10, duty)

    assert [view.id for view in made(office, campaign)] == [one.id]
    assert office.views.campaign(campaign).recurring.next_at == first + DAY_S


def test_an_occurrence_is_as_its_origin(office: Any) -> None:
    """With its cap, and the language and characters of its text."""
    campaign, first = origin(office, cap="1/week", language="ru", plain_chars=True)
    at(office, first, Recurring(office.runtime))

    (one,) = made(office, campaign)
    assert (one.cap, one.language, one.plain_chars) == ("1/week", "ru", True)


def test_rows_that_are_guests_no_longer_are_rejects(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are sent, and later occurrences come."""
    campaign, first = origin(office)
    duty = Recurring(office.runtime)
    monkeypatch.setattr(office.ledger, "guests", guests.read("+79990000001"))
    at(office, first, duty)
    monkeypatch.setattr(office.ledger, "guests", guests.read("+79990000009"))
    at(office, first + DAY_S, duty)

    one, two = made(office, campaign)
    assert (one.statuses, one.closed, one.rows) == ({"queued": 1, "invalid": 2}, True, 3)
    assert (two.statuses, two.state, two.rows) == ({"invalid": 3}, "done", 3)
    assert [receipt.row for receipt in office.views.report(one.id)] == [1, 2, 3]
    assert office.views.campaign(campaign).recurring.next_at == first + 2 * DAY_S


def test_an_occurrence_is_screened_before_its_first_claim(office: Any) -> None:
    """By the list and the cap as they are then, though it was begun without a look at them."""
    campaign, first = origin(office, 1)
    office.ledger.opt_out([OptOut(key=plain_key(PHONE), reason="a test", at=office.now)])
    at(office, first, Recurring(office.runtime))
    (occurrence,) = made(office, campaign)
    (ref,) = office.ledger.feed(occurrence.id, 5, 100)[0]

    assert isinstance(office.try_claim(ref), NoClaim)
    assert office.views.campaign(occurrence.id).statuses == {"optout": 1}
