"""The statuses of `submit_sm_resp`, and what each proves.

The gateway's manual names throttling only (PROTOCOL H.5). The other rows are those of the standard that cannot mean
anything but "not accepted" (SMPP 3.4, 5.1.3, read 2026-11-29); any other status may mean that the message was accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smsq.worker.gateway.outcomes import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitStatus:
    """One row; `code` is the error of `send.php` that means the same, for receipts and reports."""

    outcome: Outcome
    meaning: str
    code: int = 0


def _refused(code: int, meaning: str) -> SubmitStatus:
    return SubmitStatus(outcome=Outcome.REFUSED, meaning=meaning, code=code)


def _later(meaning: str) -> SubmitStatus:
    return SubmitStatus(outcome=Outcome.LATER, meaning=meaning)


OK = 0x00
THROTTLED = 0x58
NOT_BOUND = 0x04

SUBMIT_STATUSES: Mapping[int, SubmitStatus] = {
    OK: SubmitStatus(outcome=Outcome.ACCEPTED, meaning="accepted"),
    0x01: _refused(1, "the message has a wrong length"),
    0x02: _refused(1, "the request has a wrong length"),
    NOT_BOUND: _later("the session is not bound"),
    0x06: _refused(1, "the priority is wrong"),
    0x07: _refused(1, "the wish for a receipt is wrong"),
    0x0A: _refused(6, "the sender is wrong"),
    0x0B: _refused(7, "the number is wrong"),
    0x14: _later("its queue is full"),
    0x15: _refused(1, "the service type is wrong"),
    0x43: _refused(1, "the class of the message is wrong"),
    0x48: _refused(6, "the type of the sender is wrong"),
    0x49: _refused(6, "the plan of the sender is wrong"),
    0x50: _refused(7, "the type of the number is wrong"),
    0x51: _refused(7, "the plan of the number is wrong"),
    THROTTLED: _later("too many submits a second"),
    0x61: _refused(5, "the moment to send at is wrong"),
    0x62: _refused(1, "the validity is wrong"),
}
UNKNOWN = SubmitStatus(outcome=Outcome.UNKNOWN, meaning="a status that may mean anything")


def of(status: int) -> SubmitStatus:
    """What a status proves."""
    return SUBMIT_STATUSES.get(status, UNKNOWN)
