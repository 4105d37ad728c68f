"""Rows that stay behind: which, by whom they were sent, and how that is kept."""

from __future__ import annotations

from smsq.worker.domain.campaign import LeftOut


def test_rows_that_stay_behind_name_who_sent_them() -> None:
    """Each its own campaign and day; a row that two have sent is the first one's."""
    left_out = LeftOut.of([("spring", 1_800_000_000.0, [1, 3]), ("autumn", 1_700_000_000.0, [3, 7])])

    assert [row for row in range(10) if left_out.holds(row)] == [1, 3, 7]
    assert left_out.reason(3).startswith("sent already by campaign spring on 2027-01-1")
    assert left_out.reason(7).startswith("sent already by campaign autumn on 2023-11-1")


def test_what_is_left_out_later_is_added() -> None:
    """What stayed behind before still does, for the same reason."""
    before = LeftOut.of([("spring", 0.0, [2])])
    after = LeftOut.of([("autumn", 0.0, [2, 70_000])], before)

    assert [row for row in (1, 2, 3, 69_999, 70_000, 70_001) if after.holds(row)] == [2, 70_000]
    assert "spring" in after.reason(2)
    assert not before.holds(70_000)


def test_it_is_kept_small_and_read_again() -> None:
    """A million rows of which most were sent take a few kilobytes."""
    rows = [row for row in range(1, 1_000_001) if row % 1000]
    left_out = LeftOut.of([("spring", 1.5, rows)])
    written = left_out.written()

    assert LeftOut.read(written) == left_out
    assert len(written) < 20_000
