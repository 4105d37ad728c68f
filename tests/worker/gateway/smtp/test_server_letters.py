from __future__ import annotations

import base64
import quopri
from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsq.worker.domain.batch import Options
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.http.server.form import Form
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.smtp.client_letters import Envelope, letters
from smsq.worker.gateway.smtp.server_letters import LetterError, read

GOLDEN = Path(__file__).parent / "golden"
ENVELOPE = Envelope(sender="api@smsc.ru", recipient="send@send.smsc.ru")
LINE = "me:secret:0:0:0,0,Shop:79991234567:Привет: мир"


def plain(line: str, charset: str = "utf-8", *, headers: str = "") -> bytes:
    """A mail as PHP writes it: no word about MIME."""
    head = headers or f"From: api@smsc.ru\r\nContent-Type: text/plain; charset={charset}\r\n"
    return head.encode() + b"\r\n" + line.encode("cp1251" if charset == "windows-1251" else charset) + b"\r\n"


def test_a_letter_as_php_writes_it() -> None:
    """Raw 8-bit bytes in the library's charset, a time of 0, no MIME-Version."""
    letter = read((GOLDEN / "php.eml").read_bytes())

    assert (letter.login, letter.id, letter.time, letter.number) == (Login("me", "secret"), "0", "0", 0)
    assert (letter.phones, letter.text) == ("79991234567,79991234568", "Код: 4821, не говорите его\nникому")
    assert letter.fields() == {
        "login": "me", "psw": "secret", "charset": "utf-8", "id": "0", "sender": "Магазин",
        "phones": "79991234567,79991234568", "mes": "Код: 4821, не говорите его\nникому",
    }  # fmt: skip


def test_a_letter_as_c_sharp_writes_it() -> None:
    """Base64, with a key and so an empty log-in."""
    letter = read((GOLDEN / "csharp.eml").read_bytes())

    assert letter.login == Login("", "0123456789abcdef", is_key=True)
    assert (letter.id, letter.number, letter.translit) == ("4711", 1, "1")
    assert letter.text == "Привет"
    assert letter.fields() | {} == {
        "apikey": "0123456789abcdef", "charset": "utf-8", "id": "4711", "translit": "1", "flash": "1",
        "phones": "79991234567", "mes": "Привет",
    }  # fmt: skip


def test_a_letter_as_delphi_writes_it() -> None:
    """Quoted-printable, records of a list with CR LF between them."""
    letter = read((GOLDEN / "delphi.eml").read_bytes())

    assert (letter.phones, letter.text) == ("", "79991234567:Привет, Анна\n79991234568:Привет: Борис")
    assert SendRequest.read(Form.of(letter.fields())).messages == [
        ("79991234567", "Привет, Анна"),
        ("79991234568", "Привет: Борис"),
    ]


@pytest.mark.parametrize("charset", ["utf-8", "koi8-r", "windows-1251"])
def test_three_charsets(charset: str) -> None:
    """Each is read as it says, whole."""
    assert read(plain(LINE, charset)).text == "Привет: мир"


def test_without_a_charset_it_is_koi8() -> None:
    """As the gateway has it (PROTOCOL G)."""
    bare = b"From: a@b\r\n\r\n" + LINE.encode("koi8-r")

    assert read(bare).text == "Привет: мир"


@pytest.mark.parametrize(
    ("line", "test", "zone"),
    [
        ("me:secret:0:0,5:0,0,,0:79991234567:Hi", False, "5"),
        ("me:secret:0:,-3:0,0,Shop,1:79991234567:Hi", True, "-3"),
        ("me:secret:::,,:79991234567:Hi", False, ""),
        ("me:secret:0:0::79991234567:Hi", False, ""),
    ],
)
def test_fields_may_be_empty_or_missing(line: str, test: bool, zone: str) -> None:
    """The zone and the test field stand in the manual and in no library."""
    letter = read(plain(line))

    assert (letter.is_test, letter.zone, letter.text) == (test, zone, "Hi")
    assert SendRequest.read(Form.of(letter.fields())).messages == [("79991234567", "Hi")]


def html_letter() -> bytes:
    page = "<html><body><p>[text]me:secret:0:0:0,0,:79991234567:Tom &amp; Jerry<br>Привет[/text]</p>bye</body></html>"
    return b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(
        page.encode()
    )


def several_parts() -> bytes:
    return (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="x"\r\n\r\n--x\r\n'
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        + quopri.encodestring("me:secret:0:0:0,0,:79991234567:Tom & Jerry\nПривет".encode()).replace(b"\n", b"\r\n")
        + b"\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>other</p>\r\n--x--\r\n"
    )


def with_a_footer() -> bytes:
    return plain("[text]me:secret:0:0:0,0,:79991234567:Tom & Jerry\r\nПривет[/text]\r\n--\r\nThis mail is secret")


@pytest.mark.parametrize("made", [html_letter, several_parts, with_a_footer])
def test_what_a_mail_server_on_the_way_made_of_it(made: object) -> None:
    """HTML, several parts, a footer: the line stands between the marks, or alone in the plain part."""
    letter = read(made())  # type: ignore[operator]

    assert (letter.phones, letter.text) == ("79991234567", "Tom & Jerry\nПривет")


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"Hello",
        plain("Hello, how are you?"),
        plain("me:secret:0:0:0,0,:79991234567"),
        plain("me::0:0:0,0,:79991234567:Hi"),
        plain("me:secret:0:0:0,0,a,b,c:79991234567:Hi"),
        plain("me:secret:0:0:0,x,:79991234567:Hi"),
        plain("me:secret\nno:0:0:0,0,:79991234567:Hi"),
        plain(LINE, headers="Content-Type: text/plain; charset=utf-16\r\n"),
        plain(LINE, headers="Content-Type: text/plain; charset=us-ascii\r\n"),
        plain(LINE, headers="Content-Type: image/png\r\n"),
        plain(LINE, headers="Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: uuencode\r\n"),
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + LINE.encode("cp1251"),
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\nhi\r\n" * 50,
    ],
)
def test_what_is_no_letter_is_refused_with_a_sentence(wrong: bytes) -> None:
    """In ASCII, since it stands in the answer of a mail server, and without repeating anything of it."""
    with pytest.raises(LetterError) as raised:
        read(wrong)

    assert raised.value.sentence.isascii()
    assert "secret" not in raised.value.sentence


@pytest.mark.parametrize("number", [12, 14, 99])
def test_a_format_that_means_nothing_is_refused(number: int) -> None:
    """12 is a gap in the libraries' numbers (PROTOCOL I.2)."""
    letter = read(plain(f"me:secret:0:0:0,{number},:79991234567:Hi"))
    with pytest.raises(LetterError, match=str(number)):
        letter.fields()


def test_a_copy_of_a_mail_is_known_by_its_name() -> None:
    """A mail server that got no answer brings the same mail again."""
    assert (
        read(b"Message-ID: <a1@b>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + LINE.encode()).message_id
        == "<a1@b>"
    )
    assert read(plain(LINE)).message_id == ""


TEXTS = st.text(
    st.characters(exclude_characters="\r\x00\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", exclude_categories=("Cs",)),
    min_size=1,
    max_size=200,
).filter(lambda text: text.strip("\n") == text and "[text]" not in text)


@given(text=TEXTS, phones=st.lists(st.integers(10**9, 10**14), min_size=1, max_size=5, unique=True))
def test_what_we_write_is_read_as_it_was_meant(text: str, phones: list[int]) -> None:
    """Whatever the text holds."""
    outgoing = Outgoing(gateway_id=77, recipients=phones, text=text, options=Options(sender="Shop"))
    (written,) = letters(Login("me", "se cret"), outgoing, ENVELOPE, date="x", token="y")

    letter = read(written)

    assert letter.login == Login("me", "se cret")
    assert letter.text == text
    assert letter.phones == ",".join(f"+{phone}" for phone in phones)


@given(texts=st.lists(TEXTS.filter(lambda text: "\\n" not in text), min_size=2, max_size=4))
def test_a_list_is_read_as_it_was_meant(texts: list[str]) -> None:
    """Each text at its phone."""
    phones = [79990000000 + n for n in range(len(texts))]
    outgoing = Outgoing(gateway_id=77, recipients=phones, text=None, texts=texts, options=Options())
    (written,) = letters(Login("me", "secret"), outgoing, ENVELOPE, date="x", token="y")

    messages = SendRequest.read(Form.of(read(written).fields())).messages

    assert messages == [(str(phone), text) for phone, text in zip(phones, texts, strict=True)]


def refusal(mail: bytes) -> str:
    """Why a mail is no letter; '' if it is one."""
    try:
        read(mail).fields()
    except LetterError as wrong:
        return wrong.sentence
    return ""


@given(st.binary(max_size=2000))
@example(b"Content-Type: text/plain; charset*=utf-8''x%FF\r\n\r\na:b:c:d:e:f:g")
@example(b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n")
@example(b"Content-Transfer-Encoding: base64\r\n\r\n=====")
def test_any_bytes_are_a_letter_or_refused(mail: bytes) -> None:
    """Nothing else comes out of the reader."""
    assert refusal(mail).isascii()


@given(
    st.lists(
        st.sampled_from(
            [
                *("Content-Type: ", "text/plain", "text/html", "multipart/mixed", "; charset=", "utf-8", "koi8-r", ";"),
                *(
                    "boundary=x",
                    "--x",
                    "--x--",
                    "Content-Transfer-Encoding: ",
                    "base64",
                    "quoted-printable",
                    "=?utf-8?",
                ),
                *("\r\n", "\r\n\r\n", "[text]", "[/text]", "me:secret:0:0:0,0,:79991234567:Hi", "=E0", "\xff", '"'),
                *("MIME-Version: 1.0", "message/rfc822", "Message-ID: <", "bWU6c2VjcmV0", ":", ",", "12", "<br>"),
            ]
        ),
        max_size=30,
    )
)
def test_mails_made_of_pieces_are_letters_or_refused(pieces: list[str]) -> None:
    """Nearer to real ones than any bytes."""
    assert refusal("".join(pieces).encode("latin-1")).isascii()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.eml")), ids=lambda path: path.name)
def test_the_samples_are_mails(path: Path) -> None:
    """By another reader's word."""
    assert message_from_bytes(path.read_bytes())["From"]
