"""The interesting turns: a run that never took them proves nothing."""

from __future__ import annotations

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger import Ledger

TO_READY = "doubtful → ready"
TO_SETTLED = "doubtful → settled"
TO_PARKED = "doubtful → parked"
STALE_SETTLE = "stale settle"
SECOND_CLAIM = "refused second claim"
LATE_ACCEPTANCE = "late acceptance"
ROLL_CALL = "roll call cleared"
ALL = frozenset({TO_READY, TO_SETTLED, TO_PARKED, STALE_SETTLE, SECOND_CLAIM, LATE_ACCEPTANCE, ROLL_CALL})

_TELLING = {
    ("probe", b"ready"): TO_READY,
    ("probe", b"settled"): TO_SETTLED,
    ("probe", b"parked"): TO_PARKED,
    ("settle", b"stale"): STALE_SETTLE,
    ("claim", b"taken"): SECOND_CLAIM,
    ("report", b"cleared"): ROLL_CALL,
}


class Turns:
    """What happened in one run, as the replies of the scripts tell it."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._doubted: set[str] = set()

    def replied(self, verb: str, ref: str, word: bytes) -> None:
        """A script answered."""
        turn = _TELLING.get((verb, word)) if isinstance(word, bytes) else None
        if turn is not None:
            self.seen.add(turn)
        if (verb, word) == ("doubt", b"doubtful"):
            self._doubted.add(ref)
        elif turn in (TO_READY, TO_SETTLED, TO_PARKED):
            self._doubted.discard(ref)

    def end(self, ledger: Ledger) -> None:
        """A batch that was doubted, left doubt by no probe and is settled was settled by a fact."""
        for batch in ledger.read([Ref.parse(ref) for ref in self._doubted]):
            if batch is not None and batch.state == BatchState.SETTLED:
                self.seen.add(TO_SETTLED)
