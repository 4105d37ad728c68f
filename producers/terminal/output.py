"""The output of a command: a failure to write does not end it, and no control character reaches a terminal.

`guarded` wraps a whole command. Standard error is optional: a line that cannot be written there is dropped. Standard
output is the result: if it cannot be written, `Lost` is raised, until the command has called `changed`. After that a
message is enrolled, a campaign paused or a code used up, so a job that repeats failed commands must not see a failure.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import select
import sys
from collections.abc import Iterator
from typing import Any, Final, TextIO

# All that a terminal might obey: C0 without tab and line ends, DEL, C1, and what reverses the order of letters.
_STEERING: Final = re.compile("(?!\r\n)[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Lost(Exception):
    """Standard output cannot be written, and the command is good for nothing without it."""

    def __init__(self, error: OSError) -> None:
        self.is_pipe = error.errno == errno.EPIPE  # a reader that has left wants to hear no more
        self.sentence = f"the output cannot be written: {error.strerror}"
        super().__init__(self.sentence)


class Guard:
    """Both streams of one command, and whether its result still depends on them."""

    def __init__(self) -> None:
        self.is_changed = False
        self.lost: OSError | None = None

    def out_of_reach(self, error: OSError) -> None:
        """Standard output failed: raise Lost, or remember it if something was changed already."""
        self.lost = error
        if not self.is_changed:
            raise Lost(error)

    def finish(self) -> None:
        """Write what is buffered; say so if a result went nowhere. Raises Lost."""
        sys.stdout.flush()
        if self.is_changed and self.lost is not None:
            print(f"smsq: {Lost(self.lost).sentence}; the exit code still says how the command went", file=sys.stderr)
        self.is_changed = True  # whatever is flushed later, while Python goes down, is nobody's matter
        sys.stderr.flush()


_guards: list[Guard] = []


def changed() -> None:
    """Note that something was changed for good: from now on the exit code tells about that, not about the output."""
    for guard in _guards:
        guard.is_changed = True


@contextlib.contextmanager
def guarded() -> Iterator[Guard]:
    """Wrap a command: its streams fail, print and filter as the docstring of this file says."""
    guard = Guard()
    before = sys.stdin, sys.stdout, sys.stderr
    _fill_gaps()
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - standard input, at its end
    if sys.stdout is sys.__stdout__:  # not a test's, nor an embedding program's
        sys.stdout = _text(sys.stdout, guard)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(sys.stderr, None)
    _guards.append(guard)
    try:
        yield guard
    finally:
        _guards.remove(guard)
        sys.stdin, sys.stdout, sys.stderr = before


def screen(stream: TextIO) -> TextIO:
    """The same stream for code that draws on a terminal: our own colours and cursor movements pass."""
    return stream.unfiltered() if isinstance(stream, _Text) and stream.isatty() else stream


def plain_text(said: str) -> str:
    r"""A line, or several, that cannot steer a terminal.

    >>> plain_text("a\x1b[2Jb\x07\n")
    'a?[2Jb?\n'
    """
    return _STEERING.sub("?", said)


def escaped(written: str) -> str:
    r"""JSON in which what could steer a terminal is written as \u….

    >>> escaped('{"name": "a\x9bb"}')
    '{"name": "a\\u009bb"}'
    """
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _fill_gaps() -> None:
    """Give a closed standard stream to nobody, or the next socket would take its number and get what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free


def _text(stream: TextIO | None, guard: Guard | None) -> _Text:
    """A stream of ours over the same descriptor."""
    if stream is None:
        return _Text(io.BufferedWriter(_Raw(None, guard)), "utf-8", is_line_buffered=True)
    buffer = getattr(stream, "buffer", stream)
    raw = _Raw(getattr(buffer, "raw", buffer), guard)
    return _Text(io.BufferedWriter(raw), stream.encoding, is_line_buffered=guard is None or stream.isatty())


class _Raw(io.RawIOBase):
    """A descriptor whose failures go to its guard; without one they are dropped."""

    def __init__(self, inner: Any, guard: Guard | None) -> None:
        super().__init__()
        self._inner = inner  # None: it was closed before we began
        self._guard = guard

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._inner is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return int(self._inner.fileno())

    def isatty(self) -> bool:
        return self._inner is not None and bool(self._inner.isatty())

    def write(self, data: Any) -> int:
        try:
            return self._written(data)
        except OSError as error:
            if self._guard is not None:
                self._guard.out_of_reach(error)
            return len(data)

    def _written(self, data: Any) -> int:
        if self._inner is None:
            raise OSError(errno.EBADF, "it is closed")
        while (written := self._inner.write(data)) is None:  # somebody made the terminal non-blocking
            select.select([], [self._inner], [])
        return int(written)


class _Text(io.TextIOWrapper):
    """Text that any terminal and any encoding can take."""

    def __init__(self, raw: io.BufferedWriter, encoding: str, *, is_line_buffered: bool, filters: bool = True) -> None:
        super().__init__(raw, encoding=encoding, errors="backslashreplace", line_buffering=is_line_buffered)
        self._raw = raw
        self._filters = filters
        self._twin: _Text | None = None

    @property
    def buffer(self) -> Any:
        """The bytes below. Under ASCII there are none to find: click would write UTF-8 past us."""
        if self.encoding.lower().replace("_", "-") in ("ascii", "us-ascii", "ansi-x3.4-1968", "646"):
            raise AttributeError("buffer")
        return self._raw

    def write(self, said: str) -> int:
        if not isinstance(said, str) or not self._filters:
            return super().write(said)
        super().write(plain_text(said))
        return len(said)

    def unfiltered(self) -> _Text:
        """The same without the filter, one for all who draw."""
        if self._twin is None:
            self._twin = _Text(self._raw, self.encoding, is_line_buffered=True, filters=False)
        return self._twin
