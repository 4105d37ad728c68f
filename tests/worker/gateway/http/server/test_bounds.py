"""Whatever bytes come: readers raise nothing but FormError, and hold no more than their caps."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from smsq.worker.gateway.http.server.balance import BalanceRequest
from smsq.worker.gateway.http.server.body import Body
from smsq.worker.gateway.http.server.form import Form, FormError
from smsq.worker.gateway.http.server.info import InfoRequest
from smsq.worker.gateway.http.server.jobs import JobRequest
from smsq.worker.gateway.http.server.lists import read_get
from smsq.worker.gateway.http.server.multipart import Caps
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.http.server.shapes import content_type, write_error
from smsq.worker.gateway.http.server.statuses import StatusRequest

CAPS = Caps(body=4000, fields=1000, file=500, files=800, parts=5, head=200)
READERS: list[Callable[[Form], object]] = [
    SendRequest.read,
    StatusRequest.read,
    BalanceRequest.read,
    JobRequest.read,
    InfoRequest.read,
    read_get,
]
NAMES = st.sampled_from(
    "login psw apikey phones phone mes list id cost fmt charset sender valid time tz translit nl bin hlr ping mail tg "
    "call viber voice param all del add get get_all cancel name get_messages get_answers start end cnt prev_id hour "
    "after_id get_operator email format op err maxsms".split()
)
ODD = [b"", b"0", b"1", b"2", b"3", b"-1", b"9" * 30, b"1,", b",", b"7999,7998", b"%2B7999", b"7999:x\n7998;y", b"\\n"]
ODD += [b"utf-8", b"koi8-r", b"\xff\xfe", b"%", b"%ff%00", b"01.11.2026", b"99.99.9999", b"+5", b"9-21", b"0" * 12]
ODD += [b"a@b.c", b"@n", "٣".encode(), "²".encode()]
VALUES = st.sampled_from(ODD) | st.binary(max_size=30)
FORMS = st.lists(st.tuples(NAMES.map(str.encode), VALUES), max_size=8).map(
    lambda fields: b"&".join([name + b"=" + value for name, value in fields])
)
KINDS = [b"", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"multipart/form-data", b"\xff"]
KINDS += [b'multipart/mixed; boundary="x y"', b"multipart/form-data; boundary=\xff", b"application/json"]
SCRAPS = [b"\r\n--x\r\n", b"--x\r\n", b"--x--", b"\r\n--x--\r\n", b"\r\n\r\n", b"--x \t", b"A" * 700, b"{"]
SCRAPS += [
    b'Content-Disposition: form-data; name="a"',
    b'Content-Disposition: form-data; name="f"; filename="g"\r\n\r\n',
]
SCRAPS += [b"Content-Transfer-Encoding: base64", b'{"phones": "7999", "mes": 1}', b'{"a": ' * 50]
PIECES = st.lists(st.binary(max_size=200) | FORMS | st.sampled_from(SCRAPS), max_size=12)


def error_of(read: Callable[[Form], object], form: Form) -> FormError | None:
    """The gateway's error for this form; anything else that is raised fails the test."""
    try:
        read(form)
    except FormError as wrong:
        return wrong
    return None


@settings(max_examples=500, deadline=None)
@given(query=FORMS, kind=st.sampled_from(KINDS), pieces=PIECES, is_json=st.booleans())
def test_no_bytes_break_a_reader(query: bytes, kind: bytes, pieces: list[bytes], is_json: bool) -> None:
    """Each piece leaves it within its caps; at the end there is a form or an error, and an answer to both."""
    reader = Body(query, kind, CAPS, is_json=is_json)
    for piece in pieces:
        reader.feed(piece)
        assert reader.held <= CAPS.fields + CAPS.files + CAPS.head + 2 * 700
    form = reader.so_far()
    errors = [error_of(lambda _: reader.close(), form)]
    if errors == [None]:
        form = reader.close()
        errors = [error_of(read, form) for read in READERS]

    for wrong in filter(None, errors):
        assert wrong.error in (1, 5)
        assert write_error(wrong.error, fmt=form.fmt, charset=form.charset)
    assert content_type(form.fmt, form.charset)


@settings(max_examples=500, deadline=None)
@given(words=st.dictionaries(NAMES, st.text(max_size=30), max_size=10))
def test_no_words_break_a_reader(words: dict[str, str]) -> None:
    """Letters of any kind, halves of letters too."""
    form = Form.of(words)

    assert {wrong.error for read in READERS if (wrong := error_of(read, form))} <= {1, 5}
