"""send.php at the front door: durable first, one message for a library's retry, the gateway's own codes."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest

from smsq.producers.web.front_door import kept_back
from smsq.worker.domain.optout import OptOut
from smsq.worker.ledger import Ledger
from tests.conftest import Plant
from tests.producers.web.front_door.opened import KEY, KEYS, PHONE, Line, Opened, encoded, opened

SEND = "/sys/send.php"
HI = f"phones={PHONE}&mes=Hi"


def enrolled(ledger: Ledger) -> int:
    """How many messages wait in the ledger."""
    return sum(int(ledger.redis.zcard(ledger.key(f"ready:{lane}"))) for lane in ("urgent", "bulk"))


def test_a_send_is_in_the_ledger_when_it_is_answered(door: Opened, door_plant: Plant) -> None:
    """The answer has an id and the number of parts."""
    answer = door.get(SEND, f"{HI}&fmt=3&id=33")

    assert (answer.status, answer.told) == ("HTTP/1.1 200 OK", {"id": 33, "cnt": 1})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert enrolled(door_plant.ledger) == 1


@pytest.mark.parametrize(("fmt", "wanted"), [(0, "OK - 1 SMS, ID - 33"), (1, "33,1"), (3, '{"id": 33, "cnt": 1}')])
def test_every_shape(door: Opened, fmt: int, wanted: str) -> None:
    """As the libraries cut it."""
    assert door.get(SEND, f"{HI}&fmt={fmt}&id=33").text == wanted


def test_an_id_that_is_drawn_meets_none_of_the_callers(door: Opened, door_plant: Plant) -> None:
    """It stands behind the last one, past those that the caller has used."""
    first = door.get(SEND, f"phones={PHONE}&mes=1&fmt=3&id=0").told["id"]
    used = door.get(SEND, f"phones={PHONE}&mes=2&fmt=3&id={first + 1}").told["id"]
    second = door.get(SEND, f"phones={PHONE}&mes=3&fmt=3").told["id"]

    assert (used, second) == (first + 1, first + 2)
    assert enrolled(door_plant.ledger) == 3


@pytest.mark.parametrize("given", ["33", "0", "order-17.b_2"])
def test_the_retry_of_a_library_on_another_host_is_answered_like_the_first(
    door: Opened, door_plant: Plant, given: str
) -> None:
    """Its first answer was lost on the way, and it goes on to www2: accepted, under the same id, and sent once."""
    first = door.get(SEND, f"{HI}&fmt=1&id={given}", host="smsc.example")
    second = door.get(SEND, f"{HI}&fmt=1&id={given}", host="www2.smsc.example")

    assert first.text == second.text
    assert enrolled(door_plant.ledger) == 1


def test_the_retry_on_the_same_host_after_a_lost_answer_too(door: Opened, door_plant: Plant) -> None:
    """The caller was gone before its answer could be written."""
    with door.line() as line:
        line.ask(SEND, f"{HI}&fmt=1&id=33")
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    answer = door.get(SEND, f"{HI}&fmt=1&id=33")

    assert answer.text == "33,1"
    assert enrolled(door_plant.ledger) == 1


def test_an_answer_that_nobody_took_did_not_reach_its_caller(door: Opened, door_plant: Plant) -> None:
    """The caller hangs, and we close after a while: its retry gets the first answer, and is no second message."""
    query = f"phones={','.join(str(79990000000 + n) for n in range(500))}&mes=Hi&op=1&fmt=3&id=33"
    for other in ("1", "2"):  # whatever is done for the first time is done
        door.get(SEND, f"phones={PHONE}&mes={other}")
    door.wait_until(lambda connections: connections == 0)
    with door.line() as line:
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        line.write(f"GET {SEND}?login=shop&psw={KEY}&{query} HTTP/1.0\r\nHost: smsc.example\r\n\r\n".encode())
        door.wait_until(lambda connections: connections > 0)
        door.wait_until(lambda connections: connections == 0)
    answer = door.get(SEND, query)

    assert (answer.told.get("id"), answer.told.get("cnt")) == (33, 500)
    assert enrolled(door_plant.ledger) == 502


def test_the_retry_is_answered_though_its_key_may_send_no_more_now(make_plant: Callable[..., Plant]) -> None:
    """It brings no message: an error would say that the first one was not taken."""
    plant = make_plant(SMSQ_API_KEYS=f"{KEYS} rate=0.001", SMSQ_MASS_ASK_EVERY_S="30")
    with opened(plant.runtime) as door:
        first = door.get(SEND, f"{HI}&fmt=1&id=33", host="smsc.example").text
        retry = door.get(SEND, f"{HI}&fmt=1&id=33", host="www2.smsc.example").text
        other = door.get(SEND, f"phones={PHONE}&mes=other&fmt=1&id=34").text

    assert (first, retry, other) == ("33,1", "33,1", "0,-9")
    assert enrolled(plant.ledger) == 1


def test_a_deliberate_repeat_is_error_9(door: Opened, door_plant: Plant) -> None:
    """On the same connection behind a whole answer, and on a new one to the same host."""
    with door.line() as line:
        first = line.get(SEND, f"{HI}&fmt=1&id=33")
        second = line.get(SEND, f"{HI}&fmt=1&id=33")
    third = door.get(SEND, f"{HI}&fmt=1&id=33")

    assert [first.text, second.text, third.text] == ["33,1", "0,-9", "0,-9"]
    assert enrolled(door_plant.ledger) == 1


def test_another_id_for_the_same_content_is_no_retry(door: Opened, door_plant: Plant) -> None:
    """A library repeats all of it; so this is the gateway's duplicate."""
    door.get(SEND, f"{HI}&fmt=1&id=33")

    assert door.get(SEND, f"{HI}&fmt=1&id=34", host="www2.smsc.example").text == "0,-9"


def test_another_comment_is_another_message(door: Opened, door_plant: Plant) -> None:
    """It tells the caller's own orders apart, so the second is neither a retry nor a duplicate."""
    answers = [
        door.get(SEND, f"{HI}{encoded(f'{chr(10)}~~~{chr(10)}order {n}')}&fmt=1", host=host).text.split(",")
        for n, host in ((17, "smsc.example"), (18, "www2.smsc.example"), (17, "www2.smsc.example"))
    ]

    assert [parts for _, parts in answers] == ["1"] * 3
    assert answers[0] == answers[2] != answers[1]
    assert enrolled(door_plant.ledger) == 2


def test_after_the_minute_the_same_text_is_another_message(make_plant: Callable[..., Plant]) -> None:
    """Once the first answer had reached its caller; until then it is still the retry of a slow library."""
    plant = make_plant(SMSQ_API_KEYS=KEYS, SMSQ_MASS_ASK_EVERY_S="0.1")
    with opened(plant.runtime) as door:
        with door.line() as line:
            line.ask(SEND, f"{HI}&fmt=1&id=33")
            line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        plant.runtime.clock.wait(0.3)
        late = door.get(SEND, f"{HI}&fmt=1&id=33").text
        plant.runtime.clock.wait(0.5)
        new = door.get(SEND, f"{HI}&fmt=1&id=33").text

        assert (late, new, enrolled(plant.ledger)) == ("33,1", "33,1", 2)


def test_several_recipients_share_an_id(door: Opened, door_plant: Plant) -> None:
    """Each is a message of its own; one that is written twice is one, and a bad one is told of if asked."""
    answer = door.get(SEND, f"phones={PHONE};8 999 123-45-68,{PHONE},123&mes=Hi&fmt=3&id=7&err=1".replace(" ", "%20"))
    statuses = door.get("/sys/status.php", f"id=7,7,7,7&phone={PHONE},79991234568,123,124&fmt=1")

    assert (answer.told["cnt"], [each["phone"] for each in answer.told["errors"]]) == (2, ["123"])
    assert [line.split(",")[0] for line in statuses.text.split("\n")] == ["-1", "-1", "22", "-3"]
    assert enrolled(door_plant.ledger) == 2


def test_a_list_has_a_text_for_each(door: Opened, door_plant: Plant) -> None:
    """Two texts to one phone are two messages; the parts of all are counted."""
    listed = encoded(f"{PHONE}:{'a' * 161}\n{PHONE}:b: c\n79991234568:d")

    assert door.get(SEND, f"list={listed}&fmt=1&id=7").text == "7,4"
    assert enrolled(door_plant.ledger) == 3


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("phones=123&mes=Hi&id=5", "5,-7"),
        ("phones=123&mes=Hi&cost=1", "0,-7"),
        (f"phones={PHONE}", "0,-1"),
        ("mes=Hi", "0,-1"),
        (f"{HI}&time=tomorrow", "0,-5"),
        (f"{HI}&valid=99", "0,-1"),
        (f"{HI}&id=1,", "0,-1"),
        (f"{HI}&id=4294967296", "0,-1"),
        (f"phones={PHONE}&mes=__MAIL__: x&id=5", "5,-6"),
    ],
)
def test_what_the_gateway_refuses_is_refused_alike(door: Opened, query: str, answer: str) -> None:
    """By its code, in the shape that was asked for."""
    assert door.get(SEND, query.replace(" ", "%20") + "&fmt=1").text == answer


def test_a_refused_message_has_an_id(door: Opened, door_plant: Plant) -> None:
    """One of its own if the caller gave none, though nothing is sent under it (PROTOCOL B.7)."""
    first = door.get(SEND, f"{HI}1&fmt=3").told["id"]
    bad = door.get(SEND, "phones=123&mes=Hi&fmt=1").text.split(",")
    denied = door.get(SEND, f"phones={PHONE}&mes=__MAIL__:%20x&fmt=3").told
    sent = door.get(SEND, f"{HI}&fmt=3").told["id"]

    assert (bad[1], denied["error_code"]) == ("-7", 6)
    assert (int(bad[0]), denied["id"], sent) == (first + 1, first + 2, first + 3)
    assert door.get("/sys/status.php", f"id={bad[0]}&phone=123&fmt=1").text.startswith("-3")
    assert enrolled(door_plant.ledger) == 2


def test_fields_that_nobody_knows_are_passed_over(door: Opened) -> None:
    """A bare `&` at the end, `&query` without a value, and names that only the gateway knows."""
    assert door.get(SEND, f"{HI}&id=8&query&pp=12&fmt=1&whatever=1&").text == "8,1"


@pytest.mark.parametrize(("fmt", "wanted"), [(0, "ERROR = 2 (authorise error)"), (1, "0,-2")])
def test_without_a_key_nothing_is_done(door: Opened, door_plant: Plant, fmt: int, wanted: str) -> None:
    """Wrong password, unknown log-in, none at all."""
    for who in (b"login=shop&psw=wrong", b"login=else&psw=" + KEY.encode(), b"apikey=wrong", b""):
        assert door.post(SEND, b"%b&%b&fmt=%d" % (who, HI.encode(), fmt)).text == wanted
    assert enrolled(door_plant.ledger) == 0


def test_a_key_serves_in_every_form(door: Opened) -> None:
    """As a password, as its MD5, and as an API key."""
    import hashlib

    hashed = hashlib.md5(KEY.encode()).hexdigest().encode()
    whos = (b"login=shop&psw=" + KEY.encode(), b"login=shop&psw=" + hashed, b"apikey=" + KEY.encode())
    answers = [door.post(SEND, b"%b&phones=79991234567&mes=%d&id=5&fmt=1" % (who, n)) for n, who in enumerate(whos)]

    assert [answer.text for answer in answers] == ["5,1"] * 3


def test_a_key_may_be_for_little(make_plant: Callable[..., Plant]) -> None:
    """Asking only; a lane, a sender, a charset and a rate of its own."""
    plant = make_plant(SMSQ_API_KEYS=f"shop:{KEY} may=send+ask lane=bulk sender=Shop charset=utf-8 rate=1")
    with opened(plant.runtime) as door:
        who = f"login=shop&psw={KEY}&fmt=1"
        sent = door.post(SEND, f"{who}&phones={PHONE}&mes={encoded('Привет')}&id=5".encode())
        more = door.post(SEND, f"{who}&phones={PHONE}&mes=more&id=6".encode())
        detail = door.post("/sys/status.php", f"{who}&phone={PHONE}&id=5&all=1".encode())
        balance = door.post("/sys/balance.php", who.encode())

    assert [sent.text, more.text, balance.text] == ["5,1", "0,-9", "0,-2"]
    assert detail.text.split(",")[6:] == ["Shop", "waiting", "Привет"]
    assert plant.ledger.redis.zcard(plant.ledger.key("ready:bulk")) == 1


def test_a_ledger_that_is_away_is_an_error_in_the_right_shape(door: Opened, door_plant: Plant) -> None:
    """Nothing is half-written, and the same request is taken once it is back."""
    client = door_plant.ledger.redis
    client.config_set("maxmemory", 1)
    try:
        away = door.get(SEND, f"{HI}&fmt=1&id=33")
    finally:
        client.config_set("maxmemory", 0)
    keys = [key.decode() for key in client.keys("*door*")]
    back = door.get(SEND, f"{HI}&fmt=1&id=33")

    assert (away.text, away.status, back.text) == ("0,-9", "HTTP/1.1 200 OK", "33,1")
    assert [key for key in keys if ":id:" in key or ":said:" in key or ":past:" in key] == []


def test_rest_takes_json(door: Opened) -> None:
    """The same parameters, and JSON back."""
    body = f'{{"login": "shop", "psw": "{KEY}", "phones": "+{PHONE}", "mes": "Привет", "id": 5}}'.encode()

    assert door.post("/rest/send/", body, more="Content-Type: application/json\r\n").told == {"id": 5, "cnt": 1}


def test_the_price_is_asked_once_and_the_balance_is_beside_it(
    door: Opened, door_plant: Plant, chores: Callable[..., object]
) -> None:
    """Five at once have one question to the gateway; from then on it is known."""
    with chores(door_plant.runtime):  # type: ignore[attr-defined]
        lines: list[Line] = [door.line() for _ in range(5)]
        for n, line in enumerate(lines):
            line.ask(SEND, f"phones={PHONE}&mes={n}&cost=3&fmt=3&id={n + 1}")
        answers = [line.read().told for line in lines]
        for line in lines:
            line.socket.close()
        price = door.get(SEND, f"phones=79991112233&mes={'a' * 161}&cost=1&fmt=1").text
        both = door.get(SEND, f"phones={PHONE},79031112233&mes=a&cost=1&fmt=1").text
        job = door.get("/sys/jobs.php", f"add=1&name=x&phones={PHONE}&mes=Job&cost=1&fmt=1").text
        balance = door.get("/sys/balance.php", "fmt=1").text
        with_currency = door.get("/sys/balance.php", "fmt=0&cur=1").text
    asked = door_plant.sandbox.report()["requests"]

    assert {answer["cost"] for answer in answers} == {answers[0]["cost"]} != {"0"}
    assert float(price.split(",")[0]) == 2 * float(answers[0]["cost"])
    assert "," not in balance
    assert with_currency.startswith(balance + " ")
    assert both.endswith(",2"), "the second phone is another operator's, so the whole is asked for"
    assert job.split(",")[1] == answers[0]["cost"]
    assert (asked["price"], asked["balance"]) == (2, 1)


def test_a_price_that_nobody_knows_is_never_told_as_nothing(door: Opened) -> None:
    """Nobody can ask the gateway: the message is taken, its price is assumed, the balance is left empty or out."""
    asked = f"phones={PHONE}&cost=3&op=1"
    plain = door.get(SEND, f"{asked}&mes=Hi&id=1&fmt=1").text
    told = door.get(SEND, f"{asked}&mes={'a' * 161}&id=2&fmt=3").told
    job = door.get("/sys/jobs.php", f"add=1&name=x&phones={PHONE}&mes=Job&cost=1&fmt=1").text
    price = door.get(SEND, f"phones={PHONE}&mes=Hi&cost=1&fmt=1").text

    assert plain == f"1,1,5,\n{PHONE},,5,,"
    assert told == {"id": 2, "cnt": 2, "cost": "10", "phones": [row(PHONE, "10")]}
    assert (job.split(",")[1], price) == ("5", "0,-9")


def test_each_recipient_has_a_price(door: Opened, door_plant: Plant, chores: Callable[..., object]) -> None:
    """In the list that op=1 asks for, whatever `cost` is."""
    with chores(door_plant.runtime):  # type: ignore[attr-defined]
        told = door.get(SEND, f"phones=79031112233,{PHONE},12&mes=Both&fmt=3&op=1").told

    bad = {**row("12", "0"), "status": "22", "error": "249"}
    assert told["phones"] == [row("79031112233", "3.8"), row(PHONE, "3.8"), bad]
    assert "cost" not in told


def row(phone: str, cost: str) -> dict[str, str]:
    """What an answer says of one recipient that was sent to."""
    return {"phone": phone, "mccmnc": "", "cost": cost, "status": "", "error": ""}


def test_the_log_has_the_reason_of_a_refusal_and_nothing_of_the_caller(
    door: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator sees why a program is refused; what it wrote is nobody's business."""
    caplog.set_level("INFO")
    wrong = {
        "mail=1&subj=x&sender=anna-secret": "the sender of an e-mail is a mail address",
        "viber=1&hlr=1": "one channel at a time",
        "time=hidden": "a time is DDMMYYhhmm",
        "maxsms=hidden": "maxsms: maxsms is a number of parts",
    }
    for fields in wrong:
        assert door.get(SEND, f"phones={PHONE}&mes=Text&fmt=1&{fields}").text in ("0,-1", "0,-5")

    for reason in wrong.values():
        assert reason in caplog.text
    assert "error 5" in caplog.text
    for words in ("secret", "hidden", PHONE, "Text", KEY):
        assert words not in caplog.text


def test_who_opted_out_is_refused_as_the_gateway_refuses(
    door: Opened, door_plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its code for what is denied; a retry of what was accepted before gets the first answer."""
    monkeypatch.setattr(kept_back, "LOOK_S", 0.0)
    first = door.get(SEND, f"{HI}&fmt=3&id=33")
    door_plant.ledger.opt_out([OptOut(key=str(PHONE).removeprefix("+"))])
    again = door.get(SEND, f"{HI}&fmt=3&id=33", host="www2.smsc.example")
    other = door.get(SEND, f"phones={PHONE}&mes=Other&fmt=3&id=34")
    both = door.get(SEND, f"phones={PHONE},79990000077&mes=Both&fmt=3&id=35")

    assert (first.told, again.told) == ({"id": 33, "cnt": 1}, {"id": 33, "cnt": 1})
    assert other.told["error_code"] == 6
    assert both.told == {"id": 35, "cnt": 2}
    assert enrolled(door_plant.ledger) == 3
