"""The conversation with a mail server: the commands of `smtplib`, over a socket of ours and with replies read here.

`smtplib` would read replies through a buffer of its own and take a line that was left there for the reply to the next
command. So replies are read byte for byte here: one that is not exactly a reply ends the conversation, and bytes
behind one are seen.
"""

from __future__ import annotations

import re
import smtplib
import ssl

from smsq.worker.domain.errors import SmsqError
from smsq.worker.transports.sockets import DeadlineSocket, secure

MAX_REPLY = 64 * 1024  # bytes of one reply with all its lines
READ_SIZE = 4096

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)


class Gone(SmsqError):
    """The conversation is over: the server closed it, was silent for too long, or said what is no reply."""

    def __init__(self, sentence: str, *, peer_closed: bool = False) -> None:
        super().__init__(sentence)
        self.peer_closed = peer_closed


class Talk(smtplib.SMTP):
    """A conversation over a connected socket; its `deadline` bounds each exchange. Every failure is `Gone`."""

    def __init__(self, line: DeadlineSocket) -> None:
        super().__init__(local_hostname=_address(line))  # by its address: a name would have to be looked up
        self.line = line
        self.sock = line
        self._unread = bytearray()

    def is_quiet(self) -> bool:
        """Whether it is open, and no byte came that nobody asked for."""
        return not self._unread and self.line.is_quiet()

    def greeted(self) -> int:
        """The code of the reply that a server begins with."""
        return self.getreply()[0]

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Encrypt the connection after the server agreed. Words behind that in the clear may be anybody's: Gone."""
        if self._unread:
            raise Gone("it said more than was asked for")
        try:
            self.line = self.sock = secure(self.line, context, host)
        except ssl.SSLCertVerificationError:
            raise Gone("its certificate cannot be trusted") from None
        except OSError:
            raise Gone("TLS failed") from None
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    def send(self, said: bytes | str) -> None:  # type: ignore[override]
        """Write all of it. Raises Gone: how much of it was written is then not known."""
        try:
            self.line.sendall(said.encode("ascii") if isinstance(said, str) else said)
        except (OSError, ValueError) as error:
            raise self._gone(error) from None

    def getreply(self) -> tuple[int, bytes]:
        """The code and the words of one whole reply. Raises Gone."""
        told: list[bytes] = []
        size, code = 0, b""
        while True:
            row = self._row()
            size += len(row)
            found = _LINE.fullmatch(row)
            if found is None or (code and found[1] != code) or size > MAX_REPLY:
                raise Gone("it said what is no reply")
            code = found[1]
            told.append((found[3] or b"").strip())
            if found[2] != b"-":
                return int(code), b"\n".join(told)

    def hang_up(self, *, politely: bool = False) -> None:
        """Close the connection for good; unsent bytes are discarded, but for the farewell if `politely`."""
        if politely:
            self.line.say_last(b"QUIT\r\n")
        self.line.close()

    def _row(self) -> bytes:
        """One line of a reply, without its end."""
        while (end := self._unread.find(b"\n")) < 0:
            if len(self._unread) > MAX_REPLY:
                raise Gone("it said what is no reply")
            try:
                piece = self.line.receive(READ_SIZE)
            except (OSError, ValueError) as error:
                raise self._gone(error) from None
            if not piece:
                raise Gone("it closed the connection", peer_closed=True)
            self._unread += piece
        row = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return row.removesuffix(b"\r")

    def _gone(self, error: Exception) -> Gone:
        if isinstance(error, TimeoutError):
            return Gone("it was silent for too long")
        return Gone("the connection broke", peer_closed=isinstance(error, ConnectionError))


def _address(line: DeadlineSocket) -> str:
    """Our end of the connection as a greeting names it."""
    host = str(line.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"
