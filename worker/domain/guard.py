"""Numbers that several parts keep together, scripts of the ledger among them: they are written into those from here."""

from __future__ import annotations

# A batch whose worker died so often while sending it is parked once its absence is trusted.
POISON_DEATHS = 3

# A code goes past so many requests that are probably over, up to so many at once: the gateway takes fifteen.
MORE_URGENT = 4
MOST_AT_ONCE = 14

# Mirrors with names like these are mail servers: a letter may wait in one's queue for hours, so that no question can
# prove that it will not arrive.
HELD_BACK_AT = "smtp"


def may_be_held_back(mirror: str) -> bool:
    """Whether what left by this mirror may arrive after any window."""
    return mirror.startswith(HELD_BACK_AT)
