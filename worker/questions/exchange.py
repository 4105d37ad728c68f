"""Put one question to the gateway, and note the result in metrics and breakers.

Questions go over HTTP, whatever the transport of messages is. A send has a path of its own (`actors/send.py`), since a
claim comes between opening a line and sending.
"""

from __future__ import annotations

from dataclasses import dataclass

from smsq.worker.domain.errors import Unknown, Unreachable
from smsq.worker.gateway.http import BALANCE_PATH, HISTORY_PATH, STATUS_PATH
from smsq.worker.questions import Means
from smsq.worker.transports import MAX_REPLY, Reply

COMMANDS = {STATUS_PATH: "status", BALANCE_PATH: "balance", HISTORY_PATH: "history"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer and the mirror that gave it."""

    mirror: str
    reply: Reply


def ask_mirror(
    means: Means, mirror: str, path: str, body: bytes, *, max_reply: int = MAX_REPLY, command: str = ""
) -> Reply | None:
    """Put one question to one mirror; None if no complete answer came. Never for a send.

    `command` names it in the metrics; the default is the name in the path.
    """
    try:
        return _put(means, mirror, path, body, max_reply, command)
    except (Unreachable, Unknown):
        return None


def ask_any(means: Means, path: str, body: bytes, *, max_reply: int = MAX_REPLY, command: str = "") -> Answer | None:
    """Put one question to the first mirror that can be reached; None if no complete answer came.

    A question that was begun is not put to another mirror: the gateway may have counted it.
    """
    tried: set[str] = set()
    while not means.stopping.is_set():
        mirror = means.mirrors.next_to_ask(tried)
        if mirror is None:
            return None
        tried.add(mirror)
        try:
            return Answer(mirror, _put(means, mirror, path, body, max_reply, command))
        except Unreachable:
            continue
        except Unknown:
            return None
    return None


def _put(means: Means, mirror: str, path: str, body: bytes, max_reply: int, command: str) -> Reply:
    began = means.clock.monotonic()
    outcome = "unreachable"
    try:
        line = means.http.open(mirror)
        outcome = "unknown"
        try:
            reply = line.say(path, body, means.settings.read_timeout_s, max_reply=max_reply)
        except Unknown:
            line.done(keep=False)
            raise
        line.done(keep=True)
        outcome = "answered" if reply.status == 200 else "broken"
        return reply
    except Unreachable:
        outcome = "unreachable"
        means.mirrors.unreachable(mirror)
        raise
    except Unknown:
        means.mirrors.unknown(mirror)
        raise
    finally:
        means.metrics.request(command or COMMANDS[path], mirror, outcome, means.clock.monotonic() - began)
