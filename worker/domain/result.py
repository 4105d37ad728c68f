"""Results that are the product: what a probe of a phone found out, and the code that a call said.

A result is a mapping with some of the names of `FIELDS` and `CODE`. Values are text as the gateway wrote it: an
operator's code may begin with a zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

# What a probe tells (the manual's chapters on statuses and on SMPP, read 2026-11-29).
FIELDS: Final = ("imsi", "msc", "mcc", "mnc", "country", "network", "roaming_country", "roaming_network")
CODE: Final = "code"  # that a call said; a log-in code, so it is stored sealed

# Channels that probe a phone: their product is the result. One of these fields must be known of a phone that was
# reached before its answer is complete; a ping has no field that is promised.
PROBES: Final[Mapping[str, Sequence[str]]] = {"hlr": ("imsi", "msc"), "ping": ()}

LONGEST_VALUE = 64  # characters
OTHER_NETWORK = "other"


def fields_of(channel: str) -> Sequence[str]:
    """What a report tells of each message of this channel beside its receipt; nothing for most."""
    return FIELDS if channel in PROBES else ()


def cleaned(value: object) -> str:
    r"""A value as it may be kept and shown: one short line of printable characters; '' for what is no value.

    >>> cleaned(" 25001 "), cleaned(250), cleaned(None), cleaned("a\\nb")
    ('25001', '250', '', 'a b')
    """
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str):
        return ""
    line = " ".join(value.split())
    return "".join(char if char.isprintable() else "?" for char in line)[:LONGEST_VALUE]


def network_code(written: str) -> str:
    """The code of an operator, country and network together (`25001`); '' if this is none."""
    return written if written.isascii() and written.isdigit() and len(written) in (5, 6) else ""


def packed_values(result: Mapping[str, str] | None) -> list[str]:
    """The values of a result in the order of `FIELDS`; an empty list if it has none."""
    values = [result.get(name, "") for name in FIELDS] if result else []
    return values if any(values) else []


def of_values(values: Sequence[str]) -> dict[str, str]:
    """The result of values in the order of `FIELDS`, without those that are not known."""
    return {name: value for name, value in zip(FIELDS, values, strict=False) if value}
