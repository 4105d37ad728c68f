"""What follows a doubt, as a message's sender may choose; numbers are the ledger's, for good."""

from __future__ import annotations

from typing import Final

# `ask`: sent again once it certainly did not arrive. `park`: then a person decides. `resend`: two copies rather than
# none, for single messages only.
POLICIES: Final = {"ask": 0, "park": 1, "resend": 2}
