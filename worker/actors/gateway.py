"""One counted request to the gateway: over which line, how long, what it cost in metrics and breakers.

Sends have a path of their own (`send.py`), since a claim stands between opening and speaking.
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.domain.errors import Unknown, Unreachable
from worker.runtime import Runtime
from worker.transports import MAX_REPLY, Reply

SEND = "/sys/send.php"
STATUS = "/sys/status.php"
BALANCE = "/sys/balance.php"
HISTORY = "/sys/get.php"
COMMANDS = {SEND: "send", STATUS: "status", BALANCE: "balance", HISTORY: "history"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer and the mirror that gave it."""

    mirror: str
    reply: Reply


def ask_mirror(
    runtime: Runtime, mirror: str, path: str, body: bytes, *, max_reply: int = MAX_REPLY, command: str = ""
) -> Reply | None:
    """Put one harmless question to one mirror; None where no complete answer came. Never for a send.

    `command` names it in the metrics, by default after the path.
    """
    try:
        return _put(runtime, mirror, path, body, max_reply, command)
    except (Unreachable, Unknown):
        return None


def ask_any(
    runtime: Runtime, path: str, body: bytes, *, max_reply: int = MAX_REPLY, command: str = ""
) -> Answer | None:
    """Put one harmless question to the first mirror that can be reached; None where no complete answer came.

    A question that was begun is not put to the next mirror: the gateway may have counted it.
    """
    tried: set[str] = set()
    while not runtime.stopping.is_set():
        mirror = runtime.mirrors.next_to_ask(tried)
        if mirror is None:
            return None
        tried.add(mirror)
        try:
            return Answer(mirror, _put(runtime, mirror, path, body, max_reply, command))
        except Unreachable:
            continue
        except Unknown:
            return None
    return None


def _put(runtime: Runtime, mirror: str, path: str, body: bytes, max_reply: int, command: str) -> Reply:
    began = runtime.clock.monotonic()
    outcome = "unreachable"
    try:
        line = runtime.transport.open(mirror)
        outcome = "unknown"
        try:
            reply = line.say(path, body, runtime.settings.read_timeout_s, max_reply=max_reply)
        except Unknown:
            line.done(keep=False)
            raise
        line.done(keep=True)
        outcome = "answered" if reply.status == 200 else "broken"
        return reply
    except Unreachable:
        outcome = "unreachable"
        runtime.mirrors.unreachable(mirror)
        raise
    except Unknown:
        runtime.mirrors.unknown(mirror)
        raise
    finally:
        runtime.metrics.request(command or COMMANDS[path], mirror, outcome, runtime.clock.monotonic() - began)
