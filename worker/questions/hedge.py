"""A question with a second try beside it, or with a limit to the wait for its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

HEDGE_AFTER_S = 0.7  # a question takes a tenth of a second; a code lives a minute

T = TypeVar("T")


def hedge(first: Callable[[], T], second: Callable[[], T], after_s: float) -> T:
    """Put `first`; if it has not answered after `after_s`, put `second` too, and return the quicker answer.

    A falsy answer then waits for the other question. The slower question runs on in its thread and its answer is
    dropped, so it must keep by itself what it learns. Exceptions of a question are raised. Never for a send.
    """
    answers: SimpleQueue[Future[T]] = SimpleQueue()
    _in_a_thread(first, answers)
    try:
        return answers.get(timeout=after_s).result()
    except Empty:
        _in_a_thread(second, answers)
    return answers.get().result() or answers.get().result()


def within(question: Callable[[], T], seconds: float) -> T | None:
    """The answer of a question, None after `seconds`: then it runs on in its thread. Its exceptions are raised."""
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
