"""What `smsq doctor` finds, by where it looks: this machine, the ledger and who works on it.

Never changes anything, and never prints: a finding is a value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, in words, and what to do about it."""

    name: str
    level: str  # ok, warn or fail
    said: str
    cure: str = ""
    is_outage: bool = False  # what cannot be reached has an exit code of its own
