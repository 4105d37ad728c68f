"""SMPP as the gateway speaks it (PROTOCOL H): PDUs, alphabets, parts of long texts, receipts. No sockets, no clock.

`client_…` and `receipts` are our half of the dialect, `server_…` the other. smpplib is used as a codec only, in
`pdus.py` alone: its client cuts values that are too long, splits characters and repeats on its own.
"""

from __future__ import annotations

KEYWORD_END = ": "  # behind the keyword of a special text (PROTOCOL H.6)
MOST_OCTETS = 254  # of `short_message`
