"""Answers of a wire that answers for each message by itself."""

from __future__ import annotations

from collections import Counter

from smsq.worker.domain.piece import Fate
from smsq.worker.gateway.outcomes import Outcome, SendAnswer


def tells_apart(answer: SendAnswer) -> bool:
    """Whether messages fared differently, or one that may have been accepted has a name by which receipts know it."""
    if not answer.pieces:
        return False
    names = any(piece.names for piece in answer.pieces)
    codes = {piece.code for piece in answer.pieces}
    return answer.outcome is Outcome.ACCEPTED_IN_PART or names or len(codes) > 1


def counts(answer: SendAnswer) -> str:
    """How many messages fared how, for the log."""
    many = Counter(piece.fate for piece in answer.pieces)
    return " ".join(f"{fate.name.lower()}={many[fate]}" for fate in Fate)
