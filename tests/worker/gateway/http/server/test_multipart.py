"""Multipart bodies: the libraries' own, in pieces of any size, hostile ones within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsq.worker.gateway.http.server.body import Body
from smsq.worker.gateway.http.server.form import Form, FormError, Upload
from smsq.worker.gateway.http.server.multipart import Caps

GOLDEN = Path(__file__).parent / "golden"
TYPE = b"multipart/form-data; boundary=--------8d2f1"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00--\r\n----"


def fed(written: bytes, size: int = 1 << 20, caps: Caps = Caps(), content_type: bytes = TYPE) -> Body:  # noqa: B008
    """A reader that got these bytes in pieces of this size."""
    reader = Body(b"", content_type, caps)
    for start in range(0, len(written), size):
        reader.feed(written[start : start + size])
    return reader


# Sources: PROTOCOL A.3, I.4: who puts files first, their names, the charsets of parts.
SAMPLES = [
    ("cs_mail.multipart", {"phones": "anna@example.com", "mes": 'Каталог: цены & "сроки"', "subj": "Каталог"},
     [("File1", "каталог.pdf", b"%PDF-1.4 \xff\x00 one"), ("File2", "b.png", PNG)]),
    ("delphi_mms.multipart", {"phones": "79991234567", "mes": "Фото", "mms": "1"}, [("File1", "1.png", PNG)]),
    ("php_mail.multipart", {"mes": "@всем", "subj": "Тема", "mail": "1"},
     [("file0", "a.txt", b"one"), ("file1", "b.txt", b"")]),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 20])
@pytest.mark.parametrize(("name", "words", "files"), SAMPLES, ids=[row[0] for row in SAMPLES])
def test_the_libraries_uploads(
    name: str, words: dict[str, str], files: list[tuple[str, str, bytes]], size: int
) -> None:
    """Fields and files, in whatever order, however the bytes come."""
    form = fed((GOLDEN / name).read_bytes(), size).close()

    assert {"login": "me", "psw": "secret", **words} == {name: form.words[name] for name in ("login", "psw", *words)}
    assert files == [(upload.field, upload.name, upload.content) for upload in form.uploads]


def body(*parts: tuple[str, bytes], end: bytes = b"--") -> bytes:
    """Parts by what stands behind `form-data; ` and their bytes."""
    mark = b"----------8d2f1"
    return b"".join(
        [mark + f"\r\nContent-Disposition: form-data; {told}\r\n\r\n".encode() + data + b"\r\n" for told, data in parts]
    ).join((b"", mark + end + b"\r\n"))


def one(told: str, data: bytes = b"x", more: str = "") -> Form:
    return fed(body((f"{told}{more}", data))).close()


@pytest.mark.parametrize(
    ("told", "name"),
    [
        pytest.param('name="a"; filename="x.txt"', "x.txt", id="plain"),
        pytest.param('name="a"; filename="C:\\dir\\new.txt"', "new.txt", id="a path of Windows"),
        pytest.param('name="a"; filename="/home/me/x.txt"', "x.txt", id="a path of Unix"),
        pytest.param("name=a; filename=x.txt", "x.txt", id="without quotes"),
        pytest.param('name="a"; filename="a\\"b.txt"', 'a"b.txt', id="a quote in it"),
        pytest.param('filename="x;y.txt"; name="a"', "x;y.txt", id="in any order, with a semicolon"),
        pytest.param('name="a"; filename="../../etc/passwd"', "passwd", id="no way out of the folder"),
        pytest.param('name="a"; filename="x\x01\x7f.txt"', "x.txt", id="no control characters"),
    ],
)
def test_a_files_name_is_a_name(told: str, name: str) -> None:
    """Without path and without what cannot be printed."""
    [upload] = one(told).uploads

    assert (name, b"x") == (upload.name, upload.content)


@pytest.mark.parametrize(
    ("encoding", "data", "text"),
    [
        pytest.param("quoted-printable", b"=D0=90=3D=\r\nb", "А=b", id="quoted"),
        pytest.param("base64", b"0JA9Yg==", "А=b", id="base64"),
        pytest.param("binary", "А=b".encode(), "А=b", id="as it is"),
    ],
)
def test_a_field_may_be_encoded(encoding: str, data: bytes, text: str) -> None:
    """By the transfer encodings of mail."""
    form = fed(
        body(('name="charset"', b"utf-8"), (f'name="mes"\r\nContent-Transfer-Encoding: {encoding}', data))
    ).close()

    assert text == form.words["mes"]


def test_a_part_that_names_its_charset_is_read_by_it() -> None:
    """Whatever the request names for the others."""
    form = fed(body(('name="mes"\r\nContent-Type: text/plain; charset=koi8-r', "Да".encode("koi8-r")))).close()

    assert form.words["mes"] == "Да"


def test_a_text_may_look_like_a_boundary() -> None:
    """Only a whole line of its own ends a part."""
    text = b"x\r\n----------8d2f1abc\r\n--\r\n----------8d2f\r\n"

    assert one('name="mes"', text).raw["mes"] == text


def test_no_file_was_chosen() -> None:
    """A part with an empty name and nothing in it is no file."""
    assert one('name="a"; filename=""', b"").uploads == []


@pytest.mark.parametrize(
    ("written", "content_type"),
    [
        pytest.param(body(('name="a"', b"x"))[:-6], TYPE, id="no end"),
        pytest.param(b"", TYPE, id="nothing"),
        pytest.param(b"login=me", TYPE, id="another form"),
        pytest.param(body(('name="a"', b"x")), b"multipart/form-data", id="no boundary"),
        pytest.param(body(('name="a"', b"x")), b"multipart/form-data; boundary=", id="an empty boundary"),
        pytest.param(body(('name="a"', b"x")), b"multipart/form-data; boundary=" + b"x" * 300, id="a long boundary"),
        pytest.param(body(('name="a"\r\nContent-Transfer-Encoding: base64', b"x")), TYPE, id="broken base64"),
        pytest.param(
            body(('name="a"; filename="b"\r\nContent-Transfer-Encoding: base64', b"eA==")), TYPE, id="an encoded file"
        ),
    ],
)
def test_what_is_no_multipart_body_is_error_1(written: bytes, content_type: bytes) -> None:
    """Said at the end, never raised in between."""
    with pytest.raises(FormError) as caught:
        fed(written, content_type=content_type).close()

    assert caught.value.error == 1


def test_the_last_boundary_may_lack_its_hyphens() -> None:
    """Some forget them; everything was there."""
    assert fed(body(('name="a"', b"x"), end=b"")).close().words == {"a": "x"}


CAPS = [
    ("a file", Caps(file=100), [('name="a"; filename="a"', b"x" * 101)]),
    ("all files", Caps(files=150), [('name="a"; filename="a"', b"x" * 100)] * 2),
    ("the fields", Caps(fields=100), [('name="a"', b"x" * 101)]),
    ("the number of parts", Caps(parts=3), [('name="a"', b"")] * 4),
    ("a head", Caps(head=100), [(f'name="{"a" * 200}"', b"")]),
    ("the body", Caps(body=100), [('name="a"; filename="a"', b"x" * 200)]),
]


@pytest.mark.parametrize(("caps", "parts"), [row[1:] for row in CAPS], ids=[row[0] for row in CAPS])
@pytest.mark.parametrize("size", [1, 1000])
def test_nothing_above_a_cap_is_held(caps: Caps, parts: list[tuple[str, bytes]], size: int) -> None:
    """What was held until then is let go, and the request is error 1."""
    reader = fed(body(*parts), size, caps)

    assert reader.trouble is not None
    assert reader.held < 300
    with pytest.raises(FormError):
        reader.close()


def test_fields_behind_a_file_that_is_too_large_are_read() -> None:
    """The caller and the shape of the answer may be among them."""
    reader = fed(body(('name="a"; filename="a"', b"x" * 5000), ('name="login"', b"me"), ('name="fmt"', b"1")), 64,
                 Caps(file=1000))  # fmt: skip

    assert (reader.so_far().login.login, reader.so_far().fmt) == ("me", 1)
    with pytest.raises(FormError, match="too large"):
        reader.close()


def test_fields_are_known_before_the_files_have_come() -> None:
    """A server may look who it is, and raise the caps."""
    reader = fed(body(('name="login"', b"me"), ('name="a"; filename="a"', b"x" * 50))[:-40], 7, Caps(file=10))
    known = Body(b"", TYPE, Caps(file=10))
    whole = body(('name="login"', b"me"), ('name="a"; filename="a"', b"x" * 50))
    known.feed(whole[:150])
    assert known.so_far().login.login == "me"
    known.caps = Caps(file=100)
    known.feed(whole[150:])

    assert reader.trouble is not None
    assert [upload.size for upload in known.close().uploads] == [50]


def test_a_server_may_keep_files_elsewhere() -> None:
    """Its own upload gets the bytes as they come; none are held here."""

    class Spool(Upload):
        held = 0

    reader = Body(b"", TYPE, Caps(), Spool)
    written = body(('name="a"; filename="a"', b"x" * 10_000))
    for start in range(0, len(written), 100):
        reader.feed(written[start : start + 100])
        assert reader.held < 400

    [upload] = reader.close().uploads
    assert isinstance(upload, Spool)
    assert upload.size == 10_000


def test_a_request_may_be_given_up() -> None:
    """Whoever takes too long is let go of, and so is what came of it."""
    reader = fed(body(('name="a"; filename="a"', b"x" * 1000))[:900])
    reader.drop()

    assert reader.held == 0
    with pytest.raises(FormError):
        reader.close()


PART = st.tuples(
    st.sampled_from(['name="a"', 'name="b"; filename="b"', 'name="c"; filename="c"']),
    st.binary(max_size=40)
    | st.sampled_from([b"\r\n", b"\r\n--", b"\r\n----------8d2f", b"\r\n----------8d2f1x", b"--"]),
)


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(PART, max_size=5), cuts=st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_pieces_do_not_matter(parts: list[tuple[str, bytes]], cuts: list[int]) -> None:
    """Whatever the bytes and wherever they are cut, the same comes out as of one piece."""
    written, start, turn = body(*parts), 0, 0
    reader = Body(b"", TYPE)
    while start < len(written):
        size = cuts[turn % len(cuts)]
        reader.feed(written[start : start + size])
        start, turn = start + size, turn + 1
    form, whole = reader.close(), fed(written).close()

    assert whole.raw == form.raw
    expected = [data for told, data in parts if "filename" in told]
    assert expected == [upload.content for upload in form.uploads] == [upload.content for upload in whole.uploads]
