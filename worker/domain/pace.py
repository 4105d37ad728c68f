"""The pace: a bucket of tokens, a part each, as it was when something was last taken from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How many tokens were left, below 0 for a debt, and when (Unix seconds)."""

    tokens: float
    at: float

    @classmethod
    def read(cls, tokens: bytes | str | None, at: bytes | str | None) -> Pace:
        """The bucket that fields of a hash hold; a full one if there are none."""
        return cls(float(tokens), float(at) / 1000) if tokens is not None and at is not None else FREE

    def free_at(self, rate: float) -> float:
        """When the next batch may go, in Unix seconds; `rate` is in tokens per second.

        >>> Pace(-30.0, 100.0).free_at(10.0)
        103.0
        """
        return self.at + max(0.0, -self.tokens) / rate if rate else self.at

    def wait_s(self, rate: float, now: float) -> float:
        """How long until then, 0 if there is no rate.

        >>> Pace(-30.0, 100.0).wait_s(10.0, 101.0), Pace(-30.0, 100.0).wait_s(0.0, 101.0)
        (2.0, 0.0)
        """
        return max(0.0, self.free_at(rate) - now) if rate else 0.0


FREE = Pace(1.0, 0.0)
