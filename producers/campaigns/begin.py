"""Begin a campaign: read its rows, compare them with what was sent, enrol them range by range."""

from __future__ import annotations

import collections
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, Unpack, overload

from smsq.producers.campaigns.foretold import Foretold
from smsq.producers.campaigns.replacing import EDITED_WHILE_PAUSED, give_way, hold, was_paused
from smsq.producers.campaigns.screens import Screening
from smsq.producers.campaigns.words import is_all_in, partly, sent_already
from smsq.producers.campaigns.zoned import OUTAGE_S, Zoned
from smsq.producers.files import GivenFile, named, with_files
from smsq.producers.intake import preflight
from smsq.producers.intake.drafts import Draft, How, draft, ranges
from smsq.producers.intake.known_keys import KnownKeys, has_keys
from smsq.producers.intake.preflight import Preflight
from smsq.producers.intake.repeats import Comparison, Repeats, check_flags, decided
from smsq.producers.intake.screening import screened
from smsq.producers.intake.sources import AnyRows
from smsq.producers.templates import text_of
from smsq.worker.domain.batch import Options
from smsq.worker.domain.campaign import OVER, LeftOut, Range
from smsq.worker.domain.errors import BadInput, Conflict, LedgerTrouble
from smsq.worker.gateway.options import accepted
from smsq.worker.ledger.campaigns.kin import Compared, Kin, OthersMeanwhile
from smsq.worker.ledger.values import Opened, Plan
from smsq.worker.ledger.views import CampaignView

log = logging.getLogger(__name__)

OTHERS_S = 60.0  # to wait for other campaigns with the same text that take rows; a million take 20 s
OTHERS_LOOK_S = 0.2


class Begun(Zoned, Screening, Foretold):
    """Campaigns that are begun, or go on where their enrolment stopped."""

    @overload
    def run(
        self,
        rows: AnyRows,
        *,
        text: str | None = None,
        template: str | None = None,
        again: bool = False,
        only_new: bool = False,
        enrolled: Callable[[int], None] = lambda rows: None,
        files: Sequence[GivenFile] = (),
        dry_run: Literal[False] = False,
        **how: Unpack[How],
    ) -> CampaignView: ...
    @overload
    def run(
        self,
        rows: AnyRows,
        *,
        text: str | None = None,
        template: str | None = None,
        again: bool = False,
        only_new: bool = False,
        enrolled: Callable[[int], None] = lambda rows: None,
        files: Sequence[GivenFile] = (),
        dry_run: Literal[True],
        **how: Unpack[How],
    ) -> Preflight: ...
    def run(
        self,
        rows: AnyRows,
        *,
        text: str | None = None,
        template: str | None = None,
        again: bool = False,
        only_new: bool = False,
        enrolled: Callable[[int], None] = lambda rows: None,
        files: Sequence[GivenFile] = (),
        dry_run: bool = False,
        **how: Unpack[How],
    ) -> CampaignView | Preflight:
        """Enrol a campaign and return it; the workers send it. Unlike the command, this does not ask about the price.

        `rows` is the path of a file (CSV, JSON lines or XLSX, perhaps packed by gzip), a list of several such
        `Path`s, or an iterable of mappings, of sequences (then `columns` names their values), or of plain phones.
        `text` may hold `{column}`; `template` is a saved one instead, such as `welcome` or `welcome@3`. `how` is
        anything of `How`. `enrolled` is called with the number of rows enrolled so far. `files` go with every message,
        as in `Smsq.send`. Some rows may have been sent already, with the same text and sender, by a campaign that is
        still kept: `only_new` leaves them out, `again` sends them once more.

        Raises BadInput if nothing can be sent; Conflict with the old id if rows or the whole campaign were sent before
        and neither `only_new` nor `again` is set; LedgerTrouble if the ledger takes nothing more. The same call goes
        on later. It keeps the name, rate, moment, window, budget and `on_doubt` that the campaign began with;
        `resume` sets another budget. A `budget` needs a worker to ask for the price of a part: raises Unreachable if
        none is up. With `dry_run` nothing is written, and no price is asked for: it returns what would be enrolled, and
        raises the same errors.
        """
        check_flags(again=again, only_new=only_new)
        said, saved_as, language = text_of(self._smsq, text, template)
        how["language"] = how.get("language") or language
        options, guests = how.get("options") or Options(), self._smsq.settings.guests
        transport = self._smsq.settings.transport
        if dry_run:
            how["options"] = named(self._smsq.settings, options, files)
            drafted = replace(draft(rows, text=said, guests=guests, transport=transport, **how), saved_as=saved_as)
            return self.would_run(drafted, again=again, only_new=only_new)
        how["options"] = with_files(self._smsq.runtime, options, files)
        drafted = replace(draft(rows, text=said, guests=guests, transport=transport, **how), saved_as=saved_as)
        self.check_carried(drafted)
        before = self.before(drafted)
        if before is not None and is_all_in(before):
            return before
        if before is not None and before.state in OVER:
            if not (again or only_new):
                raise Conflict(sent_already(before))
            before = None
        self.check_moment(drafted, before)
        drafted, found, _ = self.compared(drafted, before, again=again, only_new=only_new)
        if drafted.choice.left_out is not None and before is None:
            preflight.require_some(found or self.look(drafted))
        if drafted.budget is not None:
            found = found or self.look(drafted)
            cost = preflight.price(found, drafted.template, drafted.options, self._smsq.price).cost
            drafted = replace(drafted, part_price=cost / max(1, found.parts))
        elif found is None:
            # A quote that never closes is found before anything is enrolled.
            collections.deque(drafted.source.rows(), maxlen=0)
        return self.enrol(drafted, again=again or only_new, enrolled=enrolled)

    def would_run(
        self,
        drafted: Draft,
        *,
        again: bool = False,
        only_new: bool = False,
        seen: Callable[[int], None] = lambda rows: None,
    ) -> Preflight:
        """What `run` would enrol; nothing is written, and no price is asked for. Raises what `run` would."""
        self.check_carried(drafted)
        before = self.before(drafted)
        if before is not None and before.state in OVER:
            if not (again or only_new):
                raise Conflict(sent_already(before))
            before = None
        self.check_moment(drafted, before)
        if before is None or not is_all_in(before):
            drafted, found, _ = self.compared(drafted, before, again=again, only_new=only_new, seen=seen)
            found = found or self.look(drafted, seen=seen)
        else:
            found = self.look(self.known(drafted, before), seen=seen)
        if before is None:
            preflight.require_some(found)
        found.continues = before.id if before is not None else ""
        return found

    def comparison(self, draft: Draft, before: CampaignView | None = None) -> Comparison:
        """What compares a draft with messages sent lately; `before` is its own unfinished campaign."""
        besides, after = (before.id, before.rows) if before is not None else ("", 0)
        return Comparison(self._smsq.runtime, draft, besides=besides, after_row=after, known=(draft.replaces,))

    def look(
        self,
        draft: Draft,
        comparison: Comparison | KnownKeys | None = None,
        *,
        seen: Callable[[int], None] = lambda rows: None,
    ) -> Preflight:
        """Read a draft to its end and count what it would become; `comparison` collects its rows on the way."""
        return preflight.look(
            draft.source.rows(),
            draft.template,
            region=draft.region,
            options=draft.options,
            per_row=draft.per_row,
            zoning=draft.zoning,
            seen=seen,
            left_out=draft.choice.left_out,
            screen=self.capped_of(draft),
            heard=comparison.add if comparison is not None else lambda part: None,
            guests=draft.guests,
        )

    def compared(
        self,
        draft: Draft,
        before: CampaignView | None,
        *,
        again: bool = False,
        only_new: bool = False,
        seen: Callable[[int], None] = lambda rows: None,
    ) -> tuple[Draft, Preflight | None, Repeats]:
        """Decide what becomes of rows that were sent already: the draft to enrol, its preflight, and those rows.

        The preflight is None if there is nothing to compare with. Raises Conflict if there are such rows and neither
        `again` nor `only_new` is set.
        """
        if before is not None:
            kept = self._smsq.runtime.ledger.left_out(before.id)
            draft = replace(draft, choice=replace(draft.choice, left_out=kept))
        draft = self._without_known_keys(self.known(draft, before), before)
        comparison = self.comparison(draft, before)
        draft = replace(draft, choice=replace(draft.choice, against=comparison.against, kept=comparison.kept))
        if not comparison.is_needed:
            return decided(draft, Repeats(), before, 0, again=again, only_new=only_new), None, Repeats()
        found = self.look(draft, comparison, seen=seen)
        repeats = comparison.repeats()
        settled = decided(draft, repeats, before, found.rows, again=again, only_new=only_new)
        if settled.choice.left_out is not draft.choice.left_out:
            found = self.look(settled)
        return settled, found, repeats

    def _without_known_keys(self, draft: Draft, before: CampaignView | None) -> Draft:
        """The draft without rows whose keys are in earlier campaigns."""
        if not has_keys(draft):
            return draft
        keys = KnownKeys(self._smsq.runtime, draft.replaces, before.id if before is not None else "")
        choice = replace(draft.choice, keys_against=keys.against, overtakes=keys.unfinished)
        if keys.against:
            self.look(draft, keys)
            if found := keys.sent():
                sent = [(view.id, view.first_sent_at or view.created_at, rows) for view, rows in found]
                choice = replace(choice, left_out=LeftOut.of(sent, choice.left_out))
        return replace(draft, choice=choice)

    def enrol(
        self,
        draft: Draft,
        *,
        again: bool = False,
        enrolled: Callable[[int], None] = lambda rows: None,
        of: int | None = None,
        told: Callable[[str], None] = log.warning,
    ) -> CampaignView:
        """Enrol every row, range by range, going on where an earlier run stopped; `of` is how many rows there are.

        Raises BadInput, and enrols nothing, if the file has changed since it was read. If it changes during enrolment,
        `told` is called with a sentence, and what was read is what is enrolled. Raises Conflict if another campaign
        has sent some of the rows since they were compared, LedgerTrouble with the number of rows enrolled if the
        ledger takes no more.
        """
        smsq, ledger = self._smsq, self._smsq.runtime.ledger
        smsq.check_account()
        self.check_carried(draft)
        if changed := draft.source.changed():
            raise BadInput(f"{changed}: nothing was enrolled; run the same command again to see what it holds now")
        self.check_cut(draft)
        draft = self._look_round(draft)
        plan = draft.plan(smsq.settings.batch_size, smsq.runtime.clock.now())
        plan = replace(plan, screened=smsq.patiently(ledger.screening_number, outage_s=OUTAGE_S))
        kin = Kin(origin=draft.replaces, word="edit") if draft.replaces else None
        old = hold(smsq, draft.replaces) if draft.replaces else None

        def begin() -> Opened:
            nonlocal draft
            give_up = smsq.runtime.clock.monotonic() + OTHERS_S
            while True:
                try:
                    return self._open(draft, plan, again=again, kin=kin)
                except OthersMeanwhile:  # while this waited for the ledger, or for them
                    if smsq.runtime.clock.monotonic() >= give_up:
                        raise
                    smsq.runtime.clock.wait(OTHERS_LOOK_S)
                    draft = self._look_round(draft)

        opened = smsq.patiently(begin, outage_s=OUTAGE_S)
        if not opened.created:
            draft = self._as_begun(draft, opened)
        if old is not None and was_paused(old):
            ledger.control(opened.id, "pause", EDITED_WHILE_PAUSED)
        draft = self.with_places_of(draft, opened)
        rows = rows_in = 0
        try:
            for part in ranges(draft, opened.batch_size):
                rows += part.rows
                if part.n > opened.ranges:
                    self._enrol_range(opened.id, part, rows, draft)
                rows_in = rows
                enrolled(rows)
            if changed := draft.source.changed():
                told(f"{changed}: campaign {opened.id} sends what it held before; run the same command for what is new")
            smsq.patiently(lambda: ledger.close_campaign(opened.id), outage_s=OUTAGE_S)
            if old is not None:
                give_way(smsq, old, opened.id)
        except LedgerTrouble as error:
            raise type(error)(partly(error, opened.id, rows_in, of)) from None
        return self.show(opened.id)

    def _open(self, draft: Draft, plan: Plan, *, again: bool, kin: Kin | None) -> Opened:
        """Begin it, unless other campaigns were begun or took rows since its rows were compared: OthersMeanwhile."""
        choice, compared = draft.choice, None
        if choice.against is not None and choice.word != "again":
            compared = Compared(kept=choice.kept, rows=sorted(choice.against))
        return self._smsq.runtime.ledger.open_campaign(
            plan, again=again, left_out=choice.left_out, overtakes=choice.overtakes, kin=kin, compared=compared
        )

    def _look_round(self, draft: Draft) -> Draft:
        """Raise Conflict if another campaign has sent rows since they were compared, which may be long ago.

        Returns the draft with campaigns that it overtakes by now.
        """
        if draft.choice.keys_against is not None:
            draft = self._look_round_for_keys(draft)
        choice = draft.choice
        if choice.against is None or choice.word == "again":
            return draft
        known = self.before(draft)
        if known is not None and known.state not in OVER and known.id != choice.continues:
            return draft  # another producer has begun the very same, and compared it
        comparison = self.comparison(draft, self.show(choice.continues) if choice.continues else None)
        draft = replace(draft, choice=replace(choice, against=comparison.against, kept=comparison.kept))
        if comparison.against == choice.against:
            return draft
        self.look(draft, comparison)
        repeats = comparison.repeats()
        if repeats.sent or repeats.unknown:
            said = repeats if repeats.sent else repeats.unknown_said
            raise Conflict(f"meanwhile {said}: nothing was enrolled; run the same command again")
        return draft

    def _look_round_for_keys(self, draft: Draft) -> Draft:
        """The same for the keys of rows."""
        known = self.before(draft)
        own = known.id if known is not None and known.state not in OVER else ""
        keys = KnownKeys(self._smsq.runtime, draft.replaces, own)
        if keys.against == draft.choice.keys_against:
            return draft
        self.look(draft, keys)
        if sent := keys.sent():
            view, rows = sent[0]
            raise Conflict(
                f"meanwhile campaign {view.id} was begun, which has {len(rows)} of these keys: nothing was enrolled; "
                "run the same command again"
            )
        overtakes = dict.fromkeys((*draft.choice.overtakes, *keys.unfinished))
        return replace(draft, choice=replace(draft.choice, overtakes=tuple(overtakes)))

    def _as_begun(self, draft: Draft, opened: Opened) -> Draft:
        """The draft of a campaign that goes on, without the rows that the campaign leaves out."""
        ledger, choice = self._smsq.runtime.ledger, draft.choice
        if choice.continues == opened.id:
            ledger.go_on(opened.id, choice.left_out)
            return draft
        # Another producer has begun it meanwhile.
        return replace(draft, choice=replace(choice, left_out=ledger.left_out(opened.id)))

    def _enrol_range(self, campaign_id: str, part: Range, rows: int, draft: Draft) -> None:
        now = self._smsq.runtime.clock.now()
        met: list[tuple[str, str]] = []
        screen = self.screen_of(draft, met)
        left = self._smsq.patiently(lambda: screened(part, screen, draft.options), outage_s=OUTAGE_S)
        batches = [
            replace(batch, options=accepted(batch.options, now)) if batch.options is not None else batch
            for batch in left.batches
        ]

        def verb() -> bool:
            return self._smsq.runtime.ledger.enrol_range(
                campaign_id,
                part.n,
                batches,
                left.rejects,
                rows,
                channel=draft.options.channel,
                on_doubt=draft.on_doubt,
                behind=part.behind,
                zones=part.zones,
            )

        if self._smsq.patiently(verb, outage_s=OUTAGE_S) and met:
            self._smsq.runtime.ledger.count_countries(met)
