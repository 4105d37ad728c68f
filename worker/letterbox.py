"""A mail server that only takes letters in: whole mails are handed to a `Taker`, whose word is the answer.

The sandbox and the door stand behind it. It relays nothing and keeps nothing; log-ins are asked of the taker. The
library under it writes commands and mails into its log, passwords and texts among them, so that log is closed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

MAX_LINE = 128 * 1024  # bytes: PHP writes a text of any length into one line
SILENCE_S = 60.0  # until a connection is closed on which nothing comes
MOST_CONNECTIONS = 200

log = logging.getLogger(__name__)

logging.getLogger("mail.log").disabled = True  # it would have every AUTH and every line of every letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A whole mail, who it is from, which address sent it, and as whom its sender logged in ('' for nobody)."""

    content: bytes = field(repr=False)
    sender: str
    peer: str
    login: str


class Taker(Protocol):
    """Who decides. Answers are lines of SMTP, such as `250 OK`; '' closes the connection without one."""

    async def recipient(self, address: str, context: dict[str, Any]) -> str:
        """The answer to a recipient; `context` is this mail's, for what is to be known when it comes."""

    async def take(self, mail: Mail, context: dict[str, Any]) -> str:
        """The answer to a mail: only once it is kept for good does it begin with 250."""

    def lets_in(self, login: str, password: str) -> bool:
        """Whether somebody may log in."""


class Letterbox:
    """A listening mail server on the running loop."""

    def __init__(
        self,
        taker: Taker,
        *,
        hostname: str,
        most: int,
        silence_s: float = SILENCE_S,
        connections: int = MOST_CONNECTIONS,
    ) -> None:
        self._taker = taker
        self._hostname = hostname
        self._most = most
        self._silence_s = silence_s
        self._connections = connections
        self._open: set[_Conversation] = set()
        self._listener: asyncio.AbstractServer | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 is any free one. Raises OSError if it is taken."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: self._conversation(loop), host, port)
        self.port = self._listener.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stop listening and hang up."""
        if self._listener is not None:
            self._listener.close()
        for each in list(self._open):
            each.hang_up()

    def _conversation(self, loop: asyncio.AbstractEventLoop) -> _Conversation:
        return _Conversation(
            _Hooks(self._taker),
            self._open,
            self._connections,
            data_size_limit=self._most,
            hostname=self._hostname,
            ident="ready",
            timeout=self._silence_s,
            auth_require_tls=False,  # libraries that log in know no TLS
            authenticator=self._authenticate,
            loop=loop,
        )

    def _authenticate(self, server: SMTP, session: Any, envelope: Any, mechanism: str, told: Any) -> AuthResult:
        if not isinstance(told, LoginPassword):
            return AuthResult(success=False, handled=False)
        login, password = (each.decode("utf-8", "replace") for each in (told.login, told.password))
        is_in = self._taker.lets_in(login, password)
        return AuthResult(success=is_in, handled=False, auth_data=login if is_in else None)


class _Conversation(SMTP):
    """One connection; it knows its siblings, so that all can be closed and none too many are open."""

    line_length_limit = MAX_LINE

    def __init__(self, hooks: _Hooks, siblings: set[_Conversation], most: int, **settings: Any) -> None:
        super().__init__(hooks, **settings)
        self._siblings = siblings
        self._most = most

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._siblings.add(self)
        if len(self._siblings) > self._most:
            self.hang_up()

    def connection_lost(self, error: Exception | None) -> None:
        self._siblings.discard(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        """Close without a word."""
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()  # uvloop's is none by inheritance


class _Hooks:
    """What the library calls, in the words of `Taker`."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._context: dict[str, Any] = {}

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """A mail begins."""
        self._context = {}
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """A recipient of it."""
        answer = await self._taker.recipient(address, self._context)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any
    ) -> str:
        """The whole of it."""
        mail = Mail(
            content=envelope.original_content or b"",
            sender=str(envelope.mail_from),
            peer=str((session.peer or [""])[0]),
            login=str(session.auth_data) if session.authenticated else "",
        )
        answer = await self._taker.take(mail, self._context)
        if not answer:
            server.hang_up()  # type: ignore[attr-defined]
            await asyncio.Event().wait()  # until the library notices, and ends this
        return answer

    async def handle_exception(self, error: Exception) -> str:
        """Something failed in here: the sender may try again; nobody is told what it was."""
        log.error("letter not taken why=%s", type(error).__name__)
        return "451 something went wrong here; try again later"


def host_name() -> str:
    """How this machine names itself to senders, without asking a name server."""
    return socket.gethostname() or "localhost"
