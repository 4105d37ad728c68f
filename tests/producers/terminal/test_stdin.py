"""Phones and texts from standard input."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsq.producers.api import Smsq
from smsq.producers.cli import main
from tests.producers.otp.sent import claimed


def piped(environ: dict[str, str], *typed: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(main, list(typed), env=environ, input=stdin, catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "stdin", "text"),
    [
        (["+79991234567", "-"], "Code 4821\n", "Code 4821"),
        (["-", "Hi"], "+79991234567\n", "Hi"),
        (["-", "-"], "+7 999 123-45-67\r\nTwo\nlines\n", "Two\nlines"),
        (["-", "-"], "\ufeff+79991234567\nПривет", "Привет"),
    ],
    ids=["the text", "the phone", "both", "with a byte order mark"],
)
def test_a_message_from_standard_input(
    environ: dict[str, str], smsq: Smsq, words: list[str], stdin: str, text: str
) -> None:
    """Neither is on the command line, where every user of the machine reads it."""
    sent = piped(environ, "send", *words, stdin=stdin)
    claim: Any = claimed(smsq, sent.stdout.strip())

    assert (sent.exit_code, claim.recipients, claim.text) == (0, [79991234567], text)


@pytest.mark.parametrize(
    ("stdin", "said"),
    [("", "nothing came"), ("\n", "nothing came"), ("x" * 20_001, "more than 20000"), (b"\xff\xfe\n", "not text")],
)
def test_what_cannot_be_a_text_is_a_sentence(environ: dict[str, str], stdin: str | bytes, said: str) -> None:
    """Nothing is sent, exit code 2."""
    answer = piped(environ, "send", "+79991234567", "-", stdin=stdin)

    assert (answer.exit_code, said in answer.stderr, answer.stdout) == (2, True, "")


@pytest.mark.parametrize("words", [["otp", "send", "-"], ["shield", "try", "-"]])
def test_other_commands_take_the_phone_there_too(environ: dict[str, str], words: list[str]) -> None:
    """A code and a question about one."""
    assert piped(environ, *words, stdin="+79991234567\n").exit_code == 0
