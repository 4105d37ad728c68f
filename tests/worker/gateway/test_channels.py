"""Channels: what chooses each, what each takes, and that both halves agree with the manual's samples."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.gateway.channels import CHANNELS, channel, chosen
from smsq.worker.gateway.http import client_forms
from smsq.worker.gateway.http.callbacks import read as read_callback
from smsq.worker.gateway.http.client_replies import read_send
from smsq.worker.gateway.http.server.form import Form, FormError, read_form
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.numbers import DELIVERY_ERRORS
from smsq.worker.gateway.options import check_options
from smsq.worker.gateway.outcomes import Outcome

GOLDEN = Path(__file__).parent / "http" / "golden"
LOGIN = Login("alex", "123")
PHONE = 79999999999
CALL = Options(channel="call", extra={"voice": "w2,en", "param": "25,60,2"})
SPOKEN = "Your code: 4, 8, 2, 1."

SAMPLES = [
    pytest.param("send_tg.form", "4821", Options(channel="tg"), id="a Telegram code"),
    pytest.param("send_call.form", SPOKEN, CALL, id="a call"),
]


@pytest.mark.parametrize(("name", "text", "options"), SAMPLES)
def test_our_half_writes_what_the_manual_asks_for(name: str, text: str, options: Options) -> None:
    """Apart from our id and the wish for a price, the request is the sample."""
    sample = read_form(b"", (GOLDEN / name).read_bytes()).words

    sent = read_form(b"", client_forms.send_same(LOGIN, 5, [PHONE], text, options)).words

    assert {**sample, "cost": "3", "id": "5"} == sent


@pytest.mark.parametrize(("name", "text", "options"), SAMPLES)
def test_the_other_half_reads_the_sample(name: str, text: str, options: Options) -> None:
    """Whoever answers understands the sample as the channel that it is."""
    order = SendRequest.read(read_form(b"", (GOLDEN / name).read_bytes()))

    assert (options.channel, [(str(PHONE), text)]) == (order.channel, order.messages)


@pytest.mark.parametrize("name", CHANNELS)
def test_several_phones_and_a_list_go_by_every_channel(name: str) -> None:
    """Both forms of a request carry the fields that choose the channel, and a price too."""
    options, phones = Options(channel=name), [PHONE, PHONE + 1]
    listed = [(phone, "4821") for phone in phones]

    for body in (
        client_forms.send_same(LOGIN, 5, phones, "4821", options),
        client_forms.send_list(LOGIN, 5, listed, options),
        client_forms.price_same(LOGIN, phones, "4821", options),
        client_forms.price_list(LOGIN, listed, options),
    ):
        order = SendRequest.read(read_form(b"", body))
        assert (name, [(str(phone), text) for phone, text in listed]) == (order.channel, order.messages)


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
def test_a_call_never_says_the_magic_word(text: str) -> None:
    """The gateway would make up a code of its own, which nobody could check."""
    with pytest.raises(BadText, match="code of its own"):
        channel("call").check(text)


def test_a_call_says_anything_else() -> None:
    """The word may occur in a text; what an SMS may not hold a call may not either."""
    channel("call").check("Your code: 4, 8, 2, 1. I repeat: 4, 8, 2, 1.")
    with pytest.raises(BadText):
        channel("call").check("")


def test_only_an_sms_is_charged_by_its_length() -> None:
    """A code and a call are one part to us, however long."""
    assert {row.name: row.parts("x" * 161) for row in CHANNELS.values()} == {"sms": 2, "tg": 1, "call": 1}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(Options(extra={"tg": "1"}), "choose the channel", id="a channel by the back door"),
        pytest.param(Options(channel="tg", extra={"call": "1"}), "choose the channel", id="two channels"),
        pytest.param(Options(extra={"voice": "w"}), "for the channel call", id="a voice in an SMS"),
        pytest.param(Options(channel="call", extra={"voice": "x9"}), "a voice is", id="no such voice"),
        pytest.param(Options(channel="call", extra={"param": "9,60,2"}), "ring time", id="too short a ring"),
        pytest.param(Options(channel="call", extra={"param": "25,9999,2"}), "ring time", id="too long a pause"),
        pytest.param(Options(channel="viber"), "no channel 'viber'", id="a channel without a row"),
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
