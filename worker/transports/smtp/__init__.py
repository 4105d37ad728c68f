"""SMTP to the gateway: lines, each with one connection to one mail server, and one letter after the other.

`server.py` says where the mail server is, `transport.py` opens lines, `talk.py` is the conversation under a line, and
`line.py` hands letters over. A mail server's yes is not the gateway's, so the good outcome is `HANDED_OVER`. A letter
is never handed over twice, and a line never gets a second connection.
"""

from smsq.worker.transports.smtp.line import SmtpLine
from smsq.worker.transports.smtp.server import MailServer
from smsq.worker.transports.smtp.transport import SmtpTransport

__all__ = ["MailServer", "SmtpLine", "SmtpTransport"]
