"""A send with files: what the client writes, an independent reader of MIME reads back."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import quote_plus, urlencode

from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain.files import Attached
from smsq.worker.gateway.http.client_multipart import with_files

OFFER = Attached("offer.pdf", b"%PDF\r\n\x00\xff\r\n--\r\n")


def parts(body: bytes, content_type: str) -> list[Any]:
    """The parts as Python's own reader of MIME has them."""
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    assert not message.defects
    return list(message.iter_parts())


def fields(body: bytes, content_type: str) -> list[tuple[str | None, str | None, bytes]]:
    """Name, file name and content of each part."""
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_param("filename", header="content-disposition"),
            part.get_payload(decode=True),
        )
        for part in parts(body, content_type)
    ]


def test_fields_come_first_and_then_the_files() -> None:
    """As the gateway's own PHP library has them, byte for byte."""
    body, content_type = with_files(b"login=me&psw=p%26w&mes=%D0%9F+%2B", [OFFER], lambda: "b0undary")

    assert content_type == "multipart/form-data; boundary=b0undary"
    assert body == (
        b'--b0undary\r\nContent-Disposition: form-data; name="login"\r\n\r\nme\r\n'
        b'--b0undary\r\nContent-Disposition: form-data; name="psw"\r\n\r\np&w\r\n'
        b'--b0undary\r\nContent-Disposition: form-data; name="mes"\r\n\r\n\xd0\x9f +\r\n'
        b'--b0undary\r\nContent-Disposition: form-data; name="file0"; filename="offer.pdf"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n%PDF\r\n\x00\xff\r\n--\r\n\r\n"
        b"--b0undary--\r\n"
    )


@given(
    values=st.lists(st.tuples(st.sampled_from(["mes", "subj", "sender"]), st.text(max_size=20)), max_size=4),
    files=st.lists(st.binary(max_size=60), max_size=3),
)
def test_every_value_comes_back(values: list[tuple[str, str]], files: list[bytes]) -> None:
    """Whatever is in it, line ends and signs of other parts included."""
    values = [(name, value.encode("utf-8", "replace").decode()) for name, value in values]
    attached = [Attached(f"{place}.bin", content) for place, content in enumerate(files)]
    body, content_type = with_files(urlencode(values).encode(), attached)

    boundary = content_type.partition("boundary=")[2].encode()
    told = [part.partition(b"\r\n\r\n") for part in body.split(b"--" + boundary)[1:-1]]
    contents = [content.removesuffix(b"\r\n") for _, _, content in told]
    assert [value.encode() for _, value in values] + files == contents


def test_a_boundary_stands_in_no_content() -> None:
    """Otherwise a file could end itself and begin a field: another boundary is drawn."""
    drawn = iter(["first", "second", "third"])
    evil = Attached("a", b'\r\n--first\r\nContent-Disposition: form-data; name="phones"\r\n\r\n+79990000000')

    body, content_type = with_files(b"mes=second", [evil], lambda: next(drawn))

    assert content_type.endswith("boundary=third")
    assert [("mes", None, b"second"), ("file0", "a", evil.content)] == fields(body, content_type)


def test_a_name_cannot_leave_its_quotes() -> None:
    """Quotes and line ends are written as browsers write them; other letters as they are."""
    names = ['a".pdf', 'x"; name="phones', "договор.pdf"]

    body, _ = with_files(b"", [Attached(name, b"x") for name in names])

    assert body.count(b"name=") == 6 + body.count(b"%22; name=")
    assert b'filename="a%22.pdf"' in body
    assert b'filename="x%22; name=%22phones"' in body
    assert 'filename="договор.pdf"'.encode() in body


def test_bytes_stay_bytes() -> None:
    """A value that is no text, as of a binary message, is not decoded on the way."""
    raw = bytes(range(256))

    body, content_type = with_files(f"mes={quote_plus(raw)}".encode(), [OFFER])

    assert ("mes", None, raw) == fields(body, content_type)[0]
