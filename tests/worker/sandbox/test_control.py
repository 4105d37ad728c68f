"""The control endpoint and the count."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.sandbox import Sandbox
from smsq.worker.sandbox.control import HANDLERS

Start = Callable[..., Sandbox]
Call = Callable[[str], Any]


def control(sandbox: Sandbox, path: str, told: object = None) -> Any:
    """GET, or POST what is told; the JSON that comes back."""
    body = None if told is None else json.dumps(told).encode()
    with urllib.request.urlopen(f"{sandbox.control}/_sandbox/{path}", body, timeout=5) as answer:
        return json.load(answer)


def test_the_count_tells_accepted_doubled_and_spent(sandbox: Start, caller: Call) -> None:
    """A text that reached a phone twice is one double, whatever its ids."""
    started = sandbox(duplicate_window_s=0.0, prices={"": Decimal(2)})
    one = caller(started.mirrors[0])
    one.send("+79990000001,+79990000002", id=1)
    one.send("+79990000001", id=2)
    one.send("+79990000003", "other", id=2)

    report = control(started, "report")

    assert tuple(report[name] for name in ("accepted", "distinct", "twice", "twice_by_id")) == (4, 3, 1, 0)
    assert report["twice_sample"] == ["7999***01"]
    assert (report["spent"], report["requests"], report["limits_broken"]) == ("8.0", {"send": 3}, {})


def test_a_repeated_id_is_a_double_of_its_own(sandbox: Start, caller: Call) -> None:
    """Another text under the same id and phone."""
    started = sandbox()
    one = caller(started.mirrors[0])
    one.send(id=1, mes="a")
    one.send(id=1, mes="b")

    assert tuple(control(started, "report")[name] for name in ("twice", "twice_by_id")) == (0, 1)


def test_the_count_goes_on_where_it_stopped(sandbox: Start, caller: Call) -> None:
    """Asking twice changes nothing, and statuses add up to what was accepted."""
    started = sandbox(deliver_after_s=(0.0, 0.0))
    one = caller(started.mirrors[0])
    one.send(id=1, mes="a")
    first = control(started, "report")
    one.send(id=2, mes="b")
    second = control(started, "report")

    assert (first["statuses"], second["statuses"]) == ({"delivered": 1}, {"delivered": 2})
    assert second == {**control(started, "report"), "cpu_s": second["cpu_s"]}
    assert control(started, "tally")["statuses"] is None


def test_missing_names_the_phones_that_were_never_accepted(sandbox: Start, caller: Call) -> None:
    """The list is the caller's; the verdict is the gateway's."""
    started = sandbox()
    caller(started.mirrors[0]).send("+79990000001", id=1)

    assert control(started, "missing", ["+79990000001", 79990000002]) == {"missing": ["79990000002"], "count": 1}


def test_misfortunes_accounts_and_mirrors_are_changed_while_it_runs(sandbox: Start, caller: Call) -> None:
    """By JSON."""
    started = sandbox()
    one = caller(started.mirrors[0])
    control(started, "misfortunes", [{"kind": "empty", "next": 1}, {"kind": "slow", "share": 1, "seconds": 0.01}])
    assert one.post("/sys/send.php", id=1, phones="+79991234567", mes="a")[1] == b""
    control(started, "misfortunes", {"clear": True})
    control(started, "account", {"balance": 0})
    assert one.send(id=2, mes="b")["error_code"] == 3
    control(started, "account", {"top_up": "10.5", "password": "new"})
    assert one.send(id=3, mes="c")["error_code"] == 2
    assert one.send(id=3, mes="c", psw="new")["balance"] == "6.7"
    control(started, "account", {"login": "second", "password": "p", "add": True})
    assert one.send(id=1, mes="c", login="second", psw="p")["id"] == 1
    control(started, "mirrors", {"mirror": 2, "down": True})

    assert [mirror["down"] for mirror in control(started, "report")["mirrors"]] == [False, True]
    assert "lose_answer" in control(started, "misfortunes")["kinds"]


def test_a_reset_begins_again_on_the_same_ports(sandbox: Start, caller: Call) -> None:
    """Messages and counts are gone, misfortunes are as at the start."""
    started = sandbox()
    one = caller(started.mirrors[0])
    one.send(id=1)
    control(started, "misfortunes", {"kind": "hang", "share": 1})
    control(started, "reset", {})

    assert control(started, "report")["accepted"] == 0
    assert one.send(id=1)["id"] == 1


@pytest.mark.parametrize(
    ("path", "told", "status"),
    [
        pytest.param("nothing", None, 404, id="no such order"),
        pytest.param("misfortunes", {"kind": "rain"}, 400, id="no such misfortune"),
        pytest.param("mirrors", {"mirror": 9, "down": True}, 400, id="no such mirror"),
        pytest.param("account", {"login": "nobody"}, 400, id="no such account"),
        pytest.param("account", {"top_up": "much"}, 400, id="no money"),
        pytest.param("missing", {"phones": 1}, 400, id="not a list"),
    ],
)
def test_an_order_that_makes_no_sense_is_answered_with_a_sentence(
    sandbox: Start, path: str, told: object, status: int
) -> None:
    """And changes nothing."""
    with pytest.raises(urllib.error.HTTPError) as refusal:
        control(sandbox(), path, told)

    assert status == refusal.value.code
    assert json.load(refusal.value)["error"]


# What was received ----------------------------------------------------------------------------------------------------


def test_what_was_received_is_shown_with_its_text_the_newest_first(sandbox: Start, caller: Call) -> None:
    """By whatever channel, refused or not; of one phone, so many, and what came after one that is known."""
    started = sandbox(deliver_after_s=(0.0, 0.0), denied_text="casino")
    one = caller(started.mirrors[0])
    one.send("+79990000001,+79990000002", "Your code is 4821", id=1)
    one.send("+79990000001", "Hi", id=2, sender="Shop")
    one.send("+79990000003", "casino", id=3)
    shown = control(started, "messages")["messages"]

    assert [(each["phone"], each["text"], each["status"], each["is_accepted"]) for each in shown] == [
        ("79990000003", "casino", "forbidden", False),
        ("79990000001", "Hi", "delivered", True),
        ("79990000002", "Your code is 4821", "delivered", True),
        ("79990000001", "Your code is 4821", "delivered", True),
    ]
    assert (shown[1]["sender"], shown[1]["channel"], shown[1]["id"], shown[1]["cost"]) == ("Shop", "sms", 2, "3.8")
    of_one = control(started, "messages?phone=%2B7%20999%20000-00-01")["messages"]
    assert [each["text"] for each in of_one] == ["Hi", "Your code is 4821"]
    assert [each["text"] for each in control(started, "messages?limit=2")["messages"]] == ["casino", "Hi"]
    after = control(started, f"messages?after={shown[2]['n']}")
    assert [each["text"] for each in after["messages"]] == ["casino", "Hi"]
    assert after["last"] == shown[0]["n"]
    assert [each["text"] for each in started.messages(79990000002)] == ["Your code is 4821"]
    assert control(started, "reset", {}) == {"ok": True}
    assert control(started, "messages") == {"messages": [], "last": 0}


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("phone=anna", "a phone is digits"),
        ("limit=many", "limit is a whole number"),
        ("after=-1", "after is a whole number"),
        ("who=me", "messages are asked for by after, limit, phone"),
    ],
)
def test_messages_that_are_asked_for_wrongly(sandbox: Start, query: str, part: str) -> None:
    """It says how."""
    with pytest.raises(urllib.error.HTTPError) as raised:
        control(sandbox(), f"messages?{query}")

    assert raised.value.code == 400
    assert part in json.load(raised.value)["error"]


def test_the_page_shows_messages_misfortunes_and_every_call(sandbox: Start, caller: Call) -> None:
    """Without scripts, and without obeying what a text says."""
    started = sandbox()
    caller(started.mirrors[0]).send("+79990000001", "Your code is <b>4821</b>", id=1)
    caller(started.mirrors[0]).send("+79990000002", "for another", id=2)
    control(started, "misfortunes", {"kind": "slow", "share": 0.25, "mirror": 1})
    with urllib.request.urlopen(f"{started.control}/?phone=79990000001", timeout=5) as answer:
        kind, page = answer.headers["Content-Type"], answer.read().decode()

    assert kind == "text/html; charset=utf-8"
    assert "Your code is &lt;b&gt;4821&lt;/b&gt;" in page
    assert "for another" not in page
    assert "slow, 25% of all send requests at mirror 1: the answer comes later, by <code>seconds</code>" in page
    for method, name in HANDLERS:
        assert f"{method} /_sandbox/{name}" in page
    assert "<script" not in page


def test_every_call_is_listed_and_a_wrong_one_says_where(sandbox: Start) -> None:
    """By the table that they are done by."""
    started = sandbox()
    listed = [each["call"].split("?")[0].split(" {")[0] for each in control(started, "")["calls"]]

    assert [each.split(" [")[0] for each in listed] == [f"{method} /_sandbox/{name}" for method, name in HANDLERS]
    with pytest.raises(urllib.error.HTTPError) as raised:
        control(started, "mesages")
    assert "GET / shows all calls" in json.load(raised.value)["error"]


def test_misfortunes_are_seen_and_ended(sandbox: Start, caller: Call) -> None:
    """All at once, or one by a share of 0."""
    started = sandbox()
    control(started, "misfortunes", [{"kind": "empty", "next": 3}, {"kind": "slow", "share": 1, "seconds": 0.01}])
    found = control(started, "misfortunes")
    assert [(rule["kind"], rule["next"], rule["share"]) for rule in found["in_force"]] == [
        ("empty", 3, 0.0),
        ("slow", 0, 1.0),
    ]
    assert "lose_answer" in found["kinds"]
    control(started, "misfortunes", {"kind": "slow", "share": 0})
    assert [rule["kind"] for rule in control(started, "misfortunes")["in_force"]] == ["empty"]
    request = urllib.request.Request(f"{started.control}/_sandbox/misfortunes", method="DELETE")
    urllib.request.urlopen(request, timeout=5).close()

    assert control(started, "misfortunes")["in_force"] == []
    assert caller(started.mirrors[0]).send(id=1)["cnt"] == 1


def test_prices_are_shown_and_set(sandbox: Start, caller: Call) -> None:
    """For a channel, and for numbers that begin so."""
    started = sandbox(prices={"": Decimal(2)})
    one = caller(started.mirrors[0])
    control(started, "prices", {"channel": "tg", "prefix": "7999", "price": 0.5})

    assert control(started, "prices")["prices"]["tg:7999"] == "0.5"
    assert one.send(mes="4821", tg=1, cost=1)["cost"] == "0.5"
    assert one.send(cost=1)["cost"] == "2.0"


def test_a_number_may_be_told_what_a_look_up_says(sandbox: Start, caller: Call) -> None:
    """The rest stays as it is."""
    started = sandbox()
    answer = control(started, "lookups", {"phone": "+7 999 123-45-67", "net": "Yota", "err": 6})

    assert (answer["phone"], answer["reached"]["net"], answer["reached"]["mcc"]) == ("79991234567", "Yota", "250")
    told = caller(started.mirrors[0]).post("/sys/info.php", get_operator=1, phone="79991234567")
    assert json.loads(told[1])["operator"] == "Yota"


def test_a_message_comes_in(sandbox: Start, caller: Call) -> None:
    """And is there for whoever asks."""
    started = sandbox()
    control(started, "incoming", {"phone": "79991234567", "mes": "STOP", "to": "79990000000"})

    [told] = json.loads(caller(started.mirrors[0]).post("/sys/get.php", get_answers=1)[1])
    assert (told["phone"], told["message"], told["to_phone"]) == ("79991234567", "STOP", "79990000000")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        pytest.param("prices", {"channel": "fax", "price": 1}, id="no such channel"),
        pytest.param("prices", {"price": -1}, id="a price below zero"),
        pytest.param("prices", {"prefix": "+7", "price": 1}, id="a prefix with a plus"),
        pytest.param("lookups", {"phone": "anna", "err": 1}, id="no phone"),
        pytest.param("incoming", {"mes": "STOP"}, id="nobody"),
    ],
)
def test_what_cannot_be_set_is_said(sandbox: Start, path: str, told: dict[str, Any]) -> None:
    """HTTP 400 with a sentence."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        control(sandbox(), path, told)

    assert caught.value.code == 400
    assert json.load(caught.value)["error"]
