"""What becomes of the output is one thing, what became of the message another."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smsq.producers.api import Smsq
from tests.producers.otp.sent import sent
from tests.producers.test_doubts import doubtful

PHONE = "+79991234567"
CLOSED = ">&-"
BROKEN = {
    "closed": CLOSED,
    "both closed": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
    "a full disk": ">/dev/full",
    "a full disk for both": ">/dev/full 2>&1",
    "a reader that has left": "| true",
}


def shell(environ: dict[str, str], words: list[str], where: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """The command as a shell runs it with its output sent elsewhere."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$0" "$@" {where}', sys.executable, "-m", "smsq", *words],
        env={**clean, **environ, **more},
        capture_output=True,
        check=False,
        timeout=60,
    )


def enrolled(smsq: Smsq) -> int:
    """How many messages wait to be sent."""
    return smsq.runtime.views.in_motion()["ready:urgent"]


@pytest.mark.parametrize("where", BROKEN.values(), ids=BROKEN)
def test_a_message_that_is_enrolled_is_no_failure(environ: dict[str, str], smsq: Smsq, where: str) -> None:
    """A job that repeats `smsq send` on failure repeats nothing, whatever its output was."""
    answer = shell(environ, ["send", PHONE, "Hi"], where)

    assert (answer.returncode, enrolled(smsq)) == (0, 1)
    assert b"Traceback" not in answer.stderr


def _campaign(smsq: Smsq) -> str:
    return smsq.campaigns.run([{"phone": PHONE}], text="Hello", name="spring").id


def _people(smsq: Smsq) -> str:
    path = Path(smsq.settings.home).parent / "people.csv"
    path.write_text(f"phone,name\n{PHONE},Ann\n", encoding="utf-8")
    return str(path)


COMMANDS: dict[str, Callable[[Smsq], list[str]]] = {
    "otp send": lambda smsq: ["otp", "send", PHONE],
    "otp send --json": lambda smsq: ["otp", "send", PHONE, "--json"],
    "otp check": lambda smsq: ["otp", "check", *_code(smsq)],
    "otp resend": lambda smsq: ["otp", "resend", _code(smsq)[0]],
    "campaign run": lambda smsq: ["campaign", "run", _people(smsq), "--text", "Hi {name}", "--yes"],
    "campaign run --json": lambda smsq: ["campaign", "run", _people(smsq), "--text", "Hi", "--yes", "--json"],
    "campaign pause": lambda smsq: ["campaign", "pause", _campaign(smsq)],
    "campaign cancel": lambda smsq: ["campaign", "cancel", _campaign(smsq), "--yes"],
    "doubts drop": lambda smsq: ["doubts", "drop", doubtful(smsq)[0], "--reason", "seen", "--yes"],
    "shield hold": lambda smsq: ["shield", "hold", "+7999"],
    "shield watch": lambda smsq: ["shield", "watch"],
    "shield limit": lambda smsq: ["shield", "limit", "daily", "100"],
    "recover": lambda smsq: ["recover", "--yes"],
}


def _code(smsq: Smsq) -> tuple[str, str]:
    code, digits = sent(smsq)
    return code.id, digits


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_what_was_changed_is_no_failure(
    environ: dict[str, str], smsq: Smsq, words: Callable[[Smsq], list[str]]
) -> None:
    """The exit code says what happened in the ledger; that nobody could read about it is a line beside it."""
    answer = shell({**environ, "SMSQ_CODE_COOLDOWN_S": "0"}, words(smsq), CLOSED)

    assert answer.returncode == 0, answer.stderr
    assert b"the output cannot be written: it is closed" in answer.stderr
    assert b"Traceback" not in answer.stderr


@pytest.mark.parametrize("where", [CLOSED, ">/dev/full"])
def test_a_question_whose_answer_is_lost_has_failed(environ: dict[str, str], smsq: Smsq, where: str) -> None:
    """Where the output is all there is, its loss is exit code 1 and a sentence."""
    answer = shell(environ, ["status", smsq.send(PHONE, "Hi").id], where)

    assert (answer.returncode, answer.stderr.count(b"\n")) == (1, 1)
    assert answer.stderr.startswith(b"smsq: the output cannot be written: ")


@pytest.mark.parametrize("encoding", ["ascii", "cp1251", "ascii:strict", "koi8-r"])
def test_letters_that_the_output_lacks_are_written_as_numbers(
    environ: dict[str, str], smsq: Smsq, encoding: str
) -> None:
    """A name in Greek on a Cyrillic terminal: the rest of the line stays, JSON stays JSON."""
    smsq.campaigns.run([{"phone": PHONE}], text="Hello", name="λόγος")
    charset = encoding.partition(":")[0]
    lines = shell(environ, ["campaign", "list"], "", PYTHONIOENCODING=encoding)
    told = shell(environ, ["campaign", "list", "--json"], "", PYTHONIOENCODING=encoding)

    assert (lines.returncode, told.returncode, lines.stderr, told.stderr) == (0, 0, b"", b"")
    assert r"\u03bb\u03cc\u03b3\u03bf\u03c2" in lines.stdout.decode(charset)
    assert r'"name": "\u03bb\u03cc\u03b3\u03bf\u03c2"' in told.stdout.decode(charset)


def test_what_is_said_aside_cannot_stop_a_command(environ: dict[str, str], smsq: Smsq) -> None:
    """The price and the question are talk: a campaign is enrolled though nobody can hear of it, and its id printed."""
    answer = shell(environ, ["campaign", "run", _people(smsq), "--text", "Hi {name}", "--yes"], "2>/dev/full")

    assert (answer.returncode, len(answer.stdout.split())) == (0, 1)


def test_a_socket_never_takes_the_place_of_a_closed_output(environ: dict[str, str], smsq: Smsq) -> None:
    """What is printed where standard output was closed goes nowhere, not to Redis under the same number."""
    script = (
        "import os, socket; from smsq.producers.cli import output;"
        "guard = output.guarded(); guard.__enter__();"
        "line = socket.socket(); is_nowhere = os.path.samefile('/dev/fd/1', '/dev/null');"
        "print(line.fileno() > 2, is_nowhere, file=open(4, 'w'))"
    )
    answer = subprocess.run(
        ["bash", "-c", f'exec 4>&1; "{sys.executable}" -c "$0" <&- >&- 2>&-', script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert answer.stdout == "True True\n"


@pytest.mark.parametrize(
    "words",
    [
        ["campaign", "check", "{file}", "--text", "Hi {name}"],
        ["send", "\x1b]0;owned\x07+7999", "Hi"],
        ["campaign", "show", "\x1b[2Jx"],
        ["\x1b[31mnonsense"],
    ],
    ids=["a file's rows", "a phone", "an id", "a command"],
)
def test_nothing_from_outside_steers_the_terminal(environ: dict[str, str], smsq: Smsq, words: list[str]) -> None:
    """Escapes, bells and reversed letters that came with a file or an argument are question marks on a terminal."""
    path = Path(smsq.settings.home).parent / "people\x1b[2J\x07.csv"
    path.write_text(f"phone,name\n{PHONE},A\x1b]0;owned\x07nn\n\x1b[2J\x07abc,\u202eB\x9b2J\n", encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "smsq", *(word.replace("{file}", str(path)) for word in words)],
        env={**clean, **environ, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while more := os.read(ours, 65536):
                shown += more
        except OSError:  # the last writer has left
            pass
        os.close(ours)
        process.wait(60)

    said = shown.decode().replace("\r\n", "\n")
    assert said
    assert [char for char in said if char in "\x1b\x07\x9b\r\u202e"] == []
