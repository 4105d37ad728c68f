"""Several files as one campaign: their rows are numbered through, and each is known by its file and its own number.

All files have the columns of the first one, in any order. A file that is spoiled is named, and nothing of the others is
sent either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from smsq.producers.intake.rows import MISSING, Place, Row, listed, shown
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput


class OneFile(Protocol):
    """What a file of rows is, of any kind."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def phone_at(self) -> int: ...

    @property
    def described(self) -> str: ...

    @property
    def encoding(self) -> str | None: ...

    @property
    def is_guessed(self) -> bool: ...

    def noted(self, note: str) -> Self: ...

    def using(self, places: Collection[int]) -> Self: ...

    def rows(self) -> Iterator[Row | Reject]: ...

    def as_written(self) -> Iterator[tuple[int, str, Sequence[str]]]: ...

    def places(self, rows: Collection[int]) -> dict[int, Place]: ...

    def changed(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    """Files that are read one after another."""

    files: tuple[OneFile, ...] = field(repr=False)
    columns: tuple[str, ...]
    phone_at: int
    used: frozenset[int] | None = None  # places of columns that the campaign uses; None for all
    orders: tuple[tuple[int, ...] | None, ...]  # for each file the places of the columns; None if they stand so already

    @classmethod
    def of(cls, files: Sequence[OneFile]) -> Several:
        """Put files together; raises BadInput if their columns differ, or if one is named twice."""
        first, *others = files
        orders: list[tuple[int, ...] | None] = [None]
        known = {first.digest: first.name}
        for other in others:
            if (same := known.get(other.digest)) is not None:
                raise BadInput(f"{other.name} holds the same rows as {same}: name it once")
            known[other.digest] = other.name
            orders.append(_order(first, other))
        return cls(files=tuple(files), columns=first.columns, phone_at=first.phone_at, orders=tuple(orders))

    @property
    def name(self) -> str:
        """What people call them."""
        return ", ".join(each.name for each in self.files)

    @property
    def kind(self) -> str:
        """The kind of the first."""
        return self.files[0].kind

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of the files, in their order."""
        return hashlib.sha256("\n".join(each.digest for each in self.files).encode()).hexdigest()

    @property
    def described(self) -> str:
        """How each file was read."""
        return "; ".join(each.described for each in self.files)

    @property
    def encoding(self) -> str | None:
        """The encoding of all files; None if they differ."""
        told = {each.encoding for each in self.files}
        return told.pop() if len(told) == 1 else None

    @property
    def is_guessed(self) -> bool:
        """Whether the encoding of any was guessed."""
        return any(each.is_guessed for each in self.files)

    def noted(self, note: str) -> Several:
        """The same, with something behind how the last of them was read."""
        return replace(self, files=(*self.files[:-1], self.files[-1].noted(note)))

    def using(self, places: Collection[int]) -> Several:
        """The same rows for a campaign that uses these columns."""
        files = tuple(
            each.using(places if order is None else {order[place] for place in places})
            for each, order in zip(self.files, self.orders, strict=True)
        )
        return replace(self, files=files, used=frozenset(places))

    def rows(self) -> Iterator[Row | Reject]:
        """Each data row in order; a reject tells its file and its number there. Raises BadInput for a spoiled file."""
        before = 0
        for file, order in zip(self.files, self.orders, strict=True):
            number = 0
            for row in file.rows():
                if isinstance(row, Reject):
                    number = row.row
                    yield replace(row, row=before + number, reason=f"{row.reason} ({file.name}, row {number})")
                    continue
                number, phone, values = row
                if order is None:
                    yield before + number, phone, values
                    continue
                is_short, values = values[-1] is MISSING, [values[place] for place in order]
                if is_short and (missing := self._missing(values)):
                    reason = f"too few columns: the row ends before {missing} ({file.name}, row {number})"
                    yield Reject(before + number, "invalid", reason, shown(phone))
                else:
                    yield before + number, phone, values
            before += number

    def _missing(self, values: Sequence[str]) -> str:
        """The first column that a row lacks and the campaign uses; '' if there is none."""
        wanted = range(len(values)) if self.used is None else self.used
        return next((self.columns[at] for at in sorted(wanted) if values[at] is MISSING), "")

    def as_written(self) -> Iterator[tuple[int, str, Sequence[str]]]:
        """Each data row with what it holds, good or not."""
        before = 0
        for file, order in zip(self.files, self.orders, strict=True):
            number = 0
            for number, phone, cells in file.as_written():
                yield before + number, phone, cells if order is None else _ordered(cells, order)
            before += number

    def places(self, rows: Collection[int]) -> dict[int, Place]:
        """Where these rows stand: the file and the row there."""
        found: dict[int, Place] = {}
        before, last = 0, max(rows, default=0)
        for file in self.files:
            if before >= last:
                break
            many = sum(1 for _ in file.as_written())
            here = {row - before for row in rows if before < row <= before + many}
            found |= {row + before: place for row, place in file.places(here).items()}
            before += many
        return found

    def changed(self) -> str:
        """How the first file that has changed did so; '' if none has."""
        return next((said for each in self.files if (said := each.changed())), "")


def _ordered(cells: Sequence[str], order: tuple[int, ...]) -> list[str]:
    """The cells of a row in the first file's order, and behind them those that no column has."""
    return [cells[place] if place < len(cells) else "" for place in order] + list(cells[len(order) :])


def _order(first: OneFile, other: OneFile) -> tuple[int, ...] | None:
    """Where a file has the columns of the first; None if they stand in the same places."""
    names = [name.casefold() for name in first.columns]
    others = [name.casefold() for name in other.columns]
    if names == others:
        return None
    missing = [name for name in first.columns if name.casefold() not in others]
    more = [name for name in other.columns if name.casefold() not in names]
    if missing or more or len(set(names)) != len(names) or len(set(others)) != len(others):
        lacks = f" lacks {listed(missing)}" if missing else ""
        has = f"{' and' if lacks else ''} has {listed(more)} besides" if more else ""
        twice = "" if lacks or has else " names a column twice"
        raise BadInput(
            f"{other.name} has other columns than {first.name}: it{lacks}{has}{twice}. Files of one campaign "
            "have the same columns, in any order"
        )
    return tuple(others.index(name) for name in names)
