"""The cap: how many messages of campaigns one recipient gets. It is kept in the ledger, and counted in a hash a day.

A batch is counted once, by its screening right before its first claim: what is sent again, or may have been accepted,
does not count twice, and what is refused later has counted. Memory is some 70 bytes for each recipient and day, for
eight days, and none without a cap.
"""

from __future__ import annotations

from collections.abc import Sequence

from smsq.worker.domain.cap import NO_CAP, WEEK_DAYS, Cap
from smsq.worker.domain.optout import plain_key
from smsq.worker.domain.recipient import Recipient
from smsq.worker.ledger.store import Store, translated

KEPT_DAYS = WEEK_DAYS + 1


class Caps(Store):
    """The cap of all campaigns, and what was counted."""

    def cap(self) -> Cap:
        """The cap in force for all campaigns."""
        with translated():
            return cap_of(self.redis.hget(self.key("ctl"), "cap"))

    def set_cap(self, cap: Cap) -> None:
        """Set the cap for all campaigns, from the next claim on."""
        if cap.is_none:
            with translated():
                self.redis.hdel(self.key("ctl"), "cap")
        else:
            self.call("note", [self.key("ctl")], "cap", str(cap))

    def counted_days(self) -> list[str]:
        """The keys of today and the six days before."""
        today = int(self.time() // 86_400)
        return [self.key(f"cap:{today - back}") for back in range(WEEK_DAYS)]

    def at_cap(self, recipients: Sequence[Recipient], own: Cap = NO_CAP) -> list[bool]:
        """Which of these have got as many messages as they may, by the cap in force and a campaign's own."""
        cap = self.cap().with_other(own)
        if cap.is_none or not recipients:
            return [False] * len(recipients)
        names = [plain_key(each) for each in recipients]
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for key in self.counted_days():
                pipe.hmget(key, names)
            days = [[int(many or 0) for many in row] for row in pipe.execute()]
        return [
            bool((cap.day and today >= cap.day) or (cap.week and week >= cap.week))
            for today, week in zip(days[0], map(sum, zip(*days, strict=True)), strict=True)
        ]

    def forget_counts(self, recipient: Recipient) -> None:
        """Forget what was counted for a recipient."""
        with translated():
            for key in self.counted_days():
                self.redis.hdel(key, plain_key(recipient))


def cap_of(written: bytes | None) -> Cap:
    """A cap as the ledger keeps it."""
    return Cap.parse(written.decode()) if written else NO_CAP
