r"""The head of a request as its bytes came.

    GET /sys/send.php?login=me&psw=…&subj=\xd2\xe5\xec\xe0 2&mes=Hi& HTTP/1.1\r\n
    Host: www2.smscentre.com\r\n

Between the method and the version stands whatever a library puts there: blanks and letters of any charset too (PROTOCOL
I.4). So the first line is cut at its first and its last blank, and nothing is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = 64 * 1024  # bytes of a head; a library goes over to POST at 2,000, those that never do send short texts
LONGEST_HOST = 80


class BadHead(Exception):
    """What came is no request; the connection is closed after an answer."""


@dataclass(slots=True, kw_only=True)
class Head:
    """What is needed of a head. `length` is None if no length is named; `host` has neither port nor capitals."""

    method: bytes
    path: bytes
    query: bytes
    host: str = ""
    content_type: bytes = b""
    length: int | None = None
    is_chunked: bool = False
    keep_alive: bool = True
    is_old: bool = False  # HTTP/1.0, or no version at all

    @property
    def ends_by_closing(self) -> bool:
        """Whether the body, without a length, ends with the connection."""
        return self.length is None and not self.is_chunked and self.is_old and self.method == b"POST"


def end_of_head(data: bytearray, since: int = 0) -> tuple[int, int] | None:
    """Where the head ends and where the body begins; None if the end is not here yet."""
    start = max(0, since - 3)
    found = data.find(b"\r\n\r\n", start)
    bare = data.find(b"\n\n", start, found if found >= 0 else len(data))
    if bare >= 0:
        return bare, bare + 2
    return (found, found + 4) if found >= 0 else None


def read(raw: bytes) -> Head:
    """Read a head without its empty line; raises BadHead."""
    lines = raw.split(b"\n")
    head = _first_line(lines[0].rstrip(b"\r"))
    connection = b""
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        reader = _WANTED.get(name.lower())
        if reader is None:
            continue
        value = value.strip(b" \t\r")
        if reader == "connection":
            connection = value.lower()
        elif reader == "host":
            head.host = head.host or _host(value)
        elif reader == "type":
            head.content_type = value
        elif reader == "length":
            _set_length(head, value)
        else:
            _set_coding(head, value)
    if head.is_chunked and head.length is not None:
        raise BadHead("a body has a length or is in chunks, not both")  # a proxy in front may have read it otherwise
    if connection:
        head.keep_alive = b"keep-alive" in connection if head.is_old else b"close" not in connection
    return head


# The headers that count, by what reads them.
_WANTED = {
    b"host": "host",
    b"connection": "connection",
    b"content-type": "type",
    b"content-length": "length",
    b"transfer-encoding": "coding",
}


def _first_line(line: bytes) -> Head:
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    if not version.startswith(b"HTTP/"):
        target, version = rest, b""
    target = target.strip(b" ")
    if not (method.isalpha() and method.isupper() and len(method) <= 16 and target):
        raise BadHead("no request begins like this")
    host = ""
    if target[:1] != b"/":  # as a proxy is spoken to
        scheme, mark, place = target.partition(b"://")
        if not mark or scheme.lower() not in (b"http", b"https"):
            raise BadHead("no address of ours begins like this")
        name, slash, behind = place.partition(b"/")
        host, target = _host(name), slash + behind or b"/"
    path, _, query = target.partition(b"?")
    is_old = version in (b"", b"HTTP/1.0")
    return Head(method=method, path=path, query=query, host=host, is_old=is_old, keep_alive=not is_old)


def _host(value: bytes) -> str:
    name = value.decode("ascii", "replace").lower()[:LONGEST_HOST]
    before, colon, port = name.rpartition(":")
    return before if colon and port.isdigit() else name


def _set_length(head: Head, value: bytes) -> None:
    if not value.isdigit() or len(value) > 15 or (head.length is not None and head.length != int(value)):
        raise BadHead("this length is none")
    head.length = int(value)


def _set_coding(head: Head, value: bytes) -> None:
    if value.lower() == b"identity":
        return
    if value.lower() != b"chunked" or head.is_chunked:
        raise BadHead("a body comes plain or in chunks")
    head.is_chunked = True
