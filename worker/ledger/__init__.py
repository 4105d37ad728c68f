"""The truth about every message, in Redis: keys, verbs and their Lua."""

from smsq.worker.domain.fact import Fact
from smsq.worker.ledger.keys import Keys
from smsq.worker.ledger.ledger import Ledger
from smsq.worker.ledger.values import (
    Claim,
    ClaimRefusal,
    Enrolled,
    NoClaim,
    Opened,
    Order,
    Plan,
)

__all__ = [
    "Claim",
    "ClaimRefusal",
    "Enrolled",
    "Fact",
    "Keys",
    "Ledger",
    "NoClaim",
    "Opened",
    "Order",
    "Plan",
]
