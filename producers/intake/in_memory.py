"""Rows that a program has at hand: mappings, sequences or plain phones, held to the same rules as those of a file."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral

import msgspec

from smsq.producers.fields import is_nothing, is_whole, phone_text
from smsq.producers.intake.rows import Place, Row, of_iterable
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput, BadPhone

AnyRow = Mapping[str, object] | Sequence[object] | str | bytes | int | float | None


@dataclass(frozen=True, slots=True)
class RowsInMemory:
    """Rows that a program has at hand, kept so that they can be read twice."""

    columns: tuple[str, ...]
    phone_column: str
    values: list[tuple[str, ...]] = field(repr=False)
    digest: str
    described: str = ""
    encoding: str | None = None
    is_guessed: bool = False

    @classmethod
    def of(
        cls, rows: Iterable[AnyRow], columns: Sequence[str] | None, phone_column: str, region: str = "RU"
    ) -> RowsInMemory:
        """Take mappings, sequences or plain phones, as text or as numbers.

        Raises BadInput if there are no rows, no names for their values, or if this is not a table of rows.
        """
        if isinstance(rows, Mapping) or hasattr(rows, "to_dict"):
            raise BadInput('rows must be an iterable of rows; for a data frame give `frame.to_dict("records")`')
        if not isinstance(rows, Iterable):
            raise BadInput(f"rows are a file's path or an iterable of them, not {type(rows).__name__}")
        values: list[tuple[str, ...]] = []
        for row in rows:
            if isinstance(row, Mapping):
                columns = columns or tuple(map(str, row))
                values.append(tuple(_cell(row.get(column), column == phone_column, region) for column in columns))
            elif isinstance(row, str | bytes) or not isinstance(row, Iterable):
                columns = columns or (phone_column,)
                values.append((_cell(row, True, region),))
            else:
                named = columns or ()
                values.append(
                    tuple(
                        _cell(value, at < len(named) and named[at] == phone_column, region)
                        for at, value in enumerate(row)
                    )
                )
        if not values:
            raise BadInput("there are no rows")
        if columns is None:
            raise BadInput("rows that are not mappings need `columns`, the names of their values")
        try:
            said = msgspec.msgpack.encode((tuple(columns), phone_column, values))
        except UnicodeEncodeError:  # of bytes that are no UTF-8
            raw = [[value.encode("utf-8", "surrogateescape") for value in row] for row in values]
            said = msgspec.msgpack.encode((tuple(columns), phone_column, raw))
        return cls(tuple(columns), phone_column, values, hashlib.sha256(said).hexdigest())

    def rows(self) -> Iterator[Row | Reject]:
        """Each row in order; raises BadInput if no column holds phones."""
        return of_iterable(self.values, self.columns, self.phone_column)

    def using(self, places: Collection[int]) -> RowsInMemory:
        """The same rows: a program's values are text in any case."""
        return self

    def places(self, rows: Collection[int]) -> dict[int, Place]:
        """None: these rows stand in no file."""
        return {}

    def changed(self) -> str:
        """Nothing: these rows are kept."""
        return ""


def _cell(value: object, is_phone: bool, region: str) -> str:
    """A value as a file would have it: '' for None and NaN, and a whole number without decimals."""
    if is_nothing(value):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")  # the row is rejected if it is not UTF-8
    if isinstance(value, Integral) or is_whole(value):
        if is_phone:
            with contextlib.suppress(BadPhone):
                return phone_text(value, region)
        value = value if isinstance(value, bool) else int(value)
    return str(value).encode("utf-8", "replace").decode()
