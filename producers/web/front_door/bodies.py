"""Bodies as they come: with a length, in chunks, or until the connection closes; and the room that large ones share.

Files come before the log-in (PROTOCOL I.4), so large bodies of strangers have to be read. All of them together get
`MOST_HELD` bytes: a connection that finds no room is not read from until there is some, and its bytes wait at the
sender.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from smsq.worker.gateway.http.server.multipart import Caps

SMALL = 64 * 1024  # bytes of a body that needs no room
LARGEST = 24 * 1024 * 1024  # bytes of any body
MOST_HELD = 64 * 1024 * 1024  # bytes of all bodies that are no small ones
# Fields are decoded at once, which must not hold up others for long: five hundred texts of full length have half of it.
CAPS = Caps(body=LARGEST, fields=6 * 1024 * 1024, files=LARGEST)
LONGEST_LINE = 1024  # of a chunk's size with what stands beside it


class BadBody(Exception):
    """The body is no body: the answer is an error, and the connection closes after it."""


class Room:
    """The room for large bodies; who comes first is served first."""

    def __init__(self, most: int = MOST_HELD) -> None:
        self._left = most
        self._most = most
        self._waiting: deque[tuple[int, object, Callable[[], None]]] = deque()

    @property
    def held(self) -> int:
        """How many bytes are given out."""
        return self._most - self._left

    def ask(self, size: int, who: object, then: Callable[[], None]) -> bool:
        """Take room for `size` bytes; if there is none now, False, and `then` is called once it is taken."""
        if not self._waiting and size <= self._left:
            self._left -= size
            return True
        self._waiting.append((size, who, then))
        return False

    def give_back(self, size: int) -> None:
        """Give room back."""
        self._left += size
        self._serve()

    def leave(self, who: object) -> None:
        """Wait no longer."""
        self._waiting = deque(each for each in self._waiting if each[1] is not who)
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._left:
            size, _, then = self._waiting.popleft()
            self._left -= size
            then()


class Plain:
    """A body of a known length, or one that ends with the connection (`length` None)."""

    def __init__(self, length: int | None) -> None:
        self.is_over = length == 0
        self._left = length

    def feed(self, data: bytearray) -> bytes:
        """Take the body's bytes off the beginning of `data`, and return them."""
        many = len(data) if self._left is None else min(self._left, len(data))
        taken = bytes(data[:many])
        del data[:many]
        if self._left is not None:
            self._left -= many
            self.is_over = self._left == 0
        return taken


class Chunked:
    """A body in chunks; trailers are read over."""

    def __init__(self) -> None:
        self.is_over = False
        self._left = 0  # of the present chunk
        self._step = self._size

    def feed(self, data: bytearray) -> bytes:
        """Take what can be read off the beginning of `data`; return the body's bytes in it. Raises BadBody."""
        taken: list[bytes] = []
        while not self.is_over and self._step(data, taken):
            pass
        return b"".join(taken)

    def _line(self, data: bytearray) -> bytes | None:
        end = data.find(b"\n", 0, LONGEST_LINE)
        if end < 0:
            if len(data) >= LONGEST_LINE:
                raise BadBody("a chunk has no size")
            return None
        line = bytes(data[:end]).rstrip(b"\r")
        del data[: end + 1]
        return line

    def _size(self, data: bytearray, taken: list[bytes]) -> bool:
        line = self._line(data)
        if line is None:
            return False
        digits = line.partition(b";")[0].strip()
        if not digits or len(digits) > 12 or digits.strip(b"0123456789abcdefABCDEF"):
            raise BadBody("a chunk has no size")
        self._left = int(digits, 16)
        self._step = self._content if self._left else self._trailer
        return True

    def _content(self, data: bytearray, taken: list[bytes]) -> bool:
        part = bytes(data[: self._left])
        del data[: self._left]
        self._left -= len(part)
        if part:
            taken.append(part)
        if not self._left:
            self._step = self._end
        return not self._left

    def _end(self, data: bytearray, taken: list[bytes]) -> bool:
        line = self._line(data)
        if line is None:
            return False
        if line:
            raise BadBody("a chunk is longer than it says")
        self._step = self._size
        return True

    def _trailer(self, data: bytearray, taken: list[bytes]) -> bool:
        line = self._line(data)
        self.is_over = line == b""
        return line is not None and not self.is_over
