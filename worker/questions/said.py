"""Questions about messages that the gateway knows by our id in their comment only: history, phone by phone.

Before the window only presence counts, so one page of a phone's history is enough. Absence is for `lists.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from smsq.worker.gateway.http import HISTORY_PATH, client_forms
from smsq.worker.gateway.http.listing import read_page
from smsq.worker.questions import Means, Pair
from smsq.worker.questions.absence import SINGLES_MOST
from smsq.worker.questions.asker import ASKS_A_MINUTE, Asker
from smsq.worker.questions.exchange import ask_any
from smsq.worker.questions.history import PAGE, day_of
from smsq.worker.questions.permits import may_ask, note_error, permit, places
from smsq.worker.transports import MAX_PAGE


class SaidAsker:
    """These questions of one worker process."""

    def __init__(self, means: Means, asker: Asker) -> None:
        self._means = means
        self._asker = asker

    def look_for(self, pairs: Sequence[Pair], since: float, *, is_urgent: bool) -> list[int]:
        """Look for the first of these messages, accepted `since` (Unix seconds) or later; merge what is shown.

        Returns the gateway ids of messages that a whole page did not show.
        """
        return [pair[0] for pair in pairs[:SINGLES_MOST] if self._is_missing(pair, since, is_urgent=is_urgent)]

    def _is_missing(self, pair: Pair, since: float, *, is_urgent: bool) -> bool:
        gateway_id, recipient = pair
        means = self._means
        if not isinstance(recipient, int) or not may_ask(means):  # history is asked for by phone
            return False
        limits = {f"ask:{gateway_id}": (ASKS_A_MINUTE, means.settings.mass_ask_every_s)}
        most = places(means.settings.parallel_asks, is_urgent=is_urgent)
        with permit(means, "ask", most, limits, patience_s=2.0) as may:
            if not may:
                return False
            start, end = day_of(since) - timedelta(days=1), day_of(means.clock.now()) + timedelta(days=1)
            body = client_forms.history(means.login, start, end, count=PAGE, phone=recipient)
            answer = ask_any(means, HISTORY_PATH, body, max_reply=MAX_PAGE)
        if answer is None:
            return False
        page = read_page(answer.reply.status, answer.reply.body)
        is_well_formed = not page.trouble or page.error is not None
        (means.mirrors.good if is_well_formed else means.mirrors.unknown)(answer.mirror)
        if page.error is not None:
            note_error(means, "history", page.error)
        self._asker.learn_page(answer.reply.status, answer.reply.body)
        return not page.trouble and page.count < PAGE and pair not in page.shown
