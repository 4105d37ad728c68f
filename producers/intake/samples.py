"""What a person is shown of a campaign's texts: a few of them, the extremes among them, and characters that cost.

All of it is counters and a handful of texts, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from smsq.worker.domain import plain_text
from smsq.worker.domain import text as texts
from smsq.worker.domain.recipient import Recipient

AT_RANDOM = 3  # texts beside the extremes
MOST_CHARACTERS = 1000  # that are told apart


@dataclass(frozen=True, slots=True)
class Sample:
    """One message as it would leave."""

    row: int
    recipient: Recipient
    text: str = field(repr=False)
    parts: int


@dataclass
class Samples:
    """The first, the longest, the shortest, that of most parts, and a few at random."""

    first: Sample | None = None
    longest: Sample | None = None
    shortest: Sample | None = None
    most_parts: Sample | None = None
    at_random: list[Sample] = field(default_factory=list)
    _seen: int = 0
    _least: int = 0
    _most: int = 0
    _parts: int = 0

    def add(self, row: int, recipient: Recipient, text: str, parts: int, random: Random) -> None:
        """Take in a message; ones of equal length stay in the order of their rows."""
        length = len(text)
        self._seen += 1
        if self.first is None:
            self.first = self.longest = self.shortest = self.most_parts = Sample(row, recipient, text, parts)
            self._least, self._most, self._parts = length, length, parts
        if length > self._most:
            self._most, self.longest = length, Sample(row, recipient, text, parts)
        elif length < self._least:
            self._least, self.shortest = length, Sample(row, recipient, text, parts)
        if parts > self._parts:
            self._parts, self.most_parts = parts, Sample(row, recipient, text, parts)
        if len(self.at_random) < AT_RANDOM:
            self.at_random.append(Sample(row, recipient, text, parts))
        elif (place := int(random.random() * self._seen)) < AT_RANDOM:
            self.at_random[place] = Sample(row, recipient, text, parts)

    def named(self) -> Iterator[tuple[str, Sample]]:
        """Each sample once, with what it is: `first, longest`."""
        found: dict[int, tuple[list[str], Sample]] = {}
        extremes = (
            ("first", self.first),
            ("longest", self.longest),
            ("shortest", self.shortest),
            ("most parts", self.most_parts if self._parts > 1 else None),
        )
        for name, sample in extremes:
            if sample is not None:
                found.setdefault(sample.row, ([], sample))[0].append(name)
        for sample in sorted(self.at_random, key=lambda each: each.row):
            found.setdefault(sample.row, (["random"], sample))
        for names, sample in found.values():
            yield ", ".join(names), sample


@dataclass
class Characters:
    """Characters that make texts dear: in how many texts, and in which row first.

    `replaceable` are those that `--plain-chars` exchanges, which would save `savings` parts in `improved` texts.
    `others` have no stand-in there. `foreign` counts texts with letters of another alphabet, which are dear anyhow.
    """

    replaceable: dict[str, tuple[int, int]] = field(default_factory=dict)
    others: dict[str, tuple[int, int]] = field(default_factory=dict)
    foreign: int = 0
    improved: int = 0
    savings: int = 0

    def look_at(self, row: int, text: str, parts: int, times: int = 1) -> None:
        """Take in a text outside the GSM alphabet that so many messages have."""
        better = plain_text.plain(text) if parts > 1 else text
        if better is not text:
            self.improved += times
            self.savings += (parts - texts.parts(better)) * times
            _note(self.replaceable, plain_text.dear(text, better), row, times)
        elif plain_text.has_foreign_letters(text):
            self.foreign += times
        elif parts > 1:
            _note(self.others, plain_text.other(text), row, times)


def _note(counts: dict[str, tuple[int, int]], found: list[str], row: int, times: int) -> None:
    for char in found:
        many, first = counts.get(char, (0, row))
        if many or len(counts) < MOST_CHARACTERS:
            counts[char] = many + times, first


@dataclass
class PlainTally:
    """Exchanges characters as `plain_text.plain` does, and counts in how many texts, and which parts that saved."""

    texts: int = 0
    parts: int = 0
    is_on: bool = False

    def plain(self, text: str) -> str:
        """The text to send."""
        better = plain_text.plain(text)
        if better is not text:
            self.texts += 1
            self.parts += texts.parts(text) - texts.parts(better)
        return better
