"""Statuses of accepted messages: asked for singly, for many at once, and by pages of history."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import timedelta

from smsq.worker.actors.simulation import Simulation
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.regions import known_region
from smsq.worker.domain.status import STATUS_TABLE
from smsq.worker.domain.zones import country_of
from smsq.worker.gateway.outcomes import HistoryAnswer
from smsq.worker.ledger.places import MOST_PLACES
from smsq.worker.ledger.values import BatchView
from smsq.worker.questions import Pair
from smsq.worker.questions.asker import WITH_MONEY, Asker
from smsq.worker.questions.history import PAGE, day_of, page_of
from smsq.worker.questions.pairs import open_pairs, unpaid_pairs
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

PAGES_AT_ONCE = 10
DIGITS = 11  # of a phone in Russia
URGENT_SINGLES = 20  # codes asked about one by one in one round


class Statuses:
    """The actors that ask for statuses, in one worker process."""

    def __init__(self, runtime: Runtime, asker: Asker) -> None:
        self._rt = runtime
        self._asker = asker
        self._simulation = Simulation(runtime)
        self._history = threading.Lock()
        self._places: dict[int, str] = {}  # what this process has noted of late
        self._page_from: int | None = None  # where the next page of history begins
        self._final_to: int | None = None  # all rows up to here are final (oldest first)

    def ask_statuses(self, refs: Sequence[str], *, are_urgent: bool = False) -> None:
        """The actor: ask about the accepted messages of these batches that are not final."""
        try:
            wanted = [Ref.parse(ref) for ref in refs]
            found = self._rt.ledger.read(wanted)
            for ref, batch in zip(wanted, found, strict=True):
                if batch is None:  # it was purged: nothing is due any more
                    self._rt.ledger.asked(ref, self._rt.settings.ask_every_s)
            known = [batch for batch in found if batch is not None]
            self._ask_in_groups(self._simulation.tell(known), are_urgent=are_urgent)
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
                    self._asker.ask([pair], are_accepted=True, is_urgent=are_urgent, detail=_detail([batch]))
                    for pair in pairs
                ]
                for answer in answers:
                    self._asker.learn(answer)
                # For the cost alone a batch is asked about only a few times, so only answers count.
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
            answer = self._asker.ask(group, are_accepted=True, detail=_detail(covered))
            if answer is None:
                return
            self._asker.learn(answer)
            for batch in covered:
                self._rt.ledger.asked(batch.ref, self._rt.settings.ask_every_s)

    def read_history(self, days: int = 1) -> None:
        """The actor: read on in the account's history and merge what it shows of our messages.

        It is not known whether the gateway's pages begin with the newest or the oldest row, so both orders work. The
        walk goes on where the last one stopped; from the end it goes back to the top or, if the oldest rows come
        first, to the first row that is not final for good.
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
        today = day_of(self._rt.clock.now())
        behind_all_final = self._page_from == self._final_to
        for _ in range(PAGES_AT_ONCE):
            page = page_of(self._rt, today - timedelta(days=days), today, self._page_from)
            if page is None:
                return
            self._asker.advance(row.fact for row in page.rows if row.fact is not None)
            self._learn_places(page)
            behind_all_final = behind_all_final and not _is_newest_first(page) and self._is_past(page)
            if behind_all_final:
                self._final_to = page.last_int_id
            self._page_from = page.last_int_id
            if page.count < PAGE or page.last_int_id is None:
                self._page_from = None if _is_newest_first(page) else self._final_to
                return

    def _learn_places(self, page: HistoryAnswer) -> None:
        """Note where numbers live, for sending hours in their own time: of Russia, by the names of its regions."""
        told: dict[int, str] = {}
        for row in page.rows:
            if not isinstance(row.recipient, int) or not row.region or len(str(row.recipient)) != DIGITS:
                continue
            head = row.recipient // 10 ** (DIGITS - 7)
            if country_of(head, DIGITS) == "RU":
                zone = known_region(row.region)
                if zone is not None and self._places.get(head) != zone:
                    told[head] = zone
        if told:
            self._rt.ledger.learn_places(told)
            self._places = {**self._places, **told} if len(self._places) < MOST_PLACES else told

    def _is_past(self, page: HistoryAnswer) -> bool:
        """Whether no row of this page will change, and no new row will appear before its end."""
        past = self._rt.clock.now() - 2 * self._rt.settings.visible_s
        return (
            page.count >= PAGE
            and not page.broken
            and all(
                row.fact is not None and STATUS_TABLE[row.fact.status].is_final and row.fact.at < past
                for row in page.rows
            )
        )


def _is_newest_first(page: HistoryAnswer) -> bool:
    return len(page.rows) > 1 and page.rows[0].int_id > page.rows[-1].int_id


def _detail(batches: Sequence[BatchView]) -> int:
    return WITH_MONEY if any("1" in batch.untold for batch in batches) else 0
