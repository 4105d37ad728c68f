"""The truth about every message, in Redis: keys, verbs and their Lua.

Verbs lie by subject in `batches/`, `campaigns/` and `otp/`, what they share beside this file. Never a dialect of the
gateway, nor a hint: the caller that changed something tells the queues.
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
