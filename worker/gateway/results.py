"""The gateway's names of what a probe tells: in statuses, callbacks and receipts over SMPP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from smsq.worker.domain.result import cleaned, network_code

# Ours: the gateway's. Read 2026-11-29.
WIRE: Final[Mapping[str, str]] = {
    "imsi": "imsi",
    "msc": "msc",
    "mcc": "mcc",
    "mnc": "mnc",
    "country": "cn",
    "network": "net",
    "roaming_country": "rcn",
    "roaming_network": "rnet",
}
_CODE = re.compile(r"[0-9]{4,8}")


def read_result(told: Mapping[str, object]) -> dict[str, str] | None:
    """The result among the values of a status, by the gateway's names; None if it has no fields for one."""
    if not any(theirs in told for theirs in WIRE.values()):
        return None
    return {ours: value for ours, theirs in WIRE.items() if (value := cleaned(told.get(theirs)))}


def write_result(result: Mapping[str, str]) -> dict[str, str]:
    """All fields of a probe by the gateway's names; those that are not known are empty."""
    return {theirs: result.get(ours, "") for ours, theirs in WIRE.items()}


def network_of(told: Mapping[str, object]) -> str:
    """The operator's code among the values of a status (`mccmnc`, or `mcc` and `mnc` of a probe); '' for none."""
    whole = network_code(cleaned(told.get("mccmnc")))
    return whole or network_code(cleaned(told.get("mcc")) + cleaned(told.get("mnc")))


def read_code(value: object) -> str:
    """The code that a call says, as the answer to its send tells it; '' if this is none."""
    written = cleaned(value)
    return written if _CODE.fullmatch(written) else ""
