"""The syntax of templates: a text becomes a tree of plain words, places for values and optional parts.

    {name}                        the value of a column
    {name|friend}                 with what stands there if the value is empty; in quotes if it looks like a filter
    {n|plural:day,days|"some"}    filters between bars, then perhaps the default
    {?city} in {city}{/city}      a part that is left out if the value is empty; {!city}…{/city} is the contrary
    {?vip=yes}…{/}                a part for one value, in any case of letters
    {{ and }}                     braces

What stands in braces is a column if one has exactly that name, whatever signs it has. Nothing else means anything: no
value is read as a template, nothing is computed, no attribute is reached.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from smsq.producers.intake.filters import FILTERS
from smsq.producers.intake.rows import tidy
from smsq.worker.domain.errors import BadInput

DEEPEST = 8  # parts within parts
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_LIKE_A_FILTER = re.compile(r"[A-Za-z_]+:\S")
_ONE_WORD = re.compile(r"[A-Za-z_]+")
_NEAR = 0.84  # how much of a default is a filter's name before it is taken for a slip


@dataclass(frozen=True, slots=True)
class Place:
    """A place for a value: `at` counts characters of the text from 1; `default` None means that there is none."""

    at: int
    written: str
    name: str
    filters: tuple[tuple[str, str], ...] = ()  # each with what stands behind its colon
    default: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the value is put in as it is."""
        return not self.filters and self.default is None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a text that only some rows have: those with a value, with this value, or with none (`is_not`)."""

    at: int
    written: str
    name: str
    is_not: bool = False
    wanted: str | None = None
    parts: list[Part] = field(default_factory=list)


Part = str | Place | Section


def parse(written: str, is_column: Callable[[str], bool]) -> list[Part]:
    """Read a text; raises BadInput that names the place. `is_column` knows the names that are columns as they stand."""
    root: list[Part] = []
    parts, opened, at = root, list[tuple[Section, list[Part]]](), 0
    for token in _TOKEN.finditer(written):
        if token.start() > at:
            parts.append(written[at : token.start()])
        at = token.end()
        if token[1] is None:
            if len(token[0]) == 1:
                raise BadInput(
                    f"the text has a single {token[0]} at character {token.start() + 1}; write {token[0] * 2} for one"
                )
            parts.append(token[0][0])
            continue
        inner = tidy(token[1])
        if inner[:1] not in ("?", "!", "/") or is_column(inner):
            parts.append(_place(token.start() + 1, token[1], is_column))
        elif inner[0] == "/":
            parts = _closed(opened, token.start() + 1, inner[1:].strip())
        else:
            section = _section(token.start() + 1, token[0], inner, is_column)
            if len(opened) == DEEPEST:
                _refuse(section.at, section.written, f"no more than {DEEPEST} parts may stand within each other")
            parts.append(section)
            opened.append((section, parts))
            parts = section.parts
    if opened:
        section = opened[-1][0]
        closing = f"{{/{section.name}}}"
        raise BadInput(
            f"the part {section.written} that begins at character {section.at} never ends: write {closing} behind it"
        )
    if at < len(written):
        parts.append(written[at:])
    return root


def _closed(opened: list[tuple[Section, list[Part]]], at: int, name: str) -> list[Part]:
    """The list of parts that goes on behind an end of a part."""
    if not opened:
        raise BadInput(f"the text has {{/{name}}} at character {at}, but no part is open there")
    section, parts = opened[-1]
    if name and name.casefold() != section.name.casefold():
        raise BadInput(
            f"the text has {{/{name}}} at character {at}, but the part that is open there is {section.written}: "
            f"write {{/{section.name}}}"
        )
    opened.pop()
    return parts


def _section(at: int, written: str, inner: str, is_column: Callable[[str], bool]) -> Section:
    """`?name`, `!name`, `?name=value`."""
    name, wanted = inner[1:].strip(), None
    if not is_column(name) and "=" in name:
        name, _, value = name.partition("=")
        name, wanted = name.strip(), _unquoted(value.strip())
        if not wanted:
            _refuse(at, written, f"behind = stands a value; {{!{name}}} is for rows without one")
    if not name:
        _refuse(at, written, "a part names a column: {?city}…{/city}")
    return Section(at, written, name, inner[0] == "!", wanted)


def _place(at: int, inner: str, is_column: Callable[[str], bool]) -> Place:
    """`name`, `name|filter|default`."""
    name = tidy(inner)
    written = f"{{{inner}}}"
    if "|" not in inner or is_column(name):
        return Place(at, written, name)
    head, _, rest = inner.partition("|")
    filters: list[tuple[str, str]] = []
    pieces = _pieces(rest, at, written)
    for place, (piece, is_quoted) in enumerate(pieces):
        if not is_quoted and (found := _filter(piece, at, written)) is not None:
            filters.append(found)
        elif place == len(pieces) - 1:
            return Place(at, written, tidy(head), tuple(filters), piece)
        else:
            _refuse(at, written, f"{piece!r} is no filter, so it is a default, which stands last")
    return Place(at, written, tidy(head), tuple(filters))


def _pieces(rest: str, at: int, written: str) -> list[tuple[str, bool]]:
    """What stands between bars, without the spaces around it, and whether it was in quotes."""
    found: list[tuple[str, bool]] = []
    while True:
        rest = rest.lstrip()
        if not rest.startswith('"'):
            piece, bar, rest = rest.partition("|")
            found.append((piece.strip(), False))
        else:
            piece, quote, rest = rest[1:].partition('"')
            behind, bar, rest = rest.partition("|")
            if not quote or behind.strip():
                _refuse(at, written, 'a default in quotes ends with a quote: {name|"dear friend"}')
            found.append((piece, True))
        if not bar:
            return found


def _filter(piece: str, at: int, written: str) -> tuple[str, str] | None:
    """The filter that this is, and what stands behind its colon; None for a default text."""
    head, _, argument = piece.partition(":")
    head = head.strip()
    if head in FILTERS:
        return head, argument.strip()
    lowered = head.lower()
    near = difflib.get_close_matches(lowered, FILTERS, 1, _NEAR) if _ONE_WORD.fullmatch(head) else []
    near = near or [name for name in FILTERS if sorted(name) == sorted(lowered)]
    if near or _LIKE_A_FILTER.match(piece):
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(FILTERS)}."
        _refuse(at, written, f'there is no filter {head}{hint} As a default text it stands in quotes: |"{piece}"')
    return None


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _refuse(at: int, written: str, why: str) -> NoReturn:
    raise BadInput(f"{written} at character {at} of the text: {why}")
