"""What a person sees of a child's log, and that it cannot fill the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsq.worker.processes import child_log
from smsq.worker.processes.child_log import ChildLog


@pytest.fixture
def said() -> list[str]:
    """What reached the terminal."""
    return []


@pytest.fixture
def log(tmp_path: Path, said: list[str]) -> Iterator[ChildLog]:
    """A quiet log."""
    log = ChildLog(tmp_path / "logs" / "a.log", "a", said.append)
    yield log
    log.close()


@pytest.mark.parametrize(
    ("line", "is_shown"),
    [
        ("[info     ] batch settled error_code=0", False),
        ("[warning  ] mirror down", True),
        ("12:00 ERROR child ended", True),
        ('{"level":"critical","event":"x"}', True),
        ("usage: error", True),
        ("[info     ] " + "x" * 80 + " error", False),
    ],
    ids=["a field called error", "a warning", "an error", "JSON", "a bare line", "a word far from the level's place"],
)
def test_warnings_and_errors_are_shown(log: ChildLog, said: list[str], line: str, is_shown: bool) -> None:
    """The level decides, not a word somewhere in the line."""
    os.write(log.writer, line.encode() + b"\n")
    log.read()

    assert said == ([f"a: {line}"] if is_shown else [])


def test_a_traceback_is_its_last_line(log: ChildLog, said: list[str]) -> None:
    """What it was reaches the terminal; where it was stays in the file."""
    os.write(log.writer, b"Traceback (most recent call last):\n  File x\n    y()\nValueError: no\nplain\n")
    log.read()

    assert said == ["a: ValueError: no"]


def test_lines_may_come_in_pieces(log: ChildLog, said: list[str]) -> None:
    """Half a line waits for its other half, or for the end."""
    os.write(log.writer, b"[warning] mir")
    log.read()
    before = list(said)
    os.write(log.writer, b"ror down")
    log.close()

    assert (before, said) == ([], ["a: [warning] mirror down"])


def test_a_long_log_begins_anew(log: ChildLog, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one is kept once, and the child goes on writing without being told."""
    monkeypatch.setattr(child_log, "LIMIT", 100)
    os.write(log.writer, b"x" * 150 + b"\n")
    log.read()
    os.write(log.writer, b"[error] after\n")
    log.read()

    assert log.path.read_text() == "[error] after\n"
    assert log.path.with_suffix(".log.1").stat().st_size == 151
    assert said == ["a: [error] after"]


def test_a_line_that_keeps_coming_is_shown_now_and_then(tmp_path: Path, said: list[str]) -> None:
    """Lines that differ in numbers alone are of one kind; another kind is shown at once."""
    now = [0.0]
    log = ChildLog(tmp_path / "a.log", "a", said.append, monotonic=lambda: now[0])
    for n in range(910):
        os.write(log.writer, b"2026-11-21T16:%02dZ [warning] callback not stored id=%d\n" % (n % 60, n))
    os.write(log.writer, b"[warning] another\n")
    log.read()
    first = list(said)
    now[0] = child_log.REPEAT_AFTER_S
    os.write(log.writer, b"2026-11-21T17:00Z [warning] callback not stored id=7\n")
    log.read()
    log.close()

    assert first == ["a: 2026-11-21T16:00Z [warning] callback not stored id=0", "a: [warning] another"]
    assert said[2:] == [
        "a: 2026-11-21T17:00Z [warning] callback not stored id=7 (and 909 more like it since it was last shown)"
    ]


def test_an_old_log_that_cannot_be_kept_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk its room is what is needed; the supervisor goes on."""
    monkeypatch.setattr(child_log, "LIMIT", 10)
    log = ChildLog(tmp_path / "a.log", "a", lambda line: None)
    (tmp_path / "a.log.1").symlink_to("/dev/full")
    os.write(log.writer, b"more than ten bytes\n")
    log.read()
    log.close()

    assert (tmp_path / "a.log").stat().st_size == 0
    assert not os.path.lexists(tmp_path / "a.log.1")
