"""Send messages of an earlier campaign again: retry what failed or never left, copy all of it.

The rows are read from the ledger, so nothing needs the file. A retry takes each message of its origin once, whatever is
asked for and however often: what it takes is written down when it is begun, in the same step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import TypedDict, Unpack

import msgspec

from smsq.producers.campaigns.begin import OUTAGE_S, Begun
from smsq.producers.campaigns.words import is_all_in, partly
from smsq.producers.fields import timestamp
from smsq.producers.files import with_files
from smsq.producers.intake import preflight
from smsq.producers.intake.drafts import Draft, money_of
from smsq.producers.intake.preflight import Preflight
from smsq.producers.intake.repeats import Comparison, Repeats
from smsq.producers.intake.rows import Row
from smsq.producers.intake.templates import Template
from smsq.worker.domain.batch import Options
from smsq.worker.domain.campaign import OVER, LeftOut, Range, Reject
from smsq.worker.domain.errors import BadInput, Conflict, LedgerTrouble
from smsq.worker.domain.hours import is_window
from smsq.worker.domain.status import Status
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.options import parts_of
from smsq.worker.gateway.times import is_stamp
from smsq.worker.ledger.campaigns.copying import FAILED, Copying, Selection, Wanted
from smsq.worker.ledger.campaigns.kin import Kin, RetriedMeanwhile, Retry
from smsq.worker.ledger.values import Opened
from smsq.worker.ledger.views import CampaignView

UNDECIDED = ("queued", "sending", "doubtful")
REASONS = tuple(Status(status).name.lower() for status in sorted(FAILED))
TRIES = 5  # to begin a retry while others begin theirs


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

    def rows(self) -> Iterator[Row | Reject]:
        """Nothing: no file is read."""
        return iter(())

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
    found: Preflight
    repeats: Repeats
    before: CampaignView | None = None
    left_out: LeftOut | None = field(default=None, repr=False)
    overtakes: tuple[str, ...] = ()

    def ranges(self, batch_size: int) -> Iterator[Range]:
        """Its ranges from 1, always the same."""
        return self.copying.ranges(self.rows, batch_size, left_out=self.left_out)


class Repeated(Begun):
    """Campaigns that are made of the messages of earlier ones."""

    def retry(
        self,
        campaign_id: str,
        *,
        failed: bool = False,
        unsent: bool = False,
        parked: bool = False,
        reasons: Sequence[str | int] = (),
        again: bool = False,
        enrolled: Callable[[int], None] = lambda rows: None,
        **otherwise: Unpack[Otherwise],
    ) -> CampaignView:
        """Send again what a campaign that is over did not bring to its recipients, as a new campaign that names it.

        `failed` (the default) are messages that expired, were undeliverable or refused, of these only those with one of
        `reasons`: such a word, or an error code of the report. `unsent` never left. `parked` are those that a person
        gave up (`smsq doubts drop`): they may have arrived. Texts, sender and options are those of each message.

        A message is taken once: the same call goes on with an interrupted retry, and afterwards adds nothing. Messages
        that failed again belong to the retry: retry that. What another campaign has sent meanwhile stays out unless
        `again`. Raises Conflict if the campaign is not over, if there is nothing to send, or if texts are no longer
        kept; LedgerTrouble if the ledger takes nothing more.
        """
        wanted = self.wanted(failed=failed, unsent=unsent, parked=parked, reasons=reasons)
        for _ in range(TRIES):
            remade = self.remade(campaign_id, wanted, again=again, **otherwise)
            try:
                return self.enrol_remade(self._priced(remade), enrolled=enrolled)
            except RetriedMeanwhile:
                continue
        raise RetriedMeanwhile(campaign_id)

    def wanted(self, *, failed: bool, unsent: bool, parked: bool, reasons: Sequence[str | int]) -> Wanted:
        """What a retry is asked for; raises BadInput for a reason that there is not."""
        said = tuple(str(reason).strip().lower() for reason in reasons)
        for reason in said:
            if reason not in REASONS and not reason.isdecimal():
                raise BadInput(
                    f"a reason is {', '.join(REASONS)} or an error code of the report such as 1, not {reason!r}"
                )
        if said and (unsent or parked) and not failed:
            raise BadInput("a reason is of messages that failed: add --failed (in Python `failed=True`)")
        return Wanted(failed=failed or not (unsent or parked), unsent=unsent, parked=parked, reasons=said)

    def remade(
        self, campaign_id: str, wanted: Wanted, *, again: bool = False, **otherwise: Unpack[Otherwise]
    ) -> Remade:
        """A retry before anybody agreed to it: what it takes, what stays out. Raises as `retry` does."""
        origin = self.show(campaign_id)
        ledger = self._smsq.runtime.ledger
        copying = Copying(ledger, origin, parts_of)
        draft = self._draft(origin, copying, f"retry {origin.id} {wanted.written}", otherwise)
        before = self.before(draft)
        if before is not None and before.state in OVER:
            before = None
        if before is not None:
            rows = ledger.retry_rows(origin.id, before.id) or Selection()
            kin = Kin(origin=origin.id, word="retry", rows=rows)
            if is_all_in(before):
                return Remade(
                    origin=origin, draft=draft, kin=kin, copying=copying, rows=rows, found=Preflight(),
                    repeats=Repeats(), before=before,
                )  # fmt: skip
            return self._compared(origin, draft, kin, copying, rows, before, again)
        _require_over(origin, wanted)
        chosen, retries = copying.choose(wanted).rows, ledger.retries(origin.id)
        rows = chosen
        for retry in retries:
            rows = rows.without(retry.rows)
        if not rows:
            raise Conflict(_nothing(origin, wanted, chosen, retries))
        kin = Kin(origin=origin.id, word="retry", rows=rows, seen=len(retries))
        return self._compared(origin, draft, kin, copying, rows, None, again)

    def _draft(self, origin: CampaignView, copying: Copying, digest: str, otherwise: Otherwise) -> Draft:
        """The campaign without its rows: as its origin was, and what is said to be otherwise."""
        window, rate, at = otherwise.get("window"), otherwise.get("rate"), otherwise.get("at")
        if window is not None and not is_window(window):
            raise BadInput(f"a window is two hours of the day, such as 9-21, or 0-24 for all of it, not {window!r}")
        if rate is not None and not rate > 0:
            raise BadInput(f"a rate is a number of parts per second above 0, not {rate:g}")
        options = with_files(self._smsq.runtime, _without_moment(origin.options), ())
        text = "{text}" if copying.text is None else copying.text.replace("{", "{{").replace("}", "}}")
        draft = Draft(
            source=KeptRows(hashlib.sha256(digest.encode()).hexdigest()),
            template=Template.compile(text, ("text",)),
            name=otherwise.get("name") or f"{origin.name} (again)",
            options=options,
            rate=rate or origin.rate or None,
            budget=money_of(otherwise.get("budget")),
            start_at=timestamp(at) if at is not None else None,
            window=window or origin.window or None,
            on_doubt=otherwise.get("on_doubt") or origin.on_doubt,
        )
        self.check_carried(draft)
        return draft

    def _compared(
        self,
        origin: CampaignView,
        draft: Draft,
        kin: Kin,
        copying: Copying,
        rows: Selection,
        before: CampaignView | None,
        again: bool,
    ) -> Remade:
        """The same once it is known which rows another campaign has sent since, or is to send: they stay out."""
        if not copying.has_texts and channel(draft.options.channel).has_text:
            raise Conflict(
                f"the texts of campaign {origin.id} are no longer kept (SMSQ_KEEP_TEXTS), so {_many(len(rows))} cannot "
                "be sent again from here: nothing was enrolled; run their file again with --only-new"
            )
        self.check_moment(draft, before)
        runtime = self._smsq.runtime
        known = {each.id for each in self.list() if each.created_at <= origin.created_at}
        known |= {origin.id, *(retry.id for retry in runtime.ledger.retries(origin.id))}
        after = next(islice(rows.rows(), before.rows - 1, None), 0) if before is not None and before.rows else 0
        comparison = Comparison(runtime, draft, after_row=after, known=known)
        left_out = runtime.ledger.left_out(before.id) if before is not None else None
        remade = Remade(
            origin=origin, draft=draft, kin=kin, copying=copying, rows=rows, found=Preflight(), repeats=Repeats(),
            before=before, left_out=left_out,
        )  # fmt: skip
        heard = comparison.add if comparison.is_needed and not again else lambda part: None
        remade = replace(remade, found=self._looked(remade, heard))
        repeats = comparison.repeats() if comparison.is_needed and not again else Repeats()
        if repeats.unknown:
            raise Conflict(repeats.unknown_said)
        if not repeats.sent:
            return remade
        if before is not None:
            sent = [(each.earlier.id, each.earlier.at, each.rows) for each in repeats.sent]
            return replace(remade, repeats=repeats, left_out=LeftOut.of(sent, left_out))
        for each in repeats.sent:
            for row in each.rows:
                rows.remove(row)
        if not rows:
            raise Conflict(
                f"nothing is left to retry: {repeats}; --again sends it all the same (in Python `again=True`)"
            )
        overtakes = tuple(
            each.earlier.id for each in repeats.sent if not each.earlier.is_all_in and not each.earlier.is_cancelled
        )
        remade = replace(remade, repeats=repeats, overtakes=overtakes)
        return replace(remade, found=self._looked(remade, lambda part: None))

    def _looked(self, remade: Remade, heard: Callable[[Range], None]) -> Preflight:
        draft = remade.draft
        constant = remade.copying.text
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

        Raises RetriedMeanwhile, and enrols nothing, if another retry of its origin was begun since it was made.
        """
        smsq, ledger, before = self._smsq, self._smsq.runtime.ledger, remade.before
        if before is not None and is_all_in(before):
            return before
        smsq.check_account()
        plan = remade.draft.plan(smsq.settings.batch_size, smsq.runtime.clock.now())
        plan = replace(plan, template=remade.origin.template, file=remade.origin.file)

        def begin() -> Opened:
            return ledger.open_campaign(plan, again=True, overtakes=remade.overtakes, kin=remade.kin)

        opened = smsq.patiently(begin, outage_s=OUTAGE_S)
        if not opened.created:
            if before is None or opened.id != before.id:  # somebody has begun the very same meanwhile
                raise RetriedMeanwhile(remade.origin.id)
            ledger.go_on(opened.id, remade.left_out)
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


def _without_moment(options: Options) -> Options:
    """The options of a campaign for another time: a moment at which the gateway was to send is past."""
    if options.time is None or not is_stamp(options.time):
        return options
    return msgspec.structs.replace(options, time=None, tz=None)


def _require_over(origin: CampaignView, wanted: Wanted) -> None:
    """Raise Conflict if it cannot be told yet which messages of a campaign are to be sent again."""
    if origin.state not in OVER:
        raise Conflict(
            f"campaign {origin.id} is {origin.standing}, so its messages may still arrive: retry it when it is done "
            f"(`smsq campaign show {origin.id} --follow` waits for that), or end it first with "
            f"`smsq campaign cancel {origin.id}`"
        )
    if waiting := sum(origin.statuses.get(name, 0) for name in UNDECIDED):
        raise Conflict(
            f"campaign {origin.id} is {origin.state}, and {_many(waiting)} of it are not decided yet: try again when "
            f"`smsq campaign show {origin.id}` shows none of {', '.join(UNDECIDED)}"
        )
    if wanted.parked and (parked := origin.statuses.get("parked", 0)):
        raise Conflict(
            f"{_many(parked)} of campaign {origin.id} are parked: they may have arrived, so decide about them first. "
            "`smsq doubts list` shows them; `smsq doubts drop` gives one up, and then it can be retried"
        )


def _nothing(origin: CampaignView, wanted: Wanted, chosen: Selection, retries: Sequence[Retry]) -> str:
    """Why there is nothing to retry, and what can be done."""
    if not chosen:
        kinds = {"failed": wanted.failed, "never left": wanted.unsent, "was given up by a person": wanted.parked}
        what = " or ".join(name for name, is_wanted in kinds.items() if is_wanted)
        why = f" for this reason ({', '.join(wanted.reasons)})" if wanted.reasons else ""
        return f"no message of campaign {origin.id} {what}{why}: there is nothing to retry"
    took = [retry for retry in retries if len(chosen) != len(chosen.without(retry.rows))]
    names = ", ".join(retry.id for retry in took)
    newest = took[-1].id
    return (
        f"the {_many(len(chosen))} of campaign {origin.id} were retried already by campaign {names}: nothing is added; "
        f"`smsq campaign retry {newest}` reaches those that failed again"
    )


def _many(messages: int) -> str:
    return "1 message" if messages == 1 else f"{messages} messages"
