"""A cell with more than one phone: a row of its own for each of them, if the campaign was told so.

Never one of them in silence: a cell of which a part is no phone is left as it is, and its row is rejected as before.
The new rows are numbered through with the others; `places` tells where in the file they stand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from smsq.producers.intake.rows import Place, Row, shown
from smsq.producers.intake.several import OneFile
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadPhone
from smsq.worker.domain.phone import parse

_BETWEEN = re.compile(r"[,;/|\n\r\t]+|\s+(?:\u0438|and|\u0438\u043b\u0438|or)\s+", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_LEAST = 14  # characters of two phones: each has seven digits at least
_MOST = 20  # phones in one cell
_LONGEST = 500  # characters of such a cell


def phones_in(written: str, region: str) -> Sequence[str]:
    """Each phone of a cell as it is written, one way each; only the cell itself unless all of its parts are phones.

    >>> phones_in("+7 999 123-45-67, 8 (916) 000-00-00", "RU")
    ['+7 999 123-45-67', '8 (916) 000-00-00']
    >>> phones_in("+7 999 123-45-67, later", "RU")
    ['+7 999 123-45-67, later']
    """
    if not _LEAST <= len(written) <= _LONGEST:
        return [written]
    try:
        parse(written, region)
        return [written]
    except BadPhone:
        pass
    parts = [part for part in map(str.strip, _BETWEEN.split(written)) if part]
    if len(parts) == 1:
        parts = _by_blanks(written, region)
    if not 1 < len(parts) <= _MOST:
        return [written]
    found: dict[int, str] = {}
    try:
        for part in parts:
            found.setdefault(parse(part, region), part)
    except BadPhone:
        return [written]
    return list(found.values())


def _by_blanks(written: str, region: str) -> list[str]:
    """The two phones of a cell with nothing but a blank between them; nothing if there is no or more than one way."""
    words = _BLANKS.split(written.strip())
    ways = []
    for place in range(1, len(words)):
        halves = [" ".join(words[:place]), " ".join(words[place:])]
        try:
            for half in halves:
                parse(half, region)
        except BadPhone:
            continue
        ways.append(halves)
    return ways[0] if len(ways) == 1 else []


@dataclass(frozen=True, slots=True, kw_only=True)
class EachPhone:
    """The rows of a file, or of several, with a row for each phone of a cell."""

    source: OneFile = field(repr=False)
    region: str

    @property
    def name(self) -> str:
        """What people call the file."""
        return self.source.name

    @property
    def kind(self) -> str:
        """Its kind."""
        return self.source.kind

    @property
    def digest(self) -> str:
        """That of the file, and that its rows are read so."""
        return f"{self.source.digest}:each"

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return self.source.columns

    @property
    def phone_at(self) -> int:
        """Where the phones are."""
        return self.source.phone_at

    @property
    def described(self) -> str:
        """How it was read."""
        return f"{self.source.described}, a row for each phone of a cell"

    @property
    def encoding(self) -> str | None:
        """What it is in."""
        return self.source.encoding

    @property
    def is_guessed(self) -> bool:
        """Whether its encoding was told by its letters."""
        return self.source.is_guessed

    def noted(self, note: str) -> EachPhone:
        """The same, with something behind how it was read."""
        return replace(self, source=self.source.noted(note))

    def using(self, places: Collection[int]) -> EachPhone:
        """The same rows for a campaign that uses these columns."""
        return replace(self, source=self.source.using(places))

    def rows(self) -> Iterator[Row | Reject]:
        """Each row in order; raises BadInput as the file does."""
        more, region, at = 0, self.region, self.source.phone_at
        # How many rows a cell makes is told by what is written, be the row good or not, so that numbers never differ.
        for row, (number, phone, _) in zip(self.source.rows(), self.source.as_written(), strict=True):
            if len(phone) < _LEAST or len(phones := phones_in(phone, region)) == 1:
                if not more:
                    yield row
                elif isinstance(row, Reject):
                    yield replace(row, row=number + more)
                else:
                    yield (number + more, *row[1:])
                continue
            for place, one in enumerate(phones, number + more):
                if isinstance(row, Reject):
                    yield replace(row, row=place, value=shown(one))
                else:
                    yield place, one, [*row[2][:at], one, *row[2][at + 1 :]]
            more += len(phones) - 1

    def as_written(self) -> Iterator[tuple[int, str, Sequence[str]]]:
        """Each row with what it holds, good or not."""
        more, at = 0, self.source.phone_at
        for number, phone, cells in self.source.as_written():
            phones = phones_in(phone, self.region)
            for place, one in enumerate(phones):
                own = cells if len(phones) == 1 else [*cells[:at], one, *cells[at + 1 :]]
                yield number + more + place, one, own
            more += len(phones) - 1

    def places(self, rows: Collection[int]) -> dict[int, Place]:
        """Where these rows stand in the file."""
        own: dict[int, int] = {}  # a row here: the row of the file
        last, more = max(rows, default=0), 0
        for number, phone, _ in self.source.as_written():
            if number + more > last:
                break
            many = len(phones_in(phone, self.region))
            own |= {row: number for row in range(number + more, number + more + many) if row in rows}
            more += many - 1
        found = self.source.places(set(own.values()))
        return {row: found[number] for row, number in own.items() if number in found}

    def changed(self) -> str:
        """How the file changed since it was read; '' if it did not."""
        return self.source.changed()
