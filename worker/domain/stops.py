"""When a campaign is paused without a person: too many of its latest messages fail, or the balance is too low."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

GOOD = ("delivered", "read", "clicked")
UNDELIVERED = ("undeliverable", "expired")
REFUSED = ("refused",)
STOPS = ("balance", "refusals", "undelivered")  # why a campaign was paused by itself: a label of metrics
UNDELIVERED_MOST = "undelivered"  # in the words of `too_bad`
LEFT_LEAST = 0.5  # failures come sooner than deliveries: as if at least so much of what left had ended


@dataclass(frozen=True, slots=True)
class Tally:
    """How a campaign's messages have ended so far, and how many have left."""

    left: int = 0
    good: int = 0
    undelivered: int = 0
    refused: int = 0

    @classmethod
    def of(cls, statuses: Mapping[str, int]) -> Tally:
        """The tally of a campaign's counts by status."""
        good, undelivered, refused = (
            sum(statuses.get(name, 0) for name in names) for names in (GOOD, UNDELIVERED, REFUSED)
        )
        return cls(statuses.get("accepted", 0) + good + undelivered + refused, good, undelivered, refused)

    @property
    def ended(self) -> int:
        """How many messages are final."""
        return self.good + self.undelivered + self.refused

    def since(self, before: Tally) -> Tally:
        """What came after an earlier tally."""
        return Tally(
            max(0, self.left - before.left),
            self.good - before.good,
            self.undelivered - before.undelivered,
            self.refused - before.refused,
        )


def too_bad(latest: Tally, percent: float) -> str:
    """What is wrong with the latest messages, in words, if at least `percent` of them failed; '' if not so many did.

    >>> too_bad(Tally(left=220, good=90, undelivered=110), 50)
    '110 of its latest 200 final messages failed, most of them undelivered'
    >>> too_bad(Tally(left=5000, good=90, undelivered=110), 50)
    ''
    """
    failed = latest.undelivered + latest.refused
    if not failed or percent <= 0 or failed * 100 < percent * max(latest.ended, LEFT_LEAST * latest.left):
        return ""
    most = UNDELIVERED_MOST if latest.undelivered >= latest.refused else "refused by the gateway"
    return f"{failed} of its latest {latest.ended} final messages failed, most of them {most}"


def stopped_by(why: str, found: str) -> str:
    """Why a campaign was paused by itself, as a label of metrics; '' if a person or its budget paused it.

    >>> stopped_by("bad", "30 of its latest 40 final messages failed, most of them undelivered")
    'undelivered'
    """
    if why == "bad":
        return "undelivered" if found.endswith(UNDELIVERED_MOST) else "refusals"
    return "balance" if why == "balance" else ""


def too_low(balance: Decimal, reserve: Decimal, on_its_way: Decimal = Decimal(0)) -> str:
    """That a balance is below the reserve, in words; '' if it is not, or if there is no reserve.

    What messages that are being sent will cost, `on_its_way`, is as good as spent.

    >>> too_low(Decimal("43.20"), Decimal(100))
    'the balance, about 43.20, is below the reserve of 100 for urgent messages'
    >>> too_low(Decimal(120), Decimal(100), Decimal(30))
    'the balance, about 120.00 less 30.00 for what is being sent, is below the reserve of 100 for urgent messages'
    """
    if balance - on_its_way >= reserve or not reserve:
        return ""
    less = f" less {on_its_way:.2f} for what is being sent" if on_its_way else ""
    return f"the balance, about {balance:.2f}{less}, is below the reserve of {reserve:f} for urgent messages"
