"""Simulated numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smsq.worker.domain.phone import parse
from smsq.worker.domain.simulated import FATES, fate_of, group_of, is_simulated
from smsq.worker.gateway.numbers import DELIVERY_ERRORS, SEND_ERRORS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        (12025550100, True),
        (19495550199, True),
        (12025550200, False),
        (12025550099, False),
        (12025551100, False),
        (120255501000, False),
        (2025550100, False),
        (18005550199, False),
        (19005550123, False),
        (79995550100, False),
        ("anna@example.ru", False),
        ("#12025550100", False),
    ],
    ids=str,
)
def test_a_number_is_simulated_by_its_digits(recipient: int | str, expected: bool) -> None:
    """555-0100 to 555-0199 of a geographic area code: others may be somebody's, and are paid for."""
    assert is_simulated(recipient) == expected


@pytest.mark.parametrize("written", ["+12125550177", "+1 (212) 555-01-77", "0012125550177"])
def test_they_pass_the_door_as_phones_do(written: str) -> None:
    """However they are written."""
    assert is_simulated(parse(written))


def test_every_error_is_the_gateways() -> None:
    """So a user's program sees what it would see."""
    for fate in FATES.values():
        assert fate.code == 0 or fate.code in SEND_ERRORS
        assert fate.error in DELIVERY_ERRORS
        assert fate.found_s <= fate.after_s


def test_messages_share_a_request_if_they_share_its_answer() -> None:
    """Real ones are in a group of their own."""
    groups = {nn: group_of(12125550100 + nn) for nn in range(100)}

    assert group_of(79991234567) == ""
    assert groups[0] == groups[51] == groups[61] == "accepted"
    assert (groups[76], groups[77], groups[80], groups[81]) == ("refused6", "refused7", "doubt", "doubt")
    assert fate_of(12125550199).name == "delivered"


def test_the_page_has_every_row() -> None:
    """Nobody looks into the code for it."""
    page = (ROOT / "docs" / "trying.md").read_text()
    told = dict(re.findall(r"^\| `01(\d\d)` \| (.+?) \|", page, re.MULTILINE))

    assert told == {f"{nn:02d}": fate.name for nn, fate in FATES.items()}
