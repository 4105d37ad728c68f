"""Rows of a campaign file: a CSV as spreadsheets and other programs write it, read in a stream.

`inspect` reads the whole file once (digest, encoding, separator, columns) and raises BadInput if it cannot be used.
`Source.rows` then yields each data row, numbered from 1, or a Reject for a row that cannot be read. A file is read more
than once, so all of this reads a snapshot.

Spreadsheets write rows of empty cells (which are not rows), write one empty cell more than the header has, and omit the
last empty cells of a row. Such rows are accepted, unless a comma inside a cell seems to have split it. If a text needs
an omitted cell, the row is rejected, since it may have been cut.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import hashlib
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

from smsq.producers.intake.encodings import look_through
from smsq.producers.intake.ends import check_end
from smsq.producers.intake.odd_rows import is_blank, is_spoilt, looks_split, spoilt, unreadable, wrong_number
from smsq.producers.intake.snapshot import Snapshot
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput, BadPhone
from smsq.worker.domain.recipient import CALLED, EVERY_KIND, Recipient, kind_of, masked, parse

Row = tuple[int, str, Sequence[str]]  # number, phone as written, every value of the row

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


class Place(NamedTuple):
    """Where a row of a campaign stands: its file, its number among the rows of that file, its line there."""

    file: str
    row: int
    line: int


class Unreadable(str):
    """A whole row that could not be read, in place of its first cell."""

    __slots__ = ()


class Marked(str):
    """A cell that no text may be made of, with what it holds."""

    __slots__ = ()


class _Missing(str):
    """A cell that is missing in its row."""

    __slots__ = ()


MISSING: Final = _Missing()  # fills up a row that ends early; compared by identity
# A spreadsheet's own word for the separator, in a line above the header.
_SEPARATOR_LINE = re.compile(r'\ufeff*"?sep=([^\w\s"]|\t)"?[;,\s]*', re.IGNORECASE)
_MOST_SHOWN = 60  # characters of a bad value that a reject repeats
_MOST_COLUMNS_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that can be read as rows: what `inspect` learned of it."""

    snapshot: Snapshot = field(repr=False)  # gone with this object
    name: str  # what people call it
    kind: Literal["csv"] = "csv"
    digest: str
    encoding: str
    separator: str
    columns: tuple[str, ...]
    phone_at: int
    is_dirty: bool  # some rows hold NUL bytes or bytes of another encoding
    is_guessed: bool = False  # its encoding was told by its letters
    note: str = ""  # what a person should know of how it was read
    above: int = 0  # lines above the header: one that names the separator

    def rows(self) -> Iterator[Row | Reject]:
        """Each data row in order; blank lines, and lines of blank cells, are not rows.

        Raises BadInput if a quote never closes, or 0 rows.
        """
        try:
            with self.snapshot.open(encoding=self.encoding, errors="surrogateescape", newline="") as stream:
                yield from self._rows_of(stream)
        except OSError as error:
            raise BadInput(f"{self.name} cannot be read: {error.strerror}") from None

    def changed(self) -> str:
        """How the file changed since it was read, as the beginning of a sentence; '' if it did not."""
        return self.snapshot.changed()

    @property
    def described(self) -> str:
        """How the file was read, for people."""
        encoding = "UTF-16" if self.snapshot.was_utf16 else _named(self.encoding)
        return f"{self.name} read as {encoding}, with {called(self.separator)} between columns{self.note}"

    def noted(self, note: str) -> Source:
        """The same, with something behind how it was read."""
        return replace(self, note=self.note + note)

    def using(self, places: Collection[int]) -> Source:
        """The same rows for a campaign that uses these columns: a cell of a CSV is text in any case."""
        return self

    def places(self, rows: Collection[int]) -> dict[int, Place]:
        """Where these rows stand in the file."""
        return {row: Place(self.name, row, line) for row, line in self.lines(rows).items()}

    def as_written(self) -> Iterator[tuple[int, str, Sequence[str]]]:
        """Each data row with what it holds, good or not: its number, its phone, its cells."""
        with self.snapshot.open(encoding=self.encoding, errors="surrogateescape", newline="") as stream:
            line = ""

            def remembered() -> Iterator[str]:
                nonlocal line
                for line in stream:  # noqa: UP028 - the line is kept
                    yield line

            reader = csv.reader(remembered(), delimiter=self.separator, strict=True)
            number = -self.above - 1
            while True:
                try:
                    values = next(reader)
                except StopIteration:
                    return
                except csv.Error:
                    values = [Unreadable(line.rstrip("\r\n"))]
                if number < 0 or not is_blank(values):
                    number += 1
                    if number > 0:
                        yield number, values[self.phone_at] if self.phone_at < len(values) else "", values

    def lines(self, rows: Collection[int]) -> dict[int, int]:
        """The lines of the file in which these rows begin, to look them up in an editor."""
        found: dict[int, int] = {}
        last, number, ended_at = max(rows, default=0), 0, 0
        with self.snapshot.open(encoding=self.encoding, errors="surrogateescape", newline="") as stream:
            reader = csv.reader(stream, delimiter=self.separator, strict=True)
            for _ in range(self.above + 1):
                next(reader)
            while number < last:
                ended_at = reader.line_num
                try:
                    values = next(reader)
                except StopIteration:
                    break
                except csv.Error:
                    values = ["?"]
                if not is_blank(values):
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
        for _ in range(self.above + 1):
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
                    if len(values) == width and not is_dirty and (phone := values[phone_at]) and not phone.isspace():
                        number += 1
                        yield number, phone, values
                    elif not is_blank(values):
                        number += 1
                        yield self._look_closely(number, values)
                    ended_at = reader.line_num
            except csv.Error as error:
                number += 1
                phone = self._phone_in(line)
                yield unreadable(number, ended_at, reader.line_num, str(error), phone)
                ended_at = reader.line_num
                continue
            break
        if number == 0:
            raise BadInput(f"{self.name} has a header and no rows")

    def _phone_in(self, line: str) -> str:
        """The phone in a line that cannot be read as a row, if one can be seen there."""
        cells = line.split(self.separator, self.phone_at + 1)[: self.phone_at + 1]
        return shown(cells[-1].strip()) if len(cells) > self.phone_at and '"' not in "".join(cells) else ""

    def _look_closely(self, number: int, values: list[str]) -> Row | Reject:
        """A row of a dirty file, or with an odd number of columns."""
        width = len(self.columns)
        phone = values[self.phone_at] if self.phone_at < len(values) else ""
        for name, value in zip(self.columns, values, strict=False):
            if is_spoilt(value):
                return Reject(number, "invalid", spoilt(name, value, self.encoding), shown(phone))
        if len(values) != width and (self.separator == "," and looks_split(values, self.phone_at)):
            reason = wrong_number(len(values), width) + "; put quotes around a cell that holds a comma"
            return Reject(number, "invalid", reason, shown(phone))
        if len(values) < width and len(values) > self.phone_at:
            values = values + [MISSING] * (width - len(values))
        elif len(values) > width and is_blank(values[width:]):
            values = values[:width]
        if len(values) != width:
            return Reject(number, "invalid", wrong_number(len(values), width), shown(phone))
        return number, phone, values


def inspect(path: str | Path, phone_column: str = "phone", encoding: str | None = None) -> Source:
    """Learn how a CSV is to be read; raises BadInput with what is wrong and what to try.

    `-` is standard input; `encoding` None has it told from the bytes.
    """
    with unread(path):
        snapshot = Snapshot(Path(path), encoding)
    return read_csv(snapshot, phone_column, encoding)


@contextlib.contextmanager
def unread(path: str | Path) -> Iterator[None]:
    """Turn what goes wrong with a file into BadInput."""
    try:
        yield
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}") from None
    except (OSError, UnicodeError) as error:
        raise BadInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def read_csv(snapshot: Snapshot, phone_column: str = "phone", encoding: str | None = None) -> Source:
    """The same of a copy."""
    name = snapshot.name
    with unread(name):
        look = look_through(snapshot, name, "utf-8" if snapshot.was_utf16 else encoding)
        with snapshot.open(encoding=look.encoding, errors="surrogateescape", newline="") as stream:
            separator, above = _separator_named(stream)
            header, separator = _header(stream, name, phone_column, separator)
    check_end(snapshot, name, look.encoding, separator, len(header))
    twice = {each for each in header if header.count(each) > 1 and each}
    if twice:
        raise BadInput(f"{name}: the header names {', '.join(sorted(twice))} more than once")
    return Source(
        snapshot=snapshot,
        name=name,
        digest=look.digest,
        encoding=look.encoding,
        separator=separator,
        columns=header,
        phone_at=phone_place(header, phone_column, name, f", split at {called(separator)}"),
        above=above,
        is_dirty=look.is_dirty,
        is_guessed=look.is_guessed,
    )


def digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hex; raises BadInput if it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None


def of_iterable(
    rows: Iterable[Sequence[str]], columns: Sequence[str], phone_column: str = "phone"
) -> Iterator[Row | Reject]:
    """Rows that a program has at hand, held to the same rules; `columns` names their values."""
    phone_at, width = phone_place(tuple(map(tidy, columns)), phone_column, "rows"), len(columns)
    for number, values in enumerate(rows, 1):
        if len(values) != width:
            yield Reject(number, "invalid", f"{len(values)} values, but {width} columns are named", "")
        elif reason := next(
            (spoilt(name, value) for name, value in zip(columns, values, strict=True) if is_spoilt(value)), ""
        ):
            yield Reject(number, "invalid", reason, shown(values[phone_at]))
        else:
            yield number, values[phone_at], values


def nearest(name: str, names: Iterable[str]) -> str:
    """A clause that suggests the name that was probably meant, or nothing."""
    by_folded = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(name.casefold(), by_folded, 1, 0.6)
    return f"; did you mean {by_folded[near[0]]}?" if near else ""


def tidy(name: str) -> str:
    """A column's name for comparisons: without invisible characters and outer blanks, in composed letters."""
    seen = "".join(char for char in name if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", " ".join(seen.split()))


def _named(encoding: str) -> str:
    return {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "koi8-r": "KOI8-R"}.get(encoding, encoding)


def called(separator: str) -> str:
    """A separator in words."""
    return SEPARATORS.get(separator, f"{separator}")


def listed(names: Sequence[str]) -> str:
    """Column names as a sentence shows them, the first dozen."""
    more = f" and {len(names) - _MOST_COLUMNS_SHOWN} more" if len(names) > _MOST_COLUMNS_SHOWN else ""
    return ", ".join(shown(name) or '""' for name in names[:_MOST_COLUMNS_SHOWN]) + more


def shown(value: str) -> str:
    """A value as a reject repeats it: printable, not endless."""
    clean = "".join(char if char.isprintable() else "?" for char in value[:_MOST_SHOWN])
    return clean + "…" if len(value) > _MOST_SHOWN else clean


def _separator_named(stream: io.TextIOBase) -> tuple[str | None, int]:
    """The separator that a spreadsheet's `sep=;` above the header names, and how many lines that took."""
    start = stream.tell()
    found = _SEPARATOR_LINE.fullmatch(stream.readline(_MOST_SHOWN))
    if found is None:
        stream.seek(start)
        return None, 0
    return found[1], 1


def _header(
    stream: io.TextIOBase, name: str, phone_column: str, separator: str | None = None
) -> tuple[tuple[str, ...], str]:
    """The column names and the separator: the one that was named, else that under which they make most sense."""
    start = stream.tell()
    found: list[tuple[bool, int, tuple[str, ...], str]] = []
    for each in SEPARATORS if separator is None else (separator,):
        stream.seek(start)
        try:
            names = tuple(map(tidy, next(csv.reader(stream, delimiter=each, strict=True))))
        except (csv.Error, StopIteration):
            continue
        found.append((tidy(phone_column).casefold() in map(str.casefold, names), len(names), names, each))
    if not found or not any(found[0][2]):
        raise BadInput(f"{name}: the first line is not a header; name the columns there, separated by commas")
    best = max(found, key=lambda each: each[:2])
    return best[2], best[3]


def phone_place(header: Sequence[str], phone_column: str, name: str, how: str = "") -> int:
    """The place of the phone column: by its exact name, else in any case."""
    phone_column = tidy(phone_column)
    if phone_column in header:
        return list(header).index(phone_column)
    folded = [name.casefold() for name in header]
    if folded.count(phone_column.casefold()) == 1:
        return folded.index(phone_column.casefold())
    if held := next((found for each in header if (found := _recipient_or_none(each)) is not None), None):
        names = ",".join(
            phone_column if _recipient_or_none(each) == held else f"column{at}" for at, each in enumerate(header, 1)
        )
        raise BadInput(
            f"{name} begins with {CALLED[kind_of(held)]} ({masked(held)}), so it has no header: "
            f"put a line above that names the columns, such as {names}"
        )
    near = nearest(phone_column, header)
    raise BadInput(f"{name} has no column {phone_column}, it has{how}: {listed(header)}{near}")


def _recipient_or_none(cell: str) -> Recipient | None:
    """The phone or mail address in a cell; None for anything else."""
    try:
        found = parse(cell, EVERY_KIND)
    except BadPhone:
        return None
    return None if isinstance(found, str) and found[0] in "@#" else found  # these may be names of columns
