"""A campaign over time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from smsq.producers.timeline import MOST_LINES, STEPS, Timeline, draws_plainly, may_colour
from smsq.worker.domain.receipt import Receipt

AT = 1_700_000_040  # a full minute
SENT = Receipt(id="1.0", phone="+79991234567", status="delivered", submitted_at=AT, status_at=AT + 61)


def test_what_left_and_what_ended_is_counted_by_the_minute() -> None:
    """A message that waits for its status has left; one that never left is in neither."""
    rows = [SENT, replace(SENT, status="accepted"), replace(SENT, status="cancelled"), replace(SENT, status="invalid")]
    step, _, found = Timeline().of(rows).steps()

    assert (step, found) == (60, [(AT, 2, 0), (AT + 60, 0, 1)])


@pytest.mark.parametrize("span_s", [1, 3600, 86_400, 30 * 86_400, 200 * 86_400])
def test_a_long_campaign_has_longer_steps(span_s: int) -> None:
    """It fits on a screen, gaps are in it, and every message is."""
    timeline = Timeline().of([SENT, replace(SENT, submitted_at=AT + span_s, status_at=AT + span_s)])
    step, _, found = timeline.steps()

    assert 1 <= len(found) <= MOST_LINES
    assert step in [each for each, _ in STEPS]
    assert [sum(column) for column in zip(*((left, final) for _, left, final in found), strict=True)] == [2, 2]
    assert [after[0] - before[0] for before, after in pairwise(found)] == [step] * (len(found) - 1)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("is_plain", [True, False])
def test_it_fits_its_terminal(width: int, is_plain: bool) -> None:
    """From about thirty columns on; a single message among many is still seen."""
    rows = [*[replace(SENT, status_at=AT)] * 999, replace(SENT, submitted_at=AT + 120, status_at=AT + 120)]
    lines = list(Timeline().of(rows).lines(width, is_plain=is_plain))

    assert all(len(line) <= max(width, 34) for line in lines)
    assert [line.split()[1] for line in lines[1:]] == ["999", "0", "1"]
    assert set("".join(lines)) & {"█", "#"} == ({"#"} if is_plain else {"█"})
    assert len(lines[3].split()) == 5  # its bars are there


def test_colours_only_if_they_are_wanted() -> None:
    """NO_COLOR, a dumb terminal and a file have none; an encoding without blocks has plain letters."""
    assert may_colour({"TERM": "xterm"}, is_terminal=True)
    assert not may_colour({"TERM": "xterm", "NO_COLOR": "1"}, is_terminal=True)
    assert not may_colour({"TERM": "dumb"}, is_terminal=True)
    assert not may_colour({"TERM": "xterm"}, is_terminal=False)
    assert (draws_plainly({"TERM": "xterm"}, "utf-8"), draws_plainly({"TERM": "xterm"}, "ascii")) == (False, True)
    assert draws_plainly({"TERM": "dumb"}, "utf-8")
    assert "\x1b[" in "".join(Timeline().of([SENT]).lines(80, is_coloured=True))


def test_nothing_has_left_yet() -> None:
    """A sentence, not an empty picture."""
    assert list(Timeline().lines(80)) == ["nothing has left yet"]
    assert Timeline().as_object()["steps"] == []
