"""The ledger: the state of every message, in Redis. Keys, verbs and their Lua.

Verbs are sorted by subject into `batches/`, `campaigns/` and `otp/`; what they share is in this folder. Nothing here
knows a dialect of the gateway or gives a hint: the caller of a verb hints.
"""

from smsq.worker.ledger.keys import Keys
from smsq.worker.ledger.ledger import Ledger
from smsq.worker.ledger.values import (
    Claim,
    ClaimCall,
    ClaimRefusal,
    Enrolled,
    NewMessage,
    NoClaim,
    Opened,
    Plan,
    Settled,
    Settling,
    Terms,
)

__all__ = [
    "Claim",
    "ClaimCall",
    "ClaimRefusal",
    "Enrolled",
    "Keys",
    "Ledger",
    "NewMessage",
    "NoClaim",
    "Opened",
    "Plan",
    "Settled",
    "Settling",
    "Terms",
]
