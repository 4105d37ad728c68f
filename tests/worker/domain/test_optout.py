"""Opt-outs in plain values: scopes, names of entries, and what whole replies ask for."""

from __future__ import annotations

import pytest

from smsq.worker.domain.optout import START_WORDS, STOP_WORDS, Scope, entry_name, names_for, parse_name, reply_of


@pytest.mark.parametrize("word", sorted({word for words in STOP_WORDS.values() for word in words}))
def test_a_word_that_opts_out(word: str) -> None:
    """In any case, with what people put around it."""
    assert [reply_of(told) for told in (word, word.upper(), f"  {word}!!", f"«{word}».")] == ["stop"] * 4


@pytest.mark.parametrize("word", sorted({word for words in START_WORDS.values() for word in words}))
def test_a_word_that_opts_in_again(word: str) -> None:
    """The same."""
    assert reply_of(word.capitalize()) == "start"


@pytest.mark.parametrize(
    "text",
    [
        "stop by at nine",
        "не надо было так делать",
        "НЕ НАДО опаздывать",
        "остановка",
        "stopp",
        "",
        "!!!",
        "нестоп",
        "не, надо бы ещё",
        "отписка не нужна",
    ],
)
def test_a_message_that_only_holds_the_word(text: str) -> None:
    """Says something else: a substring never counts."""
    assert reply_of(text) == ""


def test_ways_to_write_a_word() -> None:
    """Full-width letters, a letter and its mark apart, a soft hyphen, tabs and line ends, a smiling face."""
    said = ("ＳＴＯＰ", "не\u00a0надо", "Не\tнадо\r\n", "стоп \U0001f621", "unsub\u00adscribe")
    assert [reply_of(text) for text in said] == ["stop"] * 5


def test_names_of_entries() -> None:
    """Each scope has its own; what a sender holds tells no other scope."""
    for scope in (Scope(), Scope(sender="a:b=c"), Scope(topic="news")):
        assert parse_name(entry_name(scope, "79991234567")) == (scope, "79991234567")
    assert list(names_for("7", "shop", "news")) == ["*:7", "s=shop:7", "t=news:7"]
    assert list(names_for("7", "", "")) == ["*:7"]
