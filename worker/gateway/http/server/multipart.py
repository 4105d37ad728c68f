r"""A multipart body, read as its bytes come: fields are kept, files go where the server wants them.

    --XyZ\r\n
    Content-Disposition: form-data; name="File1"; filename="C:\a\price.pdf"\r\n
    Content-Type: application/octet-stream\r\n
    \r\n
    …bytes…\r\n
    --XyZ\r\n
    Content-Disposition: form-data; name="login"\r\n
    \r\n
    me\r\n
    --XyZ--\r\n

C# and Delphi send the files first and the log-in behind them, PHP the other way round (PROTOCOL I.4). So a server has
to take files of a caller that it does not know yet: the caps say how much, and above them files are dropped and
skipped, while fields are still read, since the answer's `fmt` may be among them. `feed` never raises.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Callable
from dataclasses import dataclass

from smsq.worker.gateway.http.server.form import CHARSETS, FormError, Upload

LONGEST_BOUNDARY = 200  # RFC 2046 has 70
LONGEST_PADDING = 64  # blanks behind a boundary

_BOUNDARY = re.compile(rb';\s*boundary\s*=\s*("[^"]*"|[^;\s]*)', re.IGNORECASE)
_PARAMETER = re.compile(rb';\s*([a-z*]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.IGNORECASE | re.DOTALL)
_LINE_END = re.compile(rb"\r\n|\n")

NewUpload = Callable[[str, str, str], Upload]  # field, name, content type


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that a request may hold; sizes in bytes."""

    body: int = 40 * 1024 * 1024  # of anything, as it is on the wire
    fields: int = 16 * 1024 * 1024  # all fields together
    file: int = 10 * 1024 * 1024  # each
    files: int = 20 * 1024 * 1024  # all together
    parts: int = 200
    head: int = 8 * 1024  # a part's


def boundary_of(content_type: bytes) -> bytes | None:
    """The boundary that a Content-Type names; None if it is no multipart type, FormError 1 if it names none."""
    if not content_type.strip().lower().startswith(b"multipart/"):
        return None
    found = _BOUNDARY.search(content_type)
    boundary = found[1].strip(b'"').rstrip() if found else b""
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise FormError(1, "a multipart body needs a boundary")
    return boundary


class Multipart:
    """The parser. `trouble` is the first thing that was wrong; what was read until then stays readable."""

    def __init__(self, boundary: bytes, caps: Caps, new_upload: NewUpload = Upload) -> None:
        self.caps = caps
        self.fields: dict[bytes, bytes] = {}
        self.codecs: dict[bytes, str] = {}  # of fields whose part names a charset
        self.uploads: list[Upload] = []
        self.trouble: FormError | None = None
        self._new_upload = new_upload
        self._mark = b"\r\n--" + boundary
        self._boundary = re.compile(re.escape(self._mark) + rb"(?:(--)|[ \t]{0,%d}\r\n)" % LONGEST_PADDING)
        # The first boundary has no line end in front of it: it is given one.
        self._rest = bytearray(b"\r\n")
        self._step: Callable[[], bool] = self._skip
        self._parts = self._field_bytes = self._file_bytes = 0
        self._name = b""
        self._encoding = b""
        self._value: bytearray | None = None
        self._upload: Upload | None = None

    @property
    def held(self) -> int:
        """How many bytes are kept here, files with them."""
        value = len(self._value) if self._value is not None else 0
        return len(self._rest) + value + self._field_bytes + sum(upload.held for upload in self.uploads)

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._step == self._end:
            return
        self._rest += data
        while self._step():
            pass

    def close(self) -> None:
        """The body is over; raises FormError if something was wrong with it or if it is not whole."""
        is_over = self._step == self._end or (self._step == self._head and not self._rest.strip())  # some forget the --
        if not is_over:
            self._fail("the body ends before its last boundary")
        if self.trouble is not None:
            raise self.trouble

    def give_up(self) -> None:
        """Drop files and what waits to be read; nothing more is taken, the fields stay readable."""
        self._fail("given up")
        self._value, self._upload = None, None
        self._stop()

    # --- steps: each takes what it can from `_rest` and says whether there may be more to do --------------------

    def _skip(self) -> bool:
        """What stands in front of the first boundary is nothing."""
        return self._until_mark(lambda data: None)

    def _head(self) -> bool:
        """A part's head, up to its empty line."""
        if self._rest[:2] == b"\r\n":
            end, after = 0, 2
        else:
            found = self._rest.find(b"\r\n\r\n", 0, self.caps.head + 4)
            end, after = found, found + 4
        if end < 0:
            if len(self._rest) > self.caps.head:
                self._fail("a part's head is too long")
                self._stop()
            return False
        head = bytes(self._rest[:end])
        del self._rest[:after]
        self._begin(head)
        self._step = self._content
        return True

    def _content(self) -> bool:
        """A part's bytes."""
        return self._until_mark(self._take)

    def _end(self) -> bool:
        """Nothing behind the last boundary counts."""
        return False

    def _until_mark(self, take: Callable[[bytes], None]) -> bool:
        """Hand on what stands in front of the next boundary, and pass it once it is there with its line end."""
        rest, mark = self._rest, self._mark
        at = rest.find(mark)
        found = self._boundary.search(rest, at) if at >= 0 else None  # what only begins like one is passed over in C
        if found is None:
            kept = self._open_end()
            take(bytes(rest[: len(rest) - kept]))
            del rest[: len(rest) - kept]
            return False
        start, end, is_last = found.start(), found.end(), found[1] is not None
        del found  # it holds the buffer
        take(bytes(rest[:start]))
        del rest[:end]
        self._finish()
        if is_last:
            self._stop()
            return False
        self._step = self._head
        return True

    def _open_end(self) -> int:
        """How many bytes at the end may be the beginning of a boundary."""
        rest, mark = self._rest, self._mark
        at = rest.rfind(mark, max(0, len(rest) - len(mark) - LONGEST_PADDING - 2))
        if at >= 0 and not rest[at + len(mark) :].strip(b" \t\r-"):
            return len(rest) - at
        return min(len(rest), len(mark) - 1)

    # --- parts ------------------------------------------------------------------------------------------------

    def _begin(self, head: bytes) -> None:
        """A part's head was read."""
        self._parts += 1
        if self._parts > self.caps.parts:
            self._fail("too many parts")
            return
        told = dict(_lines(head))
        disposition = told.get(b"content-disposition", b"")
        parameters = {found[1].lower(): _unquoted(found[2]) for found in _PARAMETER.finditer(disposition)}
        content_type = told.get(b"content-type", b"")
        self._name = parameters.get(b"name", b"")
        self._encoding = told.get(b"content-transfer-encoding", b"").strip().lower()
        if not self._name:
            return
        filename = parameters.get(b"filename", parameters.get(b"filename*"))
        if filename is None:
            self._value = bytearray()
            charset = re.search(rb'charset="?([a-z0-9-]+)', content_type.lower())
            if charset and (named := charset[1].decode("ascii")) in CHARSETS:
                self.codecs[self._name] = CHARSETS[named]
            return
        if self._encoding in (b"base64", b"quoted-printable"):
            self._fail("a file comes as it is, in no encoding")
            return
        name = re.split(rb"[/\\]", filename)[-1]
        media_type = content_type.decode("latin-1").strip()
        self._upload = self._new_upload(self._name.decode("latin-1"), _readable(name), media_type)
        if not self.trouble:
            self.uploads.append(self._upload)

    def _take(self, data: bytes) -> None:
        """Bytes of the part at hand; those above a cap are dropped, and the files with them."""
        if not data:
            return
        if self._value is not None:
            if self._field_bytes + len(self._value) + len(data) > self.caps.fields:
                self._value = None
                self._fail("the fields are too large")
                return
            self._value += data
        elif (upload := self._upload) is not None and not self.trouble:
            self._file_bytes += len(data)
            if self._file_bytes > self.caps.files or upload.size + len(data) > self.caps.file:
                self._fail("the files are too large")
                return
            upload.write(data)

    def _finish(self) -> None:
        """The part at hand is whole."""
        if self._value is not None:
            value = _decoded(bytes(self._value), self._encoding)
            if value is None:
                self._fail("a part's encoding is broken")
            else:
                # One PHP library marks a value that begins with @ by a NUL (PROTOCOL I.4).
                self.fields[self._name] = value[1:] if value[:2] == b"\0@" else value
                self._field_bytes += len(self._name) + len(value)
        elif (upload := self._upload) is not None and not upload.name and not upload.size and upload in self.uploads:
            self.uploads.remove(upload)  # no file was chosen
        self._value, self._upload = None, None

    def _fail(self, sentence: str) -> None:
        if self.trouble is None:
            self.trouble = FormError(1, sentence)
            for upload in self.uploads:
                upload.drop()
            self.uploads = []

    def _stop(self) -> None:
        self._rest.clear()
        self._step = self._end


def _lines(head: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a part's head; a folded line belongs to the one before it."""
    lines: list[tuple[bytes, bytes]] = []
    for line in _LINE_END.split(head):
        if line[:1] in (b" ", b"\t") and lines:
            lines[-1] = (lines[-1][0], lines[-1][1] + b" " + line.strip())
        else:
            name, _, value = line.partition(b":")
            lines.append((name.strip().lower(), value.strip()))
    return lines


def _unquoted(value: bytes) -> bytes:
    r"""A parameter without its quotes; only \" and \\ are escapes, since a file's name may be a path of Windows."""
    value = value.strip()
    if value[:1] != b'"':
        return value
    return value[1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\")


def _readable(name: bytes) -> str:
    """A file's name, whose charset nobody says."""
    try:
        written = name.decode("utf-8")
    except UnicodeDecodeError:
        written = name.decode("cp1251", "replace")
    return "".join([char for char in written if char.isprintable()])


def _decoded(value: bytes, encoding: bytes) -> bytes | None:
    """A field's bytes without their transfer encoding; None if it is broken."""
    if encoding == b"quoted-printable":
        return a2b_qp(value)
    if encoding == b"base64":
        try:
            return a2b_base64(value)
        except ValueError:
            return None
    return value
