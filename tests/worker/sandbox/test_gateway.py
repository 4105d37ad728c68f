"""The gateway without sockets: answers as the manual prints them, and every limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from hashlib import md5
from typing import Any

import pytest

Make = Callable[..., Any]

DUPLICATE = {"error": "duplicate request, wait a minute", "error_code": 9}


def test_a_send_answers_id_count_cost_and_balance(desk: Make) -> None:
    """As in the manual's sample."""
    one = desk(balance=Decimal("290.35"))

    assert one.send(id=63) == {"id": 63, "cnt": 1, "cost": "3.8", "balance": "286.55"}


def test_cnt_counts_parts_of_all_phones(desk: Make) -> None:
    """Two parts to three phones are six."""
    assert desk().send("+79990000001,+79990000002,+79990000003", "я" * 100, id=7)["cnt"] == 6


def test_a_list_carries_a_text_for_each_phone(desk: Make) -> None:
    """Only a record's first colon counts."""
    one = desk()

    answer = one.send(None, None, id=7, list="+79990000001:Hi: you\n+79990000002:" + "я" * 100)

    assert answer["cnt"] == 3
    assert one.ask(7, "79990000001", all=1)["message"] == "Hi: you"


@pytest.mark.parametrize(
    ("fmt", "answer"),
    [
        pytest.param(0, b"OK - 1 SMS, ID - 279, COST - 3.8", id="text"),
        pytest.param(1, b"279,1,3.8,96.2", id="comma fields"),
    ],
)
def test_older_formats_are_spoken_too(desk: Make, fmt: int, answer: bytes) -> None:
    """Formats 0 and 1 of an accepted send."""
    one = desk(balance=Decimal(100))

    assert answer == one.post("/sys/send.php", id=279, phones="+79991234567", mes="Hi", fmt=fmt)


def test_a_price_sends_nothing(desk: Make) -> None:
    """cost=1 only tells the price."""
    one = desk(prices={"": Decimal("0.30")})

    assert one.send(cost=1, id=5) == {"cost": "0.3", "cnt": 1}
    assert one.ask(5)["status"] == -3


def test_prices_go_by_the_longest_prefix(desk: Make) -> None:
    """A country and an operator in it may differ."""
    one = desk(prices={"": Decimal(9), "7": Decimal(3), "77": Decimal(5)})

    costs = [one.send(phone, cost=1)["cost"] for phone in ("+79991234567", "+77011234567", "+4915112345678")]

    assert costs == ["3.0", "5.0", "9.0"]


def test_the_same_content_within_a_minute_is_refused_whatever_its_id(desk: Make) -> None:
    """Error 9 carries no id; after the window it goes through."""
    one = desk()
    one.send(id=1)

    assert one.send(id=2) == DUPLICATE
    one.now += 60
    assert one.send(id=3)["id"] == 3


def test_a_repeated_id_makes_a_second_message_and_status_shows_the_last(desk: Make) -> None:
    """An id is no key."""
    one = desk()
    one.send(id=5, mes="first")
    one.send(id=5, mes="second")

    assert one.ask(5, all=1)["message"] == "second"


def test_a_message_is_invisible_for_a_while(desk: Make) -> None:
    """-3 first, then its status, and a lagging mirror shows it later still."""
    one = desk(visible_after_s=2.0)
    one.gateway.statuses.lags[2] = 3.0
    one.send(id=5)
    pair = ("5,", "79991234567,")

    assert one.ask(*pair) == [{"status": -3, "id": 5, "phone": "79991234567"}]
    one.now += 60
    one.gateway.statuses.lags[2] = 60.0
    assert one.ask(*pair)[0]["status"] != -3
    one.now += 60
    one.gateway.statuses.lags[2] = 119.0
    assert b'"status": -3' in one.post("/sys/status.php", mirror=2, id=5, phone="79991234567")


def test_unknown_pairs_are_not_found(desk: Make) -> None:
    """A right id with another phone is no message."""
    one = desk()
    one.send(id=5)

    assert one.ask(5, "+79990000000") == {"status": -3}


def test_no_money_uses_up_an_id_and_leaves_status_24(desk: Make) -> None:
    """Error 3 with an id, and the message stands there."""
    one = desk(balance=Decimal(1))

    assert one.send(id=9) == {"error": "no money", "error_code": 3, "id": 9}
    assert one.ask(9)["status"] == 24


@pytest.mark.parametrize(
    ("told", "fields", "answer"),
    [
        pytest.param({}, {"phones": "123"}, {"error": "invalid number", "error_code": 7, "id": 34}, id="a bad number"),
        pytest.param(
            {"denied_text": "casino"},
            {"mes": "casino!"},
            {"error": "message is denied", "error_code": 6, "id": 34},
            id="a forbidden text",
        ),
        pytest.param(
            {"dead_prefixes": ("7999",)},
            {},
            {"error": "can't to deliver", "error_code": 8, "id": 34},
            id="a dead number",
        ),
    ],
)
def test_refusals_carry_the_id(
    desk: Make, told: dict[str, Any], fields: dict[str, Any], answer: dict[str, Any]
) -> None:
    """Errors 6, 7 and 8 use up an id."""
    assert answer == desk(**told).send(**{"id": 34, **fields})


def test_a_bad_number_among_good_ones_is_taken_and_fails_later(desk: Make) -> None:
    """A success for several numbers does not mean that each will be delivered."""
    one = desk()
    one.send("+79990000001,12", id=3)

    rows = one.ask("3,3", "79990000001,12")

    assert [(row["status"], row["err"]) for row in rows] == [(-1, 0), (22, 249)]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"psw": "wrong"}, id="a wrong password"),
        pytest.param({"login": "nobody"}, id="an unknown log-in"),
        pytest.param({"login": None, "psw": None, "apikey": "x"}, id="an unknown key"),
    ],
)
def test_a_bad_login_is_error_2(desk: Make, fields: dict[str, Any]) -> None:
    """Whatever else is right."""
    assert desk().send(**fields) == {"error": "authorise error", "error_code": 2}


def test_a_key_and_a_hashed_password_log_in(desk: Make) -> None:
    """Both ways that old and new libraries use."""
    one = desk(apikey="k-1")

    assert one.send(id=1, mes="a", login=None, psw=None, apikey="k-1")["id"] == 1
    assert one.send(id=2, mes="b", psw=md5(b"demo").hexdigest())["id"] == 2


def test_five_bad_logins_block_the_address(desk: Make) -> None:
    """Error 4 for everyone behind it, until the ban is over."""
    one = desk(ban_s=600.0)
    codes = [one.send(psw="wrong")["error_code"] for _ in range(6)]

    assert codes == [2, 2, 2, 2, 2, 4]
    assert one.send(id=1)["error_code"] == 4
    one.now += 601
    assert one.send(id=1)["id"] == 1
    assert one.gateway.limits_broken == {"bad_logins": 1, "knocked_while_blocked": 2}


def test_too_many_errors_block_the_address(desk: Make) -> None:
    """Whatever the errors are."""
    one = desk(error_budget=3)

    assert [one.send(mes="")["error_code"] for _ in range(4)] == [1, 1, 1, 4]


def test_a_message_may_be_asked_about_five_times_a_minute(desk: Make) -> None:
    """The sixth ask is error 9."""
    one = desk()
    one.send(id=1)

    answers = [one.ask(1) for _ in range(6)]

    assert all("status" in answer for answer in answers[:5])
    assert answers[5] == DUPLICATE
    assert one.gateway.limits_broken == {"asks_per_message": 1}


def test_there_is_one_mass_ask_a_minute(desk: Make) -> None:
    """An error is an object, also where a list was asked for."""
    one = desk()
    one.ask("1,2", "79990000001,79990000002")
    one.now += 30

    assert one.ask("3,4", "79990000001,79990000002") == DUPLICATE
    one.now += 30
    assert isinstance(one.ask("3,4", "79990000001,79990000002"), list)


def test_the_same_price_may_be_asked_for_five_times_a_minute(desk: Make) -> None:
    """Another price is another matter."""
    one = desk()
    answers = [one.send(cost=1) for _ in range(6)]

    assert answers[5] == DUPLICATE
    assert "cost" in one.send(cost=1, mes="other")


def test_the_balance_may_be_asked_for_ten_times_a_minute(desk: Make) -> None:
    """The eleventh is error 9."""
    one = desk(balance=Decimal("1871.62"))
    answers = [one.post("/sys/balance.php") for _ in range(11)]

    assert answers[9] == b'{"balance": "1871.62"}'
    assert b'"error_code": 9' in answers[10]


def test_answers_are_windows_1251_where_no_charset_is_named(desk: Make) -> None:
    """Values and answer alike."""
    one = desk()
    one.send(id=1, mes="Привет".encode("cp1251"), charset=None)

    assert "Привет".encode("cp1251") in one.post("/sys/status.php", id=1, phone="79991234567", all=1, charset=None)


@pytest.mark.parametrize("newest_first", [False, True])
def test_history_is_paged_by_the_global_id(desk: Make, newest_first: bool) -> None:
    """Pages join without gap or overlap, across requests of several messages."""
    one = desk(history_newest_first=newest_first)
    for n in range(3):
        one.send(",".join(f"+7999000{n}{k:03}" for k in range(5)), id=n + 1)
    seen: list[int] = []
    while True:
        page = history(one, seen[-1] if seen else None)
        if isinstance(page, dict):
            break
        seen += [row["int_id"] for row in page]

    assert sorted(range(1, 16), reverse=newest_first) == seen
    assert page == {"error": "no messages found", "error_code": 3}


def history(one: Any, prev_id: int | None) -> Any:
    """One page of four."""
    return json.loads(one.post("/sys/get.php", get_messages=1, cnt=4, prev_id=prev_id))


def test_history_shows_two_messages_of_one_id(desk: Make) -> None:
    """The only place where a double shows."""
    one = desk()
    one.send(id=5, mes="first")
    one.send(id=5, mes="second")

    assert [(r["id"], r["int_id"], r["message"]) for r in history(one, None)] == [(5, 1, "first"), (5, 2, "second")]


def test_history_keeps_to_the_days_asked_for(desk: Make) -> None:
    """Days are Moscow's, both included."""
    one = desk()
    one.send(id=5)
    page = one.post("/sys/get.php", get_messages=1, start="01.01.2020", end="02.01.2020")

    assert b"no messages found" in page


def test_a_json_send_is_taken_at_the_rest_address(desk: Make) -> None:
    """The same parameters as one object."""
    one = desk()
    body = b'{"login": "demo", "psw": "demo", "id": 8, "phones": "+79991234567", "mes": "Hi"}'
    ticket = one.gateway.begin(1, "10.0.0.1", "/rest/send/", b"", body, one.now)

    assert one.gateway.finish(ticket, one.now).body == b'{"id": 8, "cnt": 1}'


def test_a_telegram_code_has_a_price_of_its_own(desk: Make) -> None:
    """One part wherever the phone is; its status names no type, since the manual has none."""
    one = desk(channel_prices={"tg": Decimal("0.5")})

    answer = one.send(id=5, mes="4821", tg=1, cost=3)

    assert (answer["cnt"], answer["cost"]) == (1, "0.5")
    assert "type" not in one.ask(5, all=1)


def test_a_telegram_code_is_digits(desk: Make) -> None:
    """Anything else is error 1, and no message."""
    one = desk()

    assert one.send(id=5, mes="Code 4821", tg=1)["error_code"] == 1
    assert one.ask(5)["status"] == -3


def test_a_call_counts_blocks_of_five_seconds(desk: Make) -> None:
    """About sixty characters each; the type in its status is 7."""
    one = desk(channel_prices={"call": Decimal(2)})

    answer = one.send(id=5, mes="x" * 61, call=1, voice="w,en", param="25,60,2")

    assert (answer["cnt"], answer["cost"]) == (2, "4.0")
    assert one.ask(5, all=1)["type"] == 7
    assert one.send(id=6, mes="hi", call=1, voice="nobody")["error_code"] == 1


@pytest.mark.parametrize(
    ("channel", "ends"),
    [
        pytest.param({}, (1, 0), id="the SMS arrives"),
        pytest.param({"tg": 1}, (20, 21), id="no Telegram there"),
        pytest.param({"call": 1}, (20, 237), id="nobody picks up"),
    ],
)
def test_a_phone_may_be_told_how_each_channel_ends(desk: Make, channel: dict[str, int], ends: tuple[int, int]) -> None:
    """By the ending of the number."""
    one = desk(scripted={"tg:67": "no_telegram", "call:567": "no_answer", "call:7": "busy", "sms:0": "undeliverable"})
    one.send(id=5, mes="4821", **channel)
    one.now += 10

    told = one.ask(5)

    assert ends == (told["status"], told["err"])


def test_silence_stays_with_the_operator(desk: Make) -> None:
    """Of some messages nothing is ever heard."""
    one = desk(scripted={"sms:67": "silent"})
    one.send(id=5)
    one.now += 1_000_000

    assert one.ask(5)["status"] == 0
