"""The table of options: each with its keyword, its check, its field, and the channels that take it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.gateway import extras
from smsq.worker.gateway.channels import CHANNELS, channel, names
from smsq.worker.gateway.http import client_forms
from smsq.worker.gateway.http.server.form import read_form
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.options import (
    OPTIONS,
    accepted,
    check_message,
    check_options,
    given_options,
    parts_of,
    with_comment,
    written,
)

LOGIN = Login("me", "pw")
PHONE = 79991234567
MAIL: dict[str, Any] = {"channel": "mail", "sender": "shop@example.ru", "subj": "Autumn"}
# A good value of each, and bad ones; `written` is what stands in the request.
GOOD: dict[str, tuple[Any, str]] = {
    "sender": ("Shop", "Shop"),
    "valid": ("12:30", "12:30"),
    "time": ("9-21", "9-21"),
    "tz": (-4, "-4"),
    "translit": (2, "2"),
    "period": (0.5, "0.5"),
    "freq": (1440, "1440"),
    "maxsms": (3, "3"),
    "tinyurl": (False, "0"),
    "subj": ("Осень", "Осень"),
    "comment": ("order 17", ""),
    "voice": ("w2,fr", "w2,fr"),
    "param": ("25,60,2", "25,60,2"),
    "fileurl": ("https://example.ru/a.pdf", "https://example.ru/a.pdf"),
    "userip": ("203.0.113.7", "203.0.113.7"),
    "imgcode": ("w7k", "w7k"),
    "bot": ("@shop_bot", "@shop_bot"),
    "smsreq": (999, "999"),
}
BAD: dict[str, list[Any]] = {
    "sender": ["twelve signs", "Магазин", 5, "a\n"],
    "valid": ["0", "25", "00:00", "24:01", "1h", 5],
    "time": ["soon", "21-9", "2026-11-29", 5],
    "tz": [12, -16, "3", 3.5, True],
    "translit": [3, -1, "1", True],
    "period": [0.05, 721.0, "1", True],
    "freq": [0, 1441, "10", 1.5],
    "maxsms": [0, 100, "3", True],
    "tinyurl": [1, "1", "yes"],
    "subj": ["", "two\nlines", "x" * 256, 5],
    "comment": ["", "~~~", "two\nlines", "x" * 256, 5],
    "voice": ["x", "m5", "m,english", ""],
    "param": ["9,60,2", "36,60,2", "25,9,2", "25,60,10", "25"],
    "fileurl": ["example.ru/a.pdf", "ftp://example.ru/a", "https://example.ru/a b", "https://" + "a" * 1000],
    "userip": ["localhost", "203.0.113.7&cost=0"],
    "imgcode": ["", "a b", "x" * 33],
    "bot": ["shop_bot", "@", "wa:abc", "@a b"],
    "smsreq": [9, 1000, "30"],
}


def beside(name: str, value: Any) -> Options:
    """Options with this one, and with what it needs, by a channel that takes it."""
    option = OPTIONS[name]
    way = option.channels[0] if option.channels[0] != "hlr" else "sms"
    needed: dict[str, Any] = {each: GOOD[each][0] for each in {*channel(way).needs, option.needs} - {""}}
    if way == "mail":
        needed["sender"] = "shop@example.ru"
    return Options(**{"channel": way, **needed, name: value})


def test_every_option_has_a_keyword_and_a_row() -> None:
    """And a sample here."""
    fields = {field.name for field in msgspec.structs.fields(Options)} - {"channel", "extra", "files"}

    assert OPTIONS.keys() == fields == GOOD.keys() == BAD.keys()
    assert all(row.help and row.channels for row in OPTIONS.values())


def test_an_option_is_no_extra_field() -> None:
    """Names are in one table, but for those that were extra fields once."""
    assert OPTIONS.keys() & extras.ALLOWED.keys() == set()
    assert OPTIONS.keys() - extras.ONCE_EXTRA - {"bot"} <= extras.REFUSED.keys()
    assert OPTIONS.keys() >= extras.ONCE_EXTRA


@pytest.mark.parametrize("name", OPTIONS)
def test_a_good_one_goes_out(name: str) -> None:
    """Under the name that the gateway knows."""
    value, wire = GOOD[name]
    options = beside(name, value)
    check_options(options)
    recipient = "anna@example.ru" if options.channel == "mail" else PHONE
    sent = read_form(b"", client_forms.send_same(LOGIN, 5, [recipient], "Hi", options)).words

    assert sent.get(OPTIONS[name].wire, "") == wire
    assert given_options(options)[name] == value


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_wrong_one_is_refused(name: str, value: Any) -> None:
    """At the door."""
    with pytest.raises(BadInput):
        check_options(beside(name, value))


@pytest.mark.parametrize("name", OPTIONS)
def test_a_flag_and_a_cell_are_read_as_the_keyword(name: str) -> None:
    """What is written becomes the value, or a sentence with the option's name."""
    value, wire = GOOD[name]
    option = OPTIONS[name]

    assert option.read(wire or value) == value
    if option.check("\0"):
        with pytest.raises(BadInput, match=f"^{name}: "):
            option.read("\0")


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("way", names())
def test_a_channel_takes_its_own_options_only(name: str, way: str) -> None:
    """The sentence names the option and who takes it."""
    row, option = channel(way), OPTIONS[name]
    given: dict[str, Any] = {each: GOOD[each][0] for each in {*row.needs, name, option.needs} - {""}}
    if way == "mail":
        given["sender"] = "shop@example.ru"
    options = Options(channel=way, **given)
    if name in row.takes and (not option.needs or option.needs in row.takes):
        check_options(options)
    else:
        with pytest.raises(BadInput, match="' is for the channel"):
            check_options(options)


def test_what_a_channel_needs() -> None:
    """The gateway would refuse an e-mail without its sender or its subject, and a bot's message without the bot."""
    check_options(Options(**MAIL))
    for missing in ("sender", "subj"):
        with pytest.raises(BadInput, match=f"needs `{missing}`"):
            check_options(Options(**{**MAIL, missing: None}))
    with pytest.raises(BadInput, match="needs `bot`"):
        check_options(Options(channel="bot"))
    with pytest.raises(BadInput, match="the sender of an e-mail is a mail address"):
        check_options(Options(**{**MAIL, "sender": "Shop"}))
    with pytest.raises(BadInput, match="the sender of an e-mail is a mail address"):
        check_options(Options(**{**MAIL, "sender": ""}))


def test_one_thing_is_said_once() -> None:
    """As a keyword or, as before, as an extra field."""
    check_options(Options(extra={"freq": "10"}, period=2.0))
    with pytest.raises(BadInput, match="given twice"):
        check_options(Options(extra={"maxsms": "1"}, maxsms=2))


def test_a_comment_stands_behind_its_mark() -> None:
    """It leaves with the text, counts for nothing, and has room or is refused."""
    options = Options(comment="order 17")
    sent = read_form(b"", client_forms.send_same(LOGIN, 5, [PHONE], "Hi", options)).words

    assert sent["mes"] == "Hi\n~~~\norder 17" == with_comment("Hi", options)
    assert parts_of("x" * 160, options) == 1
    with pytest.raises(BadText, match="longer than 1000"):
        check_message("x" * 990, options)
    with pytest.raises(BadText, match="three tildes"):
        check_message("Hi\n~~~\nnot mine", Options())


def test_a_comment_is_not_put_beside_texts_of_ones_own() -> None:
    """There a new line is written as two characters, and the comment might reach people."""
    with pytest.raises(BadInput, match="only with one text for all"):
        client_forms.send_list(LOGIN, 5, [(PHONE, "a"), (PHONE + 1, "b")], Options(comment="x"))


def test_parts_are_counted_as_they_are_charged() -> None:
    """In Latin letters a text has fewer of them; `maxsms` cuts it."""
    text = "Ж" * 100

    assert parts_of(text, Options()) == 2
    assert parts_of(text, Options(translit=1)) == 2  # 200 letters
    assert parts_of("а" * 100, Options(translit=1)) == parts_of("а" * 100, Options(translit=2)) == 1
    assert parts_of("x" * 1000, Options(maxsms=2)) == 2
    assert parts_of("x", Options(maxsms=2)) == 1
    assert parts_of("x" * 1000, Options(channel="viber")) == 1


def test_a_time_is_settled_when_it_is_accepted() -> None:
    """The zone goes with it, since seconds have none."""
    now = 1_795_262_400.0  # 15:00 in Moscow

    assert accepted(Options(time="+30", tz=2), now) == Options(time="01795264200")
    assert accepted(Options(time="9-21", tz=2), now) == Options()
    assert accepted(Options(time="2911261830", tz=2), now) == Options(time="2911261830", tz=2)
    assert accepted(Options(tz=2), now) == Options(tz=2)
    assert accepted(Options(time="01795264200", tz=2), now) == Options(time="01795264200")


@given(st.sampled_from(sorted(OPTIONS)), st.text(max_size=20))
def test_no_cell_breaks_an_option(name: str, cell: str) -> None:
    """It is read or refused; what was read is written again as it stood, blanks aside."""
    try:
        value = OPTIONS[name].read(cell)
    except BadInput:
        return
    if OPTIONS[name].type is not float:
        assert written(value) == (cell if OPTIONS[name].type is str else cell.strip())


@given(st.dictionaries(st.sampled_from(sorted(OPTIONS)), st.text(max_size=12), max_size=4))
def test_options_are_read_as_they_were_written(told: dict[str, str]) -> None:
    """By any process, whatever was given."""
    options = Options()
    for name, cell in told.items():
        try:
            options = msgspec.structs.replace(options, **{name: OPTIONS[name].read(cell)})
        except BadInput:
            continue

    assert msgspec.json.decode(options.written(), type=Options) == options


def test_plain_options_are_two_bytes() -> None:
    """As every version wrote them."""
    assert Options().written() == b"{}"
    assert Options(channel="call", extra={"voice": "w", "param": "25,60,2"}).written() == (
        b'{"channel":"call","extra":{"param":"25,60,2","voice":"w"}}'
    )


def test_every_text_rule_is_the_gateways_or_stricter() -> None:
    """No channel takes a comment mark or a keyword of another channel."""
    for row in CHANNELS.values():
        for text in ("Hi\n~~~\nx", "__MAIL__: Hi"):
            with pytest.raises(BadText):
                row.check(row.read(text))
