"""One counted request to the gateway: over which line, how long, what it cost in metrics and breakers.

Sends have a path of their own (`actors/send.py`), since a claim stands between opening and speaking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

from smsq.worker.domain.errors import Unknown, Unreachable
from smsq.worker.runtime import Runtime
from smsq.worker.transports import MAX_REPLY, Reply

SEND = "/sys/send.php"
STATUS = "/sys/status.php"
BALANCE = "/sys/balance.php"
HISTORY = "/sys/get.php"
COMMANDS = {SEND: "send", STATUS: "status", BALANCE: "balance", HISTORY: "history"}


HEDGE_AFTER_S = 0.7  # an ask takes a tenth of a second; a code lives a minute

T = TypeVar("T")


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


def hedge(first: Callable[[], T], second: Callable[[], T], after_s: float) -> T:
    """The answer of one of two harmless questions: `second` is put once `first` has said nothing for `after_s`.

    A falsy answer waits for the other. Whichever is slower runs on by itself and its answer is dropped, so what it
    learns it must keep itself. What a question raises is raised. Never for a send.
    """
    answers: SimpleQueue[Future[T]] = SimpleQueue()
    _in_a_thread(first, answers)
    try:
        return answers.get(timeout=after_s).result()
    except Empty:
        _in_a_thread(second, answers)
    return answers.get().result() or answers.get().result()


def within(question: Callable[[], T], seconds: float) -> T | None:
    """The answer of a harmless question, None where it takes longer: it runs on by itself. What it raises is raised."""
    answers: SimpleQueue[Future[T]] = SimpleQueue()
    _in_a_thread(question, answers)
    try:
        return answers.get(timeout=seconds).result()
    except Empty:
        return None


def _in_a_thread(question: Callable[[], T], answers: SimpleQueue[Future[T]]) -> None:
    def ask() -> None:
        answer: Future[T] = Future()
        try:
            answer.set_result(question())
        except BaseException as error:
            answer.set_exception(error)
        answers.put(answer)

    threading.Thread(target=ask, name="ask", daemon=True).start()


def _put(runtime: Runtime, mirror: str, path: str, body: bytes, max_reply: int, command: str) -> Reply:
    began = runtime.clock.monotonic()
    outcome = "unreachable"
    try:
        line = runtime.http.open(mirror)
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
