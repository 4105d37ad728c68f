"""A send as submits: channels by their keywords, options where this wire has a place for them, all else refused."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.channels import CHANNELS, Channel
from smsq.worker.gateway.smpp import server_texts
from smsq.worker.gateway.smpp.client_submits import check, submits
from smsq.worker.gateway.smpp.pdus import Short

PHONE = 79991234567
ID = 1000000001
SAID = f"\n~~~\nsmsq:{ID}"


def outgoing(text: str | None = "Hello", recipients: tuple[Any, ...] = (PHONE,), **how: Any) -> Outgoing:
    texts = how.pop("texts", ())
    return Outgoing(gateway_id=ID, recipients=recipients, text=text, texts=texts, options=Options(**how))


def one(*args: Any, **how: Any) -> Short:
    """The only submit of the only message."""
    is_latin = how.pop("is_latin", False)
    (message,) = submits(outgoing(*args, **how), is_latin=is_latin)
    assert not isinstance(message, BadInput), message
    (short,) = message
    return short


def said(short: Short) -> str:
    return server_texts.read_text(short.octets, short.data_coding)


@pytest.mark.parametrize(
    ("channel", "text", "how", "wire"),
    [
        ("sms", "Hello", {}, "Hello"),
        ("call", "Hello", {}, "__CALL__: Hello"),
        ("call", "Hello", {"voice": "w,en"}, "__CALL__: Hello\nvoice:w,en"),
        ("mail", "Hello", {"sender": "a@b.ru", "subj": "News"}, "__MAIL__: Hello\nsubj:News"),
        ("viber", "Hello", {}, "__VIBER__: Hello"),
        ("soc", "Hello", {}, "__SOC__: Hello"),
        ("tg", "4821", {}, "__TGM__: 4821"),
        ("bot", "Hello", {"bot": "@helper"}, "__BOT__: Hello\nbot:@helper"),
        ("hlr", "", {}, "__HLR__"),
        ("ping", "", {}, "__PING__"),
    ],
)
def test_a_channel_is_chosen_by_its_keyword(channel: str, text: str, how: dict[str, Any], wire: str) -> None:
    """As the gateway's page prints the special texts (PROTOCOL H.6), our id in the comment behind them."""
    recipient = "a@example.ru" if channel == "mail" else PHONE

    short = one(text, (recipient,), channel=channel, **how)

    assert said(short) == wire + SAID
    content = server_texts.read_content(said(short))
    assert content.channel == channel


@pytest.mark.parametrize("row", [row for row in CHANNELS.values() if not row.same_as], ids=lambda row: row.name)
def test_each_channel_is_carried_or_refused(row: Channel) -> None:
    """As its row says."""
    needed = {"sender": "a@b.ru", "subj": "News", "bot": "@helper"}
    options = Options(channel=row.name, **{name: needed[name] for name in row.needs})

    if "smpp" in row.dialects:
        check(options)
    else:
        with pytest.raises(BadInput, match="SMPP"):
            check(options)


@pytest.mark.parametrize("keyword", [row.keyword for row in CHANNELS.values() if row.keyword])
def test_a_users_text_cannot_choose_a_channel(keyword: str) -> None:
    """It would be sent as something else, at another price."""
    (message,) = submits(outgoing(f"{keyword}: Hello"))

    assert isinstance(message, BadInput)


@pytest.mark.parametrize(("channel", "text"), [("call", "Hello\nvoice:m"), ("bot", "Hello\nbot:@other")])
def test_a_users_text_cannot_choose_an_option(channel: str, text: str) -> None:
    """A line of it that the gateway would take for one."""
    how = {"bot": "@helper"} if channel == "bot" else {}

    (message,) = submits(outgoing(text, channel=channel, **how))

    assert isinstance(message, BadInput)


@pytest.mark.parametrize(
    "how",
    [
        {"sender": ""},
        {"tinyurl": True},
        {"maxsms": 2},
        {"userip": "127.0.0.1"},
        {"extra": {"pp": "1"}},
        {"channel": "call", "param": "20,60,2"},
        {"period": 1.0},
        {"sender": "Магазин"},
    ],
)
def test_what_this_wire_cannot_say_is_refused(how: dict[str, Any]) -> None:
    """By name, before anything is written."""
    with pytest.raises(BadInput):
        check(Options(**how))


def test_one_message_of_several_may_be_refused_alone() -> None:
    """Its neighbours leave."""
    first, second = submits(outgoing(None, (PHONE, PHONE + 1), texts=("Hello", "__HLR__")))

    assert not isinstance(first, BadInput)
    assert isinstance(second, BadInput)


@pytest.mark.parametrize(
    ("sender", "source", "ton"),
    [(None, "", 5), ("Shop", "Shop", 5), ("79990000000", "79990000000", 1), ("+79990000000", "+79990000000", 1)],
)
def test_a_sender_has_the_type_that_it_looks_like(sender: str | None, source: str, ton: int) -> None:
    """Letters 5/1, numbers 1/1; recipients are international numbers (PROTOCOL H.1)."""
    short = one(sender=sender)

    assert (short.source, short.source_ton, short.source_npi) == (source, ton, 1)
    assert (short.dest, short.dest_ton, short.dest_npi, short.registered) == ("79991234567", 1, 1, 1)


@pytest.mark.parametrize(
    ("how", "schedule", "validity"),
    [
        ({"valid": "1"}, "", "000000010000000R"),
        ({"valid": "24"}, "", "000001000000000R"),
        ({"valid": "02:30"}, "", "000000023000000R"),
        ({"time": "01796040000"}, "261130120000000+", ""),
        ({"time": "3011261500"}, "261130120000000+", ""),
        ({"time": "30.11.26 15:00"}, "261130120000000+", ""),
        ({"time": "3011261700", "tz": 2}, "261130120000000+", ""),
        ({"time": "0"}, "", ""),
    ],
)
def test_moments_and_durations_are_said_in_smpps_own_form(how: dict[str, Any], schedule: str, validity: str) -> None:
    """Of sixteen characters (SMPP 3.4, 7.1.1), in UTC."""
    short = one(**how)

    assert (short.schedule, short.validity) == (schedule, validity)
    assert all(len(each) in (0, 16) for each in (short.schedule, short.validity))


def test_translit_is_done_here() -> None:
    """There is no field for it."""
    assert said(one("Привет", translit=1)) == "Privet" + SAID


def test_the_callers_own_comment_follows_our_id() -> None:
    """The gateway shows both."""
    assert said(one(comment="order 17")) == f"Hello{SAID} order 17"


def test_bytes_leave_as_they_are() -> None:
    """Without a comment, which would be a part of them, and with the header that they bring."""
    plain = one("48656c6c6f", channel="bin")
    headed = one("06050b8423f0000148656c6c6f"[:0] + "06050423f40b8448656c6c6f", channel="bin")

    assert (plain.octets, plain.data_coding, plain.esm_class) == (b"Hello", 4, 0)
    assert (headed.data_coding, headed.esm_class) == (4, 0x40)


def test_many_bytes_are_refused() -> None:
    """Cut, each part would need another header."""
    (message,) = submits(outgoing("00" * 141, channel="bin"))

    assert isinstance(message, BadInput)


def test_an_address_must_fit() -> None:
    """A shorter one would be somebody else's."""
    (message,) = submits(outgoing("Hi", ("a" * 20 + "@b.ru",), channel="mail", sender="a@b.ru", subj="x"))

    assert isinstance(message, BadInput)


def test_a_session_without_gsm_sends_latin_letters() -> None:
    """As ISO-8859-1, and what that lacks as UCS-2."""
    assert (one("çé", is_latin=True).data_coding, one("Привет", is_latin=True).data_coding) == (4, 8)
