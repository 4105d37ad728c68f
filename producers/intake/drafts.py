"""Drafts: rows, text and options of a campaign, checked as far as possible without the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypedDict, Unpack

from phonenumbers import SUPPORTED_REGIONS

from smsq.producers.fields import timestamp, with_fields
from smsq.producers.intake.columns import split, unnamed
from smsq.producers.intake.prepare import prepare
from smsq.producers.intake.row_options import RowOptions
from smsq.producers.intake.series import series_of
from smsq.producers.intake.sources import AnyRows, Rows, given
from smsq.producers.intake.templates import Template
from smsq.producers.intake.terms import percent_of, rate_of, weight_of, window_of
from smsq.producers.intake.zoning import Zoning, zoning_of
from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import Options
from smsq.worker.domain.campaign import LeftOut, Range
from smsq.worker.domain.cap import NO_CAP, Cap
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.guests import EVERYBODY, Guests
from smsq.worker.domain.optout import topic_of
from smsq.worker.domain.read_as import ReadAs
from smsq.worker.domain.recurrence import Series
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.options import accepted, check_message, check_options, check_own_texts, parts_of
from smsq.worker.ledger import Plan
from smsq.worker.ledger.campaigns.reach import reachable

RANGE_ROWS = 1000  # at least so many rows go into the ledger at once
RANGE_BATCHES = 10  # and at least so many batches
ZONED_ROWS = 4000  # the same if rows are grouped by zone: each leaves one batch that may not be full
LONGEST_NAME = 100


class How(TypedDict, total=False):
    """How to send a campaign; every field may be left out.

    `name` is for people. `columns` names the values of rows that are sequences, `phone_column` the one that holds
    recipients (by default `phone`, or `email` for e-mails), `region` the country in which phones without a plus are
    written, `encoding` what a file is in (told from its bytes unless it is given), `sheet` which of a workbook's sheets
    is read. `several_phones` is what becomes of a cell with more than one phone: `error` rejects the row, `each` makes
    a row of each phone, with a number of its own. `rate` is in parts per second, `budget` in the account's currency,
    `at` a moment, `window` hours of the day such as `9-21`, `weight` its share beside other campaigns (1 if it is left
    out), `stop_if_bad` the percentage of failures that pauses it, 0 for never. With `auto_resume` it goes on by itself
    once the balance that paused it is back. `sender`, `valid` and
    `options` go to the gateway; `options` also choose the channel. `per_row` names options that a column has for each
    row, such as `["subj"]`, or `{"subj": "Subject"}` if the column has another name, and columns with a meaning
    (`columns.MEANINGS`), such as `{"zone": "tz", "tags": "city,plan"}`. `zone_unknown` keeps the window in each
    recipient's own time, and says what becomes of recipients whose zone is not known: `all`, `own` or a zone.
    `every` makes it recur (`mon,thu 10:00`, by the clock of `every_zone`) `until` a day, or `count` times: each
    occurrence is a campaign of its own. `on_doubt` is as in `Smsq.send`. `topic` is what it is about, for those who
    opted out of that topic; `cap` is how many messages of campaigns one recipient gets at most, such as
    `3/day,10/week`. `apart` is any text that tells it from another campaign of the same rows, text and options, such
    as whose it is.
    `language` is what plural forms and dates of the text are in (told from its letters unless it is given),
    `plain_chars` exchanges quotes, dashes and the like if that makes a text fewer parts.
    """

    name: str | None
    columns: Sequence[str] | None
    phone_column: str | None
    region: str
    encoding: str | None
    sheet: str | None
    several_phones: str | None
    sender: str | None
    valid: str | None
    options: Options | None
    per_row: Mapping[str, str] | Sequence[str] | None
    rate: float | str | None
    at: datetime | str | None
    window: str | None
    zone_unknown: str | None
    budget: Decimal | int | str | None
    weight: float | str | None
    stop_if_bad: float | str | None
    auto_resume: bool
    on_doubt: str | None
    topic: str | None
    cap: str | None
    apart: str
    language: str | None
    plain_chars: bool
    every: str | None
    every_zone: str | None
    until: datetime | str | None
    count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was decided about rows that were sent already: `only_new`, `again`, or '' if there were none.

    `left_out` are those that are not sent. `continues` is the draft's own unfinished campaign, whose further rows were
    compared. `overtakes` names campaigns that are still being enrolled; they must compare their rows before they go on.
    `against` are the campaigns compared with, each with how many rows it had; None before a comparison. `kept` says
    which campaigns there were then.
    """

    word: str = ""
    left_out: LeftOut | None = field(default=None, repr=False)
    continues: str = ""
    overtakes: tuple[str, ...] = ()
    against: frozenset[tuple[str, int]] | None = None
    kept: str = ""
    keys_against: frozenset[tuple[str, int]] | None = None  # the same of keys of rows


NO_CHOICE = Choice()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A campaign that is not enrolled yet: checked rows and text, and how to send it.

    `rate` is in parts per second, `budget` in the account's currency, `window` hours of the day such as
    `9-21` in this machine's time, `start_at` Unix seconds. `choice` is what becomes of rows that were sent already.
    `saved_as` is the saved template that its text is, such as `welcome@3`, '' if it is none.
    """

    source: Rows = field(repr=False)
    template: Template = field(repr=False)
    name: str
    options: Options
    per_row: RowOptions | None = None
    zoning: Zoning | None = None
    words: tuple[str, ...] = ()  # as in `Plan`, for rows that are no file's
    phone_column: str = "phone"
    region: str = "RU"
    rate: float | None = None
    budget: Decimal | None = None
    part_price: Decimal = Decimal(0)
    start_at: float | None = None
    window: str | None = None
    weight: float = 1.0
    stop_if_bad: float | None = None
    auto_resume: bool = False
    on_doubt: str = "ask"
    topic: str = ""
    cap: Cap = NO_CAP
    apart: str = field(default="", repr=False)
    series: Series | None = None
    replaces: str = ""  # the campaign whose place it takes
    read_as: ReadAs | None = None
    choice: Choice = NO_CHOICE
    guests: Guests = EVERYBODY  # the only ones that it reaches
    saved_as: str = ""

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
        if self.replaces:
            said.append(f"replaces {self.replaces}")
        said += self.template.beside
        if self.apart:
            said.append(f"apart {self.apart!r}")
        return hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def said(self) -> tuple[str, ...]:
        """What its rows say beside their texts, as in `Plan`."""
        words = self.zoning.columns.words_named() if self.zoning is not None else self.words
        return (*words, *(self.per_row.in_reports if self.per_row is not None else ()))

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
            weight=self.weight,
            stop_if_bad=self.stop_if_bad,
            auto_resume=self.auto_resume,
            on_doubt=self.on_doubt,
            file=", ".join(self.read_as.files) if self.read_as is not None else "",
            read_as=self.read_as.written() if self.read_as is not None else "",
            repeats=self.choice.word,
            words=self.said,
            topic=self.topic,
            cap="" if self.cap.is_none else str(self.cap),
            series=self._series(now),
            saved_as=self.saved_as,
            language=self.template.language,
            plain_chars=self.template.is_plain,
        )

    def _series(self, now: float) -> Series | None:
        """How it recurs from now on."""
        if self.series is None:
            return None
        return replace(self.series, next_at=self.series.first(now))


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
    return (reachable(part, draft.options, parts_of, draft.guests) for part in made)


def draft(
    rows: AnyRows, *, text: str, guests: Guests = EVERYBODY, transport: str = "http", **how: Unpack[How]
) -> Draft:
    """Check everything that can be checked without the ledger; raises BadInput.

    It reaches nobody but `guests`; channels of single rows have to be carried by `transport`.
    """
    topic, cap = how.get("topic"), how.get("cap")
    window, rate, at = how.get("window"), how.get("rate"), how.get("at")
    region = how.get("region", "RU").upper()
    if region not in SUPPORTED_REGIONS:
        raise BadInput(f"there is no country {how.get('region')!r}; a region is two letters such as RU, KZ or DE")
    if not isinstance(text, str):
        raise BadInput(f"a text is text, not {type(text).__name__}")
    window = window_of(window) if window is not None else None
    rate = rate_of(rate) if rate is not None else None
    weight, share = how.get("weight"), how.get("stop_if_bad")
    options = with_fields(how.get("options") or Options(), sender=how.get("sender"), valid=how.get("valid"))
    meanings, named = split(how.get("per_row") or ())
    check_options(options, later=named)
    way = channel(options.channel)
    if not way.campaigns:
        raise BadInput(f"no campaign goes by {way.name}: it is for single messages (`smsq send --channel {way.name}`)")
    phone_column = how.get("phone_column") or way.column
    told = given(rows, how, phone_column=phone_column, region=region, kinds=way.recipients)
    source = told.rows
    plain_chars = how.get("plain_chars", False)
    if plain_chars and way.parts is not texts.parts:
        raise BadInput(f"plain characters save nothing by {way.name}, which does not count parts by their alphabet")
    template = Template.compile(text, source.columns, language=how.get("language"), plain_chars=plain_chars)
    if template.is_constant:
        check_message(way.read(template.render(())), options, has_files=bool(named))
    else:
        texts.check_marks(template.written)
        check_own_texts(options)
    series = series_of(how.get("every"), how.get("every_zone"), how.get("until"), how.get("count"), at)
    per_row = RowOptions.of(options, named, source.columns, transport) if named else None
    zoning = zoning_of(meanings, source.columns, window, how.get("zone_unknown"))
    if series is not None and zoning is not None and zoning.columns.has("at"):
        raise BadInput(
            "a campaign that recurs sends every row at each occurrence, and the moments in column "
            f"{meanings['at']!r} come once: leave out --every, or leave out --per-row at"
        )
    used = {*template.places, *(place for _, place in (per_row.columns if per_row is not None else ()))}
    if zoning is not None:
        used |= {*zoning.columns.places.values(), *(place for _, place in zoning.columns.tags)}
    return Draft(
        source=source.using(used),
        template=template,
        name=name_of(how.get("name") or told.name),
        options=options,
        per_row=per_row,
        zoning=zoning,
        read_as=told.read_as,
        phone_column=phone_column,
        region=region,
        rate=rate,
        budget=money_of(how.get("budget")),
        start_at=timestamp(at) if at is not None else None,
        window=window,
        weight=weight_of(weight) if weight is not None else 1.0,
        stop_if_bad=percent_of(share) if share is not None else None,
        auto_resume=how.get("auto_resume") or False,
        on_doubt=how.get("on_doubt") or "ask",
        topic=topic_of(topic) if topic is not None else "",
        cap=Cap.parse(cap) if cap is not None else NO_CAP,
        apart=how.get("apart") or "",
        guests=guests,
        series=series,
    )


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


def name_of(name: str | None) -> str:
    """A campaign's name as it is kept."""
    shown = "".join(char for char in name or "campaign" if char.isprintable())[:LONGEST_NAME].strip()
    return shown or "campaign"
