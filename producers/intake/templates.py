"""A campaign's text: `Hello {name}`, filled from the columns of its file.

Only `{column}`, `{{` and `}}` mean anything; a value is put in as it is and never read as a template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from smsq.producers.intake.no_values import NOTHING, why_no_value
from smsq.producers.intake.rows import MISSING, listed, nearest, tidy
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.text import tidied

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for values: compiled once, rendered for every row.

    `pattern` is the same text for `%`, `places` are the indexes of the values it takes, `fields` their names.
    """

    written: str
    pattern: str
    places: tuple[int, ...]
    fields: tuple[str, ...]

    @classmethod
    def compile(cls, written: str, columns: Sequence[str]) -> Template:
        """Read a text for a file with these columns; raises BadInput for a field or a brace that makes no sense."""
        written, columns = tidied(written), [tidy(column) for column in columns]
        pattern, places, at = [], [], 0
        for token in _TOKEN.finditer(written):
            pattern.append(written[at : token.start()].replace("%", "%%"))
            at = token.end()
            name = token[1]
            if name is not None:
                places.append(_place(tidy(name), columns))
                pattern.append("%s")
            elif len(token[0]) == 2:
                pattern.append(token[0][0])
            else:
                raise BadInput(
                    f"the text has a single {token[0]} at character {token.start() + 1}; write {token[0] * 2} for one"
                )
        pattern.append(written[at:].replace("%", "%%"))
        return cls(written, "".join(pattern), tuple(places), tuple(dict.fromkeys(columns[place] for place in places)))

    @property
    def is_constant(self) -> bool:
        """Whether every row gets the same text, so that its parts need counting only once."""
        return not self.places

    def require(self, values: Sequence[str]) -> None:
        """Raise BadText if a row ends before a value that this text wants."""
        if name := next(
            (name for name, at in zip(self.fields, dict.fromkeys(self.places), strict=True) if values[at] is MISSING),
            "",
        ):
            raise BadText(f"too few columns: the row ends before {name}, which the text uses")

    def render(self, values: Sequence[str]) -> str:
        """The text for one row's values, which are in the order of the columns; its line breaks are one character.

        Raises BadText for what programs write in place of a value that they do not have.
        """
        filled = tuple([tidied(values[place]) for place in self.places])
        for value in filled:
            if (value in NOTHING or "#" in value or "??" in value) and (why := why_no_value(value)):
                raise BadText(f"column {self._column_of(filled.index(value))}: {why}")
        return self.pattern % filled

    def _column_of(self, at: int) -> str:
        """The column of the value at this place of the text."""
        return self.fields[list(dict.fromkeys(self.places)).index(self.places[at])]


def _place(name: str, columns: Sequence[str]) -> int:
    if name in columns:
        return list(columns).index(name)
    folded = [column.casefold() for column in columns]
    if folded.count(name.casefold()) == 1:
        return folded.index(name.casefold())
    if not name:
        raise BadInput("the text has {} without a column name in the braces")
    raise BadInput(f"the text uses {{{name}}}, but the columns are: {listed(columns)}{nearest(name, columns)}")
