"""Read one whole answer from a connection, with `httptools`; an answer without a certain end is rejected.

The head (up to the first empty line) is found first and given to the parser alone, so its end is known to the byte.
The body has a length, is chunked, or lasts until the connection closes. Bytes after its end belong to no request of
ours, so such a connection is not kept. This reader is stricter than most clients, since an answer that two programs
could read differently proves nothing: line ends are CR LF, a length may occur once and not together with chunks, and
heads, chunk sizes and trailers have limits. A 100 is skipped; any other answer below 200 ends the exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from smsq.worker.domain.errors import BrokenReply, NoReply, Unknown

MAX_HEAD = 64 * 1024  # bytes of an answer's head and of the 100s before it
MAX_HEADERS = 100  # of an answer, with its trailers
CHUNK_OVERHEAD = 8  # bytes of chunk sizes and trailers per byte of the body, beyond MAX_HEAD
READ_SIZE = 64 * 1024  # bytes asked of the connection at once

_VERSIONS = (b"HTTP/1.1 ", b"HTTP/1.0 ")  # the parser knows other versions, and RTSP and ICE
_NO_BODY = (204, 304)

Receive = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer. Names of headers are in lower case; values of one name are joined with commas.

    `may_stay` says that it had the announced end, with nothing behind it, and that the server keeps the connection.
    """

    status: int
    reason: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    may_stay: bool


def read_answer(receive: Receive, max_body: int, mirror: str) -> Answer:
    """Read one answer by calls of `receive`, which returns no bytes once the connection has ended.

    Raises NoReply if nothing came, and BrokenReply for anything but one whole answer with a body of at most
    `max_body` bytes. Exceptions of `receive` go through.
    """
    return _Reading(receive, max_body, mirror).answer()


class _Reading:
    """The reading of one answer."""

    def __init__(self, receive: Receive, max_body: int, mirror: str) -> None:
        self._receive = receive
        self._max_body = max_body
        self._mirror = mirror
        self._is_begun = False

    def answer(self) -> Answer:
        rest, in_heads = bytearray(), 0
        while True:
            head, rest, size = self._head(rest, MAX_HEAD - in_heads)
            in_heads += size
            if head.status != 100:
                break
        body, is_at_end = self._body(head, bytes(rest))
        return Answer(
            status=head.status,
            reason=head.reason,
            headers=head.headers,
            body=body,
            may_stay=is_at_end and head.is_kept,
        )

    def _head(self, found: bytearray, most: int) -> tuple[_Message, bytearray, int]:
        """The next head; the bytes behind it; its size."""
        looked_at = 0
        while (end := found.find(b"\r\n\r\n", looked_at)) < 0:
            self._look_at_start(found, most)
            looked_at = max(0, len(found) - 3)
            found += self._more()
        end += 4
        self._look_at_start(found, most, end)
        message = _Message()
        try:
            message.parser.feed_data(memoryview(found)[:end])
        except (HttpParserError, HttpParserUpgrade):
            raise self._broken() from None
        message.has_head(found[5:8] == b"1.1")
        if not message.is_head_whole or message.chunks or not (message.status == 100 or message.status >= 200):
            raise self._broken()
        return message, found[end:], end

    def _look_at_start(self, found: bytearray, most: int, end: int = 0) -> None:
        """Raise BrokenReply as soon as it is clear that these bytes do not begin an answer."""
        if not any(version.startswith(found[:9]) for version in _VERSIONS) or (end or len(found)) > most:
            raise self._broken()

    def _body(self, head: _Message, rest: bytes) -> tuple[bytes, bool]:
        """The body, and whether nothing follows it on the connection."""
        length, coding = head.headers.get("content-length"), head.headers.get("transfer-encoding")
        if head.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
            raise BrokenReply(f"{self._mirror} answered in an encoding that was not asked for")
        if coding is not None:
            if coding.lower() != "chunked" or not head.is_1_1 or length is not None or head.status in _NO_BODY:
                raise self._broken()
            return self._chunked(head, rest)
        if length is not None:
            return self._counted(0 if head.status in _NO_BODY else int(length), rest)
        if head.status in _NO_BODY:
            raise self._broken()
        return self._until_closed(rest), False

    def _counted(self, length: int, rest: bytes) -> tuple[bytes, bool]:
        if length > self._max_body:
            raise self._too_long()
        pieces, size = [rest], len(rest)
        while size < length:
            pieces.append(self._more())
            size += len(pieces[-1])
        whole = b"".join(pieces)
        return whole[:length], size == length

    def _until_closed(self, rest: bytes) -> bytes:
        pieces, size = [rest], len(rest)
        while True:
            if size > self._max_body:
                raise self._too_long()
            piece = self._receive(READ_SIZE)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        if not size:
            raise self._closed()
        return b"".join(pieces)

    def _chunked(self, message: _Message, rest: bytes) -> tuple[bytes, bool]:
        """Feed each piece without its last byte first: if the answer ends before that byte, something follows it."""
        read = 0
        while True:
            read += len(rest)
            try:
                message.parser.feed_data(rest[:-1])
                is_at_end = not message.is_over
                message.parser.feed_data(rest[-1:])
            except (HttpParserError, HttpParserUpgrade):
                if not message.is_over:
                    raise self._broken() from None
                is_at_end = False
            if message.size > self._max_body:
                raise self._too_long()
            if read > MAX_HEAD + (1 + CHUNK_OVERHEAD) * message.size:
                raise self._broken()
            if message.is_over:
                return b"".join(message.chunks), is_at_end
            rest = self._more()

    def _more(self) -> bytes:
        piece = self._receive(READ_SIZE)
        if not piece:
            raise self._closed()
        self._is_begun = True
        return piece

    def _closed(self) -> Unknown:
        trouble: Unknown
        if self._is_begun:
            trouble = BrokenReply(f"{self._mirror} closed the connection before its answer was complete")
        else:
            trouble = NoReply(f"{self._mirror} closed the connection without an answer")
        trouble.peer_closed = True
        return trouble

    def _broken(self) -> BrokenReply:
        return BrokenReply(f"{self._mirror}: the answer is broken or cut short")

    def _too_long(self) -> BrokenReply:
        return BrokenReply(f"{self._mirror} answered more than {self._max_body} bytes")


class _Message:
    """The callbacks of the parser for one message; they ignore everything after its end."""

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.status = 0
        self.reason = ""
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self.size = 0  # bytes of the chunks so far
        self.is_1_1 = False
        self.is_head_whole = False
        self.is_over = False
        self._many = 0

    @property
    def is_kept(self) -> bool:
        """Whether the server says that it keeps the connection."""
        told = self.headers.get("connection", "").lower()
        return "close" not in told if self.is_1_1 else told == "keep-alive"

    def has_head(self, is_1_1: bool) -> None:
        """The head was fed."""
        self.is_1_1 = is_1_1
        self.status = self.parser.get_status_code()

    def on_status(self, reason: bytes) -> None:
        """The reason of the status line, in one piece, since the head is fed in one piece."""
        if not self.is_over:
            self.reason = reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; a trailer changes nothing."""
        self._many += 1
        if self._many > MAX_HEADERS:
            raise ValueError("too many headers")
        if not self.is_head_whole:
            known, told = name.decode("latin-1").lower(), value.decode("latin-1")
            self.headers[known] = f"{self.headers[known]}, {told}" if known in self.headers else told

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self.is_head_whole = True

    def on_body(self, piece: bytes) -> None:
        """A piece of a chunk."""
        if not self.is_over:
            self.chunks.append(piece)
            self.size += len(piece)

    def on_message_complete(self) -> None:
        """The last chunk and its trailers have come."""
        self.is_over = True
