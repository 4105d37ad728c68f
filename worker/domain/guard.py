"""Numbers that several parts keep together, scripts of the ledger among them: they are written into those from here."""

from __future__ import annotations

# The gateway blocks an address for a hundred erroneous sends in ten minutes (its FAQ): at so many a lane stops.
MOST_ERRORS = {"urgent": 80, "bulk": 50}

# What was handed out and is not claimed is hinted again after so long. The half tells it from what may not go before.
HINT_AGAIN_MS = {"urgent": 1999.5, "bulk": 2999.5}

# A batch whose worker died so often while sending it is parked once its absence is trusted.
POISON_DEATHS = 3

# A code goes past so many requests that are probably over, up to so many at once: the gateway takes fifteen.
MORE_URGENT = 4
MOST_AT_ONCE = 14
