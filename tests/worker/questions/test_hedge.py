"""Two questions for one answer: the second only where the first is slow."""

from __future__ import annotations

import threading

import pytest

from smsq.worker.questions.hedge import hedge


def test_a_quick_answer_is_the_only_question() -> None:
    """The second is never put, whatever the first said."""
    put: list[str] = []

    assert hedge(lambda: 0, lambda: len(put.append("second") or put), 10.0) == 0
    assert put == []


def test_the_second_answers_for_a_silent_first() -> None:
    """The first runs on by itself."""
    go, over = threading.Event(), threading.Event()

    def first() -> int:
        go.wait(10)
        over.set()
        return 1

    assert hedge(first, lambda: 2, 0.01) == 2
    assert not over.is_set()
    go.set()
    assert over.wait(10)


def test_a_second_that_found_nothing_leaves_it_to_the_first() -> None:
    """It had no permit, say."""
    asked = threading.Event()

    def first() -> int:
        asked.wait(10)
        return 1

    def second() -> int:
        asked.set()
        return 0

    assert hedge(first, second, 0.01) == 1


def test_what_a_question_raises_is_raised() -> None:
    """The caller knows what to do with it."""

    def fails() -> int:
        raise LookupError("first")

    with pytest.raises(LookupError, match="first"):
        hedge(fails, lambda: 2, 10.0)
