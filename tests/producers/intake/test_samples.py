"""What a person is shown of many texts: extremes, a few at random, characters that cost."""

from __future__ import annotations

from random import Random

from smsq.producers.intake.preflight import REASONS_KEPT, Preflight, look
from smsq.producers.intake.rows import of_iterable
from smsq.producers.intake.samples import AT_RANDOM, MOST_CHARACTERS, Characters, PlainTally, Samples
from smsq.producers.intake.templates import Template
from smsq.worker.domain import text as texts

COLUMNS = ("phone", "text")


def samples(*said: str) -> Samples:
    """Samples of these texts, in rows from 1."""
    found, random = Samples(), Random(1)
    for row, text in enumerate(said, 1):
        found.add(row, 79990000000 + row, text, texts.parts(text), random)
    return found


def test_extremes_are_among_the_samples() -> None:
    """Each row once; of equal ones the first."""
    found = samples("bbb", "a", "ccc", "x" * 100, "c", "Привет, " * 11, "x" * 99)

    named = {name: sample.row for name, sample in found.named() if name != "random"}
    assert named == {"first": 1, "longest": 4, "shortest": 2, "most parts": 6}
    assert dict(samples("only").named()).keys() == {"first, longest, shortest"}


def test_few_are_kept_of_many() -> None:
    """Those at random are a fair choice, and no more of them with more rows."""
    chosen: list[int] = []
    for seed in range(300):
        found, random = Samples(), Random(seed)
        for row in range(1, 31):
            found.add(row, 1, "text", 1, random)
        assert len(found.at_random) == AT_RANDOM
        chosen += [sample.row for sample in found.at_random]

    assert all(10 <= chosen.count(row) <= 55 for row in range(1, 31))  # 30 on average


def test_characters_are_told_apart_up_to_a_number() -> None:
    """A file of a million different signs fills no memory; those that are known are counted on."""
    found = Characters()
    for number in range(MOST_CHARACTERS + 50):
        text = chr(0x4E00 + number) + "x" * 100
        found.look_at(number + 1, text, texts.parts(text))
    found.look_at(7777, "\u4e00" + "x" * 100, 2)

    assert len(found.others) == MOST_CHARACTERS
    assert found.others["\u4e00"] == (2, 1)


def test_what_plain_characters_save_is_counted() -> None:
    """As often as a text becomes plainer."""
    tally = PlainTally()

    assert [tally.plain(text)[:3] for text in ("“a”" + "x" * 100, "“a”", "ы" * 80)] == ['"a"', "“a”", "ыыы"]
    assert (tally.texts, tally.parts) == (1, 1)


def look_at(text: str, *cells: str, plain_chars: bool = False) -> Preflight:
    """A look at rows with these values."""
    values = [(f"+7999{number:07}", cell) for number, cell in enumerate(cells)]
    template = Template.compile(text, COLUMNS, plain_chars=plain_chars)
    return look(of_iterable(values, COLUMNS), template)


def test_a_look_counts_gaps_parts_and_savings() -> None:
    """Of personal texts and of one for all."""
    found = look_at("{text|“none”} {?text}!{/}" + "x" * 100, "", "“a”", "b", plain_chars=True)
    constant = look_at("“a”" + "x" * 100, "", "", "", plain_chars=True)

    assert (found.defaults, found.omitted, found.empty) == ({"{text|“none”}": 1}, {"{?text}": 1}, {})
    assert (found.parts_of, found.parts, found.plain.texts, found.plain.parts) == ({1: 3}, 3, 2, 2)
    assert (constant.parts_of, constant.plain.texts, constant.plain.parts) == ({1: 3}, 3, 3)
    assert (look_at("“a”", "").plain.is_on, constant.plain.is_on) == (False, True)


def test_reasons_are_told_apart_up_to_a_number() -> None:
    """A file in which each row is wrong in its own way fills no memory."""
    words = ["".join(chr(97 + int(digit)) for digit in str(number)) for number in range(REASONS_KEPT + 200)]
    found = look_at("{text|number}", *words)

    assert len(found.reasons) == REASONS_KEPT + 1
    assert found.reasons["invalid", "other reasons, which the rejects file has"] == 200
    assert found.invalid == REASONS_KEPT + 200
