"""Numbers that several parts keep together, scripts of the ledger among them: they are written into those from here."""

from __future__ import annotations

# A batch whose worker died so often while sending it is parked once its absence is trusted.
POISON_DEATHS = 3

# A code goes past so many requests that are probably over, up to so many at once: the gateway takes fifteen.
MORE_URGENT = 4
MOST_AT_ONCE = 14
