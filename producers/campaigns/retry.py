"""Retry: send again what a campaign did not bring to its recipients.

A retry takes each message of its origin once, whatever is asked for and however often: what it takes is written down
when it is begun, in the same step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Unpack

from smsq.producers.campaigns.remade import Otherwise, Remade, Remaking, many
from smsq.producers.campaigns.words import is_all_in
from smsq.producers.intake.drafts import Draft
from smsq.producers.intake.repeats import Comparison, Repeats
from smsq.worker.domain.campaign import OVER, LeftOut
from smsq.worker.domain.errors import BadInput, Conflict
from smsq.worker.domain.status import Status
from smsq.worker.gateway.channels import channel
from smsq.worker.ledger.campaigns.copying import FAILED, Copying, Selection, Wanted
from smsq.worker.ledger.campaigns.kin import Kin, RetriedMeanwhile, Retry
from smsq.worker.ledger.views import CampaignView

UNDECIDED = ("queued", "sending", "doubtful")
REASONS = tuple(Status(status).name.lower() for status in sorted(FAILED))
TRIES = 5  # to begin a retry while others begin theirs


class Retried(Remaking):
    """Campaigns of what earlier ones did not bring."""

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
            remade = self.retried(campaign_id, wanted, again=again, **otherwise)
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

    def retried(
        self, campaign_id: str, wanted: Wanted, *, again: bool = False, **otherwise: Unpack[Otherwise]
    ) -> Remade:
        """A retry before anybody agreed to it: what it takes, what stays out. Raises as `retry` does."""
        origin = self.show(campaign_id)
        if origin.recurring is not None:
            raise Conflict(
                f"campaign {origin.id} recurs, and its own messages never leave: retry one of its occurrences, which "
                "`smsq campaign list` shows"
            )
        ledger = self._smsq.runtime.ledger
        copying = self._smsq.runtime.copying(origin)
        draft = self._draft_of(origin, copying, f"retry {origin.id} {wanted.written}", otherwise)
        before = self.before(draft)
        if before is not None and before.state in OVER:
            before = None
        if before is not None:
            rows = ledger.retry_rows(origin.id, before.id) or Selection()
            kin = Kin(origin=origin.id, word="retry", rows=rows)
            if is_all_in(before):
                return Remade(
                    origin=origin, draft=draft, kin=kin, copying=copying, rows=rows,
                    before=before,
                )  # fmt: skip
            return self._compared(origin, draft, kin, copying, rows, before, again)
        _require_over(origin, wanted)
        if wanted.unsent and not again:
            self._refuse_replaced(origin)
        if ledger.has_forgotten() and not again:
            raise Conflict(
                "the ledger fell back and forgot some of what it sent, so a retry could reach some phones twice: run "
                "again the files and retries that were under way then, or add --again to take that risk"
            )
        found, retries = copying.choose(wanted), ledger.retries(origin.id)
        rows = chosen = found.rows
        for retry in retries:
            rows = rows.without(retry.rows)
        if not rows:
            raise Conflict(_nothing(origin, wanted, chosen, retries, found.erased))
        kin = Kin(origin=origin.id, word="retry", rows=rows, seen=len(retries))
        return replace(self._compared(origin, draft, kin, copying, rows, None, again), erased=found.erased)

    def _refuse_replaced(self, origin: CampaignView) -> None:
        """Raise Conflict if another campaign has taken its place: what never left of it is sent by that one."""
        heir = self._smsq.runtime.views.campaign(origin.replaced_by) if origin.replaced_by else None
        if heir is not None and (heir.state != "cancelled" or heir.fed):
            raise Conflict(
                f"campaign {origin.id} was replaced by campaign {heir.id} (`smsq campaign edit`), which sends to "
                "the same recipients: a retry of what never left would reach them twice; look at that campaign, or add "
                "--again to send the old messages too"
            )

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
                f"the texts of campaign {origin.id} are no longer kept (SMSQ_KEEP_TEXTS), so {many(len(rows))} cannot "
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
            origin=origin, draft=draft, kin=kin, copying=copying, rows=rows, before=before,
            left_out=left_out,
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
            f"campaign {origin.id} is {origin.state}, and {many(waiting)} of it are not decided yet: try again when "
            f"`smsq campaign show {origin.id}` shows none of {', '.join(UNDECIDED)}"
        )
    if wanted.parked and (parked := origin.statuses.get("parked", 0)):
        raise Conflict(
            f"{many(parked)} of campaign {origin.id} are parked: they may have arrived, so decide about them first. "
            "`smsq doubts list` shows them; `smsq doubts drop` gives one up, and then it can be retried"
        )


def _nothing(origin: CampaignView, wanted: Wanted, chosen: Selection, retries: Sequence[Retry], erased: int) -> str:
    """Why there is nothing to retry, and what can be done."""
    if not chosen:
        kinds = {"failed": wanted.failed, "never left": wanted.unsent, "was given up by a person": wanted.parked}
        what = " or ".join(name for name, is_wanted in kinds.items() if is_wanted)
        why = f" for this reason ({', '.join(wanted.reasons)})" if wanted.reasons else ""
        but = f", but for {many(erased)} whose recipients were erased" if erased else ""
        return f"no message of campaign {origin.id} {what}{why}{but}: there is nothing to retry"
    took = [retry for retry in retries if len(chosen) != len(chosen.without(retry.rows))]
    names = ", ".join(retry.id for retry in took)
    newest = took[-1].id
    return (
        f"the {many(len(chosen))} of campaign {origin.id} were retried already by campaign {names}: nothing is added; "
        f"`smsq campaign retry {newest}` reaches those that failed again"
    )
