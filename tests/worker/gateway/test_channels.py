"""Channels: what chooses each, what each takes, and that both halves agree with the manual's samples."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.recipient import Recipient
from smsq.worker.gateway.channels import CHANNELS, MOST_OCTETS, channel, chosen, names, wire_row
from smsq.worker.gateway.http import client_forms
from smsq.worker.gateway.http.callbacks import read as read_callback
from smsq.worker.gateway.http.client_replies import read_send
from smsq.worker.gateway.http.server.form import Form, FormError, read_form
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.numbers import DELIVERY_ERRORS
from smsq.worker.gateway.options import OPTIONS, check_message, check_options
from smsq.worker.gateway.outcomes import Outcome

GOLDEN = Path(__file__).parent / "http" / "golden"
LOGIN = Login("alex", "123")
PHONE = 79999999999
CALL = Options(channel="call", extra={"voice": "w2,en", "param": "25,60,2"})
SPOKEN = "Your code: 4, 8, 2, 1."

BYTES = "0605040b8423f01b06"
LINK = "https://example.ru/a\nAutumn"
MAIL = Options(channel="mail", sender="shop@example.ru", subj="Autumn")
BOT = Options(channel="bot", bot="@shop_bot", smsreq=30)

SAMPLES = [
    pytest.param("send_tg.form", "4821", Options(channel="tg"), id="a Telegram code"),
    pytest.param("send_call.form", SPOKEN, CALL, id="a call"),
    pytest.param("send_flash.form", "Hi", Options(channel="flash"), id="a flash SMS"),
    pytest.param("send_push.form", LINK, Options(channel="push"), id="a WAP push"),
    pytest.param("send_hlr.form", "", Options(channel="hlr"), id="an HLR request"),
    pytest.param("send_ping.form", "", Options(channel="ping"), id="a ping"),
    pytest.param("send_mms.form", "Hi", Options(channel="mms", subj="Autumn"), id="an MMS"),
    pytest.param("send_mail.form", "Hi", MAIL, id="an e-mail"),
    pytest.param("send_viber.form", "Hi", Options(channel="viber"), id="a Viber message"),
    pytest.param("send_soc.form", "Hi", Options(channel="soc"), id="a message in a social network"),
    pytest.param("send_whatsapp.form", "Hi", Options(channel="whatsapp"), id="a WhatsApp message"),
    pytest.param("send_bot.form", "Hi", BOT, id="a bot's message"),
]
# What each channel takes.
TEXTS = {"tg": "4821", "push": LINK, "hlr": "", "ping": "", "bin": BYTES, "binhex": BYTES}


@pytest.mark.parametrize(("name", "text", "options"), SAMPLES)
def test_our_half_writes_what_the_manual_asks_for(name: str, text: str, options: Options) -> None:
    """Apart from our id and the wish for a price, the request is the sample."""
    sample = read_form(b"", (GOLDEN / name).read_bytes()).words

    sent = read_form(b"", client_forms.send_same(LOGIN, 5, [to(options.channel)], text, options)).words

    assert {**sample, "cost": "3", "id": "5"} == sent


def to(name: str, n: int = 0) -> Recipient:
    """Somebody whom a channel reaches."""
    return f"anna{n or ''}@example.ru" if channel(name).recipients == ("mail",) else PHONE + n


def test_bytes_leave_as_hex() -> None:
    """Raw bytes in a form would be read by some charset; a header of their own is theirs alone."""
    given = channel("bin").read(bytes.fromhex(BYTES))
    sent = read_form(b"", client_forms.send_same(LOGIN, 5, [PHONE], given, Options(channel="bin"))).words

    assert (sent["bin"], sent["mes"]) == ("2", BYTES)
    assert chosen(sent) == ["binhex"]


@pytest.mark.parametrize(("name", "text", "options"), SAMPLES)
def test_the_other_half_reads_the_sample(name: str, text: str, options: Options) -> None:
    """Whoever answers understands the sample as the channel that it is."""
    order = SendRequest.read(read_form(b"", (GOLDEN / name).read_bytes()))

    assert (options.channel, [(str(to(options.channel)), text)]) == (order.channel, order.messages)


@pytest.mark.parametrize("name", CHANNELS)
def test_several_phones_and_a_list_go_by_every_channel(name: str) -> None:
    """Both forms of a request carry the fields that choose the channel, and a price too."""
    text, options = TEXTS.get(name, "4821"), {"mail": MAIL, "bot": BOT}.get(name, Options(channel=name))
    everybody = [to(name, 1), to(name, 2)]
    listed = [(recipient, text.replace("\n", " ")) for recipient in everybody]
    bodies = [
        client_forms.send_same(LOGIN, 5, everybody, text, options),
        client_forms.price_same(LOGIN, everybody, text, options),
    ]
    if "\n" not in text and text:  # a new line is two characters there, and a record has a text
        bodies.append(client_forms.send_list(LOGIN, 5, listed, options))
        bodies.append(client_forms.price_list(LOGIN, listed, options))

    for body in bodies:
        order = SendRequest.read(read_form(b"", body))
        assert order.channel == wire_row(channel(name)).name
        assert [(str(recipient), text) for recipient in everybody] == order.messages


@pytest.mark.parametrize("text", ["4821", "12345678"])
def test_telegram_takes_four_to_eight_digits(text: str) -> None:
    """Both ends of the range."""
    channel("tg").check(text)


@pytest.mark.parametrize("text", ["", "123", "123456789", "12 34", "4821.", "Code 4821", "٤٨٢١", "4821\n"])
def test_telegram_takes_nothing_else(text: str) -> None:
    """A clear sentence instead of the gateway's error 1, on either half."""
    with pytest.raises(BadText, match="4 to 8 digits"):
        channel("tg").check(text)
    with pytest.raises(FormError) as caught:
        SendRequest.read(Form.of({"phones": "79999999999", "mes": text or "x", "tg": "1"}))

    assert caught.value.error == 1


@pytest.mark.parametrize("text", ["code", "Code", " CODE ", "code\n"])
def test_calls_to_many_never_say_the_magic_word(text: str) -> None:
    """The gateway would make up a code of its own and tell us one: nobody could say whose."""
    with pytest.raises(BadText, match="code of its own"):
        channel("call").check(text)


@pytest.mark.parametrize(
    ("text", "options", "is_refused"),
    [
        ("code", Options(channel="call"), False),
        ("Code", Options(channel="call"), True),
        (" code", Options(channel="call"), True),
        ("code", Options(channel="call", comment="order 7"), True),
        ("code", Options(channel="sms"), False),
    ],
)
def test_one_call_may_say_a_code_of_the_gateways(text: str, options: Options, is_refused: bool) -> None:
    """Written exactly so, since it is not known which other ways the gateway reads; with nothing behind it."""
    if not is_refused:
        check_message(text, options, is_alone=True)
        return
    with pytest.raises(BadText, match="code of its own"):
        check_message(text, options, is_alone=True)


def test_a_call_says_anything_else() -> None:
    """The word may occur in a text; what an SMS may not hold a call may not either."""
    channel("call").check("Your code: 4, 8, 2, 1. I repeat: 4, 8, 2, 1.")
    with pytest.raises(BadText):
        channel("call").check("")


def test_what_is_charged_by_its_length() -> None:
    """An SMS by characters, bytes by bytes; everything else is one part to us, however long."""
    long = {row.name: row.parts("ab" * 141) for row in CHANNELS.values()}

    assert {name: parts for name, parts in long.items() if parts > 1} == {
        "sms": 2, "flash": 2, "push": 3, "bin": 2, "binhex": 2,
    }  # fmt: skip
    assert [channel("bin").parts("ab" * size) for size in (1, 140, 141, 280, 281)] == [1, 1, 2, 2, 3]


NO_BYTES = ["", "a", "0g", "abc", "Привет"]


@pytest.mark.parametrize("text", NO_BYTES)
def test_what_is_no_hex_is_no_binary_message(text: str) -> None:
    """Half a byte, another letter, nothing at all."""
    row = channel("bin")
    with pytest.raises(BadText, match="hex"):
        row.check(row.read(text))


@given(st.binary(min_size=1, max_size=MOST_OCTETS))
def test_bytes_and_their_hex_are_one_text(octets: bytes) -> None:
    """However a caller writes it, the ledger keeps one form, and it is the bytes."""
    row = channel("bin")
    kept = row.read(octets)

    row.check(kept)
    assert bytes.fromhex(kept) == octets
    assert kept == row.read(octets.hex(" ").upper()) == row.read(octets.hex())


def test_too_many_bytes() -> None:
    """As hex they would be more characters than the gateway takes."""
    with pytest.raises(BadText, match="at most 500 bytes"):
        channel("bin").check("ab" * (MOST_OCTETS + 1))


def test_bytes_are_for_one_channel() -> None:
    """Elsewhere they are no text."""
    for row in CHANNELS.values():
        if row.name not in ("bin", "binhex"):
            with pytest.raises(BadText, match="must be a str"):
                row.read(b"Hi")


@pytest.mark.parametrize("name", ["hlr", "ping"])
def test_what_reaches_nobody_has_no_text(name: str) -> None:
    """A text would be left out, or be charged for."""
    channel(name).check("")
    with pytest.raises(BadText, match="no text"):
        channel(name).check("Hi")


@pytest.mark.parametrize("text", ["https://example.ru/a\nAutumn", "http://example.ru\nA b"])
def test_a_push_is_a_link_and_a_title(text: str) -> None:
    """With a new line between them."""
    channel("push").check(text)


@pytest.mark.parametrize(
    "text", ["https://example.ru", "Autumn\nhttps://example.ru", "https://a.ru\n", "https://a.ru\na\nb", ""]
)
def test_anything_else_is_no_push(text: str) -> None:
    """The gateway would show something else, or nothing."""
    with pytest.raises(BadText):
        channel("push").check(text)


def test_a_row_says_all_that_there_is_to_a_channel() -> None:
    """Names are labels; numbers, types and keywords are told apart; an option that is needed is taken; 12 is a gap."""
    numbers = [row.number for row in CHANNELS.values() if row.number is not None]
    keywords = [row.keyword for row in CHANNELS.values() if row.keyword is not None]
    types = {row.type for row in CHANNELS.values()}

    assert sorted(numbers) == [*range(12), 13]
    assert len(set(keywords)) == len(keywords)
    assert types == {None, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12}
    for row in CHANNELS.values():
        assert set(row.needs) <= row.takes <= OPTIONS.keys()
        # A letter has no place for files, nor for a subject (PROTOCOL G).
        assert ("smtp" in row.dialects) == (row.number is not None and not row.files), row.name
        assert row.keyword is None or "smpp" in row.dialects
        assert row.meaning
        assert row.recipients
        assert all(value is not None or name in row.needs for name, value in row.fields.items())


def test_a_callers_choice() -> None:
    """The wire's second way to write bytes is not among them."""
    assert set(names()) == CHANNELS.keys() - {"binhex"}
    with pytest.raises(BadInput, match="choose bin"):
        check_options(Options(channel="binhex"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(Options(extra={"tg": "1"}), "choose the channel", id="a channel by the back door"),
        pytest.param(Options(channel="tg", extra={"call": "1"}), "choose the channel", id="two channels"),
        pytest.param(Options(extra={"voice": "w"}), "for the channel call", id="a voice in an SMS"),
        pytest.param(Options(channel="call", extra={"voice": "x9"}), "a voice is", id="no such voice"),
        pytest.param(Options(channel="call", extra={"param": "9,60,2"}), "ring time", id="too short a ring"),
        pytest.param(Options(channel="call", extra={"param": "25,9999,2"}), "ring time", id="too long a pause"),
        pytest.param(Options(channel="fax"), "no channel 'fax'", id="a channel without a row"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: Options, sentence: str) -> None:
    """Before anything is enrolled, with a sentence that names the field."""
    with pytest.raises(BadInput, match=sentence):
        check_options(options)


@pytest.mark.parametrize("param", ["10,10,1", "35,3600,9", "25,60,2"])
@pytest.mark.parametrize("voice", ["m", "w4", "m3,en"])
def test_options_of_a_call(voice: str, param: str) -> None:
    """The manual's ranges, both ends."""
    check_options(Options(channel="call", extra={"voice": voice, "param": param}))


def test_fields_choose_one_channel() -> None:
    """None of them is a plain SMS; two at once are error 1."""
    assert (chosen({"tg": "0"}), chosen({"tg": "1"}), chosen({"call": "1"})) == (["sms"], ["tg"], ["call"])
    with pytest.raises(FormError) as caught:
        SendRequest.read(Form.of({"phones": "79999999999", "mes": "4821", "tg": "1", "call": "1"}))

    assert caught.value.error == 1


def test_a_call_counts_blocks_of_time() -> None:
    """`cnt` of a call may exceed our one part; it is accepted all the same, `code` in the answer or not."""
    answer = read_send(200, b'{"id": 5, "cnt": 4, "cost": "6.4", "balance": "9", "code": "482100"}', 5, 1)

    assert Outcome.ACCEPTED is answer.outcome


def test_a_status_of_a_call_is_read() -> None:
    """The type does not matter, the error does: nobody picked up."""
    body = (GOLDEN / "callback_call.form").read_bytes()
    digest = "&md5=" + hashlib.md5(b"1000000001:79999999999:20:s").hexdigest()

    (report,) = read_callback("POST", "", body + digest.encode(), "application/x-www-form-urlencoded", "s").reports

    assert (report.code, report.err) == (20, 237)
    assert DELIVERY_ERRORS[237][0] == "no answer"


@pytest.mark.parametrize(("err", "name"), [(237, "no answer"), (240, "busy"), (241, "conversion"), (242, "machine")])
def test_errors_of_calls_have_names(err: int, name: str) -> None:
    """What a report says of a call that did not get through."""
    assert name in DELIVERY_ERRORS[err][0]
