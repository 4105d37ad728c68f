"""A page of the account's history: statuses of messages sent lately, a thousand in one answer."""

from __future__ import annotations

import logging
from datetime import date, datetime

from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.http import HISTORY_PATH, client_forms
from smsq.worker.gateway.http.client_replies import read_history
from smsq.worker.gateway.outcomes import HistoryAnswer
from smsq.worker.metrics import host_of
from smsq.worker.questions import Means
from smsq.worker.questions.exchange import ask_any
from smsq.worker.questions.permits import may_ask, note_error, permit, places
from smsq.worker.transports import MAX_PAGE

log = logging.getLogger(__name__)

PAGE = 1000  # rows in one answer, the most the gateway gives


def day_of(at: float) -> date:
    """The day of a moment (Unix seconds), in the account's time zone."""
    return datetime.fromtimestamp(at, MOSCOW).date()


def page_of(means: Means, start: date, end: date, before: int | None) -> HistoryAnswer | None:
    """The page of these days after the row `before`; None if there is no permit, or the answer is not a page."""
    if not may_ask(means):
        return None
    with permit(means, "ask", places(means.settings.parallel_asks), {}) as may:
        if not may:
            return None
        body = client_forms.history(means.login, start, end, prev_id=before, count=PAGE)
        answer = ask_any(means, HISTORY_PATH, body, max_reply=MAX_PAGE)
    if answer is None:
        return None
    page = read_history(answer.reply.status, answer.reply.body)
    if page.error is not None:
        note_error(means, "history", page.error)
        return None
    if not page.is_page:  # it is not the last page either: the walk goes on here another time
        log.warning("history cannot be read mirror=%s why=%s", host_of(answer.mirror), page.sentence)
        return None
    return page
