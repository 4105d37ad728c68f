"""A campaign's text: `Hello {name}`, filled from the columns of its file; `template_parser` has the syntax.

A value is put in as it is and never read as a template. A text with nothing but `{column}` is one pattern; any other is
a `RichTemplate`, made of small functions when it is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from smsq.producers.intake.filters import FILTERS, Filter
from smsq.producers.intake.no_values import NOTHING, why_no_value
from smsq.producers.intake.rows import MISSING, listed, nearest, tidy
from smsq.producers.intake.template_parser import Part, Place, Section, parse
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.languages import NAMES, Language, language_of
from smsq.worker.domain.plain_text import plain
from smsq.worker.domain.text import tidied

Fill = Callable[[Sequence[str]], str]
# What became of a place in one row: it is empty, its default stands there, or an optional part is left out.
Gap = tuple[Literal["empty", "default", "part"], str]
GapFinder = Callable[[Sequence[str]], Sequence[Gap]]
GapStep = Callable[[Sequence[str], list[Gap]], None]


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for values: compiled once, rendered for every row.

    `pattern` is the same text for `%`, `places` are the indexes of the values it takes, `fields` their names.
    `language` is what plural forms and names of months are in, '' if the text has none.
    """

    written: str
    pattern: str
    places: tuple[int, ...]
    fields: tuple[str, ...]
    language: str = ""

    @classmethod
    def compile(
        cls, written: str, columns: Sequence[str], *, language: str | None = None, plain_chars: bool = False
    ) -> Template:
        """Read a text for a file with these columns; raises BadInput for a field or a brace that makes no sense.

        `language` is `ru`, `uk`, `en` or `kk`, by default the one whose letters the text has. `plain_chars` exchanges
        characters that make a text dear, in each text that this makes fewer parts.
        """
        written, columns = tidied(written), [tidy(column) for column in columns]
        known = language_known(language) if language is not None else language_of(written)
        parts = parse(written, lambda name: _found(name, columns) is not None)
        pattern, places = _pattern(parts), tuple(_places(parts, columns))
        fields = tuple(dict.fromkeys(columns[place] for place in places))
        if pattern is not None and not plain_chars:
            return Template(written, pattern, places, fields)
        return RichTemplate(
            written,
            "",
            places,
            fields,
            known if any(_depends_on_language(part) for part in parts) else "",
            fill=_filler(parts, columns, known),
            parts=tuple(parts),
            columns=tuple(columns),
            finish=plain if plain_chars else None,
        )

    @property
    def is_constant(self) -> bool:
        """Whether every row gets the same text, so that its parts need counting only once."""
        return not self.places

    @property
    def is_plain(self) -> bool:
        """Whether characters that make its texts dear are exchanged."""
        return False

    @property
    def beside(self) -> tuple[str, ...]:
        """What else than the text as written tells this template from another."""
        return ()

    def require(self, values: Sequence[str]) -> None:
        """Raise BadText if a row ends before a value that this text wants."""
        if name := next(
            (name for name, at in zip(self.fields, dict.fromkeys(self.places), strict=True) if values[at] is MISSING),
            "",
        ):
            raise BadText(_cut(name))

    def render(self, values: Sequence[str]) -> str:
        """The text for one row's values, which are in the order of the columns; its line breaks are one character.

        Raises BadText for what programs write in place of a value that they do not have.
        """
        filled = tuple([tidied(values[place]) for place in self.places])
        for value in filled:
            if (value in NOTHING or "#" in value or "??" in value) and (why := why_no_value(value)):
                raise BadText(f"column {self._column_of(filled.index(value))}: {why}")
        return self.pattern % filled

    def gap_finder(self) -> GapFinder:
        """What finds the places of a row's text that are empty, each once; of a rich text also defaults and parts."""
        pairs = tuple(zip(self.fields, dict.fromkeys(self.places), strict=True))
        return lambda values: [
            ("empty", name) for name, place in pairs if not values[place].strip() and values[place] is not MISSING
        ]

    def finished_by(self, finish: Callable[[str], str]) -> Template:
        """The same template, whose texts go through a function of the same effect that counts what it does."""
        return self

    def _column_of(self, at: int) -> str:
        """The column of the value at this place of the text."""
        return self.fields[list(dict.fromkeys(self.places)).index(self.places[at])]


@dataclass(frozen=True, slots=True)
class RichTemplate(Template):
    """A text with more than fields: filters, defaults, optional parts, or a last pass over the whole text."""

    fill: Fill = field(kw_only=True, repr=False, compare=False)
    parts: tuple[Part, ...] = field(kw_only=True, repr=False)
    columns: tuple[str, ...] = field(kw_only=True, repr=False)
    finish: Callable[[str], str] | None = field(default=None, kw_only=True, repr=False)

    @property
    def is_plain(self) -> bool:
        return self.finish is not None

    @property
    def beside(self) -> tuple[str, ...]:
        language = f"language {self.language}" if self.language not in ("", language_of(self.written)) else ""
        return tuple(filter(None, (language, "plain characters" if self.is_plain else "")))

    def require(self, values: Sequence[str]) -> None:
        """Nothing: rendering finds out, since only it knows which values are wanted."""

    def render(self, values: Sequence[str]) -> str:
        text = self.fill(values)
        return self.finish(text) if self.finish is not None else text

    def gap_finder(self) -> GapFinder:
        steps = _gap_steps(self.parts, self.columns)

        def find(values: Sequence[str]) -> list[Gap]:
            found: list[Gap] = []
            for step in steps:
                step(values, found)
            return list(dict.fromkeys(found)) if len(found) > 1 else found

        return find

    def finished_by(self, finish: Callable[[str], str]) -> Template:
        return replace(self, finish=finish) if self.finish is not None else self


def fields_of(written: str, *, language: str | None = None) -> tuple[str, ...]:
    """The names of the fields that a text uses, before it is known which columns there are; raises BadInput."""
    written = tidied(written)
    names = tuple(dict.fromkeys(_names(parse(written, lambda name: False))))
    Template.compile(written, [name for name in names if name], language=language)
    return names


def language_known(language: str) -> Language:
    """One of the languages; raises BadInput for another."""
    if language not in NAMES:
        said = ", ".join(f"{code} ({name})" for code, name in NAMES.items())
        raise BadInput(f"there are no rules for the language {language!r}; there are {said}")
    return language


def _names(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if not isinstance(part, str):
            yield part.name
        if isinstance(part, Section):
            yield from _names(part.parts)


def _places(parts: Sequence[Part], columns: Sequence[str]) -> Iterator[int]:
    """The places that a text's values have among the columns, in the order of the text; raises BadInput."""
    for part in parts:
        if not isinstance(part, str):
            yield _place(part, columns)
        if isinstance(part, Section):
            yield from _places(part.parts, columns)


def _pattern(parts: Sequence[Part]) -> str | None:
    """A text with nothing but fields, for `%`; None for a rich one."""
    if any(isinstance(part, Section) or (isinstance(part, Place) and not part.is_plain) for part in parts):
        return None
    return "".join(part.replace("%", "%%") if isinstance(part, str) else "%s" for part in parts)


def _depends_on_language(part: Part) -> bool:
    if isinstance(part, Section):
        return any(map(_depends_on_language, part.parts))
    return isinstance(part, Place) and any(not FILTERS[name].takes_nothing for name, _ in part.filters)


def _filler(parts: Sequence[Part], columns: Sequence[str], language: Language) -> Fill:
    """What fills these parts with a row's values."""
    pattern = "".join(part.replace("%", "%%") if isinstance(part, str) else "%s" for part in parts)
    fills = tuple(_fill_of(part, columns, language) for part in parts if not isinstance(part, str))
    return lambda values: pattern % tuple([fill(values) for fill in fills])


def _fill_of(part: Place | Section, columns: Sequence[str], language: Language) -> Fill:
    place, name = _place(part, columns), part.name
    if isinstance(part, Section):
        is_shown, inner = _condition(part, place), _filler(part.parts, columns, language)
        return lambda values: inner(values) if is_shown(values) else ""
    default, filters = part.default, _made(part, language)
    only = filters[0] if len(filters) == 1 else None
    takes_nothing = all(FILTERS[each].takes_nothing for each, _ in part.filters)

    def fill(values: Sequence[str]) -> str:
        value = tidied(values[place])
        if not (bare := value.strip()) or (bare in NOTHING and default is not None):
            if default is not None:
                return default
            if values[place] is MISSING:
                raise BadText(_cut(name))
            if not takes_nothing:
                raise BadText(f"column {name} is empty, but {part.written} needs a value; a default is {_with(part)}")
            return value
        if (bare in NOTHING or "#" in value or "??" in value) and (why := why_no_value(value)):
            raise BadText(f"column {name}: {why}")
        if not filters:
            return value
        try:
            if only is not None:
                return only(value)
            for each in filters:
                value = each(value)
        except BadText as error:
            raise BadText(f"column {name}: {error.sentence}") from None
        return value

    return fill


def _with(part: Place) -> str:
    """The same place with a default, to be copied."""
    return f'{part.written[:-1]}|"…"}}'


def _made(part: Place, language: Language) -> tuple[Filter, ...]:
    made = []
    for name, argument in part.filters:
        try:
            made.append(FILTERS[name].make(argument, language))
        except BadInput as error:
            raise BadInput(f"{part.written} at character {part.at} of the text: {name}: {error.sentence}") from None
    return tuple(made)


def _condition(part: Section, place: int) -> Callable[[Sequence[str]], bool]:
    """Whether a row has this part. Raises BadText for a value that got lost on its way into the file."""
    is_not, wanted = part.is_not, part.wanted.casefold() if part.wanted is not None else None

    def is_shown(values: Sequence[str]) -> bool:
        bare = values[place].strip()
        if bare in NOTHING:
            bare = ""
        elif ("#" in bare or "??" in bare) and (why := why_no_value(bare)):
            raise BadText(f"column {part.name}: {why}")
        if wanted is None:
            return (not bare) is is_not
        return (tidied(bare).casefold() == wanted) is not is_not

    return is_shown


def _gap_steps(parts: Sequence[Part], columns: Sequence[str]) -> list[GapStep]:
    """What notes the gaps of each part, one after another."""
    return [_gap_step(part, columns) for part in parts if not isinstance(part, str)]


def _gap_step(part: Place | Section, columns: Sequence[str]) -> GapStep:
    place = _place(part, columns)
    if isinstance(part, Section):
        return _section_step(part, _condition(part, place), _gap_steps(part.parts, columns))
    empty: Gap = ("empty", columns[place])
    with_default: Gap = ("default", part.written)
    default = part.default

    def note(values: Sequence[str], found: list[Gap]) -> None:
        bare = values[place].strip()
        if default is None:
            if not bare and values[place] is not MISSING:
                found.append(empty)
        elif default and (not bare or bare in NOTHING):
            found.append(with_default)

    return note


def _section_step(part: Section, is_shown: Callable[[Sequence[str]], bool], steps: Sequence[GapStep]) -> GapStep:
    left_out: Gap = ("part", part.written)

    def note(values: Sequence[str], found: list[Gap]) -> None:
        try:
            is_here = is_shown(values)
        except BadText:  # the row is rejected, and its report says why
            return
        if not is_here:
            found.append(left_out)
            return
        for step in steps:
            step(values, found)

    return note


def _found(name: str, columns: Sequence[str]) -> int | None:
    """The place of a column: by its exact name, else in any case."""
    if name in columns:
        return list(columns).index(name)
    folded = [column.casefold() for column in columns]
    return folded.index(name.casefold()) if folded.count(name.casefold()) == 1 else None


def _place(part: Place | Section, columns: Sequence[str]) -> int:
    place = _found(part.name, columns)
    if place is not None:
        return place
    if not part.name:
        raise BadInput(f"the text has {part.written} without a column name in the braces")
    raise BadInput(
        f"the text uses {{{part.name}}}, but the columns are: {listed(columns)}{nearest(part.name, columns)}"
    )


def _cut(name: str) -> str:
    return f"too few columns: the row ends before {name}, which the text uses"
