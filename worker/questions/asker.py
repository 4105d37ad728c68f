"""Questions about the status of messages, by id and recipient: put to one mirror, to any, or to two."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from smsq.worker.domain.fact import Fact
from smsq.worker.gateway.http import STATUS_PATH, client_forms
from smsq.worker.gateway.http.client_replies import read_history, read_statuses
from smsq.worker.gateway.outcomes import StatusAnswer
from smsq.worker.questions import Means, Pair
from smsq.worker.questions.exchange import ask_any, ask_mirror
from smsq.worker.questions.hedge import HEDGE_AFTER_S, hedge, within
from smsq.worker.questions.permits import may_ask, note_error, permit, places
from smsq.worker.transports import MAX_PAGE

ASKS_A_MINUTE = (
    4  # of the gateway's five for one message (its manual, chapter on statuses); a minute is `mass_ask_every_s`
)
LONGEST_VISIBLE_S = 3600.0  # a message that shows later is an exception, and must not lengthen the window for all
WITH_MONEY = 2  # the gateway's `all`: what a message cost, and its parts (PROTOCOL D.4)


class Asker:
    """The status questions of one worker process; all processes together keep to the limits of the login."""

    def __init__(self, means: Means, *, hedge_after_s: float = HEDGE_AFTER_S) -> None:
        self._means = means
        self._hedge_after_s = hedge_after_s
        self._lock = threading.Lock()
        self._missing: dict[Pair, float] = {}  # when first asked about and not shown, by Redis' time

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
        """Put one question about one or many messages; None if there was no permit or no answer.

        `mirror` None asks any that can be reached. `first` is called between the permit and the question, which is not
        put if that returns False. With `are_accepted` the gateway accepted each message, so how late they show is
        measured. `spared` is how many of the minute's questions about one message are left to others. An urgent
        question may use every place for questions; others leave one free, and a question about many waits while one
        about a code is due. `detail` 0 leaves out cost and parts, for messages whose cost is known: the answer is then
        ten times shorter.
        """
        settings = self._means.settings
        if not may_ask(self._means) or (len(pairs) > 1 and not is_urgent and self._means.ledger.has_urgent_doubt()):
            return None
        limits = self._limits(pairs, spared)
        most = places(settings.parallel_asks, is_urgent=is_urgent)
        with permit(self._means, "ask", most, limits, patience_s=patience_s, is_prepared=first is None) as until:
            if not until or (first is not None and not first()) or self._means.clock.monotonic() > until:
                return None
            asked_at = self._means.ledger.time()
            body = client_forms.ask(self._means.login, pairs, detail=detail)
            if mirror is None:
                answer = ask_any(self._means, STATUS_PATH, body, max_reply=MAX_PAGE)
                if answer is None:
                    return None
                mirror, reply = answer.mirror, answer.reply
            else:
                said = ask_mirror(self._means, mirror, STATUS_PATH, body, max_reply=MAX_PAGE)
                if said is None:
                    return None
                reply = said
        read = read_statuses(reply.status, reply.body, pairs)
        if read.error is not None:
            note_error(self._means, "status", read.error)
        (self._means.mirrors.good if read.is_well_formed else self._means.mirrors.unknown)(mirror)
        if are_accepted:
            self._watch_visibility(read, asked_at)
        return read

    def _watch_visibility(self, answer: StatusAnswer, asked_at: float) -> None:
        """Measure how late accepted messages show: those that were missing at first and are found now."""
        with self._lock:
            if len(self._missing) > 10_000:
                self._missing.clear()
            for pair in answer.absent:
                self._missing.setdefault(pair, asked_at)
            shown = [
                asked_at - since
                for found in answer.facts
                if (since := self._missing.pop((found.gateway_id, found.recipient), None)) is not None
            ]
        if shown:
            self._means.ledger.note_visible(min(max(shown), LONGEST_VISIBLE_S))

    def ask_at_once(self, pair: Pair, within_s: float) -> None:
        """Ask about one accepted message, if there is a permit; wait `within_s` for the answer."""
        pairs = [pair]
        within(lambda: self.learn(self.ask(pairs, patience_s=0.0, are_accepted=True, is_urgent=True)), within_s)

    def ask_for(self, pair: Pair, *, is_hedged: bool) -> tuple[int, bool]:
        """Ask about one message; return how many messages changed, and whether a mirror answered "not there".

        With `is_hedged`, a second mirror is asked too if the first is slow: only if there is a permit at once, and
        never with the last question of the minute.
        """
        answers: list[StatusAnswer] = []

        def put(mirror: str | None = None, *, patience_s: float = 2.0, spared: int = 0) -> int:
            answer = self.ask([pair], mirror, patience_s=patience_s, spared=spared, is_urgent=is_hedged)
            if answer is not None:
                answers.append(answer)
            return self.learn(answer)

        mirrors = self._means.mirrors
        first = mirrors.next_to_ask()
        other = mirrors.next_to_ask({first}) if first is not None else None
        if not is_hedged or other is None or other in mirrors.tripped():
            moved = put()
        else:
            moved = hedge(put, lambda: put(other, patience_s=0.0, spared=1), self._hedge_after_s)
        return moved, any(pair in (*answer.absent, *answer.no_money) for answer in answers)

    def _limits(self, pairs: Sequence[Pair], spared: int) -> dict[str, tuple[int, float]]:
        """The gateway's limits for such a question: about one message, or about many."""
        minute_s = self._means.settings.mass_ask_every_s
        if len(pairs) > 1:
            return {"mass": (1, minute_s)}
        return {f"ask:{pairs[0][0]}": (ASKS_A_MINUTE - spared, minute_s)}

    def learn(self, answer: StatusAnswer | None) -> int:
        """Merge what an answer proves; return how many messages changed."""
        if answer is None or not answer.facts:
            return 0
        return self.advance(answer.facts)

    def learn_page(self, http_status: int, body: bytes) -> int:
        """Merge what a page of history proves; return how many messages changed."""
        return self.advance(row.fact for row in read_history(http_status, body).rows if row.fact is not None)

    def advance(self, facts: Iterable[Fact]) -> int:
        """Merge facts; return how many messages changed. A doubt that ends so is asked about like an accepted batch."""
        return self._means.ledger.advance(list(facts), self._means.settings.ask_every_s[0])
