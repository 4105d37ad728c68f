"""The gateway's SMPP interface: PDUs, texts and receipts, as the client writes them and as a server reads them.

There is never a socket or a clock here. `server_…` is the other end of the wire, with a reader of its own; the halves
never import each other. smpplib is used as a codec only, in `pdus.py` alone: its client cuts values that are too long,
splits characters and repeats on its own.
"""

from __future__ import annotations

KEYWORD_END = ": "  # behind the keyword of a special text (PROTOCOL H.6)
LONGEST_ADDRESS = 20  # characters
MOST_OCTETS = 254  # of `short_message`
