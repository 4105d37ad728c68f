"""The cap, for programs and operators: how many messages of campaigns one recipient gets.

smsq.caps.set("3/day,10/week")
"""

from __future__ import annotations

from smsq.producers.installation import Installation
from smsq.worker.domain.cap import Cap


class CapControl:
    """Look at the cap and set it: `Smsq.caps`.

    It holds for all campaigns and hosts from the next claim on; a campaign may have a smaller one of its own. A message
    above it ends as `capped`. Single messages and one-time codes are neither counted nor capped.
    """

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def get(self) -> str:
        """The cap in force, such as `3/day,10/week`, or `none`."""
        return str(self._smsq.patiently(self._smsq.runtime.ledger.cap))

    def set(self, written: str) -> str:
        """Set it; `none` takes it back. Returns what is in force. Raises BadInput."""
        cap = Cap.parse(written)
        self._smsq.patiently(lambda: self._smsq.runtime.ledger.set_cap(cap))
        return str(cap)
