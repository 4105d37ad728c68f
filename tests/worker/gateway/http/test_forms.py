"""Requests: what the client writes, the other half and an independent decoder read back."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.http import client_forms
from smsq.worker.gateway.http.server.form import Form, FormError, read_form
from smsq.worker.gateway.http.server.lists import HistoryRequest, read_get
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.http.server.statuses import StatusRequest
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.options import check_options

LOGIN = Login("me & co", "p=w+ö")
KEY = Login("", "k-1", is_key=True)
TEXTS = ["Привет: мир", "a+b&c=d%20;e", "two\nlines", "emoji 😀", "x", "~~~ ' \" <>"]


def fields(body: bytes) -> dict[str, str]:
    """What a stranger's decoder makes of a body; keys must not repeat."""
    pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def test_one_text_for_several_phones() -> None:
    """A send carries the id, phones with a plus, text and credentials, and asks for cost and balance."""
    body = client_forms.send_same(LOGIN, 1000000001, [79991234567, 79991234568], "Привет & пока", Options(sender=""))

    assert fields(body) == {
        "login": "me & co",
        "psw": "p=w+ö",
        "charset": "utf-8",
        "fmt": "3",
        "cost": "3",
        "id": "1000000001",
        "sender": "",
        "phones": "+79991234567,+79991234568",
        "mes": "Привет & пока",
    }


def test_own_text_for_each_phone() -> None:
    """A list has one number a record, and line breaks inside a text are a backslash and an n."""
    body = client_forms.send_list(KEY, 5, [(79991234567, "a: b\r\nc"), (79991234568, "Ж")], Options(valid="01:00"))

    assert fields(body) == {
        "apikey": "k-1",
        "charset": "utf-8",
        "fmt": "3",
        "cost": "3",
        "id": "5",
        "valid": "01:00",
        "list": "+79991234567:a: b\\nc\n+79991234568:Ж",
    }


def test_price_sends_no_id() -> None:
    """A price request has cost=1 and no id, so that nothing can be sent by it."""
    for body in (
        client_forms.price_same(LOGIN, [79991234567], "x", Options()),
        client_forms.price_list(LOGIN, [(79991234567, "x")], Options()),
    ):
        assert fields(body)["cost"] == "1"
        assert "id" not in fields(body)


def test_options_travel() -> None:
    """Time with a plus, translit and extra parameters pass unchanged; an unset sender is left out."""
    body = client_forms.send_same(
        KEY, 5, [7], "x", Options(time="+30", translit=1, extra={"tinyurl": "1", "maxsms": "2"})
    )

    sent = fields(body)
    assert (sent["time"], sent["translit"], sent["tinyurl"], sent["maxsms"]) == ("+30", "1", "1", "2")
    assert "sender" not in sent
    assert "valid" not in sent


def test_unknown_channel_is_refused() -> None:
    """A channel that has no row cannot be chosen by chance."""
    with pytest.raises(BadInput, match="fax"):
        client_forms.send_same(KEY, 5, [7], "x", Options(channel="fax"))


@pytest.mark.parametrize("name", ["id", "cost", "phones", "psw", "fmt", "id[]", " id", "Id", ""])
def test_extra_fields_cannot_replace_ours(name: str) -> None:
    """An extra field that is or would become one of ours is refused: the id and the price switch are safety."""
    with pytest.raises(BadInput):
        client_forms.send_same(KEY, 5, [7], "x", Options(extra={name: "1"}))


ANY = st.text(max_size=12, alphabet=st.characters(codec="utf-8")) | st.sampled_from(
    ["1&cost=0", "a=b", "%26cost=0", "\n79990000000:x", "\r\n", ":", ";", "+", "x\0y", "&"]
)


@settings(max_examples=200, deadline=None)
@given(sender=ANY, valid=ANY, time=ANY, short=ANY, text=ANY.filter(bool), translit=st.integers(0, 9))
def test_no_value_begins_a_field_of_its_own(
    sender: str, valid: str, time: str, short: str, text: str, translit: int
) -> None:
    """Whatever stands in an option or a text, a stranger's decoder reads exactly the fields that were meant."""
    options = Options(sender=sender, valid=valid, time=time, translit=translit, extra={"tinyurl": short})
    meant = {"login": "me & co", "psw": "p=w+ö", "charset": "utf-8", "fmt": "3"}
    meant |= {"sender": sender, "valid": valid, "time": time, "tinyurl": short}
    meant |= {"translit": str(translit)} if translit else {}
    phones = {"phones": "+79991234567,+79991234568", "mes": text}
    one_line = text.replace("\r\n", "\\n").replace("\r", "\\n").replace("\n", "\\n")
    records = {"list": f"+79991234567:{one_line}"}

    assert fields(client_forms.send_same(LOGIN, 5, [79991234567, 79991234568], text, options)) == {
        **meant, **phones, "cost": "3", "id": "5",
    }  # fmt: skip
    assert fields(client_forms.price_same(LOGIN, [79991234567, 79991234568], text, options)) == {
        **meant,
        **phones,
        "cost": "1",
    }
    assert fields(client_forms.send_list(LOGIN, 5, [(79991234567, text)], options)) == {
        **meant, **records, "cost": "3", "id": "5",
    }  # fmt: skip
    assert fields(client_forms.price_list(LOGIN, [(79991234567, text)], options)) == {**meant, **records, "cost": "1"}


NO_NUMBER: list[Any] = ["79135556661&cost=0", "79135556661", 7.5, None, b"7"]


@pytest.mark.parametrize("written", NO_NUMBER, ids=repr)
def test_a_number_is_written_as_one_or_not_at_all(written: Any) -> None:
    """A phone, an id or a page that is no integer raises: unencoded it could begin a field of its own."""
    bodies = [
        lambda: client_forms.send_same(LOGIN, 5, [written], "x", Options()),
        lambda: client_forms.send_same(LOGIN, written, [79991234567], "x", Options()),
        lambda: client_forms.send_list(LOGIN, 5, [(written, "x")], Options()),
        lambda: client_forms.send_list(LOGIN, written, [(79991234567, "x")], Options()),
        lambda: client_forms.price_same(LOGIN, [written], "x", Options()),
        lambda: client_forms.price_list(LOGIN, [(written, "x")], Options()),
        lambda: client_forms.ask(LOGIN, [(written, 79991234567)]),
        lambda: client_forms.ask(LOGIN, [(5, written)]),
        lambda: client_forms.ask(LOGIN, [(5, 79991234567)], detail=written or "1"),
        lambda: client_forms.history(LOGIN, date(2026, 11, 1), date(2026, 11, 2), prev_id=written or "1"),
        lambda: client_forms.history(LOGIN, date(2026, 11, 1), date(2026, 11, 2), count=written),
    ]

    for body in bodies:
        with pytest.raises((ValueError, TypeError)):
            body()


def test_credentials_do_not_show() -> None:
    """A log-in prints without its secret."""
    assert "p=w" not in repr(LOGIN)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(10**9, 10**15),
            st.text(min_size=1, max_size=20).filter(lambda text: "\\n" not in text and "\r" not in text),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_both_halves_agree_on_a_list(messages: list[tuple[int, str]]) -> None:
    """Whatever the texts, the other half reads what was meant."""
    order = SendRequest.read(read_form(b"", client_forms.send_list(LOGIN, 7, messages, Options())))

    assert [(str(phone), text) for phone, text in messages] == order.messages


@pytest.mark.parametrize("text", TEXTS)
def test_both_halves_agree_on_one_text(text: str) -> None:
    """A text arrives as it was written, line breaks included."""
    order = SendRequest.read(
        read_form(b"", client_forms.send_same(LOGIN, 7, [79991234567, 79991234568], text, Options()))
    )

    assert [("79991234567", text), ("79991234568", text)] == order.messages
    assert (
        order.id,
        order.login,
        order.cost,
        order.fmt,
    ) == (7, LOGIN, 3, 3)


def test_ask_for_one_and_for_many() -> None:
    """One pair makes a single ask without commas, more make a mass ask with ids and phones in step."""
    single = StatusRequest.read(read_form(b"", client_forms.ask(KEY, [(5, 79991234567)])))
    mass = StatusRequest.read(read_form(b"", client_forms.ask(KEY, [(5, 79991234567), (6, 79991234568)], detail=2)))

    assert (single.pairs, single.is_multiple, single.detail) == ([(5, "79991234567")], False, 0)
    assert (mass.pairs, mass.is_multiple, mass.detail) == ([(5, "79991234567"), (6, "79991234568")], True, 2)


def test_history_and_balance() -> None:
    """History asks by day and page; balance asks for the currency too."""
    body = client_forms.history(KEY, date(2026, 11, 1), date(2026, 11, 2), prev_id=900, count=500)

    order = read_get(read_form(b"", body))
    assert isinstance(order, HistoryRequest)
    assert (order.start, order.end) == (date(2026, 11, 1), date(2026, 11, 2))
    assert (order.prev_id, order.count) == (900, 500)
    assert fields(client_forms.balance(KEY))["cur"] == "1"


FOREIGN = [
    ("trailing comma asks for a list", {"id": "123,", "phone": "79990000000,"}, [(123, "79990000000")], True),
    ("string id", {"id": "order-7.a_b", "phone": "+7 (999) 000-00-00"}, [("order-7.a_b", "79990000000")], False),
    ("same id for two", {"id": "32,32", "phone": "77,78"}, [(32, "77"), (32, "78")], True),
]


@pytest.mark.parametrize(
    ("asked", "pairs", "is_multiple"), [row[1:] for row in FOREIGN], ids=[row[0] for row in FOREIGN]
)
def test_foreign_asks(asked: dict[str, str], pairs: list[tuple[int | str, str]], is_multiple: bool) -> None:
    """Asks as other clients write them are understood."""
    order = StatusRequest.read(Form.of(asked))

    assert (pairs, is_multiple) == (order.pairs, order.is_multiple)


BAD_SENDS = [
    ("no text", {"phones": "7999"}),
    ("no phone", {"mes": "x"}),
    ("id too large", {"phones": "7999", "mes": "x", "id": "2147483648"}),
    ("id below zero", {"phones": "7999", "mes": "x", "id": "-1"}),
    ("id of odd signs", {"phones": "7999", "mes": "x", "id": "a b"}),
    ("cost out of range", {"phones": "7999", "mes": "x", "cost": "4"}),
    ("fmt no number", {"phones": "7999", "mes": "x", "fmt": "json"}),
    ("record without a text", {"list": "7999"}),
    ("empty list", {"list": "\n"}),
]


@pytest.mark.parametrize("bad", [row[1] for row in BAD_SENDS], ids=[row[0] for row in BAD_SENDS])
def test_bad_sends_are_error_1(bad: dict[str, str]) -> None:
    """What is missing or wrong is the gateway's error 1."""
    with pytest.raises(FormError) as caught:
        SendRequest.read(Form.of(bad))

    assert caught.value.error == 1


def test_foreign_sends() -> None:
    """Semicolons, several numbers a record, id 0 and a missing charset are understood as the gateway would."""
    listed = SendRequest.read(Form.of({"list": "7999,7998;7997:a;b:c\n\n7996;d", "id": "0"}))
    old = read_form(b"", b"phones=7999&mes=" + "Привет".encode("cp1251"))

    assert listed.messages == [("7999", "a;b:c"), ("7998", "a;b:c"), ("7997", "a;b:c"), ("7996", "d")]
    assert listed.id is None
    assert old.words["mes"] == "Привет"


@pytest.mark.parametrize("sender", ["", ".", "Shop", "Shop & Co.", "A2345678901", "79991234567", "123456789012345"])
@pytest.mark.parametrize("valid", ["1", "9", "24", "00:01", "01:00", "23:59", "24:00"])
def test_what_the_manual_allows_is_taken(sender: str, valid: str) -> None:
    """Eleven signs or fifteen digits; whole hours or hh:mm; an empty sender switches the account's own off."""
    check_options(Options(sender=sender, valid=valid))


@pytest.mark.parametrize("sender", ["A23456789012", "Магазин", "1234567890123456", "Shop\n", "٣٣٣", "café"])
def test_a_sender_that_cannot_be_is_refused(sender: str) -> None:
    """Before anything is enrolled: the gateway would refuse every message of it."""
    with pytest.raises(BadInput, match="a sender is up to 11"):
        check_options(Options(sender=sender))


@pytest.mark.parametrize("valid", ["0", "25", "", "1.5", "00:00", "24:01", "1:00", "12:60", "ever", "1\n", "١"])
def test_a_lifetime_that_cannot_be_is_refused(valid: str) -> None:
    """Before anything is enrolled."""
    with pytest.raises(BadInput, match="1 to 24 hours"):
        check_options(Options(valid=valid))


def test_what_was_enrolled_before_the_rule_still_leaves() -> None:
    """Whether it may go is the gateway's to say: a send never stumbles over its options."""
    body = client_forms.send_same(LOGIN, 5, [79991234567], "x", Options(sender="A23456789012", valid="99"))

    assert b"sender=A23456789012" in body


def test_body_wins_over_query() -> None:
    """A field in both places counts as the body has it; a raw plus is a blank."""
    assert read_form(b"id=1&charset=utf-8", b"id=2&x=a+b").words == {"id": "2", "x": "a b", "charset": "utf-8"}


def test_broken_percent_signs_do_not_raise() -> None:
    """A stranger's bytes are read as far as they go."""
    assert read_form(b"", b"a=%zz&b=%").words["a"] == "%zz"
    read_form(b"", b"%%%&=&&a=%e&\xff=\xfe")
