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
    began = runtime.clock.monotonic()
    outcome = "unreachable"
    try:
        line = runtime.transport.open(mirror)
        try:
            reply = line.say(path, body, runtime.settings.read_timeout_s, max_reply=max_reply)
        except Unknown:
            outcome = "unknown"
            line.done(keep=False)
            runtime.mirrors.unknown(mirror)
            return None
        line.done(keep=True)
        outcome = "answered" if reply.status == 200 else "broken"
        return reply
    except Unreachable:
        runtime.mirrors.unreachable(mirror)
        return None
    finally:
        runtime.metrics.request(command or COMMANDS[path], mirror, outcome, runtime.clock.monotonic() - began)


def ask_any(
    runtime: Runtime, path: str, body: bytes, *, max_reply: int = MAX_REPLY, command: str = ""
) -> Answer | None:
    """Put one harmless question to the mirrors in turn until one answers completely."""
    tried: set[str] = set()
    while not runtime.stopping.is_set():
        mirror = runtime.mirrors.next_to_ask(tried)
        if mirror is None:
            return None
        tried.add(mirror)
        reply = ask_mirror(runtime, mirror, path, body, max_reply=max_reply, command=command)
        if reply is not None:
            return Answer(mirror, reply)
    return None
