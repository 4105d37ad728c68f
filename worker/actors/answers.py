"""What people wrote back: those who opt out by it go on the list."""

from __future__ import annotations

import logging

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.questions.answers import answers_after
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

PAGES_AT_ONCE = 10


class Answers:
    """The actor of one worker process."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def read_answers(self) -> None:
        """The actor: read on behind the last answer that was read. It is noted once its opt-outs are on the list."""
        try:
            for _ in range(PAGES_AT_ONCE):
                after = self._rt.ledger.answers_read()
                page = answers_after(self._rt, after)
                if page is None or not page.replies:
                    return
                self._rt.ledger.take_replies([(each.recipient, each.text, 0.0) for each in page.replies])
                if page.last_id <= after:
                    return
                self._rt.ledger.note_answers_read(page.last_id)
        except LedgerTrouble as error:
            log.warning("ledger in trouble while reading answers why=%s", error.sentence)
