"""A harmless question with a second try beside it, or with a limit to how long its answer is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

HEDGE_AFTER_S = 0.7  # an ask takes a tenth of a second; a code lives a minute

T = TypeVar("T")


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
    """The answer of a harmless question, None if it takes longer: it runs on by itself. What it raises is raised."""
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
