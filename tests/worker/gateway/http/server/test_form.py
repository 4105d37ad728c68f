"""Forms as strangers write them: whatever the bytes, charset and place, the same words come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsq.worker.gateway.http.server.body import Body
from smsq.worker.gateway.http.server.form import MOST_FIELDS, Form, FormError, read_form, read_json
from smsq.worker.gateway.http.server.multipart import Caps
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.login import Login

GOLDEN = Path(__file__).parent / "golden"
ME = {"login": "me", "psw": "secret"}


def sample(name: str) -> Form:
    """A request as a library sends it: in the query, as a body, or as JSON."""
    written = (GOLDEN / name).read_bytes()
    if name.endswith(".query"):
        return read_form(written)
    return read_json(written) if name.endswith(".json") else read_form(b"", written)


# name, what its words must be; sources: PROTOCOL A.3, A.4, I.4.
SAMPLES = [
    ("php_raw.query", "raw letters and blanks in the request line, a bare & at the end", {
        "subj": "Тема письма", "mes": "Привет ", "phones": "anna@example.com", "sender": "me@example.com", "mail": "1",
    }),
    ("cs_cost.form", "nothing is encoded, UTF-8, a name without a value", {
        "mes": "Привет, мир   100%", "query": "", "cost": "1", "phones": "79991234567",
    }),
    ("1c_push.form", "no charset: windows-1251, and a backslash as it stands", {
        "mes": "http://example.com\\nСайт", "push": "1", "time": "0",
    }),
    ("rest.json", "one object, true for 1, null for nothing, an answer in JSON", {
        "mes": "Привет", "flash": "1", "id": "33", "fmt": "3", "charset": "utf-8",
    }),
]  # fmt: skip


@pytest.mark.parametrize(("name", "words"), [(row[0], row[2]) for row in SAMPLES], ids=[row[1] for row in SAMPLES])
def test_what_the_libraries_send_is_understood(name: str, words: dict[str, str]) -> None:
    """Each of their habits, byte for byte."""
    read = sample(name).words

    assert {**ME, **words} == {name: read.get(name) for name in {**ME, **words}}


CHARSETS = [("utf-8", "utf-8"), ("koi8-r", "koi8-r"), ("windows-1251", "cp1251"), ("", "cp1251"), ("latin-7", "cp1251")]


@pytest.mark.parametrize(("named", "codec"), CHARSETS, ids=[row[0] or "none" for row in CHARSETS])
@pytest.mark.parametrize("is_encoded", [True, False], ids=["encoded", "raw"])
def test_the_charset_that_is_named_decodes(named: str, codec: str, is_encoded: bool) -> None:
    """Values and names, encoded or not; one that nobody knows is taken for none."""
    text = "Тест".encode(codec)
    written = "".join(f"%{byte:02X}" for byte in text).encode() if is_encoded else text
    form = read_form(b"charset=" + named.encode(), b"mes=" + written)

    assert ("Тест", codec, text) == (form.words["mes"], form.charset, form.raw["mes"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"a=b+c", {"a": "b c"}, id="a raw plus is a blank"),
        pytest.param(b"a=%2B5", {"a": "+5"}, id="an encoded one is a plus"),
        pytest.param(b"a=1&a=2", {"a": "2"}, id="the last of a name counts"),
        pytest.param(b"a", {"a": ""}, id="a name alone is empty"),
        pytest.param(b"=x&&a=1&", {"a": "1"}, id="no name is no field"),
        pytest.param(b"a==b=c", {"a": "=b=c"}, id="a value goes on behind its first ="),
        pytest.param(b"a=%4&b=%zz&c=%", {"a": "%4", "b": "%zz", "c": "%"}, id="what is no code stays"),
        pytest.param(b"a=%41%42", {"a": "AB"}, id="every byte encoded"),
        pytest.param(b"a=%1%234", {"a": "%1#4"}, id="signs that only look like codes"),
        pytest.param(b"a=% 4%41", {"a": "% 4A"}, id="a blank in a code"),
    ],
)
def test_a_form_is_split_as_the_gateway_would(body: bytes, words: dict[str, str]) -> None:
    """One rule a row."""
    assert words == read_form(b"", body).words


def test_binary_bytes_are_never_decoded() -> None:
    """`bin=1` is the bytes themselves, `bin=2` their hex: both are one message, in hex."""
    raw, hexed = (SendRequest.read(sample(name)) for name in ("php_bin.form", "php_binhex.form"))

    assert raw.messages == hexed.messages
    assert hexed.messages[0][1].startswith("0605040b8423f0")


@pytest.mark.parametrize(
    ("words", "login"),
    [
        pytest.param(ME, Login("me", "secret"), id="log-in and password"),
        pytest.param({"apikey": "k"}, Login("", "k", is_key=True), id="a key"),
        pytest.param({**ME, "apikey": "k"}, Login("", "k", is_key=True), id="a key counts first"),
        pytest.param({}, Login("", ""), id="nobody"),
    ],
)
def test_the_caller(words: dict[str, str], login: Login) -> None:
    """By either way, and silent in print."""
    form = Form.of(words)

    assert login == form.login
    assert "secret" not in repr(form)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"phones": ["7999"]}', id="a list in it"),
        pytest.param(b'{"mes": {"a": 1}}', id="an object in it"),
        pytest.param(b'{"mes": "\xff"}', id="broken letters"),
        pytest.param(b"phones=7999&mes=x", id="a form"),
        pytest.param(b'{"a":' * 5000, id="deep"),
    ],
)
def test_what_is_no_object_is_error_1(body: bytes) -> None:
    """And its answer is JSON all the same."""
    reader = Body(is_json=True)
    reader.feed(body)

    with pytest.raises(FormError) as caught:
        reader.close()
    assert (caught.value.error, reader.so_far().fmt) == (1, 3)


def test_a_json_binary_is_hex() -> None:
    """JSON has no raw bytes."""
    with pytest.raises(FormError, match="hex"):
        SendRequest.read(read_json(b'{"phones": "79991234567", "mes": "x", "bin": 1}'))


def test_too_many_fields_are_no_request() -> None:
    """They would cost memory before anybody is known."""
    with pytest.raises(FormError, match="too many"):
        read_form(b"", b"&" * (MOST_FIELDS + 1))


def test_a_form_above_the_cap_is_not_kept() -> None:
    """It may still be fed to its end: an answer wants to know `fmt`, and the connection its next request."""
    reader = Body(b"fmt=1", caps=Caps(fields=1000))
    for _ in range(100):
        reader.feed(b"mes=" + b"x" * 96)
        assert reader.held <= 1000

    assert reader.trouble is not None
    assert reader.so_far().fmt == 1
    with pytest.raises(FormError, match="too large"):
        reader.close()


def test_an_answer_has_a_shape_whatever_was_asked() -> None:
    """Errors are answered in the shape that the request names, or in sentences."""
    assert [Form.of({"fmt": fmt}).fmt for fmt in ("0", "1", "2", "3", "4", "json", "", " 3 ")] == [
        0, 1, 2, 3, 0, 0, 0, 3,
    ]  # fmt: skip
