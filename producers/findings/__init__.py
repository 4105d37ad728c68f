"""The findings of `smsq doctor`, by what is examined: this machine, the ledger, the processes.

Nothing here changes or prints anything: a finding is a value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was examined, its state in words, and what to do about it."""

    name: str
    level: str  # ok, warn or fail
    said: str
    cure: str = ""
    is_outage: bool = False  # unreachable things have an exit code of their own
