"""Campaigns: a file, or rows that a program has at hand, becomes a named set of batches.

What a campaign is called by is the digest of its rows, text and options. Run again while it is unfinished,
it goes on at the range where it stood; finished, it is refused with its id. A file is read to its end
once before the first range goes in, so that a spoiled one enrols nothing.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Unpack

from smsq.producers import preflight, waits
from smsq.producers.drafts import AnyRow, Draft, How, draft, money_of, ranges
from smsq.producers.installation import Installation
from smsq.producers.moments import plain
from smsq.producers.progress import NEVER_LEFT, UNSENT, Watch
from smsq.worker.domain.campaign import Range
from smsq.worker.domain.errors import BadInput, BudgetSpent, LedgerTrouble, SmsqError
from smsq.worker.domain.receipt import Receipt
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.views import CampaignView, Failure

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
        window, budget, doubts) is not applied; `resume` sets another budget. A `budget` needs workers that can say
        what a part costs; raises Unreachable where none is up.
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
        return waits.why(runtime.views, view, runtime.clock.now(), runtime.settings.parallel_sends)

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

    def resume(self, campaign_id: str, *, budget: Decimal | int | str | None = None) -> CampaignView:
        """Go on at the exact next row.

        `budget` (in the account's currency, what is spent already included) holds from now on, for a campaign that
        runs too. Raises BudgetSpent with the least that would do where the budget lets nothing more leave: the
        campaign stays as it was. Raises BadInput for what is no amount of money.
        """
        view = self.show(campaign_id)
        money = money_of(budget)
        if money is None and view.state in REACHED["resume"]:
            return view
        _require(view, "resume", (*REACHED["resume"], "paused"))
        price = part_price(view) if money is not None else None
        try:
            self._smsq.runtime.ledger.control(campaign_id, "resume", budget=money, part_price=price)
        except BudgetSpent as error:
            raise _spent(self.show(campaign_id), money, error.least) from None
        return self.show(campaign_id)

    def cancel(self, campaign_id: str) -> CampaignView:
        """Send no more of it, ever, without asking; what the gateway has already is followed to its end.

        It is one write whatever the campaign's size; its messages end as cancelled soon after, while a scheduler is up.
        """
        return self._control(campaign_id, "cancel")

    def failures(self, view: CampaignView) -> Sequence[Failure]:
        """Why its messages failed, the most frequent reason first."""
        return self._smsq.runtime.views.failures(view)

    def report(self, campaign_id: str) -> Iterator[Receipt]:
        """Every row in the file's order, rejected ones included; streamed."""
        self.show(campaign_id)
        return self._smsq.runtime.views.report(campaign_id)

    def _control(self, campaign_id: str, verb: str) -> CampaignView:
        """Raises SmsqError where it cannot be done any more; what is so already stays as it is."""
        view = self.show(campaign_id)
        if view.state in REACHED[verb]:
            return view
        _require(view, verb, ("enrolling", "running", "paused"))
        self._smsq.runtime.ledger.control(campaign_id, verb, "a person said so")
        return self.show(campaign_id)


def _require(view: CampaignView, verb: str, states: Sequence[str]) -> None:
    if view.state not in states:
        raise SmsqError(f"campaign {view.id} is {view.state}: there is nothing to {verb}")


def part_price(view: CampaignView) -> Decimal | None:
    """What a part of a campaign costs, by what was charged, where it was begun without a price; None for any other.

    Raises SmsqError where nothing was charged yet.
    """
    if view.part_price:
        return None
    left = view.messages - sum(view.statuses.get(name, 0) for name in (*UNSENT, *NEVER_LEFT, "doubtful", "parked"))
    charged = Decimal(view.parts * left) / max(1, view.messages) - view.unpriced
    if not view.cost or charged <= 0:
        raise SmsqError(
            f"campaign {view.id} was begun while its price was not known, and nothing was charged yet: a budget cannot "
            "be kept; try again once something of it was sent"
        )
    return view.cost / charged


def _spent(view: CampaignView, wished: Decimal | None, least: Decimal) -> BudgetSpent:
    """The refusal with its reasons: what is spent, what is not told yet, what would do."""
    budget = plain(wished if wished is not None else view.budget)
    expected = f" and about {plain(round(view.expected, 2))} not told yet" if view.expected else ""
    stays = "stays paused" if view.state == "paused" else "keeps its budget"
    return BudgetSpent(
        view.id,
        least,
        f"campaign {view.id} {stays}: {plain(view.cost)} of it is spent{expected}, and a budget of {budget} lets "
        f"nothing more leave; its next batch needs `smsq campaign resume {view.id} --budget {plain(least)}` or more",
    )


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
