"""Columns with a meaning of their own: the recipient's time zone, a moment, a key, and words that come back in reports.

Only columns that are named have one (`--per-row zone=tz`), since a file may have a column `key` or `at` that is a field
of its text. Options of a send have columns too: `row_options.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smsq.producers.fields import timestamp
from smsq.producers.intake.rows import listed, shown, tidy
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.regions import zone_of_region
from smsq.worker.domain.row_words import NO_WORDS, RowWords
from smsq.worker.domain.zones import read_zone, tz_of

MEANINGS = {
    "zone": "the recipient's time zone, such as Asia/Omsk or +06:00",
    "region": "the recipient's region in Russia, which tells the time zone",
    "at": "the moment before which the row is not sent",
    "key": "your own key of the row: a row with the same key is never sent twice",
    "reference": "your own reference, which comes back in reports",
    "tags": "columns, separated by commas, that come back in reports",
}
_OF_OPTIONS = {"sender": "the sender of its row", "channel": "the channel by which its row goes"}
_ALSO = {"tz": "zone", "timezone": "zone", "time_zone": "zone"}  # columns that are called otherwise
LONGEST_WORD = 255  # characters of a reference, a tag or a key
MOST_TAGS = 20
_BY_DOTS = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")  # as spreadsheets write a moment


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns have a meaning: the place and the name of each, and name and place of each tag."""

    places: Mapping[str, int]
    names: Mapping[str, str]
    tags: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, named: Mapping[str, str], columns: Sequence[str]) -> Columns:
        """Find the columns: `named` are meanings, each with the name of its column. Raises BadInput."""
        tidied = [tidy(column) for column in columns]

        def place(column: str, meaning: str) -> int:
            if tidy(column) not in tidied:
                raise BadInput(f"there is no column {column} for {meaning}; the columns are {listed(columns)}")
            return tidied.index(tidy(column))

        tags = [each.strip() for each in named.get("tags", "").split(",") if each.strip()]
        if len(tags) > MOST_TAGS:
            raise BadInput(f"a row has at most {MOST_TAGS} tags, not {len(tags)}")
        return cls(
            {meaning: place(column, meaning) for meaning, column in named.items() if meaning != "tags"},
            named,
            tuple((tidy(column), place(column, "tags")) for column in tags),
        )

    def has(self, *meanings: str) -> bool:
        """Whether there is a column for one of these."""
        return any(meaning in self.places for meaning in meanings)

    def cell(self, meaning: str, values: Sequence[str]) -> str:
        """What a row says, '' if it says nothing."""
        place = self.places.get(meaning)
        return values[place].strip() if place is not None else ""

    def zone(self, values: Sequence[str]) -> str:
        """The zone that a row names, '' if it names none. Raises BadInput that names the column."""
        for meaning in ("zone", "region"):
            if meaning in self.places and (cell := values[self.places[meaning]].strip()):
                try:
                    return read_zone(cell) if meaning == "zone" else zone_of_region(cell)
                except BadInput as error:
                    raise self._wrong(meaning, cell, error.sentence) from None
        return ""

    def moment(self, values: Sequence[str], zone: str, now: float | None) -> float | None:
        """Before which moment (Unix seconds) a row is not sent; None if it says nothing.

        A moment without a zone is by the clock of `zone`, by this machine's if that is '' . Raises BadInput.
        """
        cell = self.cell("at", values)
        if not cell:
            return None
        try:
            at = timestamp(_in_zone(cell, zone))
        except BadInput as error:
            raise self._wrong("at", cell, error.sentence) from None
        if now is not None and at < now:
            raise self._wrong("at", cell, "that moment has passed; leave the cell empty to send the row at once")
        return at

    def words(self, values: Sequence[str]) -> RowWords:
        """The reference, tags and key of a row. Raises BadInput for one that is too long."""
        places, tags = self.places, {}
        reference = values[places["reference"]].strip() if "reference" in places else ""
        key = values[places["key"]].strip() if "key" in places else ""
        if self.tags:
            tags = {name: tag for name, place in self.tags if (tag := values[place].strip())}
        if not (reference or key or tags):
            return NO_WORDS
        words = RowWords(reference, tags, key)
        if max(len(reference), len(key), *map(len, tags.values()), 0) > LONGEST_WORD:
            raise self._too_long(words)
        return words

    def _too_long(self, words: RowWords) -> BadInput:
        told = (("reference", words.reference), ("key", words.key), *words.tags.items())
        name, word = max(told, key=lambda each: len(each[1]))
        return self._wrong(name, word, f"it has {len(word)} characters; at most {LONGEST_WORD} are kept")

    def words_named(self) -> tuple[str, ...]:
        """What rows may say beside their texts, as columns of a report."""
        return (
            *(name for name in ("reference", "key") if name in self.places),
            *(f"tag_{tag}" for tag, _ in self.tags),
        )

    def written(self) -> str:
        """The same in one form, which tells campaigns apart."""
        return repr((sorted(self.places.items()), self.tags))

    def _wrong(self, meaning: str, cell: str, why: str) -> BadInput:
        return BadInput(f"column {self.names.get(meaning, meaning)}: {shown(cell)}: {why}")


def _in_zone(cell: str, zone: str) -> datetime | str:
    """What a cell says, with the zone by whose clock it is meant if it names none."""
    at: datetime | None = None
    for form in _BY_DOTS:
        try:
            at = datetime.strptime(cell, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
    if at is None:
        try:
            at = datetime.fromisoformat(cell)
        except ValueError:
            return cell  # `timestamp` says what is wrong
        if len(cell) <= len("2026-11-21"):
            return cell
    return at.replace(tzinfo=tz_of(zone)) if zone and at.tzinfo is None else at


def split(named: Mapping[str, str] | Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """What columns are named for: meanings, and options of a send."""
    pairs = dict(named) if isinstance(named, Mapping) else {name: name for name in named}
    meanings = {
        name: ",".join(column) if isinstance(column, list | tuple) else column
        for name, column in pairs.items()
        if name in MEANINGS
    }
    return meanings, {name: column for name, column in pairs.items() if name not in MEANINGS}


def unnamed(columns: Sequence[str], named: Mapping[str, Any], fields: Sequence[str]) -> Iterator[str]:
    """For each column that is called like a meaning, and is neither named nor a field of the text, a sentence."""
    used = {tidy(str(each)) for each in (*named.values(), *fields)}
    for column in columns:
        name = _ALSO.get(tidy(column).casefold(), tidy(column).casefold())
        meaning = MEANINGS.get(name) or _OF_OPTIONS.get(name)
        if meaning and name != "tags" and name not in named and tidy(column) not in used:
            option = name if name == column else f"{name}={column}"
            yield f"column {column} is not used; --per-row {option} makes it {meaning}"
