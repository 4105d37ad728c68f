"""A send with files as the client writes it: the fields of its form, then the files, as multipart/form-data (RFC 7578).

Fields come first, as the gateway's own PHP library has them (PROTOCOL A.3): a server that reads in order knows who
sends before it reads a file. A sample:

    --7c1f…
    Content-Disposition: form-data; name="mes"

    Hi
    --7c1f…
    Content-Disposition: form-data; name="file0"; filename="offer.pdf"
    Content-Type: application/octet-stream

    %PDF-1.7 …
    --7c1f…--
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from urllib.parse import unquote_to_bytes

from smsq.worker.domain.files import Attached

# How browsers write what would end the name of a file (WHATWG, "multipart form data").
_ESCAPED = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


def with_files(
    form: bytes, files: Sequence[Attached], draw: Callable[[], str] = lambda: secrets.token_hex(16)
) -> tuple[bytes, str]:
    """A urlencoded form with files: its body and its content type. `draw` gives boundaries, until one fits."""
    fields = [_field(item) for item in form.split(b"&") if item]
    boundary = draw()
    while any(boundary.encode() in content for content in (*(v for _, v in fields), *(f.content for f in files))):
        boundary = draw()
    start = f"--{boundary}\r\nContent-Disposition: form-data; ".encode()
    parts = [b"%bname=%b\r\n\r\n%b\r\n" % (start, _quoted(name), value) for name, value in fields]
    for order, file in enumerate(files):
        told = b"name=%b; filename=%b" % (_quoted(f"file{order}"), _quoted(file.name))
        parts.append(b"%b%b\r\nContent-Type: application/octet-stream\r\n\r\n%b\r\n" % (start, told, file.content))
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def _field(item: bytes) -> tuple[str, bytes]:
    name, _, value = item.replace(b"+", b" ").partition(b"=")
    return unquote_to_bytes(name).decode(), unquote_to_bytes(value)


def _quoted(name: str) -> bytes:
    return f'"{name.translate(_ESCAPED)}"'.encode()
