"""A campaign's texts as `smsq campaign check` and `run` show them: samples, parts, and characters that cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from smsq.producers.terminal.display import counted, one_line
from smsq.worker.domain.plain_text import instead_of
from smsq.worker.domain.recipient import written

if TYPE_CHECKING:
    from smsq.producers.intake.preflight import Preflight

SHOWN = 20  # characters that a person is shown


def text_lines(found: Preflight) -> Iterator[str]:
    """The first text, the extremes, what is missing in them, and how many parts they have."""
    if not found.first:  # a look-up has no text
        return
    yield f"first text: {one_line(found.first)}"
    for name, sample in found.samples.named():
        size = f"{counted(len(sample.text), 'character')}, {counted(sample.parts, 'part')}"
        if name.startswith("first, "):
            yield f"  which is also: {name.removeprefix('first, ')} (row {sample.row}; {size})"
        elif name != "first":
            yield f"  row {sample.row} ({name}; {size}): {one_line(sample.text)}"
    for name, many in found.empty.items():
        yield f"  {{{name}}} is empty in {counted(many, 'row')}; {{{name}|…}} says what stands there instead"
    for name, many in found.defaults.items():
        yield f"  {one_line(name)} has its default in {counted(many, 'row')}"
    for name, many in found.omitted.items():
        yield f"  the part {one_line(name)} is left out in {counted(many, 'row')}"
    if len(found.parts_of) > 1:
        told = ", ".join(f"{many} of {counted(parts, 'part')}" for parts, many in sorted(found.parts_of.items()))
        yield f"parts: {told}"


def character_lines(found: Preflight) -> Iterator[str]:
    """How many texts are outside the GSM alphabet, because of which characters, and what to do about it."""
    characters = found.characters
    if found.plain.texts:
        yield f"  plain characters save {counted(found.plain.parts, 'part')} in {counted(found.plain.texts, 'text')}"
    if not found.unicode_texts:
        return
    verb = "needs" if found.unicode_texts == 1 else "need"
    yield f"  {counted(found.unicode_texts, 'text')} {verb} 70 characters a part instead of 160"
    for char, (many, row) in _most(characters.replaceable):
        yield f"    because of {_named(char)} in {counted(many, 'text')}, first in row {row}: write {instead_of(char)}"
    if characters.savings:
        saved, improved = counted(characters.savings, "part"), counted(characters.improved, "text")
        yield f"    --plain-chars writes these, which saves {saved} in {improved}"
    for char, (many, row) in _most(characters.others):
        instead = instead_of(char)
        advice = f": {instead} would do" if instead is not None else ""
        yield f"    because of {_named(char)} in {counted(many, 'text')}, first in row {row}{advice}"


def _named(char: str) -> str:
    shown = char if char.isprintable() and not char.isspace() else "a special space"
    return f"{shown} (U+{ord(char):04X})"


def _most(counts: Mapping[str, tuple[int, int]]) -> list[tuple[str, tuple[int, int]]]:
    return sorted(counts.items(), key=lambda each: (-each[1][0], each[1][1]))[:SHOWN]


def text_object(found: Preflight) -> dict[str, Any]:
    """The same for machines."""
    characters = found.characters
    return {
        "first_text": found.first,
        "samples": [
            {
                "row": sample.row,
                "why": name.split(", "),
                "recipient": written(sample.recipient),
                "text": sample.text,
                "characters": len(sample.text),
                "parts": sample.parts,
            }
            for name, sample in (found.samples.named() if found.first else ())
        ],
        "empty_fields": dict(found.empty),
        "defaults": dict(found.defaults),
        "parts_left_out": dict(found.omitted),
        "messages_by_parts": {str(parts): many for parts, many in sorted(found.parts_of.items())},
        "unicode_texts": found.unicode_texts,
        "foreign_letter_texts": characters.foreign,
        "replaceable": _objects(characters.replaceable),
        "other_characters": _objects(characters.others),
        "plain_chars": {
            "is_on": found.plain.is_on,
            "texts": found.plain.texts if found.plain.is_on else characters.improved,
            "parts_saved": found.plain.parts if found.plain.is_on else characters.savings,
        },
    }


def _objects(counts: Mapping[str, tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {"character": char, "instead": instead_of(char), "texts": many, "first_row": row}
        for char, (many, row) in sorted(counts.items(), key=lambda each: (-each[1][0], each[1][1]))
    ]
