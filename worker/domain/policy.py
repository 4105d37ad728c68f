"""What follows a doubt, as a message's sender may choose; numbers are the ledger's, for good."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smsq.worker.domain.recipient import Recipient, kind_of

# `ask`: sent again once it certainly did not arrive. `park`: then a person decides. `resend`: two copies rather than
# none, for single messages only.
POLICIES: Final = {"ask": 0, "park": 1, "resend": 2}


def policy_of(on_doubt: str, recipients: Iterable[Recipient]) -> int:
    """The number of a sender's choice for a batch.

    Under which form the gateway keeps a Telegram nick or id is not known. If it is another than ours, it shows such a
    message under no question of ours, so that it never becomes certain that one did not arrive: a person decides.
    """
    if on_doubt == "ask" and any(kind_of(each) == "telegram" for each in recipients if isinstance(each, str)):
        on_doubt = "park"
    return POLICIES[on_doubt]
