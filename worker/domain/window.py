"""The window: how long after a batch's newest claim "not found" counts as "never arrived".

After it a request can no longer arrive, and an accepted message is shown, unless the mirror's view is stale. A control,
which is a message known to be accepted, shows that the view is not: a control accepted after the request could still
arrive is conclusive, an older one doubles the window, and without a control nothing counts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The times that make up the window, in seconds.

    >>> window = Window(settle_s=300.0, late_s=195.0)
    >>> window.seconds, window.needed_s(1000.0, 1195.1), window.needed_s(1000.0, 1195.0), window.needed_s(1000.0, None)
    (300.0, 300.0, 600.0, None)
    >>> Window(settle_s=300.0, late_s=195.0, visible_after_s=90.0).seconds
    375.0
    """

    settle_s: float  # `SMSQ_DOUBT_SETTLE_S`
    late_s: float  # the peer's close and the latest arrival together
    visible_after_s: float = 0.0  # the longest that an accepted message was seen to take until it was shown

    @property
    def seconds(self) -> float:
        """Its length; messages that showed later than assumed make it longer."""
        return max(self.settle_s, self.late_s + 2 * self.visible_after_s)

    def is_conclusive(self, claimed_at: float, control_at: float) -> bool:
        """Whether a control accepted at that moment says that nothing claimed at the other is still hidden."""
        return control_at > claimed_at + self.late_s

    def needed_s(self, claimed_at: float, control_at: float | None) -> float | None:
        """Seconds after the claim from which absence counts with that control; None without a control."""
        if control_at is None:
            return None
        return self.seconds * (1 if self.is_conclusive(claimed_at, control_at) else 2)
