"""Statuses of submits: only those that cannot mean "accepted" are believed."""

from __future__ import annotations

import pytest

from smsq.worker.gateway.numbers import SEND_ERRORS
from smsq.worker.gateway.outcomes import Outcome
from smsq.worker.gateway.smpp import statuses


def test_refusals_have_an_error_that_reports_explain() -> None:
    """In the numbers of `send.php`: a report does not tell the wires apart."""
    refusals = [row for row in statuses.SUBMIT_STATUSES.values() if row.outcome is Outcome.REFUSED]

    assert refusals
    assert all(row.code in SEND_ERRORS for row in refusals)


@pytest.mark.parametrize("status", [0x08, 0x45, 0x64, 0x65, 0x66, 0xFF, 0x400])
def test_errors_that_name_no_cause_prove_nothing(status: int) -> None:
    """A system may fail after it has accepted."""
    assert statuses.of(status).outcome is Outcome.UNKNOWN


def test_throttling_is_not_accepted_and_may_go_again() -> None:
    """The one status of the gateway's own page (PROTOCOL H.1)."""
    assert statuses.of(0x58).outcome is Outcome.LATER
