"""Campaigns that are made of the messages of an earlier one: what that is, and how it is enrolled.

The rows are read from the ledger, so nothing needs the file.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypedDict

import msgspec

from smsq.producers.campaigns.begin import Begun
from smsq.producers.campaigns.replacing import EDITED_WHILE_PAUSED
from smsq.producers.campaigns.words import is_all_in, partly
from smsq.producers.campaigns.zoned import OUTAGE_S
from smsq.producers.fields import timestamp, with_fields
from smsq.producers.files import with_files
from smsq.producers.intake import preflight
from smsq.producers.intake.drafts import Draft, money_of
from smsq.producers.intake.preflight import Preflight
from smsq.producers.intake.repeats import Repeats
from smsq.producers.intake.rows import Place, Row
from smsq.producers.intake.templates import Template
from smsq.worker.domain.batch import Options
from smsq.worker.domain.campaign import LeftOut, Range, Reject
from smsq.worker.domain.cap import Cap
from smsq.worker.domain.errors import BadInput, LedgerTrouble
from smsq.worker.domain.hours import Hours
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.options import check_message, check_options
from smsq.worker.ledger.campaigns.copying import NOTHING_CHANGED, Copying, Selection
from smsq.worker.ledger.campaigns.kin import Kin, RetriedMeanwhile
from smsq.worker.ledger.values import Opened
from smsq.worker.ledger.views import CampaignView


class Otherwise(TypedDict, total=False):
    """What is not as it was in the origin; every field may be left out. The fields are those of `How`."""

    name: str | None
    rate: float | None
    at: datetime | str | None
    window: str | None
    budget: Decimal | int | str | None
    on_doubt: str | None


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Rows of a campaign that the ledger keeps, as the source of a draft: they are read by `Copying`."""

    digest: str
    columns: tuple[str, ...] = ("text",)
    described: str = ""
    encoding: str | None = None
    is_guessed: bool = False

    def rows(self) -> Iterator[Row | Reject]:
        """Nothing: no file is read."""
        return iter(())

    def using(self, places: Collection[int]) -> KeptRows:
        """The same."""
        return self

    def places(self, rows: Collection[int]) -> dict[int, Place]:
        """None: they stand in no file."""
        return {}

    def changed(self) -> str:
        """Nothing: what is kept does not change."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """A campaign of another one's messages that is not enrolled yet, or only in part (`before`).

    `rows` are the origin's rows that it takes; `left_out` those that stay behind since they were sent meanwhile.
    """

    origin: CampaignView
    draft: Draft
    kin: Kin
    copying: Copying = field(repr=False)
    rows: Selection = field(repr=False)
    text: str | None = field(default=None, repr=False)  # for all, if it is not as in the origin
    changed: Mapping[str, str] = field(default_factory=dict, repr=False)  # options that are not as in the origin
    is_paused: bool = False  # it begins paused
    again: bool = True  # it is begun though the very same one is over; a copy only if a person said so
    found: Preflight = field(default_factory=Preflight)
    repeats: Repeats = field(default_factory=Repeats)
    before: CampaignView | None = None
    left_out: LeftOut | None = field(default=None, repr=False)
    overtakes: tuple[str, ...] = ()
    erased: int = 0  # messages that stay out, since their recipients were erased

    def ranges(self, batch_size: int) -> Iterator[Range]:
        """Its ranges from 1, always the same."""
        return self.copying.ranges(self.rows, batch_size, text=self.text, changed=self.changed, left_out=self.left_out)


class Remaking(Begun):
    """Campaigns that are made of earlier ones."""

    def _draft_of(
        self,
        origin: CampaignView,
        copying: Copying,
        digest: str,
        otherwise: Otherwise,
        *,
        text: str | None = None,
        changed: Mapping[str, str] = NOTHING_CHANGED,
    ) -> Draft:
        """The campaign without its rows: as its origin was, and what is said to be otherwise."""
        window, rate, at = otherwise.get("window"), otherwise.get("rate"), otherwise.get("at")
        window = Hours.parse(window).written if window is not None else None
        if rate is not None and not rate > 0:
            raise BadInput(f"a rate is a number of parts per second above 0, not {rate:g}")
        options = with_files(
            self._smsq.runtime, with_fields(without_moment(origin.options), sender=changed.get("sender")), ()
        )
        if changed:
            check_options(options)
        if text is not None:
            template = _without_fields(text, origin)
            check_message(channel(options.channel).read(template.render(())), options)
        else:
            kept = "{text}" if copying.text is None else copying.text.replace("{", "{{").replace("}", "}}")
            template = Template.compile(kept, ("text",))
        draft = Draft(
            source=KeptRows(hashlib.sha256(digest.encode()).hexdigest()),
            template=template,
            name=otherwise.get("name") or f"{origin.name} (again)",
            options=options,
            rate=rate or origin.rate or None,
            budget=money_of(otherwise.get("budget")),
            start_at=timestamp(at) if at is not None else None,
            window=window or origin.window or None,
            on_doubt=otherwise.get("on_doubt") or origin.on_doubt,
            topic=origin.topic,
            weight=origin.weight,
            stop_if_bad=origin.stop_if_bad,
            auto_resume=origin.auto_resume,
            cap=Cap.parse(origin.cap or "none"),
            words=origin.words,
        )
        self.check_carried(draft)
        return draft

    def _looked(self, remade: Remade, heard: Callable[[Range], None]) -> Preflight:
        draft = remade.draft
        constant = remade.text if remade.text is not None else remade.copying.text
        return preflight.look_at(
            remade.ranges(self._smsq.settings.batch_size),
            constant,
            draft.options,
            left_out=remade.left_out,
            heard=heard,
        )

    def _priced(self, remade: Remade) -> Remade:
        """The same with the price of a part if a budget is to be kept. Raises Unreachable if no worker is up."""
        draft = remade.draft
        if draft.budget is None or remade.before is not None:
            return remade
        cost = preflight.price(remade.found, draft.template, draft.options, self._smsq.price).cost
        return replace(remade, draft=replace(draft, part_price=cost / max(1, remade.found.parts)))

    def enrol_remade(
        self, remade: Remade, *, enrolled: Callable[[int], None] = lambda rows: None, of: int | None = None
    ) -> CampaignView:
        """Enrol it, range by range, going on where an earlier run stopped; `of` is how many rows there are.

        Raises, and enrols nothing, if since it was made another retry of its origin was begun (RetriedMeanwhile), the
        same copy was made and is over, or another campaign took its origin's place (Conflict).
        """
        smsq, ledger, before = self._smsq, self._smsq.runtime.ledger, remade.before
        if before is not None and is_all_in(before):
            return before
        smsq.check_account()
        plan = remade.draft.plan(smsq.settings.batch_size, smsq.runtime.clock.now())
        told = remade.origin.template if remade.text is None else remade.draft.template.written
        screening = smsq.patiently(ledger.screening_number, outage_s=OUTAGE_S)
        plan = replace(plan, template=told, file=remade.origin.file, screened=screening)
        plan = replace(plan, saved_as=remade.origin.saved_as)

        def begin() -> Opened:
            return ledger.open_campaign(plan, again=remade.again, overtakes=remade.overtakes, kin=remade.kin)

        opened = smsq.patiently(begin, outage_s=OUTAGE_S)
        if not opened.created:
            if remade.kin.rows is not None and (before is None or opened.id != before.id):
                raise RetriedMeanwhile(remade.origin.id)  # somebody has begun the very same meanwhile
            ledger.go_on(opened.id, remade.left_out)
        if remade.is_paused:
            ledger.control(opened.id, "pause", EDITED_WHILE_PAUSED)
        rows = rows_in = 0
        try:
            for part in remade.ranges(opened.batch_size):
                rows += part.rows
                if part.n > opened.ranges:
                    self._enrol_range(opened.id, part, rows, remade.draft)
                rows_in = rows
                enrolled(rows)
            smsq.patiently(lambda: ledger.close_campaign(opened.id), outage_s=OUTAGE_S)
        except LedgerTrouble as error:
            raise type(error)(partly(error, opened.id, rows_in, of)) from None
        return self.show(opened.id)


def _without_fields(text: str, origin: CampaignView) -> Template:
    """A text for all messages; raises BadInput if it has fields, since the columns of a file are not kept."""
    template = Template.compile(text, _names_in(text))
    if template.is_constant:
        return template
    raise BadInput(
        f"the text uses {{{template.fields[0]}}}, and the columns of a file are not kept: give the file, as in "
        f"`smsq campaign run {shlex.quote(origin.file or 'FILE')} --text …`; write {{{{ and }}}} for braces"
    )


def _names_in(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r"\{([^{}]+)\}", text))) or ("text",)


def without_moment(options: Options) -> Options:
    """The options of a campaign for another time: a moment at which the gateway was to send is past."""
    if options.time is None:
        return options
    return msgspec.structs.replace(options, time=None, tz=None)


def many(messages: int) -> str:
    """So many messages, in words."""
    return "1 message" if messages == 1 else f"{messages} messages"
