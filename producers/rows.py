"""Rows of a campaign file: a CSV as people's programs write it, read in a stream.

`inspect` looks through the whole file once (digest, encoding, separator, columns) and raises BadInput
for what spoils it; `Source.rows` then yields each data row, numbered from 1, or a Reject for a row
that cannot be read, and goes on. A file is read more than once, so a pipe is copied first.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from producers.encodings import look_through
from worker.domain.campaign import Reject
from worker.domain.errors import BadInput

Row = tuple[int, str, Sequence[str]]  # number, phone as written, every value of the row

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
STANDARD_INPUT = "-"
_MOST_SHOWN = 60  # characters of a bad value that a reject repeats
_MOST_COLUMNS_SHOWN = 12
# How bytes that belong to no character look after decoding, and a NUL: such a row is turned away.
_UNREADABLE = frozenset(map(chr, range(0xDC80, 0xDD00)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that can be read as rows: what `inspect` learned of it."""

    path: Path
    name: str  # what people call it
    digest: str
    encoding: str
    separator: str
    columns: tuple[str, ...]
    phone_at: int
    is_dirty: bool  # some rows hold NUL bytes or bytes of another encoding
    is_guessed: bool = False  # its encoding was told by its letters
    copy: IO[bytes] | None = field(default=None, repr=False)  # of a pipe; gone with this object

    def rows(self) -> Iterator[Row | Reject]:
        """Each data row in order; blank lines are not rows. Raises BadInput where a quote never closes, or 0 rows."""
        try:
            with self.path.open(encoding=self.encoding, errors="surrogateescape", newline="") as stream:
                yield from self._rows_of(stream)
        except OSError as error:
            raise BadInput(f"{self.name} cannot be read: {error.strerror}") from None

    def lines(self, rows: Collection[int]) -> dict[int, int]:
        """The lines of the file in which these rows begin, for who looks them up in an editor."""
        found: dict[int, int] = {}
        last, number, ended_at = max(rows, default=0), 0, 0
        with self.path.open(encoding=self.encoding, errors="surrogateescape", newline="") as stream:
            reader = csv.reader(stream, delimiter=self.separator, strict=True)
            next(reader)
            while number < last:
                ended_at = reader.line_num
                try:
                    values = next(reader)
                except StopIteration:
                    break
                except csv.Error:
                    values = [""]
                if values:
                    number += 1
                    if number in rows:
                        found[number] = ended_at + 1
        return found

    def _rows_of(self, stream: io.TextIOBase) -> Iterator[Row | Reject]:
        line = ""

        def remembered() -> Iterator[str]:
            nonlocal line
            for line in stream:  # noqa: UP028 - the line is kept
                yield line

        reader = csv.reader(remembered(), delimiter=self.separator, strict=True)
        next(reader)
        width, phone_at, is_dirty, number, ended_at = (
            len(self.columns),
            self.phone_at,
            self.is_dirty,
            0,
            reader.line_num,
        )
        while True:
            try:
                for values in reader:
                    if len(values) == width and not is_dirty:
                        number += 1
                        yield number, values[phone_at], values
                    elif values:
                        number += 1
                        yield self._look_closely(number, values)
                    ended_at = reader.line_num
            except csv.Error as error:
                number += 1
                phone = self._phone_in(line)
                yield _unreadable(number, ended_at, reader.line_num, str(error), phone)
                ended_at = reader.line_num
                continue
            break
        if number == 0:
            raise BadInput(f"{self.name} has a header and no rows")

    def _phone_in(self, line: str) -> str:
        """The phone of a line that cannot be read as a row, where it stands in plain sight."""
        cells = line.split(self.separator, self.phone_at + 1)[: self.phone_at + 1]
        return shown(cells[-1].strip()) if len(cells) > self.phone_at and '"' not in "".join(cells) else ""

    def _look_closely(self, number: int, values: list[str]) -> Row | Reject:
        """A row of a dirty file, or with an odd number of columns."""
        width = len(self.columns)
        phone = values[self.phone_at] if self.phone_at < len(values) else ""
        for name, value in zip(self.columns, values, strict=False):
            if "\0" in value:
                return Reject(number, "invalid", f"column {name} holds a NUL byte", shown(phone))
            if not _UNREADABLE.isdisjoint(value):
                readable = "UTF-8" if self.encoding.startswith("utf") else self.encoding
                return Reject(number, "invalid", f"column {name} holds bytes that are not {readable}", shown(phone))
        if len(values) != width:
            how = "too few" if len(values) < width else "too many"
            reason = f"{how} columns: {len(values)} where the header has {width}"
            return Reject(number, "invalid", reason, shown(phone))
        return number, phone, values


def inspect(path: str | Path, phone_column: str = "phone", encoding: str | None = None) -> Source:
    """Learn how a file is to be read; raises BadInput with what is wrong and what to try.

    `-` is standard input; `encoding` None has it told from the bytes.
    """
    path, name, copy = Path(path), str(path), None
    try:
        if name == STANDARD_INPUT or path.is_fifo() or path.is_char_device():
            name = "standard input" if name == STANDARD_INPUT else name
            copy = _copied(path)
            path = Path(copy.name)
        look = look_through(path, name, encoding)
        with path.open(encoding=look.encoding, errors="surrogateescape", newline="") as stream:
            header, separator = _header(stream, name, phone_column)
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}") from None
    except (OSError, UnicodeError) as error:
        raise BadInput(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    twice = {each for each in header if header.count(each) > 1 and each}
    if twice:
        raise BadInput(f"{name}: the header names {', '.join(sorted(twice))} more than once")
    return Source(
        path=path,
        name=name,
        digest=look.digest,
        encoding=look.encoding,
        separator=separator,
        columns=header,
        phone_at=_phone_at(header, phone_column, name, f", split at {SEPARATORS[separator]}"),
        is_dirty=look.is_dirty,
        is_guessed=look.is_guessed,
        copy=copy,
    )


def _copied(path: Path) -> IO[bytes]:
    """A copy of what can be read only once; it goes when nobody holds it any more."""
    copy: Any = tempfile.NamedTemporaryFile(prefix="smsq-", suffix=".csv")  # noqa: SIM115 - its owner keeps it
    if str(path) == STANDARD_INPUT:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    else:
        with path.open("rb") as stream:
            shutil.copyfileobj(stream, copy)
    copy.flush()
    kept: IO[bytes] = copy
    return kept


def digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hex; raises BadInput where it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None


def of_iterable(
    rows: Iterable[Sequence[str]], columns: Sequence[str], phone_column: str = "phone"
) -> Iterator[Row | Reject]:
    """Rows that a program has at hand, held to the same rules; `columns` names their values."""
    phone_at, width = _phone_at(tuple(columns), phone_column, "rows"), len(columns)
    for number, values in enumerate(rows, 1):
        if len(values) == width:
            yield number, values[phone_at], values
        else:
            yield Reject(number, "invalid", f"{len(values)} values where {width} columns are named", "")


def nearest(name: str, names: Iterable[str]) -> str:
    """A clause that suggests the name that was probably meant, or nothing."""
    by_folded = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(name.casefold(), by_folded, 1, 0.6)
    return f"; did you mean {by_folded[near[0]]}?" if near else ""


def listed(names: Sequence[str]) -> str:
    """Column names as a sentence shows them, the first dozen."""
    more = f" and {len(names) - _MOST_COLUMNS_SHOWN} more" if len(names) > _MOST_COLUMNS_SHOWN else ""
    return ", ".join(shown(name) or '""' for name in names[:_MOST_COLUMNS_SHOWN]) + more


def shown(value: str) -> str:
    """A value as a reject repeats it: printable, not endless."""
    clean = "".join(char if char.isprintable() else "?" for char in value[:_MOST_SHOWN])
    return clean + "…" if len(value) > _MOST_SHOWN else clean


def _header(stream: io.TextIOBase, name: str, phone_column: str) -> tuple[tuple[str, ...], str]:
    """The column names and the separator under which they make most sense."""
    start = stream.tell()
    found: list[tuple[bool, int, tuple[str, ...], str]] = []
    for separator in SEPARATORS:
        stream.seek(start)
        try:
            names = tuple(each.strip() for each in next(csv.reader(stream, delimiter=separator, strict=True)))
        except (csv.Error, StopIteration):
            continue
        found.append((phone_column.casefold() in map(str.casefold, names), len(names), names, separator))
    if not found or not any(found[0][2]):
        raise BadInput(f"{name}: the first line is not a header; name the columns there, separated by commas")
    best = max(found, key=lambda each: each[:2])
    return best[2], best[3]


def _phone_at(header: Sequence[str], phone_column: str, name: str, how: str = "") -> int:
    """Where the phones stand: the exact name, else the same in other letters."""
    if phone_column in header:
        return list(header).index(phone_column)
    folded = [name.casefold() for name in header]
    if folded.count(phone_column.casefold()) == 1:
        return folded.index(phone_column.casefold())
    near = nearest(phone_column, header)
    raise BadInput(f"{name} has no column {phone_column}, it has{how}: {listed(header)}{near}")


def _unreadable(number: int, ended_at: int, line: int, error: str, phone: str) -> Reject:
    """A row that csv gave up on; raises BadInput where the rest of the file went down with it."""
    if "unexpected end of data" in error or line > ended_at + 1:
        raise BadInput(f"row {number}: a quote that opens in line {ended_at + 1} never closes, so the rest is no rows")
    if "field limit" in error:
        return Reject(number, "invalid", f"a cell holds more than {csv.field_size_limit()} characters", phone)
    return Reject(number, "invalid", "text stands behind a closing quote; quotes inside a cell are doubled", phone)
