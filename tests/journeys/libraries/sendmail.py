"""What `mail()` of PHP calls: gives the letter on standard input, as it is, to the mail server at this port."""

from __future__ import annotations

import re
import smtplib
import sys

letter = re.sub(rb"\r?\n", b"\r\n", sys.stdin.buffer.read())
found = re.search(rb"^To: *(\S+)", letter, re.IGNORECASE | re.MULTILINE)
assert found
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=30) as server:
    server.sendmail("shop@example.org", [found[1].decode()], letter)
