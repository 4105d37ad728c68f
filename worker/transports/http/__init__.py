"""HTTP to the gateway: lines of one sealed connection each, and where they are kept.

`transport.py` opens and keeps lines, `line.py` is one exchange on one of them, `sealed.py` the connection beneath it,
`answer.py` reads what comes back, `sending.py` is a send in words of HTTP. Never a second connection under a line,
never a second write.
"""

from smsq.worker.transports.http.line import HttpLine
from smsq.worker.transports.http.transport import HttpTransport

__all__ = ["HttpLine", "HttpTransport"]
