"""`--channel` and the flags of options: from the command line to what would be sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from smsq.producers.api import Smsq
from smsq.producers.cli.send import command as send
from smsq.worker.domain.batch import Options
from smsq.worker.gateway.options import OPTIONS
from tests.producers.otp.sent import claimed

Run = Callable[..., Result]

MAIL = ("--channel", "mail", "--sender", "shop@example.ru", "--subj", "Autumn")


@pytest.mark.parametrize(
    ("words", "recipient", "text", "options"),
    [
        (
            ("Anna@Example.ru", "Hi", *MAIL, "--comment", "order 17"),
            "anna@example.ru",
            "Hi",
            Options(channel="mail", sender="shop@example.ru", subj="Autumn", comment="order 17"),
        ),
        (("+79991234567", "--channel", "hlr"), 79991234567, "", Options(channel="hlr")),
        (("+79991234567", "06 05 04 0B", "--channel", "bin"), 79991234567, "0605040b", Options(channel="bin")),
        (
            (
                "+79991234567",
                "Hi",
                "--maxsms",
                "2",
                "--translit",
                "1",
                "--tinyurl",
                "0",
                "--tz",
                "-3",
                "--period",
                "0.5",
            ),
            79991234567,
            "Hi",
            Options(maxsms=2, translit=1, tinyurl=False, tz=-3, period=0.5),
        ),
        (
            ("@anna", "Hi", "--channel", "bot", "--bot", "@shop_bot", "--smsreq", "30"),
            "@anna",
            "Hi",
            Options(channel="bot", bot="@shop_bot", smsreq=30),
        ),
        (("+79991234567", "Hi", "--sender", ""), 79991234567, "Hi", Options(sender="")),
    ],
    ids=["mail", "hlr", "bin", "options of a text", "bot", "no sender"],
)
def test_a_message_is_sent_as_it_was_typed(
    run: Run, smsq: Smsq, words: tuple[str, ...], recipient: Any, text: str, options: Options
) -> None:
    """Every flag is the keyword of its name."""
    sent = run("send", *words)
    claim = claimed(smsq, sent.stdout.strip())

    assert (list(claim.recipients), claim.text, claim.options) == ([recipient], text, options)


def test_every_option_is_a_flag() -> None:
    """Of `smsq send`; the campaign's commands and `cost` have them from the same place."""
    flags = {flag for param in send.params for flag in param.opts}

    assert {f"--{name}" for name in OPTIONS} <= flags


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--tz", "noon"), "tz: a time zone is"),
        (("--freq", "10"), "'freq' counts only beside 'period'"),
        (("--channel", "mail"), "the channel mail needs `sender`"),
        (("--voice", "w"), "'voice' is for the channel call"),
        (("--channel", "binhex"), "choose bin"),
        (("--time", "soon"), "time: a time is"),
    ],
)
def test_a_wrong_flag_is_one_sentence(run: Run, words: tuple[str, ...], says: str) -> None:
    """And exit code 2, as for everything that was typed wrongly."""
    for typed in (("send", "+79991234567", "Hi"), ("cost", "+79991234567", "Hi")):
        result = run(*typed, *words)
        assert (result.exit_code, says in result.stderr) == (2, True), result.stderr


def test_a_file_of_e_mails_is_looked_through(run: Run, tmp_path: Path) -> None:
    """Addresses are read, doubles found, groups refused; what is an option of rows is read from its column."""
    file = tmp_path / "people.csv"
    file.write_text(
        "email,topic\nanna@example.ru,One\nANNA@example.ru,One\nG5,One\nbob@example.ru,\n", encoding="utf-8"
    )
    words = ("campaign", "check", str(file), "--text", "Hi", *MAIL[:4], "--per-row", "subj=topic", "--json")
    told = json.loads(run(*words).stdout)

    assert (told["rows"], told["valid"], told["duplicates"], told["invalid"]) == (4, 1, 1, 2)
    assert {each["row"]: each["reason"].split(":")[0] for each in told["rejects"]}[4] == "the channel mail needs `subj`"


def test_a_file_without_its_column(run: Run, tmp_path: Path) -> None:
    """The column is that of the channel; a file that begins with an address has no header."""
    file = tmp_path / "people.csv"
    file.write_text("phone\n+79991234567\n", encoding="utf-8")
    assert "has no column email" in run("campaign", "check", str(file), "--text", "Hi", *MAIL).stderr

    file.write_text("anna@example.ru\nbob@example.ru\n", encoding="utf-8")
    said = run("campaign", "check", str(file), "--text", "Hi", *MAIL).stderr
    assert "begins with a mail address (a***@example.ru), so it has no header" in said


def test_nothing_is_begun_for_a_channel_of_single_messages(run: Run, tmp_path: Path) -> None:
    """The sentence names the way that there is."""
    file = tmp_path / "people.csv"
    file.write_text("phone\n+79991234567\n", encoding="utf-8")
    result = run("campaign", "run", str(file), "--text", "4821", "--channel", "tg", "--yes")

    assert (result.exit_code, "smsq send --channel tg" in result.stderr) == (2, True)
