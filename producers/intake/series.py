"""How a campaign recurs, as a person says it: `--every`, its time zone, `--until`, `--count`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from smsq.producers.fields import timestamp
from smsq.producers.moments import when
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.recurrence import Recurrence, Series
from smsq.worker.domain.zones import local_time, read_zone, tz_of

LOCALTIME = Path("/etc/localtime")
ZONEINFO = "zoneinfo/"


def series_of(
    every: str | None,
    zone: str | None,
    until: datetime | str | None,
    count: int | None,
    at: datetime | str | None,
) -> Series | None:
    """How a campaign recurs, None if it does not; `at` is the moment before which it does not begin. Raises BadInput.

    The first occurrence is not known before the ledger's time is: `next_at` is that of `at`, or 0.
    """
    if every is None:
        for name, value in (("--until", until), ("--count", count), ("--every-zone", zone)):
            if value is not None:
                raise BadInput(f"{name} is for a campaign that recurs: add --every, such as --every 'mon,thu 10:00'")
        return None
    if count is not None and count < 1:
        raise BadInput(f"a campaign recurs once at least, not {count} times")
    name = read_zone(zone) if zone is not None else machine_zone()
    first = timestamp(at) if at is not None else 0.0
    clock: time | None = local_time(name, first).time() if first else None
    calendar = Recurrence.parse(every, name, clock)
    last = _end_of(until, name) if until is not None else None
    if last is not None and first and calendar.after(first - 1) > last:
        raise BadInput("it would never be sent: its first occurrence is after --until")
    return Series(calendar=calendar, next_at=first, until=last, most=count)


def _end_of(until: datetime | str, zone: str) -> float:
    """The last moment that is meant: of a date alone its end."""
    if isinstance(until, str):
        try:
            day = date.fromisoformat(until.strip())
        except ValueError:
            return timestamp(until)
        return datetime.combine(day + timedelta(days=1), time(0), tz_of(zone)).timestamp() - 1
    return timestamp(until)


def machine_zone() -> str:
    """The IANA name of this machine's time zone, for a scheduler on another one. Raises BadInput if it has none."""
    for name in _candidates():
        try:
            if all(_same(name, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=9 * n)) for n in range(80)):
                return name
        except BadInput:
            continue
    raise BadInput(
        "the name of this machine's time zone is not known, and the scheduler may run on another machine: add "
        "--every-zone, such as --every-zone Europe/Moscow"
    )


def _candidates() -> Iterator[str]:
    _, found, name = str(LOCALTIME.resolve()).rpartition(ZONEINFO)
    if found:
        yield name
    yield "UTC"


def _same(name: str, at: datetime) -> bool:
    return at.astimezone(tz_of(name)).utcoffset() == at.astimezone().utcoffset()


def first_said(series: Series, now: float) -> str:
    """When it begins and how it goes on, in a sentence."""
    first = series.first(now)
    end = f", until {when(series.until)}" if series.until is not None else ""
    many = f", {series.most} times" if series.most is not None else ""
    return (
        f"all of it is sent every {series.calendar.written} ({series.calendar.zone}){many}{end}, for the first time at "
        f"{when(first)}; what follows is about one time"
    )
