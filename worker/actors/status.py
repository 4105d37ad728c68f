"""Asking: what became of accepted messages, by single questions, mass questions and pages of history."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from worker.actors.gateway import HISTORY, STATUS, ask_any, ask_mirror
from worker.domain.batch import Ref
from worker.domain.errors import LedgerTrouble
from worker.domain.status import STATUS_TABLE, IdState, Status
from worker.gateway import forms
from worker.gateway.replies import Found, HistoryAnswer, StatusAnswer, read_history, read_statuses
from worker.ledger import Fact
from worker.ledger.values import BatchView
from worker.runtime import Runtime
from worker.transports import MAX_PAGE

log = logging.getLogger(__name__)

ASKS_A_MINUTE = (
    4  # of the gateway's five for one message (its manual, chapter on statuses); a minute is `mass_ask_every_s`
)
PAGES_AT_ONCE = 10
PAGE = 1000  # rows of history in one answer, the most the gateway gives
MOSCOW = timezone(timedelta(hours=3))  # dates of history are the account's, Moscow unless changed (assumed)

Pair = tuple[int, int]  # gateway id, phone


class Asker:
    """The questions of one worker process; it keeps to the limits of the login with every other process."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def ask_statuses(self, refs: Sequence[str]) -> None:
        """The actor: ask about the accepted messages of these batches that are not final."""
        try:
            batches = [batch for batch in self._rt.ledger.read([Ref.parse(ref) for ref in refs]) if batch is not None]
            self._ask_in_groups(batches)
        except LedgerTrouble as error:
            log.warning("ledger in trouble while asking why=%s", error.sentence)

    def _ask_in_groups(self, batches: Sequence[BatchView]) -> None:
        waiting = [(batch, pairs) for batch in batches if (pairs := open_pairs(batch))]
        for batch in batches:
            if not open_pairs(batch):
                self._rt.ledger.asked(batch.ref, self._rt.settings.ask_every_s)
        few = [(batch, pairs) for batch, pairs in waiting if len(pairs) <= 2]
        if len(few) <= self._rt.settings.parallel_asks * 2:
            for batch, pairs in few:
                for pair in pairs:
                    self.learn(self.ask([pair]))
                self._rt.ledger.asked(batch.ref, self._rt.settings.ask_every_s)
            waiting = [(batch, pairs) for batch, pairs in waiting if len(pairs) > 2]
        size = self._rt.settings.mass_ask_size
        group: list[Pair] = []
        covered: list[BatchView] = []
        for batch, pairs in waiting:
            group += pairs[: size - len(group)]
            covered.append(batch)
            if len(group) >= size:
                break
        if len(group) > 1 or waiting:
            answer = self.ask(group)
            if answer is None:
                return
            self.learn(answer)
            for batch in covered:
                self._rt.ledger.asked(batch.ref, self._rt.settings.ask_every_s)

    def ask(self, pairs: Sequence[Pair], mirror: str | None = None, *, patience_s: float = 2.0) -> StatusAnswer | None:
        """One question about one or many messages; None where there was no leave or no answer."""
        token = secrets.token_hex(8)
        if not self._leave(token, pairs, patience_s):
            return None
        try:
            body = forms.ask(self._rt.login, pairs)
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
        finally:
            self._rt.ledger.give_back("ask", token)
        read = read_statuses(reply.status, reply.body, pairs)
        if read.error is not None:
            self._rt.metrics.gateway_error("status", read.error)
        (self._rt.mirrors.good if read.is_well_formed else self._rt.mirrors.unknown)(mirror)
        return read

    def _leave(self, token: str, pairs: Sequence[Pair], patience_s: float) -> bool:
        settings = self._rt.settings
        if len(pairs) == 1:
            limits: dict[str, tuple[int, float]] = {f"ask:{pairs[0][0]}": (ASKS_A_MINUTE, settings.mass_ask_every_s)}
        else:
            limits = {"mass": (1, settings.mass_ask_every_s)}
        until = self._rt.clock.monotonic() + patience_s
        while True:
            wait = self._rt.ledger.take("ask", token, settings.parallel_asks, settings.read_timeout_s + 10, limits)
            if wait == 0.0:
                return True
            if self._rt.clock.monotonic() + wait > until or self._rt.stopping.is_set():
                return False
            self._rt.clock.wait(wait, self._rt.stopping)

    def learn(self, answer: StatusAnswer | None) -> int:
        """Merge what an answer proves; how many messages moved."""
        if answer is None or not answer.found:
            return 0
        return self._rt.ledger.advance([fact_of(found) for found in answer.found])

    def read_history(self, days: int = 1) -> None:
        """The actor: walk the newest pages of the account's history and merge what they show of ours."""
        try:
            self._walk(days)
        except LedgerTrouble as error:
            log.warning("ledger in trouble while reading history why=%s", error.sentence)

    def _walk(self, days: int) -> None:
        today = datetime.now(UTC).astimezone(MOSCOW).date()
        before: int | None = None
        for _ in range(PAGES_AT_ONCE):
            page = self._page(today - timedelta(days=days), today, before)
            if page is None or not page.rows:
                return
            self._rt.ledger.advance([fact_of(row.found) for row in page.rows if row.found is not None])
            if page.count < PAGE or page.last_int_id is None or page.last_int_id == before:
                return
            before = page.last_int_id

    def _page(self, start: object, end: object, before: int | None) -> HistoryAnswer | None:
        token = secrets.token_hex(8)
        settings = self._rt.settings
        if self._rt.ledger.take("ask", token, settings.parallel_asks, settings.read_timeout_s + 10) > 0:
            return None
        try:
            body = forms.history(self._rt.login, start, end, prev_id=before, count=PAGE)  # type: ignore[arg-type]
            answer = ask_any(self._rt, HISTORY, body, max_reply=MAX_PAGE)
        finally:
            self._rt.ledger.give_back("ask", token)
        return read_history(answer.reply.status, answer.reply.body) if answer is not None else None


def open_pairs(batch: BatchView) -> list[Pair]:
    """Which (gateway id, phone) of a batch are accepted and not final."""
    pairs = []
    for index, phone in enumerate(batch.phones):
        status = Status(batch.status(index))
        if not STATUS_TABLE[status].is_final:
            live = [i for i in batch.ids if i.holds(index) and i.state != IdState.ABSENT]
            if live:
                place = batch.receipts[index * 11 + 2] >> 4 if batch.receipts else 0
                chosen = batch.ids[place - 1] if 0 < place <= len(batch.ids) else live[-1]
                pairs.append((chosen.gateway_id, phone))
    return pairs


def fact_of(found: Found) -> Fact:
    """A row of the gateway as the ledger takes it."""
    return Fact(
        gateway_id=found.gateway_id,
        phone=found.phone,
        status=found.status,
        error_code=found.err,
        parts=found.parts or 0,
        cost=found.cost,
        at=found.at,
    )
