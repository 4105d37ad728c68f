"""What a probe tells, by the gateway's names and ours."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.gateway.results import WIRE, network_of, read_code, read_result, write_result

TOLD = {
    "imsi": "250016012345678",
    "msc": "79168999100",
    "mcc": "250",
    "mnc": "02",
    "cn": "Russian Federation",
    "net": "MegaFon",
    "rcn": "",
    "rnet": "",
}


def test_both_ways() -> None:
    """What one half writes the other reads; what is not known is empty on the wire and missing here."""
    read = read_result(TOLD)

    assert read is not None
    assert {"country", "imsi", "mcc", "mnc", "msc", "network"} == set(read)
    assert write_result(read) == TOLD


@pytest.mark.parametrize(
    ("told", "read"),
    [({}, None), ({"status": 1, "err": 0}, None), (dict.fromkeys(WIRE.values(), ""), {}), ({"imsi": None}, {})],
)
def test_no_fields_are_not_empty_fields(told: dict[str, Any], read: dict[str, str] | None) -> None:
    """A row without fields for results says nothing of them; empty ones say that nothing is known."""
    assert read_result(told) == read


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (250, "250"),
        (" MTS \n RUS ", "MTS RUS"),
        ("\x1b[2J", "?[2J"),
        ("x" * 100, "x" * 64),
        (True, None),
        (["MTS"], None),
        (1.5, None),
    ],
)
def test_a_value_is_one_short_line(value: object, kept: str | None) -> None:
    """Whatever a stranger puts into it."""
    assert (read_result({"net": value}) or {}).get("network") == kept


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"mccmnc": "25001"}, "25001"),
        ({"mccmnc": "310410"}, "310410"),
        ({"mcc": "250", "mnc": "02"}, "25002"),
        ({"mccmnc": "", "mcc": "250", "mnc": "01"}, "25001"),
        ({"mccmnc": "2500"}, ""),
        ({"mccmnc": "25001:x"}, ""),
        ({"mccmnc": "٢٥٠٠١"}, ""),
        ({}, ""),
    ],
)
def test_an_operators_code_is_five_or_six_digits(told: dict[str, str], code: str) -> None:
    """It becomes a label of a metric, so nothing else passes."""
    assert code == network_of(told)


@pytest.mark.parametrize(("told", "code"), [("482135", "482135"), (482135, "482135"), ("", ""), (None, ""), ("a", "")])
def test_a_calls_code_is_digits(told: object, code: str) -> None:
    """Anything else is no code; the call was accepted all the same."""
    assert code == read_code(told)
