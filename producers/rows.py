"""Rows of a campaign file: a CSV as people's programs write it, read in a stream.

`inspect` looks through the whole file once (digest, encoding, separator, columns) and raises BadInput
for what spoils it; `Source.rows` then yields each data row, numbered from 1, or a Reject for a row
that cannot be read, and goes on.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.domain.campaign import Reject
from worker.domain.errors import BadInput

Row = tuple[int, str, Sequence[str]]  # number, phone as written, every value of the row

SEPARATORS = ",;\t"
_BLOCK = 1 << 20
_MOST_SHOWN = 60  # characters of a bad value that a reject repeats
_MOST_COLUMNS_SHOWN = 12
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# How bytes that belong to no character look after decoding, and a NUL: such a row is turned away.
_UNREADABLE = frozenset(map(chr, range(0xDC80, 0xDD00)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that can be read as rows: what `inspect` learned of it."""

    path: Path
    digest: str
    encoding: str
    separator: str
    columns: tuple[str, ...]
    phone_at: int
    is_dirty: bool  # some rows hold NUL bytes or bytes of another encoding

    def rows(self) -> Iterator[Row | Reject]:
        """Each data row in order; blank lines are not rows. Raises BadInput where a quote never closes, or 0 rows."""
        try:
            with self.path.open(encoding=self.encoding, errors="surrogateescape", newline="") as stream:
                yield from self._rows_of(stream)
        except OSError as error:
            raise BadInput(f"{self.path} cannot be read: {error.strerror}") from None

    def _rows_of(self, stream: io.TextIOBase) -> Iterator[Row | Reject]:
        reader = csv.reader(stream, delimiter=self.separator, strict=True)
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
                yield _unreadable(number, ended_at, reader.line_num, str(error))
                ended_at = reader.line_num
                continue
            break
        if number == 0:
            raise BadInput(f"{self.path} has a header and no rows")

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


def inspect(path: str | Path, phone_column: str = "phone") -> Source:
    """Learn how a file is to be read; raises BadInput with what is wrong and what to try."""
    path = Path(path)
    try:
        digest, encoding, is_dirty = _look_through(path)
        with path.open(encoding=encoding, errors="surrogateescape", newline="") as stream:
            header, separator = _header(stream, path, phone_column)
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    twice = {name for name in header if header.count(name) > 1 and name}
    if twice:
        raise BadInput(f"{path}: the header names {', '.join(sorted(twice))} more than once")
    return Source(
        path=path,
        digest=digest,
        encoding=encoding,
        separator=separator,
        columns=header,
        phone_at=_phone_at(header, phone_column, path),
        is_dirty=is_dirty,
    )


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


def _look_through(path: Path) -> tuple[str, str, bool]:
    """Digest, encoding, and whether some rows need a closer look.

    A file that is mostly UTF-8 with some broken bytes stays UTF-8 (read as windows-1251 its texts would
    go out garbled); one in which most bytes beyond ASCII are no UTF-8 is windows-1251.
    """
    hashed, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    has_nul = has_98 = False  # 0x98 is the one byte that windows-1251 leaves free
    head = b""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            head = head or block[:4]
            hashed.update(block)
            has_nul = has_nul or b"\0" in block
            has_98 = has_98 or b"\x98" in block
            decoded = decoder.decode(block)
            if not decoded.isascii():
                broken = _count_broken(decoded)
                bad += broken
                good += len(decoded) - broken - len(decoded.encode("ascii", "ignore"))
    bad += _count_broken(decoder.decode(b"", final=True))
    if not head:
        raise BadInput(f"{path} is empty")
    if head.startswith(_UTF16_MARKS):
        raise BadInput(f"{path} is in UTF-16; save it as CSV in UTF-8")
    if head.startswith(codecs.BOM_UTF8):
        return hashed.hexdigest(), "utf-8-sig", has_nul or bad > 0
    if bad > good:
        return hashed.hexdigest(), "windows-1251", has_nul or has_98
    return hashed.hexdigest(), "utf-8", has_nul or bad > 0


def _count_broken(decoded: str) -> int:
    """How many bytes could not be decoded."""
    try:
        decoded.encode("utf-8")
    except UnicodeEncodeError:
        return sum("\udc80" <= char <= "\udcff" for char in decoded)
    return 0


def _header(stream: io.TextIOBase, path: Path, phone_column: str) -> tuple[tuple[str, ...], str]:
    """The column names and the separator under which they make most sense."""
    start = stream.tell()
    found: list[tuple[bool, int, tuple[str, ...], str]] = []
    for separator in SEPARATORS:
        stream.seek(start)
        try:
            names = tuple(name.strip() for name in next(csv.reader(stream, delimiter=separator, strict=True)))
        except (csv.Error, StopIteration):
            continue
        found.append((phone_column.casefold() in map(str.casefold, names), len(names), names, separator))
    if not found or not any(found[0][2]):
        raise BadInput(f"{path}: the first line is not a header; name the columns there, separated by commas")
    best = max(found, key=lambda each: each[:2])
    return best[2], best[3]


def _phone_at(header: Sequence[str], phone_column: str, path: object) -> int:
    """Where the phones stand: the exact name, else the same in other letters."""
    if phone_column in header:
        return list(header).index(phone_column)
    folded = [name.casefold() for name in header]
    if folded.count(phone_column.casefold()) == 1:
        return folded.index(phone_column.casefold())
    raise BadInput(f"{path} has no column {phone_column}, it has: {listed(header)}{nearest(phone_column, header)}")


def _unreadable(number: int, ended_at: int, line: int, error: str) -> Reject:
    """A row that csv gave up on; raises BadInput where the rest of the file went down with it."""
    if "unexpected end of data" in error or line > ended_at + 1:
        raise BadInput(f"row {number}: a quote that opens in line {ended_at + 1} never closes, so the rest is no rows")
    if "field limit" in error:
        return Reject(number, "invalid", f"a cell holds more than {csv.field_size_limit()} characters", "")
    return Reject(number, "invalid", "text stands behind a closing quote; quotes inside a cell are doubled", "")
