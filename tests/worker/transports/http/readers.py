"""One stream of bytes before two readers: ours and the oracle, each over a real pair of sockets.

`cuts` are the places where the stream is cut into reads. A stream that `closes` ends with the connection; one that
does not leaves it open, and then a reader that waits for more is at its deadline at once.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from smsq.worker.domain.errors import Unknown
from smsq.worker.transports.http.answer import read_answer
from smsq.worker.transports.sockets import DeadlineSocket
from tests.worker.transports.http.oracle import Oracle, OracleSocket, Seen

MAX_BODY = 2_000  # bytes
REQUEST = b"POST /sys/send.php HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


class _Piecemeal:
    """Reads end where the cuts are, and nobody waits."""

    at: int = 0
    cuts: Sequence[int] = ()

    def most(self, size: int) -> int:
        return min([size, *(cut - self.at for cut in self.cuts if cut > self.at)])


class OurSocket(_Piecemeal, DeadlineSocket):
    def receive(self, size: int) -> bytes:
        self.settimeout(0)
        try:
            piece = self.recv(self.most(size))
        except BlockingIOError:
            raise TimeoutError from None
        self.at += len(piece)
        return piece


class TheirSocket(_Piecemeal, OracleSocket):
    def recv_into(self, buffer: Any, *args: Any, **kwargs: Any) -> int:
        if self.is_ended:
            return super().recv_into(buffer)
        self.settimeout(0)
        try:
            many = socket.socket.recv_into(self, buffer, self.most(len(buffer)))
        except BlockingIOError:
            raise TimeoutError from None
        self.at += many
        return many

    def _hurry(self) -> None:
        self.settimeout(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a reader saw, and whether the next request may be said on the same line: it stays and is quiet."""

    seen: Seen = field()
    is_usable: bool


def ours(stream: bytes, *, closes: bool, cuts: Sequence[int] = (), max_body: int = MAX_BODY) -> Verdict:
    """What our reader makes of it."""
    line, peer = _pair(OurSocket, stream, closes, cuts)
    with line, peer:
        try:
            answer = read_answer(line.receive, max_body, "the mirror")
        except Unknown as error:
            return Verdict(seen=Seen(trouble=type(error), peer_closed=error.peer_closed), is_usable=False)
        except TimeoutError:
            return Verdict(seen=Seen(trouble=Unknown), is_usable=False)
        seen = Seen(status=answer.status, body=answer.body, may_stay=answer.may_stay)
        return Verdict(seen=seen, is_usable=answer.may_stay and line.is_quiet())


def theirs(stream: bytes, *, closes: bool, cuts: Sequence[int] = (), max_body: int = MAX_BODY) -> Verdict:
    """What the oracle makes of it."""
    line, peer = _pair(TheirSocket, stream, closes, cuts)
    with line, peer:
        seen = Oracle(line).see("/sys/send.php", b"", max_body)
        return Verdict(seen=seen, is_usable=seen.may_stay and line.is_quiet())


def _pair(kind: type[Any], stream: bytes, closes: bool, cuts: Sequence[int]) -> tuple[Any, socket.socket]:
    """A connection on which the peer has written the whole stream already."""
    near, peer = socket.socketpair()
    line = kind(fileno=near.detach())
    line.cuts = cuts
    peer.settimeout(5)
    peer.sendall(stream)
    if closes:
        peer.shutdown(socket.SHUT_WR)
    return line, peer
