"""Every kind of message at the gateway: whom it reaches, what it costs, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.http.server.statuses import LOOKED_UP
from smsq.worker.sandbox.parts import parts_of
from tests.worker.sandbox.conftest import Desk

Make = Callable[..., Desk]
PHONE = "+79991234567"
ADDRESS = "anna@example.com"
MAIL = {"mail": 1, "sender": "me@example.com", "subj": "Hi"}
PUSH = "http://example.com\nSample"
# Kind, recipient, text, fields, type of its status.
KINDS = [
    ("sms", PHONE, "Hi", {}, 0),
    ("flash", PHONE, "Hi", {"flash": 1}, 1),
    ("push", PHONE, PUSH, {"push": 1}, 3),
    ("hlr", PHONE, "", {"hlr": 1}, 4),
    ("bin", PHONE, "0605040b84", {"bin": 2}, 2),
    ("ping", PHONE, "", {"ping": 1}, 5),
    ("mms", PHONE, "Hi", {"mms": 1, "subj": "Hi"}, 6),
    ("mail", ADDRESS, "Hi", MAIL, 8),
    ("tg", PHONE, "4821", {"tg": 1}, None),
    ("call", PHONE, "Hi", {"call": 1}, 7),
    ("viber", PHONE, "Hi", {"viber": 1}, 10),
    ("soc", PHONE, "Hi", {"soc": 1}, 12),
    ("whatsapp", PHONE, "Hi", {"whatsapp": 1}, None),
    ("bot", "@anna_k", "Hi", {"bot": "@shop_bot"}, None),
]


@pytest.mark.parametrize(("kind", "whom", "text", "fields", "number"), KINDS, ids=[row[0] for row in KINDS])
def test_each_kind_is_taken_shown_and_charged(
    desk: Make, kind: str, whom: str, text: str, fields: dict[str, Any], number: int | None
) -> None:
    """By its own price, under its own name and type."""
    prices = {name: Decimal(n) for n, name in enumerate(CHANNELS, 5)}
    one = desk(prices={}, channel_prices=prices)

    answer = one.send(whom, text, id=5, **fields)

    assert (answer["id"], answer["cnt"], Decimal(answer["cost"])) == (5, 1, prices[kind])
    one.now += 60
    told = one.ask(5, whom, all=1)
    assert (told["status"], told.get("type"), told["message"]) == (1, number, text)
    assert [record.channel for record in one.gateway.accounts["demo"].records] == [kind]


@pytest.mark.parametrize(
    ("whom", "fields", "code"),
    [
        pytest.param(PHONE, MAIL, 7, id="a letter to a phone"),
        pytest.param(ADDRESS, {}, 7, id="a text to an address"),
        pytest.param("@anna_k", {"viber": 1}, 7, id="Viber to a nick"),
        pytest.param("G15", {}, 7, id="a group, which is not there"),
        pytest.param(ADDRESS, {"mail": 1, "subj": "Hi"}, 1, id="a letter from nobody"),
        pytest.param(ADDRESS, {"mail": 1, "sender": "me@example.com"}, 1, id="a letter without a subject"),
        pytest.param(PHONE, {"hlr": 1}, 1, id="a look-up with a text"),
        pytest.param(PHONE, {"bin": 2}, 1, id="binary that is no hex"),
        pytest.param(PHONE, {"push": 1}, 1, id="a push without a link"),
        pytest.param(PHONE, {"viber": 1, "call": 1}, 1, id="two kinds at once"),
    ],
)
def test_what_a_kind_does_not_take_is_refused(desk: Make, whom: str, fields: dict[str, Any], code: int) -> None:
    """By the recipient, the text or a field that is missing."""
    assert desk().send(whom, "Hi", id=5, **fields)["error_code"] == code


@pytest.mark.parametrize(("kind", "fields"), [("hlr", {"hlr": 1}), ("ping", {"ping": 1})], ids=["hlr", "ping"])
def test_the_result_comes_with_the_end(desk: Make, kind: str, fields: dict[str, Any]) -> None:
    """Not before; the eight fields, for a number that was changed as it was told to."""
    one = desk()
    one.gateway.lookups.change("79991234567", {"net": "Yota", "mnc": "11"})
    one.send(mes="", id=5, **fields)
    assert not set(LOOKED_UP) & set(one.ask(5))
    one.now += 60

    told = one.ask(5)
    assert set(LOOKED_UP) <= set(told)
    assert (told["status"], told["err"], told["net"], told["mnc"], told["mcc"]) == (1, 0, "Yota", "11", "250")


def test_a_phone_that_is_off_has_no_sim_to_tell_of(desk: Make) -> None:
    """The status and the error that it was told to end with."""
    one = desk()
    one.gateway.lookups.change("79991234567", {"status": "20", "err": "6"})
    one.send(mes="", id=5, hlr=1)
    one.send(id=6)
    one.now += 60

    told = one.ask(5)
    assert (told["status"], told["err"], told["imsi"], told["mcc"]) == (20, 6, "", "250")
    assert one.ask(6)["status"] == 1  # a text is another matter


def test_a_look_up_in_fields_has_its_mark(desk: Make) -> None:
    """HLR at 14 or 17, in the very places where the libraries look."""
    one = desk()
    one.send(mes="", id=5, hlr=1)
    one.now += 60
    rows = [one.post("/sys/status.php", id=5, phone=PHONE, fmt=1, all=n).decode().split(",") for n in (0, 1, 2)]

    assert (len(rows[0]), rows[1][14], rows[2][17]) == (11, "HLR", "HLR")


def test_a_call_may_make_up_its_code(desk: Make) -> None:
    """Six digits in the answer, the same for a phone in every run."""
    one = desk(duplicate_window_s=0.0)
    answers = [one.send(id=n, mes="code", call=1) for n in (5, 6)]

    assert answers[0]["code"] == answers[1]["code"]
    assert len(answers[0]["code"]) == 6
    assert answers[0]["code"].isdigit()
    assert "code" not in one.send(id=7, mes="Your code", call=1)


def test_history_tells_letters_from_texts(desk: Make) -> None:
    """By `format`; letters are found by their addresses."""
    one = desk()
    one.send(id=5)
    one.send(ADDRESS, id=6, **MAIL)
    history = {
        name: [row["id"] for row in json.loads(one.post("/sys/get.php", get_messages=1, **fields))]
        for name, fields in (
            ("all", {}), ("texts", {"format": 0}), ("letters", {"format": 8}), ("Anna", {"email": ADDRESS})
        )
    }  # fmt: skip

    assert history == {"all": [5, 6], "texts": [5], "letters": [6], "Anna": [6]}


@pytest.mark.parametrize("name", CHANNELS)
def test_both_counts_of_parts_agree(name: str) -> None:
    """Ours and the sandbox's were written apart; where both count what is known, they agree."""
    row = CHANNELS[name]
    texts = ["00" * n for n in (1, 140, 141)] if row.type == 2 else ["x" * n for n in (1, 160, 161, 400)]
    if name in ("call", "push"):  # how long a voice speaks and how a link is packed is a guess
        return

    assert [row.parts(text) for text in texts] == [parts_of(text, row.same_as or name) for text in texts]
