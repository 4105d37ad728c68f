"""Permits for questions that the gateway counts, and what its errors mean for the questions of all processes.

Sends have limits of their own, kept by the claim; they back off with the questions if the address is blocked.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from smsq.worker.gateway.numbers import STATUS_ERRORS
from smsq.worker.gateway.outcomes import Outcome
from smsq.worker.questions import Means

log = logging.getLogger(__name__)

BEGIN_WITHIN_S = 1.0  # after the permit; a process that was frozen longer gives it up

Limits = Mapping[str, tuple[int, float]]  # by what is counted: how often in how many seconds


@contextmanager
def permit(
    means: Means, kind: str, most: int, limits: Limits, *, patience_s: float = 0.0, is_prepared: bool = True
) -> Iterator[float]:
    """Take a permit for one request, and give it back at the end, from when the request counts.

    Yields the time (monotonic) by which the request must be put, 0.0 if there is no permit: after that time another
    process may have the same permit. At most `most` requests of a kind run at once; a permit is waited for up to
    `patience_s`. Without `is_prepared` there is time for another question before the request.
    """
    token = secrets.token_hex(8)
    settings = means.settings
    longest_s = settings.connect_timeout_s * len(means.mirrors.bases) + settings.read_timeout_s
    margin_s = BEGIN_WITHIN_S + (0.0 if is_prepared else longest_s)
    until = _taken(means, kind, token, most, limits, patience_s, longest_s, margin_s)
    if not until:
        yield 0.0
        return
    try:
        yield until
    finally:
        means.ledger.give_back(kind, token, limits)


def _taken(
    means: Means,
    kind: str,
    token: str,
    most: int,
    limits: Limits,
    patience_s: float,
    longest_s: float,
    margin_s: float,
) -> float:
    until = means.clock.monotonic() + patience_s
    while True:
        began = means.clock.monotonic()
        wait = means.ledger.take(kind, token, most, longest_s + margin_s, limits)
        if wait == 0.0:
            return began + margin_s  # the rest is for opening a line and for the answer
        if means.clock.monotonic() + wait > until or means.stopping.is_set():
            return 0.0
        means.clock.wait(wait, means.stopping)


def places(parallel: int, *, is_urgent: bool = False) -> int:
    """How many questions may run at once, this one included: one place is kept for codes.

    >>> places(3, is_urgent=True), places(3), places(1)
    (3, 2, 1)
    """
    return parallel if is_urgent else max(1, parallel - 1)


def may_ask(means: Means) -> bool:
    """Whether questions may be put: the log-in was not refused and the gateway has not asked us to back off."""
    return means.ledger.questions_back_off_s(means.credentials) == 0.0


def note_error(means: Means, command: str, code: int | None) -> None:
    """Act on an error code in an answer: a refused log-in or a blocked address stops everything.

    One that comes too often makes the questions of all processes back off, and no send.
    """
    means.metrics.gateway_error(command, code)
    row = STATUS_ERRORS.get(code) if code is not None else None
    if row is None:
        return
    if row.outcome is Outcome.BAD_LOGIN:
        means.ledger.halt_login(means.credentials)
        log.error("log-in refused by the gateway; sending halted until login, password or allowed address change")
    elif row.outcome is Outcome.LATER:
        back_off_s = means.ledger.throttled(row.delay_s)
        log.warning("login backs off command=%s code=%d for_s=%.0f", command, row.code, back_off_s)
    elif row.delay_s:
        back_off_s = min(row.delay_s, means.settings.mass_ask_every_s)
        means.ledger.ask_later(back_off_s)
        log.warning("questions back off command=%s code=%d for_s=%.0f", command, row.code, back_off_s)
