"""Campaigns: a file, or rows that a program has at hand, becomes a named set of batches.

What a campaign is called by is the digest of its rows, text and options. Run again while it is unfinished,
it goes on at the range where it stood; finished, it is refused with its id. A file is read to its end
once before the first range goes in, so that a spoiled one enrols nothing.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from smsq.producers import preflight, waits
from smsq.producers.doubts import in_doubt, waits_for
from smsq.producers.drafts import AnyRow, Draft, How, draft, ranges
from smsq.producers.installation import Installation
from smsq.producers.progress import Watch
from smsq.worker.domain.campaign import Range
from smsq.worker.domain.errors import BadInput, LedgerTrouble, SmsqError
from smsq.worker.domain.receipt import Receipt
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.views import CampaignView

OVER = ("done", "cancelled")
# What a campaign is once each verb has been done.
REACHED = {"pause": ("paused",), "resume": ("running", "enrolling"), "cancel": ("cancelled",)}
OUTAGE_S = 60.0  # how long enrolment waits for a Redis that went away


class Campaigns:
    """What one does with campaigns; `Smsq.campaigns`."""

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def run(
        self,
        rows: str | Path | Iterable[AnyRow],
        *,
        text: str,
        again: bool = False,
        enrolled: Callable[[int], None] = lambda rows: None,
        **how: Unpack[How],
    ) -> CampaignView:
        """Enrol a campaign and return it; the workers send it. Nobody is asked about its price, unlike on the terminal.

        `rows` is a CSV file's path, or an iterable of mappings, of sequences (then `columns` names their
        values), or of plain phones. `text` may hold `{column}`; `how` is anything of `How`. `enrolled`
        hears how many rows are in. Raises BadInput for what cannot be sent at all, Conflict with the old
        id where it was sent before (`again` sends it anew), LedgerTrouble where the ledger takes nothing:
        the same call goes on later, and what it wishes otherwise for a campaign that is begun (name, rate, moment,
        window, budget, doubts) is not applied. A `budget` needs workers that can say what a part costs; raises
        Unreachable where none is up.
        """
        drafted = draft(rows, text=text, **how)
        before = self.before(drafted)
        if before is not None and is_all_in(before):
            return before
        self.check_moment(drafted, before)
        if drafted.budget is not None:
            found = preflight.look(drafted.source.rows(), drafted.template, region=drafted.region)
            cost = preflight.price(found, drafted.template, drafted.options, self._smsq.price).cost
            drafted = replace(drafted, part_price=cost / max(1, found.parts))
        else:
            # A quote that never closes is found before anything is in.
            collections.deque(drafted.source.rows(), maxlen=0)
        return self.enrol(drafted, again=again, enrolled=enrolled)

    def enrol(
        self,
        draft: Draft,
        *,
        again: bool = False,
        enrolled: Callable[[int], None] = lambda rows: None,
        of: int | None = None,
    ) -> CampaignView:
        """Put every row in, range by range, going on where an earlier run stopped; `of` is how many there are.

        Raises LedgerTrouble with how many are in where the ledger takes no more.
        """
        smsq, ledger = self._smsq, self._smsq.runtime.ledger
        smsq.check_account()
        plan = draft.plan(smsq.settings.batch_size)
        opened = smsq.patiently(lambda: ledger.open_campaign(plan, again=again), outage_s=OUTAGE_S)
        rows = rows_in = 0
        try:
            for part in ranges(draft, opened.batch_size):
                rows += part.rows
                if part.n > opened.ranges:
                    self._enrol_range(opened.id, part, rows, draft)
                rows_in = rows
                enrolled(rows)
            smsq.patiently(lambda: ledger.close_campaign(opened.id), outage_s=OUTAGE_S)
        except LedgerTrouble as error:
            raise type(error)(_partly(error, opened.id, rows_in, of)) from None
        return self.show(opened.id)

    def _enrol_range(self, campaign_id: str, part: Range, rows: int, draft: Draft) -> None:
        def verb() -> bool:
            return self._smsq.runtime.ledger.enrol_range(
                campaign_id,
                part.n,
                part.batches,
                part.rejects,
                rows,
                channel=draft.options.channel,
                on_doubt=draft.on_doubt,
            )

        self._smsq.patiently(verb, outage_s=OUTAGE_S)

    def before(self, draft: Draft) -> CampaignView | None:
        """The campaign that these rows, text and options became earlier, if it is still kept."""
        ledger = self._smsq.runtime.ledger
        with translated():
            known = ledger.redis.get(ledger.key(f"digest:{draft.digest}"))
        return self._smsq.runtime.views.campaign(known.decode()) if known is not None else None

    def check_moment(self, draft: Draft, before: CampaignView | None) -> None:
        """Raise BadInput where a campaign that is not begun yet shall begin in the past."""
        is_begun = before is not None and before.state not in OVER
        if draft.start_at is not None and draft.start_at < self._smsq.runtime.clock.now() and not is_begun:
            raise BadInput(
                "that moment is over: `at` says when to begin, in this machine's time zone unless it names one"
            )

    def show(self, campaign_id: str) -> CampaignView:
        """Counts by status, and cost; raises BadInput for an unknown id."""
        view = self._smsq.runtime.views.campaign(campaign_id)
        if view is None:
            raise BadInput(f"there is no campaign {campaign_id}; `smsq campaign list` shows what there is")
        return view

    def why(self, view: CampaignView) -> str:
        """Why it does not move, in a sentence; '' where it does, or may."""
        runtime = self._smsq.runtime
        why = waits.why(runtime.views, view, runtime.clock.now(), runtime.settings.parallel_sends)
        return why or self.why_in_doubt(view)

    def why_in_doubt(self, view: CampaignView) -> str:
        """What its messages in doubt wait for and until when, in a sentence; '' where none is."""
        if not view.statuses.get("doubtful"):
            return ""
        runtime = self._smsq.runtime
        return waits_for(in_doubt(runtime, runtime.views.in_doubt(view.id)))

    def watch(self, campaign_id: str) -> Watch:
        """Eyes for `smsq.producers.progress.follow`."""
        runtime = self._smsq.runtime
        return Watch(runtime.views, campaign_id, runtime.clock, runtime.settings.parallel_sends)

    def list(self) -> list[CampaignView]:
        """Every campaign that is kept, newest first."""
        return self._smsq.runtime.views.campaigns()

    def pause(self, campaign_id: str) -> CampaignView:
        """Send no more of it; requests under way end."""
        return self._control(campaign_id, "pause")

    def resume(self, campaign_id: str) -> CampaignView:
        """Go on at the exact next row."""
        return self._control(campaign_id, "resume")

    def cancel(self, campaign_id: str) -> CampaignView:
        """Send no more of it, ever; what the gateway has already is followed to its end."""
        return self._control(campaign_id, "cancel")

    def report(self, campaign_id: str) -> Iterator[Receipt]:
        """Every row in the file's order, rejected ones included; streamed."""
        self.show(campaign_id)
        return self._smsq.runtime.views.report(campaign_id)

    def _control(self, campaign_id: str, verb: str) -> CampaignView:
        """Raises SmsqError where it cannot be done any more; what is so already stays as it is."""
        view = self.show(campaign_id)
        if view.state in REACHED[verb]:
            return view
        if view.state in OVER or (verb == "resume" and view.state != "paused"):
            raise SmsqError(f"campaign {campaign_id} is {view.state}: there is nothing to {verb}")
        self._smsq.runtime.ledger.control(campaign_id, verb, "" if verb == "resume" else "a person said so")
        return self.show(campaign_id)


def is_all_in(view: CampaignView) -> bool:
    """Whether every row of an unfinished campaign's file is enrolled, so that running it again adds nothing."""
    return view.closed and view.state not in OVER


def not_applied(draft: Draft, name: str | None, on_doubt: str | None, view: CampaignView) -> Iterator[str]:
    """The wishes of a repeated command that its campaign, begun with others, does not follow."""
    told: tuple[tuple[str, object, object], ...] = (
        ("--name", name, view.name),
        ("--rate", draft.rate, view.rate or None),
        ("--at", draft.start_at and int(draft.start_at * 1000), int(view.start_at * 1000)),
        ("--window", draft.window, view.window),
        ("--budget", draft.budget, view.budget),
        ("--on-doubt", on_doubt, view.on_doubt),
    )
    return (option for option, wished, known in told if wished is not None and wished != known)


def _partly(error: LedgerTrouble, campaign_id: str, rows_in: int, of: int | None) -> str:
    """What is so of a campaign that the ledger took only in part: what is in is being sent."""
    many = f"{rows_in} of {of} rows" if of is not None else f"{rows_in} rows"
    why = error.sentence.replace("nothing was written", "nothing more was written")
    return f"{why}. {many} are in campaign {campaign_id} and are being sent; the same command goes on from there"
