"""Shares: whose turn it is when several campaigns send together, by weight and counted in parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smsq.worker.ledger.values import Running


class Shares:
    """Start-time fair queueing: the campaign that has got the least for its weight is next.

    What a campaign got counts while others wait with it. One that could not go, or has just come, has saved nothing
    up: it begins where the others are.
    """

    def __init__(self) -> None:
        self._got: dict[str, float] = {}  # parts that were handed out, divided by the weight
        self._now = 0.0  # what the last one that had its turn had got before

    def join(self, running: Iterable[Running]) -> None:
        """Forget campaigns that are not among these, and take in new ones."""
        self._got = {each.id: max(self._now, self._got.get(each.id, 0.0)) for each in running}

    def next(self, hungry: Sequence[Running]) -> Running:
        """Whose turn it is."""
        chosen = min(hungry, key=lambda each: self._got[each.id])
        self._now = max(self._now, self._got[chosen.id])
        return chosen

    def hand_out(self, to: Running, batches: int) -> None:
        """Note what it was given."""
        self._got[to.id] += batches * to.parts / to.weight
