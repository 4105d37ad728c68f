from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import pack
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import Conflict, LedgerHalted
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS


def some(first_row: int, count: int = 2) -> Any:
    rows = list(range(first_row, first_row + count))
    return pack([79990000000 + row for row in rows], None, rows, count)


def test_ranges_go_in_in_order_and_once(desk: Any) -> None:
    """A producer that was killed goes on where it stood; what it repeats changes nothing."""
    opened = desk.ledger.open_campaign(desk.plan(digest="d1"))
    with pytest.raises(LedgerHalted, match="expects range 1, not 2"):
        desk.ledger.enrol_range(opened.id, 2, [some(3)], [], 4)

    assert desk.ledger.enrol_range(opened.id, 1, [some(1)], [], 2)
    assert not desk.ledger.enrol_range(opened.id, 1, [some(1)], [], 2)
    again = desk.ledger.open_campaign(desk.plan(digest="d1"))
    assert (again.id, again.created, again.ranges) == (opened.id, False, 1)
    assert desk.ledger.enrol_range(opened.id, 2, [some(3)], [], 4)

    view = desk.views.campaign(opened.id)
    assert (view.rows, view.batches, view.statuses) == (4, 2, {"queued": 4})


def test_rejected_rows_are_counted_and_shown_in_their_place(desk: Any) -> None:
    """Rows add up, and the report keeps the file's order."""
    opened = desk.ledger.open_campaign(desk.plan())
    rows = [1, 3, 6]
    batch = pack([79990000000 + row for row in rows], None, rows, 3)
    rejects = [
        Reject(2, "invalid", "too short", "12"),
        Reject(4, "duplicate", "row 1", "+7"),
        Reject(7, "invalid", "", ""),
    ]
    desk.ledger.enrol_range(opened.id, 1, [batch], rejects[:2], 6)
    desk.ledger.enrol_range(opened.id, 2, [], [Reject(5, "invalid", "", "x"), rejects[2]], 7)

    view = desk.views.campaign(opened.id)
    report = list(desk.views.report(opened.id))

    assert (view.rows, view.invalid, sum(view.statuses.values())) == (7, 4, 7)
    assert [(each.row, each.status) for each in report] == [
        (1, "queued"), (2, "invalid"), (3, "queued"), (4, "duplicate"), (5, "invalid"), (6, "queued"), (7, "invalid")
    ]  # fmt: skip
    assert (report[1].phone, report[1].error) == ("12", "too short")


def test_a_closed_campaign_takes_no_more_rows(desk: Any) -> None:
    """What would come in afterwards belongs to another campaign."""
    campaign, _ = desk.campaign(2)
    with pytest.raises(Conflict, match="takes no more rows"):
        desk.ledger.enrol_range(campaign, 2, [some(3)], [], 4)
    with pytest.raises(Conflict, match="there is no campaign"):
        desk.ledger.enrol_range("nope", 1, [some(3)], [], 4)


def test_a_finished_file_is_refused_unless_asked_for_again(desk: Any) -> None:
    """With the id of the campaign that sent it."""
    campaign, (ref,) = desk.campaign(1, digest="d1")
    claim = desk.settled(ref)
    desk.fact(claim.gateway_id, claim.recipients[0])
    assert desk.views.campaign(campaign).state == "done"

    with pytest.raises(Conflict, match=campaign):
        desk.ledger.open_campaign(desk.plan(digest="d1"))
    again = desk.ledger.open_campaign(desk.plan(digest="d1"), again=True)
    assert again.created
    assert again.id != campaign


def test_again_goes_on_with_what_it_has_begun(desk: Any) -> None:
    """The command was interrupted, or its reply was lost: the second campaign is not begun a third time."""
    first, (ref,) = desk.campaign(1, digest="d1")
    claim = desk.settled(ref)
    desk.fact(claim.gateway_id, claim.recipients[0])
    opened = [desk.ledger.open_campaign(desk.plan(digest="d1"), again=True) for _ in range(3)]
    assert [each.created for each in opened] == [True, False, False]
    assert len({each.id for each in opened} | {first}) == 2


def test_an_empty_campaign_is_done_when_closed(desk: Any) -> None:
    """All of its rows may have been rejected."""
    opened = desk.ledger.open_campaign(desk.plan())
    desk.ledger.enrol_range(opened.id, 1, [], [Reject(1, "invalid", "", "x")], 1)

    assert desk.ledger.close_campaign(opened.id) == "done"


def test_a_range_that_is_in_already_is_written_down_too(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reply of the call that put it in may have been lost: a ledger that falls back behind it is found out."""
    written: list[Any] = []
    monkeypatch.setattr(desk.ledger, "witness", lambda *words: written.append(words))
    opened = desk.ledger.open_campaign(desk.plan())
    for _ in range(2):
        desk.ledger.enrol_range(opened.id, 1, [pack([79990000000], None, [1], 1)], [], 1)

    (run, n, _, name), again = written
    assert again == (run, n, 0, name)
    assert name == f"{opened.id}/1"
