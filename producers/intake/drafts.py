"""Drafts: rows, text and options of a campaign, checked as far as possible without the ledger."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from numbers import Integral
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

import msgspec
from phonenumbers import SUPPORTED_REGIONS

from smsq.producers.fields import is_nothing, is_whole, phone_text, timestamp, with_fields
from smsq.producers.intake.columns import split, unnamed
from smsq.producers.intake.prepare import prepare
from smsq.producers.intake.reach import reachable
from smsq.producers.intake.row_options import RowOptions
from smsq.producers.intake.rows import Row, Source, inspect, of_iterable
from smsq.producers.intake.series import series_of
from smsq.producers.intake.templates import Template
from smsq.producers.intake.zoning import Zoning, zoning_of
from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import Options
from smsq.worker.domain.campaign import LeftOut, Range, Reject
from smsq.worker.domain.errors import BadInput, BadPhone
from smsq.worker.domain.guests import EVERYBODY, Guests
from smsq.worker.domain.hours import Hours
from smsq.worker.domain.optout import topic_of
from smsq.worker.domain.recurrence import Series
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.options import accepted, check_message, check_options, check_own_texts
from smsq.worker.ledger import Plan

RANGE_ROWS = 1000  # at least so many rows go into the ledger at once
RANGE_BATCHES = 10  # and at least so many batches
ZONED_ROWS = 4000  # the same if rows are grouped by zone: each leaves one batch that may not be full
LONGEST_NAME = 100


class How(TypedDict, total=False):
    """How to send a campaign; every field may be left out.

    `name` is for people. `columns` names the values of rows that are sequences, `phone_column` the one that holds
    recipients (by default `phone`, or `email` for e-mails), `region` the country in which phones without a plus are
    written, `encoding` what a file is in (told from its bytes unless it is given). `rate` is in parts per second,
    `budget` in the account's currency, `at` a moment, `window` hours of the day such as `9-21`. `sender`, `valid` and
    `options` go to the gateway; `options` also choose the channel. `per_row` names options that a column has for each
    row, such as `["subj"]`, or `{"subj": "Subject"}` if the column has another name, and columns with a meaning
    (`columns.MEANINGS`), such as `{"tz": "zone", "tags": "city,plan"}`. `zone_unknown` keeps the window in each
    recipient's own time, and says what becomes of recipients whose zone is not known: `all`, `own` or a zone. `every`
    makes it recur (`mon,thu 10:00`, by the clock of `every_zone`) `until` a day, or `count` times: each occurrence is a
    campaign of its own. `on_doubt` is as in `Smsq.send`. `topic` is what it is about, for those who opted out of that
    topic. `apart` is any text that tells it from another campaign of the same rows, text and options, such as whose it
    is.
    """

    name: str | None
    columns: Sequence[str] | None
    phone_column: str | None
    region: str
    encoding: str | None
    sender: str | None
    valid: str | None
    options: Options | None
    per_row: Mapping[str, str] | Sequence[str] | None
    rate: float | None
    at: datetime | str | None
    window: str | None
    zone_unknown: str | None
    budget: Decimal | int | str | None
    on_doubt: str | None
    topic: str | None
    apart: str
    every: str | None
    every_zone: str | None
    until: datetime | str | None
    count: int | None


AnyRow = Mapping[str, object] | Sequence[object] | str | bytes | int | float | None


class Rows(Protocol):
    """The rows of a campaign: the `Source` of a file, or rows at hand."""

    @property
    def digest(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    def rows(self) -> Iterator[Row | Reject]:
        """Each row in order; every call gives the same rows."""

    def changed(self) -> str:
        """How their source changed since it was read, as the beginning of a sentence; '' if it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was decided about rows that were sent already: `only_new`, `again`, or '' if there were none.

    `left_out` are those that are not sent. `continues` is the draft's own unfinished campaign, whose further rows were
    compared. `overtakes` names campaigns that are still being enrolled; they must compare their rows before they go on.
    `against` are the campaigns compared with, each with how many rows it had; None before a comparison.
    """

    word: str = ""
    left_out: LeftOut | None = field(default=None, repr=False)
    continues: str = ""
    overtakes: tuple[str, ...] = ()
    against: frozenset[tuple[str, int]] | None = None


NO_CHOICE = Choice()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A campaign that is not enrolled yet: checked rows and text, and how to send it.

    `rate` is in parts per second, `budget` in the account's currency, `window` hours of the day such as
    `9-21` in this machine's time, `start_at` Unix seconds. `choice` is what becomes of rows that were sent already.
    """

    source: Rows = field(repr=False)
    template: Template = field(repr=False)
    name: str
    options: Options
    per_row: RowOptions | None = None
    zoning: Zoning | None = None
    phone_column: str = "phone"
    region: str = "RU"
    rate: float | None = None
    budget: Decimal | None = None
    part_price: Decimal = Decimal(0)
    start_at: float | None = None
    window: str | None = None
    on_doubt: str = "ask"
    topic: str = ""
    apart: str = field(default="", repr=False)
    series: Series | None = None
    choice: Choice = NO_CHOICE
    guests: Guests = EVERYBODY  # the only ones that it reaches

    @property
    def digest(self) -> str:
        """The digest that names this campaign: of its rows, text and options, and of what tells it apart."""
        options = self.options.written().decode()
        said = [self.source.digest, self.phone_column, self.region, self.template.written, options]
        if self.per_row is not None:
            said.append(repr(self.per_row.columns))
        if self.zoning is not None:
            said.append(f"{self.zoning.columns.written()} {self.zoning.unknown}")
        if self.guests.is_limited:  # without the list the rest of its rows may be sent
            said.append("guests")
        if self.series is not None:
            said.append(f"every {self.series.calendar} {self.series.until} {self.series.most}")
        if self.apart:
            said.append(f"apart {self.apart!r}")
        return hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()

    def unnamed_columns(self) -> Iterator[str]:
        """A sentence for each column that may have been meant to have a meaning."""
        columns = self.source.columns
        named = dict(self.zoning.columns.names) if self.zoning is not None else {}
        if self.per_row is not None:
            named |= {name: columns[place] for name, place in self.per_row.columns}
        return unnamed(columns, named, self.template.fields)

    def plan(self, batch_size: int, now: float) -> Plan:
        """The campaign in the form of the ledger; options that count from when it is accepted count from `now`."""
        return Plan(
            name=self.name,
            digest=self.digest,
            text=channel(self.options.channel).read(self.template.render(())) if self.template.is_constant else None,
            template=self.template.written,
            options=accepted(self.options, now),
            batch_size=batch_size,
            rate=self.rate,
            budget=self.budget,
            part_price=self.part_price,
            start_at=self.start_at if self.series is None else None,
            window=self.window,
            on_doubt=self.on_doubt,
            file=_file_of(self.source),
            repeats=self.choice.word,
            topic=self.topic,
            series=self._series(now),
        )

    def _series(self, now: float) -> Series | None:
        """How it recurs from now on."""
        if self.series is None:
            return None
        return replace(self.series, next_at=self.series.calendar.after(max(now, self.series.next_at - 1)))


def _file_of(source: Rows) -> str:
    """The absolute path of the file, '' for rows at hand or a pipe."""
    path = Path(source.name) if isinstance(source, Source) else None
    return str(path.absolute()) if path is not None and path.is_file() else ""


def ranges(draft: Draft, batch_size: int) -> Iterator[Range]:
    """The campaign's ranges; the same rows, text and batch size always give the same ones."""
    zoning = draft.zoning
    at_once = ZONED_ROWS if zoning is not None and zoning.cuts and not zoning.columns.has("at") else RANGE_ROWS
    per_range = max(RANGE_BATCHES, -(-at_once // batch_size))
    rows = draft.source.rows()
    made = prepare(
        rows,
        draft.template,
        batch_size,
        per_range,
        region=draft.region,
        left_out=draft.choice.left_out,
        options=draft.options,
        per_row=draft.per_row,
        zoning=zoning.afresh() if zoning is not None else None,
    )
    return (reachable(part, draft.options, draft.guests) for part in made)


def draft(rows: str | Path | Iterable[AnyRow], *, text: str, guests: Guests = EVERYBODY, **how: Unpack[How]) -> Draft:
    """Check everything that can be checked without the ledger; raises BadInput. It reaches nobody but `guests`."""
    name, topic = how.get("name"), how.get("topic")
    window, rate, at = how.get("window"), how.get("rate"), how.get("at")
    region = how.get("region", "RU").upper()
    if region not in SUPPORTED_REGIONS:
        raise BadInput(f"there is no country {how.get('region')!r}; a region is two letters such as RU, KZ or DE")
    if not isinstance(text, str):
        raise BadInput(f"a text is text, not {type(text).__name__}")
    if window is not None:
        window = Hours.parse(window).written
    if rate is not None and not 0 < rate < math.inf:
        raise BadInput(f"a rate is a number of parts per second above 0, not {rate:g}")
    options = with_fields(how.get("options") or Options(), sender=how.get("sender"), valid=how.get("valid"))
    meanings, named = split(how.get("per_row") or ())
    check_options(options, later=named)
    way = channel(options.channel)
    if not way.campaigns:
        raise BadInput(f"no campaign goes by {way.name}: it is for single messages (`smsq send --channel {way.name}`)")
    phone_column = how.get("phone_column") or way.column
    source: Rows
    if isinstance(rows, str | Path):
        source = inspect(rows, phone_column, how.get("encoding"))
        name = name or Path(source.name).stem
    else:
        source = RowsInMemory.of(rows, how.get("columns"), phone_column, region)
    template = Template.compile(text, source.columns)
    if template.is_constant:
        check_message(way.read(template.render(())), options, has_files=bool(named))
    else:
        texts.check_marks(template.written)
        check_own_texts(options)
    series = series_of(how.get("every"), how.get("every_zone"), how.get("until"), how.get("count"), at)
    return Draft(
        source=source,
        template=template,
        name=_named(name),
        options=options,
        per_row=RowOptions.of(options, named, source.columns) if named else None,
        zoning=zoning_of(meanings, source.columns, window, how.get("zone_unknown")),
        phone_column=phone_column,
        region=region,
        rate=rate,
        budget=money_of(how.get("budget")),
        start_at=timestamp(at) if at is not None else None,
        window=window,
        on_doubt=how.get("on_doubt") or "ask",
        topic=topic_of(topic) if topic is not None else "",
        apart=how.get("apart") or "",
        guests=guests,
        series=series,
    )


@dataclass(frozen=True, slots=True)
class RowsInMemory:
    """Rows that a program has at hand, kept so that they can be read twice."""

    columns: tuple[str, ...]
    phone_column: str
    values: list[tuple[str, ...]] = field(repr=False)
    digest: str

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


def money_of(budget: Decimal | int | str | None) -> Decimal | None:
    """An amount of money; raises BadInput if it is not one."""
    if budget is None:
        return None
    try:
        money = Decimal(str(budget))
    except ArithmeticError:
        money = Decimal(-1)
    if not money.is_finite() or money <= 0:
        raise BadInput(f"a budget is an amount of money, not {budget!r}")
    return money


def _named(name: str | None) -> str:
    shown = "".join(char for char in name or "campaign" if char.isprintable())[:LONGEST_NAME].strip()
    return shown or "campaign"
