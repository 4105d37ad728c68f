"""What the gateway makes of a send: channels, prices, the guard, comments, files, the same phone twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from smsq.worker.sandbox import messages
from smsq.worker.sandbox.count import Count
from tests.worker.sandbox.conftest import Desk, form

Make = Callable[..., Desk]
TEN = ",".join(f"+7999123450{n}" for n in range(10))


def test_one_phone_is_charged_once_a_request(desk: Make) -> None:
    """However often it stands there; the first text counts, and the count tells of the mistake."""
    one = desk(prices={"": Decimal(2)})

    assert one.send("+79991234567,79991234567;8", id=5)["cnt"] == 2
    assert one.send(None, None, id=6, list="79991234567:a\n79991234567:b")["cost"] == "2.0"
    assert one.ask(6, all=1)["message"] == "a"
    report = Count(one.gateway).report(one.now)
    assert tuple(report[name] for name in ("accepted", "repeated", "twice", "twice_by_id")) == (3, 2, 1, 2)


def test_a_comment_is_kept_and_neither_sent_nor_charged(desk: Make) -> None:
    """It shows in the full status; two messages that differ in it alone are one text twice."""
    one = desk()
    one.send(id=5, mes="Hi\n~~~\nfirst" + "x" * 200)
    one.now += 60
    one.send(id=6, mes="Hi\n~~~\nsecond")

    told = one.ask(6, all=1)
    assert (told["message"], told["comment"]) == ("Hi", "second")
    assert one.ask(5, all=2)["sms_cnt"] == 1
    assert Count(one.gateway).report(one.now)["twice"] == 1


def test_the_guard_is_each_channels_own(desk: Make) -> None:
    """A code by Telegram and the same by SMS are two things; the same twice is one."""
    one = desk()

    assert one.send(id=1, mes="4821")["id"] == 1
    assert one.send(id=2, mes="4821", tg=1)["id"] == 2
    assert one.send(id=3, mes="4821", tg=1)["error_code"] == 9
    assert one.send("79991234567", id=4, mes="4821")["error_code"] == 9
    assert one.gateway.sends.guarded == 2


def test_a_channel_has_prices_by_prefix(desk: Make) -> None:
    """The longest beginning of the number counts; a channel without a price costs what an SMS does."""
    one = desk(prices={"": Decimal(3)}, channel_prices={"tg": Decimal(1), "tg:77": Decimal("0.5")})
    costs = [
        one.send(phone, "4821", cost=1, **channel)["cost"]
        for phone, channel in (("+79991234567", {"tg": 1}), ("+77011234567", {"tg": 1}), ("+77011234567", {"call": 1}))
    ]

    assert costs == ["1.0", "0.5", "3.0"]


def test_a_price_that_changes_leaves_what_was_sent(desk: Make) -> None:
    """A message costs what it cost when it was taken."""
    one = desk(prices={"": Decimal(3)})
    one.send(id=5)
    one.gateway.sends.prices = one.gateway.sends.prices.replaced("sms", "7999", Decimal(9))

    assert one.ask(5, all=1)["cost"] == "3.0"
    assert one.send(cost=1)["cost"] == "9.0"


def test_parts_are_cut_at_maxsms_and_counted_in_latin(desk: Make) -> None:
    """Both change what is charged."""
    one, counts = desk(duplicate_window_s=0.0), []
    for fields in ({}, {"maxsms": 2}, {"translit": 1}, {"translit": 2}):
        counts.append(one.send(mes="я" * 150, **fields)["cnt"])

    assert counts == [3, 2, 2, 1]


@pytest.mark.parametrize("time", ["tomorrow", "32.01.30 10:00", "25-3", "+", "1"])
def test_a_wrong_time_is_error_5(desk: Make, time: str) -> None:
    """And no message."""
    one = desk()

    assert one.send(id=5, time=time) == {"error": "invalid date", "error_code": 5}
    assert one.ask(5)["status"] == -3


@pytest.mark.parametrize("time", ["0", "", "+10", "9-21", "01.01.30 10:00", "0101301000", "01800000000"])
def test_every_form_of_time_is_taken(desk: Make, time: str) -> None:
    """As the manual lists them."""
    assert desk().send(id=5, time=time)["id"] == 5


def test_what_became_of_each_is_told_if_asked(desk: Make) -> None:
    """`op` for all, `err` for the bad ones."""
    told = desk().send("+79991234567,12", id=5, op=1, err=1)

    assert [(each["phone"], each["error"]) for each in told["phones"]] == [("79991234567", ""), ("12", "249")]
    assert [each["phone"] for each in told["errors"]] == ["12"]


def test_files_are_counted(desk: Make) -> None:
    """As many as came, with what they weigh; the same request with another file is another one."""
    one = desk()
    for n, content in enumerate((b"one", b"two", b"two"), 1):
        written = b"".join(
            [b'--x\r\nContent-Disposition: form-data; name="File1"; filename="a.txt"\r\n\r\n', content, b"\r\n"]
            + [
                f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
                for name, value in form(phones="+79991234567", mes="Hi", id=n).items()
            ]
            + [b"--x--\r\n"]
        )
        answer = one.raw("/sys/send.php", written, b"multipart/form-data; boundary=x")
        assert ("id" in json.loads(answer)) == (n < 3)

    assert Count(one.gateway).report(one.now)["files"] == 2
    [second, first] = messages.newest(one.gateway, one.now, {})
    assert [(file["name"], file["size"]) for file in first["files"] + second["files"]] == [("a.txt", 3)] * 2


def test_a_deleted_message_is_not_found(desk: Make) -> None:
    """By its pair; what is not there cannot be deleted."""
    one = desk()
    one.send("+79991234567,+79991234568", id=5)

    assert one.ask(5, **{"del": 1}) == {"result": "OK"}
    assert one.ask(5)["status"] == -3
    assert [row["phone"] for row in json.loads(one.post("/sys/get.php", get_messages=1))] == ["79991234568"]
    assert one.ask(5, "+79991234568")["status"] == -1
    assert one.ask(5, **{"del": 1}) == {"error": "delete error", "error_code": 5}


def test_ten_phones_are_ten(desk: Make) -> None:
    """None of them stands twice."""
    one = desk()
    one.send(TEN, id=5)

    assert [Count(one.gateway).report(one.now)[name] for name in ("accepted", "repeated", "twice")] == [10, 0, 0]


def test_a_body_that_is_no_form_is_error_1(desk: Make) -> None:
    """Before anybody asks who it is; in JSON at the address that speaks it."""
    one = desk()

    assert one.raw("/rest/send/", b"{", b"") == b'{"error": "parameters error", "error_code": 1}'
    assert one.raw("/sys/send.php", b"--x", b"multipart/form-data; boundary=x", b"fmt=1") == b"0,-1"
    assert one.gateway.errors == {"send:1": 2}


def test_the_reader_of_a_send_is_told_how_it_is_asked(desk: Make) -> None:
    """The query counts too, raw letters and all."""
    one = desk()
    query = "login=demo&psw=demo&phones=79991234567&mes=Привет мир&fmt=1&id=5&".encode("cp1251")

    assert one.raw("/sys/send.php", b"", b"", query) == b"5,1"
    assert one.ask(5, all=1)["message"] == "Привет мир"


def test_a_channel_is_no_other_message(desk: Make) -> None:
    """What was sent is listed with the fields that it had."""
    one = desk()
    one.send(id=5, mes="Hi", call=1, voice="w,en")

    [told] = messages.newest(one.gateway, one.now, {})
    assert (told["channel"], told["fields"]["voice"]) == ("call", "w,en")
