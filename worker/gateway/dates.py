"""The gateway's days and hours: those of Moscow, which has no summer time."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Final

# `last_date` was last_timestamp + 3 h in all logged answers (PROTOCOL D.4). Days of history are the account's, which
# are Moscow's unless the account changed that (assumed, P.L.15).
MOSCOW: Final = timezone(timedelta(hours=3))
