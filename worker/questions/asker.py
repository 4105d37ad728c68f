"""Asking: what became of accepted messages, by single questions, mass questions and pages of history."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.receipt import MAX_IDS, unpack
from smsq.worker.domain.status import STATUS_TABLE, IdState, Status
from smsq.worker.gateway.http import client_forms
from smsq.worker.gateway.http.client_replies import HistoryAnswer, StatusAnswer, read_history, read_statuses
from smsq.worker.ledger.values import BatchView
from smsq.worker.metrics import host_of
from smsq.worker.questions.exchange import HEDGE_AFTER_S, HISTORY, STATUS, ask_any, ask_mirror, hedge, within
from smsq.worker.questions.permits import leave, may_ask, note_error, places
from smsq.worker.runtime import Runtime
from smsq.worker.transports import MAX_PAGE

log = logging.getLogger(__name__)

ASKS_A_MINUTE = (
    4  # of the gateway's five for one message (its manual, chapter on statuses); a minute is `mass_ask_every_s`
)
LONGEST_VISIBLE_S = 3600.0  # what shows later than that is a curiosity, and must not stretch the window for all
WITH_MONEY = 2  # the gateway's `all`: what a message cost, and its parts (PROTOCOL D.4)
PAGES_AT_ONCE = 10
URGENT_SINGLES = 20  # codes that are asked about one by one in one round
PAGE = 1000  # rows of history in one answer, the most the gateway gives
MOSCOW = timezone(timedelta(hours=3))  # dates of history are the account's, Moscow unless changed (assumed)

Pair = tuple[int, int]  # gateway id, phone


class Asker:
    """The questions of one worker process; it keeps to the limits of the login with every other process."""

    def __init__(self, runtime: Runtime, *, hedge_after_s: float = HEDGE_AFTER_S) -> None:
        self._rt = runtime
        self._hedge_after_s = hedge_after_s
        self._lock = threading.Lock()
        self._missing: dict[Pair, float] = {}  # not shown when first asked about, by Redis' time
        self._history = threading.Lock()
        self._page_from: int | None = None  # where the next page of history begins
        self._final_to: int | None = None  # everything up to here is final for good (oldest first)

    def ask_statuses(self, refs: Sequence[str], *, are_urgent: bool = False) -> None:
        """The actor: ask about the accepted messages of these batches that are not final."""
        try:
            wanted = [Ref.parse(ref) for ref in refs]
            found = self._rt.ledger.read(wanted)
            for ref, batch in zip(wanted, found, strict=True):
                if batch is None:  # it was purged: nothing is due any more
                    self._rt.ledger.asked(ref, self._rt.settings.ask_every_s)
            self._ask_in_groups([batch for batch in found if batch is not None], are_urgent=are_urgent)
        except LedgerTrouble as error:
            log.warning("ledger in trouble while asking why=%s", error.sentence)

    def ask_urgent_statuses(self, refs: Sequence[str]) -> None:
        """The actor: the same for codes, on threads and permits of their own."""
        self.ask_statuses(refs, are_urgent=True)

    def _ask_in_groups(self, batches: Sequence[BatchView], *, are_urgent: bool) -> None:
        waiting = [(batch, pairs) for batch in batches if (pairs := [*open_pairs(batch), *unpaid_pairs(batch)])]
        for batch in batches:
            if not open_pairs(batch) and not unpaid_pairs(batch):
                self._rt.ledger.asked(batch.ref, self._rt.settings.ask_every_s)
        few = [(batch, pairs) for batch, pairs in waiting if len(pairs) <= 2]
        if len(few) <= (URGENT_SINGLES if are_urgent else self._rt.settings.parallel_asks * 2):
            for batch, pairs in few:
                answers = [
                    self.ask([pair], are_accepted=True, is_urgent=are_urgent, detail=_detail([batch])) for pair in pairs
                ]
                for answer in answers:
                    self.learn(answer)
                # Of money alone it is asked a few times, so only answers count.
                if open_pairs(batch) or any(answer and answer.is_about_messages for answer in answers):
                    self._rt.ledger.asked(batch.ref, self._rt.settings.ask_every_s)
            waiting = [(batch, pairs) for batch, pairs in waiting if len(pairs) > 2]
        size = self._rt.settings.mass_ask_size
        group: list[Pair] = []
        covered: list[BatchView] = []
        for batch, pairs in waiting:
            start = batch.asked * size % len(pairs)  # another part of a large batch every time
            group += [*pairs[start:], *pairs[:start]][: size - len(group)]
            covered.append(batch)
            if len(group) >= size:
                break
        if len(group) > 1 or waiting:
            answer = self.ask(group, are_accepted=True, detail=_detail(covered))
            if answer is None:
                return
            self.learn(answer)
            for batch in covered:
                self._rt.ledger.asked(batch.ref, self._rt.settings.ask_every_s)

    def ask(
        self,
        pairs: Sequence[Pair],
        mirror: str | None = None,
        *,
        patience_s: float = 2.0,
        first: Callable[[], bool] | None = None,
        are_accepted: bool = False,
        spared: int = 0,
        is_urgent: bool = False,
        detail: int = WITH_MONEY,
    ) -> StatusAnswer | None:
        """One question about one or many messages; None where there was no leave or no answer.

        `first` is done between the leave and the question, which is not put where it answers False.
        `are_accepted` where the gateway said so of each: then how late they show is measured. `spared` of the
        questions that a minute allows about one message are left to others. An urgent one may use every place for
        questions, any other leaves one to those; a question about many waits for a code's that is due. `detail` 0
        leaves out what they cost and their parts, where that is known: such an answer is shorter by ten times.
        """
        settings = self._rt.settings
        if not may_ask(self._rt) or (len(pairs) > 1 and not is_urgent and self._rt.ledger.has_urgent_doubt()):
            return None
        limits = self._limits(pairs, spared)
        most = places(settings.parallel_asks, is_urgent=is_urgent)
        with leave(self._rt, "ask", most, limits, patience_s=patience_s, is_prepared=first is None) as until:
            if not until or (first is not None and not first()) or self._rt.clock.monotonic() > until:
                return None
            asked_at = self._rt.ledger.time()
            body = client_forms.ask(self._rt.login, pairs, detail=detail)
            if mirror is None:
                answer = ask_any(self._rt, STATUS, body, max_reply=MAX_PAGE)
                if answer is None:
                    return None
                mirror, reply = answer.mirror, answer.reply
            else:
                said = ask_mirror(self._rt, mirror, STATUS, body, max_reply=MAX_PAGE)
                if said is None:
                    return None
                reply = said
        read = read_statuses(reply.status, reply.body, pairs)
        if read.error is not None:
            note_error(self._rt, "status", read.error)
        (self._rt.mirrors.good if read.is_well_formed else self._rt.mirrors.unknown)(mirror)
        if are_accepted:
            self._watch_visibility(read, asked_at)
        return read

    def _watch_visibility(self, answer: StatusAnswer, asked_at: float) -> None:
        """How late accepted messages show: each that was missing at first and is found now."""
        with self._lock:
            if len(self._missing) > 10_000:
                self._missing.clear()
            for pair in answer.absent:
                self._missing.setdefault(pair, asked_at)
            shown = [
                asked_at - since
                for found in answer.facts
                if (since := self._missing.pop((found.gateway_id, found.phone), None)) is not None
            ]
        if shown:
            self._rt.ledger.note_visible(min(max(shown), LONGEST_VISIBLE_S))

    def ask_at_once(self, pair: Pair, within_s: float) -> None:
        """Put a question about one message that was accepted, if there is leave, and wait so long for its answer."""
        pairs = [pair]
        within(lambda: self.learn(self.ask(pairs, patience_s=0.0, are_accepted=True, is_urgent=True)), within_s)

    def ask_for(self, pair: Pair, *, is_hedged: bool) -> tuple[int, bool]:
        """A question about one message: whether it moved, and whether some mirror answered that it is not there.

        A hedged one is put to a second mirror too where the first is slow: only where there is leave at once, and
        never as the minute's last question.
        """
        answers: list[StatusAnswer] = []

        def put(mirror: str | None = None, *, patience_s: float = 2.0, spared: int = 0) -> int:
            answer = self.ask([pair], mirror, patience_s=patience_s, spared=spared, is_urgent=is_hedged)
            if answer is not None:
                answers.append(answer)
            return self.learn(answer)

        mirrors = self._rt.mirrors
        first = mirrors.next_to_ask()
        other = mirrors.next_to_ask({first}) if first is not None else None
        if not is_hedged or other is None or other in mirrors.tripped():
            moved = put()
        else:
            moved = hedge(put, lambda: put(other, patience_s=0.0, spared=1), self._hedge_after_s)
        return moved, any(pair in (*answer.absent, *answer.no_money) for answer in answers)

    def _limits(self, pairs: Sequence[Pair], spared: int) -> dict[str, tuple[int, float]]:
        """What the gateway counts of such a question: for one message, or one for many."""
        minute_s = self._rt.settings.mass_ask_every_s
        if len(pairs) > 1:
            return {"mass": (1, minute_s)}
        return {f"ask:{pairs[0][0]}": (ASKS_A_MINUTE - spared, minute_s)}

    def learn(self, answer: StatusAnswer | None) -> int:
        """Merge what an answer proves; how many messages moved."""
        if answer is None or not answer.facts:
            return 0
        return self._advance(answer.facts)

    def learn_page(self, http_status: int, body: bytes) -> int:
        """Merge what a page of history proves; how many messages moved."""
        return self._advance(row.fact for row in read_history(http_status, body).rows if row.fact is not None)

    def _advance(self, facts: Iterable[Fact]) -> int:
        """Merge facts; what a doubt becomes by them is asked about as soon as what was accepted."""
        return self._rt.ledger.advance(list(facts), self._rt.settings.ask_every_s[0])

    def read_history(self, days: int = 1) -> None:
        """The actor: walk on through the account's history and merge what it shows of ours.

        In which order the gateway pages is not known, so both are taken: the walk goes on where the
        last one stopped, and from the end back to the top or, oldest first, behind what is final for good.
        """
        if not self._history.acquire(blocking=False):
            return  # another thread is walking
        try:
            self._walk(days)
        except LedgerTrouble as error:
            log.warning("ledger in trouble while reading history why=%s", error.sentence)
        finally:
            self._history.release()

    def _walk(self, days: int) -> None:
        today = datetime.now(UTC).astimezone(MOSCOW).date()
        behind_all_final = self._page_from == self._final_to
        for _ in range(PAGES_AT_ONCE):
            page = self._page(today - timedelta(days=days), today, self._page_from)
            if page is None:
                return
            self._advance(row.fact for row in page.rows if row.fact is not None)
            behind_all_final = behind_all_final and not _is_newest_first(page) and self._is_past(page)
            if behind_all_final:
                self._final_to = page.last_int_id
            self._page_from = page.last_int_id
            if page.count < PAGE or page.last_int_id is None:
                self._page_from = None if _is_newest_first(page) else self._final_to
                return

    def _is_past(self, page: HistoryAnswer) -> bool:
        """Whether nothing on this page will change, nor anything become visible in front of its end."""
        past = self._rt.clock.now() - 2 * self._rt.settings.visible_s
        return (
            page.count >= PAGE
            and not page.broken
            and all(
                row.fact is not None and STATUS_TABLE[row.fact.status].is_final and row.fact.at < past
                for row in page.rows
            )
        )

    def _page(self, start: object, end: object, before: int | None) -> HistoryAnswer | None:
        if not may_ask(self._rt):
            return None
        with leave(self._rt, "ask", places(self._rt.settings.parallel_asks), {}) as may:
            if not may:
                return None
            body = client_forms.history(self._rt.login, start, end, prev_id=before, count=PAGE)  # type: ignore[arg-type]
            answer = ask_any(self._rt, HISTORY, body, max_reply=MAX_PAGE)
        if answer is None:
            return None
        page = read_history(answer.reply.status, answer.reply.body)
        if page.error is not None:
            note_error(self._rt, "history", page.error)
            return None
        if not page.is_page:  # no last page either: the walk goes on from here another time
            log.warning("history cannot be read mirror=%s why=%s", host_of(answer.mirror), page.sentence)
            return None
        return page


def _is_newest_first(page: HistoryAnswer) -> bool:
    return len(page.rows) > 1 and page.rows[0].int_id > page.rows[-1].int_id


def open_pairs(batch: BatchView) -> list[Pair]:
    """Which (gateway id, phone) of a batch are accepted and not final."""
    pairs = []
    for index, phone in enumerate(batch.phones):
        status = Status(batch.status(index))
        if not STATUS_TABLE[status].is_final:
            gateway_id = _carrier(batch, index)
            if gateway_id:
                pairs.append((gateway_id, phone))
    return pairs


def _carrier(batch: BatchView, index: int) -> int:
    """Under which id a message is asked about: the one that its receipt names; 0 where none of its ids may live."""
    live = [i for i in batch.ids if i.holds(index) and i.state != IdState.ABSENT]
    if not live:
        return 0
    place = unpack(batch.receipts, index).id_index
    # The place is a nibble: from the fifteenth id on it means the newest that carried the message.
    return (batch.ids[place - 1] if 0 < place < MAX_IDS else live[-1]).gateway_id


def unpaid_pairs(batch: BatchView) -> list[Pair]:
    """Which final messages of a batch are still to be asked about, since the gateway did not say what they cost."""
    if "1" not in batch.untold:
        return []
    return [
        (gateway_id, phone)
        for index, phone in enumerate(batch.phones)
        if batch.is_untold(index)
        and STATUS_TABLE[Status(batch.status(index))].is_final
        and (gateway_id := _carrier(batch, index))
    ]


def _detail(batches: Sequence[BatchView]) -> int:
    return WITH_MONEY if any("1" in batch.untold for batch in batches) else 0
