"""Where the rows of a campaign come from: a file, several, or a program; and how they can be read again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from smsq.producers.intake.files import read_files
from smsq.producers.intake.in_memory import AnyRow, RowsInMemory
from smsq.producers.intake.rows import Place, Row
from smsq.producers.intake.several import OneFile
from smsq.producers.intake.several_phones import EachPhone
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.read_as import SEVERAL_PHONES, ReadAs
from smsq.worker.domain.recipient import PHONES_ONLY, RecipientKind

AnyRows = str | Path | Iterable[AnyRow] | Sequence[Path]


class Rows(Protocol):
    """The rows of a campaign: of a file (`OneFile`), of several, or rows at hand."""

    @property
    def digest(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def described(self) -> str:
        """How a file was read, for people; '' for rows at hand."""

    @property
    def encoding(self) -> str | None: ...

    @property
    def is_guessed(self) -> bool: ...

    def rows(self) -> Iterator[Row | Reject]:
        """Each row in order; every call gives the same rows."""

    def using(self, places: Collection[int]) -> Rows:
        """The same rows for a campaign that uses the columns at these places."""

    def places(self, rows: Collection[int]) -> dict[int, Place]:
        """Where these rows stand in their files; none for rows at hand."""

    def changed(self) -> str:
        """How their source changed since it was read, as the beginning of a sentence; '' if it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Rows, what their campaign is called if nobody says, and how their files can be read again."""

    rows: Rows = field(repr=False)
    name: str = ""
    read_as: ReadAs | None = None  # None for rows at hand and pipes


def given(
    rows: AnyRows,
    how: Mapping[str, Any],
    *,
    phone_column: str,
    region: str,
    kinds: Sequence[RecipientKind] = PHONES_ONLY,
) -> Given:
    """The rows of a file's path, of a list of `Path`s, or of an iterable; `how` is as for `draft`. Raises BadInput."""
    several_phones = how.get("several_phones") or SEVERAL_PHONES[0]
    if several_phones not in SEVERAL_PHONES:
        raise BadInput(f"several_phones is {' or '.join(SEVERAL_PHONES)}, not {several_phones!r}")
    paths = _paths(rows)
    if paths is None:
        for name in ("encoding", "sheet", "several_phones"):
            if how.get(name) is not None:
                raise BadInput(f"{name} is for files, and these rows are at hand")
        return Given(rows=RowsInMemory.of(rows, how.get("columns"), phone_column, region))  # type: ignore[arg-type]
    if several_phones == "each" and "phone" not in kinds:
        raise BadInput("several_phones is for phones, and this channel has none")
    said = ReadAs(
        files=tuple(str(path) if str(path) == "-" else str(path.absolute()) for path in paths),
        phone_column=phone_column,
        region=region,
        encoding=how.get("encoding"),
        sheet=how.get("sheet"),
        several_phones=several_phones,
    )
    return Given(
        rows=read_again(said, paths),
        name=_stem(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else ""),
        read_as=said if all(path.is_file() for path in paths) else None,
    )


def read_again(said: ReadAs, paths: Sequence[Path] = ()) -> OneFile:
    """The rows of files that are read as was said: of those that were named then, or of these. Raises BadInput."""
    told = paths or tuple(map(Path, said.files))
    source = read_files(told, said.phone_column, said.encoding, said.sheet)
    return EachPhone(source=source, region=said.region) if said.several_phones == "each" else source


def _paths(rows: AnyRows) -> list[Path] | None:
    """The files that are named; None if these are rows."""
    if isinstance(rows, str | Path):
        return [Path(rows)]
    if isinstance(rows, Sequence) and rows and all(isinstance(each, Path) for each in rows):
        return [Path(each) for each in rows if isinstance(each, Path)]
    return None


def _stem(path: Path) -> str:
    """A file's name without what says how it is written: people of people.csv.gz."""
    if str(path) == "-":
        return "standard input"
    return Path(path.stem).stem if path.suffix.lower() in {".gz", ".gzip"} else path.stem
