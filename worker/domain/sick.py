"""Why a worker process cannot send though it lives, in the words of the ledger and the metrics."""

from __future__ import annotations

from enum import StrEnum


class Sick(StrEnum):
    """One word each; `host/health.py` finds out, and the queues of such a process are left to others."""

    GATEWAY = "gateway"
    LOGIN = "login"
    JOURNAL = "journal"
    KEY = "key"
    CLOCK = "clock"
    FROZEN = "frozen"
    RUN = "run"
