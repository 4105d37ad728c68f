"""Why a living worker process cannot send, in the words of the ledger and the metrics."""

from __future__ import annotations

from enum import StrEnum


class Sick(StrEnum):
    """The reasons; `host/health.py` notes them, and such a process leaves its queue to others."""

    GATEWAY = "gateway"
    LOGIN = "login"
    JOURNAL = "journal"
    KEY = "key"
    CLOCK = "clock"
    FROZEN = "frozen"
    RUN = "run"
