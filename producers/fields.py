"""What callers write, in the form that options and plans keep: moments and optional fields."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from worker.domain.batch import Options
from worker.domain.errors import BadInput


def with_fields(options: Options, **fields: str | None) -> Options:
    """The same options with those fields that are given."""
    given = {name: value for name, value in fields.items() if value is not None}
    return msgspec.structs.replace(options, **given) if given else options


def moment(at: datetime | str | None) -> str | None:
    """A moment in the gateway's own form: 0 and Unix seconds. Text is ISO 8601, local time unless it says otherwise.

    >>> moment(datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
    '01795262400'
    """
    if at is None:
        return None
    return f"0{int(timestamp(at))}"


def timestamp(at: datetime | str) -> float:
    """Unix seconds of a moment; raises BadInput for what is none."""
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            raise BadInput(f"a moment looks like 2026-11-21T18:30, not {at!r}") from None
    return at.astimezone(UTC).timestamp()
