"""The window: what makes it longer, and which control is enough."""

from __future__ import annotations

import pytest

from smsq.worker.domain.window import Window

WINDOW = Window(settle_s=300.0, late_s=195.0)


@pytest.mark.parametrize(
    ("control_at", "needed_s"),
    [(None, None), (0.0, 600.0), (1000.0, 600.0), (1195.0, 600.0), (1195.001, 300.0), (5000.0, 300.0)],
    ids=["none", "long ago", "with the claim", "as late as it may arrive", "later", "much later"],
)
def test_an_older_control_doubles_the_window(control_at: float | None, needed_s: float | None) -> None:
    """Only one that was accepted after the request could still arrive is conclusive."""
    assert needed_s == WINDOW.needed_s(1000.0, control_at)


def test_messages_that_show_late_raise_the_window() -> None:
    """Twice as late as was ever seen."""
    assert Window(settle_s=300.0, late_s=195.0, visible_after_s=52.0).seconds == 300.0
    assert Window(settle_s=300.0, late_s=195.0, visible_after_s=90.0).seconds == 375.0
