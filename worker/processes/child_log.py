"""A child's log file: the child writes it, and the supervisor shows a person the important lines."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

LIMIT = 50_000_000  # bytes; then the file begins anew and the old one is kept once
_SERIOUS = re.compile(r"\b(warn|warning|error|critical|fatal)\b", re.IGNORECASE)
_VARIES = re.compile(r"[0-9]\S*")  # times, ids, counts: two lines that differ only in these are of one kind
REPEAT_AFTER_S = 60.0  # a repeated line is shown again after so long, with its count
MOST_KINDS = 1000
_LEVEL_WITHIN = 80  # characters from the start of a line in which its level stands


class ChildLog:
    """`$SMSQ_HOME/logs/<name>.log`; `say` gets its warnings and errors, or everything with `verbose`.

    A warning that only repeats another with other numbers is shown now and then, with how often it came.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        say: Callable[[str], None],
        *,
        verbose: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self.last_line = ""
        # Append mode, so that the child writes at the new end when the file begins anew.
        self.writer = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._name = name
        self._say = say
        self._verbose = verbose
        self._at = path.stat().st_size
        self._rest = b""
        self._in_traceback = False
        self._say_seldom = Seldom(say, monotonic=monotonic)

    def read(self) -> None:
        """Show what was written since the last look."""
        size = os.fstat(self.writer).st_size
        if size < self._at:
            self._at = 0
        if size > self._at:
            with self.path.open("rb") as file:
                file.seek(self._at)
                fresh = file.read(size - self._at)
            self._at = size
            self._show(fresh)
        if size > LIMIT:
            self._begin_anew()

    def close(self) -> None:
        """Show the last lines; the file stays. May be called twice."""
        if self.writer < 0:
            return
        self.read()
        self._show(b"\n")
        os.close(self.writer)
        self.writer = -1

    def _show(self, fresh: bytes) -> None:
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            if text:
                self.last_line = text
            if text and self._is_worth_showing(text):
                (self._say if self._verbose else self._say_seldom)(f"{self._name}: {text}")

    def _is_worth_showing(self, line: str) -> bool:
        """Whether to show a line: warnings and errors, and the last line of a traceback, which names the error."""
        if self._in_traceback:
            self._in_traceback = line.startswith(" ")
            return self._verbose or not self._in_traceback
        self._in_traceback = line.startswith("Traceback ")
        return self._verbose or (not self._in_traceback and _SERIOUS.search(line[:_LEVEL_WITHIN]) is not None)

    def _begin_anew(self) -> None:
        old = self.path.with_suffix(".log.1")
        try:
            shutil.copyfile(self.path, old)
        except OSError:  # the disk is full: new lines matter more than old ones
            with contextlib.suppress(OSError):
                old.unlink()
        os.truncate(self.path, 0)
        self._at = 0


class Seldom:
    """Passes lines to `say`; a line that repeats another with other numbers only now and then, with its count."""

    def __init__(self, say: Callable[[str], None], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._monotonic = monotonic
        self._shown: dict[str, tuple[float, int]] = {}  # kind of line: when it was shown, how many were left out since

    def __call__(self, line: str) -> None:
        kind, now = _VARIES.sub("0", line), self._monotonic()
        at, unsaid = self._shown.get(kind, (float("-inf"), 0))
        if now - at < REPEAT_AFTER_S:
            self._shown[kind] = (at, unsaid + 1)
            return
        if len(self._shown) >= MOST_KINDS:
            self._shown.clear()
        self._shown[kind] = (now, 0)
        self._say(line + (f" (and {unsaid} more like it since it was last shown)" if unsaid else ""))
