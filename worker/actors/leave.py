"""Leave for a question that the gateway counts, and what its errors mean for everybody's next question.

Sends have limits of their own, kept by the claim; they rest with the questions where the address is blocked.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from worker.gateway.codes import STATUS_ERRORS, Outcome
from worker.runtime import Runtime

log = logging.getLogger(__name__)

Limits = Mapping[str, tuple[int, float]]  # what is counted: how often in how many seconds


@contextmanager
def leave(runtime: Runtime, kind: str, most: int, limits: Limits, *, patience_s: float = 0.0) -> Iterator[bool]:
    """Take leave for one request and give it back at its end, from when it counts; False where there is none.

    At most `most` requests of a kind run at once; leave is waited for as long as `patience_s` allows.
    """
    token = secrets.token_hex(8)
    if not _taken(runtime, kind, token, most, limits, patience_s):
        yield False
        return
    try:
        yield True
    finally:
        runtime.ledger.give_back(kind, token, limits)


def _taken(runtime: Runtime, kind: str, token: str, most: int, limits: Limits, patience_s: float) -> bool:
    settings = runtime.settings
    longest_s = settings.connect_timeout_s * len(runtime.mirrors.bases) + settings.read_timeout_s + 1.0
    until = runtime.clock.monotonic() + patience_s
    while True:
        wait = runtime.ledger.take(kind, token, most, longest_s, limits)
        if wait == 0.0:
            return True
        if runtime.clock.monotonic() + wait > until or runtime.stopping.is_set():
            return False
        runtime.clock.wait(wait, runtime.stopping)


def may_ask(runtime: Runtime) -> bool:
    """Whether questions may be put at all: the log-in was not refused and the gateway has not asked for a rest."""
    return runtime.ledger.questions_rest_s(runtime.credentials) == 0.0


def note_error(runtime: Runtime, command: str, code: int | None) -> None:
    """An answer to a question was an error: everything stops at a refused log-in or a blocked address.

    One that comes too often makes the questions of all processes rest, and no send.
    """
    runtime.metrics.gateway_error(command, code)
    row = STATUS_ERRORS.get(code) if code is not None else None
    if row is None:
        return
    if row.outcome is Outcome.BAD_LOGIN:
        runtime.ledger.halt_login(runtime.credentials)
        log.error("log-in refused by the gateway; sending halted until login, password or allowed address change")
    elif row.outcome is Outcome.LATER:
        rest_s = runtime.ledger.throttled(row.delay_s)
        log.warning("login rests command=%s code=%d for_s=%.0f", command, row.code, rest_s)
    elif row.delay_s:
        rest_s = min(row.delay_s, runtime.settings.mass_ask_every_s)
        runtime.ledger.ask_later(rest_s)
        log.warning("questions rest command=%s code=%d for_s=%.0f", command, row.code, rest_s)
