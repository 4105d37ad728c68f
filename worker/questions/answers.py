"""Incoming messages that the gateway keeps for the account: what people answered."""

from __future__ import annotations

import logging

from smsq.worker.gateway.http import HISTORY_PATH, client_forms
from smsq.worker.gateway.http.client_replies import read_answers
from smsq.worker.gateway.outcomes import AnswersPage
from smsq.worker.metrics import host_of
from smsq.worker.questions import Means
from smsq.worker.questions.exchange import ask_any
from smsq.worker.questions.permits import may_ask, note_error, permit, places
from smsq.worker.transports import MAX_PAGE

log = logging.getLogger(__name__)

HOURS = 168  # the longest that is asked for (PROTOCOL C.3)


def answers_after(means: Means, after_id: int) -> AnswersPage | None:
    """The answers after this one; those of a week for 0. None if there is no permit or no page."""
    if not may_ask(means):
        return None
    with permit(means, "ask", places(means.settings.parallel_asks), {}) as may:
        if not may:
            return None
        body = client_forms.answers(means.login, after_id, HOURS)
        answer = ask_any(means, HISTORY_PATH, body, max_reply=MAX_PAGE)
    if answer is None:
        return None
    page = read_answers(answer.reply.status, answer.reply.body)
    if page.error is not None:
        note_error(means, "answers", page.error)
        return None
    if page.sentence:
        log.warning("answers cannot be read mirror=%s why=%s", host_of(answer.mirror), page.sentence)
        return None
    return page
