"""Batch numbers: drawn from the ledger's counter, several in one go."""

from __future__ import annotations

from collections.abc import Callable

from smsq.worker.domain.guests import EVERYBODY, Guests
from smsq.worker.ledger.store import Store, translated

NUMBERS_AT_ONCE = 32  # batch numbers a producer draws in one go; unused ones are skipped

# Called before an enrolment returns, with what a journal writes down: run, n, batch number, hash of the key.
EnrolmentWitness = Callable[[str, int, int, str], None]


class Numbers(Store):
    """Base of the verbs that enrol: draws batch numbers, tells the journal, and knows who may be reached."""

    witness: EnrolmentWitness | None = None
    guests: Guests = EVERYBODY
    _numbers: range = range(0)

    def _next_number(self) -> int:
        if not self._numbers:
            self._numbers = self._draw(NUMBERS_AT_ONCE)
        first, self._numbers = self._numbers[0], self._numbers[1:]
        return first

    def _draw(self, many: int) -> range:
        with translated():
            last = int(self.redis.incrby(self.key("n:batch"), many))
        return range(last - many + 1, last + 1)
