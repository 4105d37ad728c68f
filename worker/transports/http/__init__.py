"""HTTP to the gateway: lines, each with one sealed connection.

`transport.py` opens and keeps lines, `line.py` does one exchange on a line, `sealed.py` is the connection under it,
`answer.py` reads the answer, and `sending.py` puts a send into HTTP. A line never gets a second connection, and a
request is never written twice.
"""

from smsq.worker.transports.http.line import HttpLine
from smsq.worker.transports.http.transport import HttpTransport

__all__ = ["HttpLine", "HttpTransport"]
