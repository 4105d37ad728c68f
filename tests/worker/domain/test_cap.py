"""Caps as people write them."""

from __future__ import annotations

import pytest

from smsq.worker.domain.cap import Cap
from smsq.worker.domain.errors import BadInput


@pytest.mark.parametrize("wrong", ["3", "0/day", "3/month", "3/day,4/day", "9/day,3/week", "", "99999/day"])
def test_what_is_no_cap(wrong: str) -> None:
    """It is refused, with one that would do."""
    with pytest.raises(BadInput, match="cap"):
        Cap.parse(wrong)
