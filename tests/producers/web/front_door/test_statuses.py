"""The other pages of the front door: statuses, history, jobs, operators."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest

from smsq.worker.domain.batch import Ref
from tests.conftest import Plant
from tests.producers.web.front_door.opened import KEY, PHONE, Opened, opened

SEND, STATUS = "/sys/send.php", "/sys/status.php"


def sent(door: Opened, plant: Plant, *ids: str, texts: tuple[str, ...] = ("Hi",)) -> None:
    """Messages that are enrolled and sent."""
    for given, text in zip(ids, texts * len(ids), strict=False):
        assert door.get(SEND, f"phones={PHONE}&mes={text}{given}&id={given}&fmt=1").text == f"{given},1"
    ledger = plant.ledger
    plant.send(*(Ref.parse(raw) for raw in ledger.redis.zrange(ledger.key("ready:urgent"), 0, -1)))


def test_what_waits_here_waits(door: Opened) -> None:
    """Enrolled and not sent: -1, with a date, and the gateway's -3 for what nobody sent."""
    door.get(SEND, f"phones={PHONE}&mes=Hi&id=33&fmt=1")
    waits = door.get(STATUS, f"phone={PHONE}&id=33&fmt=3&all=1").told
    unknown = door.get(STATUS, f"phone={PHONE}&id=34&fmt=3").told

    assert (waits["status"], waits["message"], bool(waits["last_date"])) == (-1, "Hi", True)
    assert unknown == {"status": -3}


def test_what_was_sent_is_told_as_the_gateway_tells_it(door: Opened, door_plant: Plant) -> None:
    """Accepted by the gateway: 0; in fmt 1 three fields, and nine with the text at the end."""
    sent(door, door_plant, "33")
    plain = door.get(STATUS, f"phone={PHONE}&id=33&fmt=1").text
    whole = door.get(STATUS, f"phone={PHONE}&id=33&fmt=1&all=1").text
    wide = door.get(STATUS, f"phone={PHONE}&id=33&fmt=1&all=2").text

    assert (plain.split(",")[0], len(plain.split(","))) == ("0", 3)
    assert (len(whole.split(",")), len(wide.split(","))) == (9, 12)
    assert float(whole.split(",")[5]) > 0  # what it cost


def test_a_list_of_statuses_by_a_comma_anywhere(door: Opened, door_plant: Plant) -> None:
    """One row a line, also for one message with a comma behind it; the phone as it was asked for."""
    sent(door, door_plant, "33")
    one = door.get(STATUS, f"phone={PHONE},&id=33,&fmt=1").text
    two = door.get(STATUS, "phone=89991234567,79990000000&id=33,44&fmt=1").text.split("\n")

    assert one.split(",")[3:] == ["33", PHONE]
    assert [row.split(",")[0] for row in two] == ["0", "-3"]
    assert two[0].split(",")[3:] == ["33", "89991234567"]


def test_the_last_message_under_an_id_is_told_of(door: Opened, door_plant: Plant) -> None:
    """As at the gateway: the first was sent, the second waits."""
    sent(door, door_plant, "33")
    door.get(SEND, f"phones={PHONE}&mes=another&id=33&fmt=1")

    assert door.get(STATUS, f"phone={PHONE}&id=33&fmt=1").text.startswith("-1,")


def test_ids_are_a_callers_own(make_plant: object, door: Opened) -> None:
    """The same id and phone of somebody else are unknown."""
    door.get(SEND, f"phones={PHONE}&mes=Hi&id=33&fmt=1")

    assert door.server is not None
    assert door.smsq.runtime.ledger.numbers_of("other", [("33", PHONE)]) == [None]


def test_nothing_is_deleted(door: Opened) -> None:
    """What was sent cannot be taken back, and a deleted id would look as if it never had been accepted."""
    door.get(SEND, f"phones={PHONE}&mes=Hi&id=33&fmt=1")
    answer = door.get(STATUS, f"phone={PHONE}&id=33&del=1&fmt=1").text

    assert answer == "0,-5"
    assert door.get(STATUS, f"phone={PHONE}&id=33&fmt=1").text.startswith("-1,")


def test_history_pages_through_what_was_sent(door: Opened, door_plant: Plant) -> None:
    """Oldest first, behind a global id; nobody answered, which is error 3."""
    sent(door, door_plant, "33", "34", "35")
    first = door.get("/sys/get.php", "get_messages=1&cnt=2&fmt=3").told
    second = door.get("/sys/get.php", f"get_messages=1&cnt=2&fmt=3&prev_id={first[-1]['int_id']}").told
    answers = door.get("/sys/get.php", "get_answers=1&fmt=1").text

    assert [row["id"] for row in (*first, *second)] == [33, 34, 35]
    assert answers == "0,-3"


def test_a_mailing_is_a_campaign(door: Opened, door_plant: Plant) -> None:
    """Made, listed, told of, stopped; asked for again while it is unfinished, it is the same one."""
    what = f"name=Spring&phones={PHONE},79991234568&mes=Hi %7Bthere%7D".replace(" ", "%20")
    made = door.get("/sys/jobs.php", f"add=1&{what}&fmt=1").text
    again = door.get("/sys/jobs.php", f"add=1&{what}&fmt=1").text
    told = door.get("/sys/jobs.php", f"get=1&id={made}&fmt=3").told
    listed = door.get("/sys/jobs.php", "get_all=1&fmt=3").told
    stopped = door.get("/sys/jobs.php", f"cancel=1&id={made}&fmt=0").text
    gone = door.get("/sys/jobs.php", f"del=1&id={made}&fmt=1").text
    after = door.get("/sys/jobs.php", f"get=1&id={made}&fmt=1").text

    assert (again, len(made)) == (made, 7)
    assert (told["name"], told["cnt"], told["message"]) == ("Spring", 2, "Hi {there}")
    assert [row["id"] for row in listed] == [int(made)]
    assert (stopped, gone, after) == ("OK", "OK", "0,-1")
    views = door_plant.runtime.views
    (campaign,) = views.campaigns()
    log = views.log(campaign.id)
    assert ([entry.what for entry in log], {entry.by[:4] for entry in log}) == (["begin", "close", "cancel"], {"key "})


def test_a_mailing_whose_answer_was_lost_is_not_begun_again(door: Opened, door_plant: Plant) -> None:
    """Though it was over when the library came back; once an answer has reached its caller, a repeat is meant."""
    add = f"add=1&name=Alarm&phones={PHONE}&mes=Down&fmt=1"
    views = door_plant.runtime.views
    for other in ("1", "2"):  # whatever is done for the first time is done
        door.get(SEND, f"phones={PHONE}&mes={other}")
    with door.line() as line:
        line.ask("/sys/jobs.php", add)
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    redis = door_plant.ledger.redis

    def answers() -> list[bytes]:
        return [key for key in redis.keys("*door:said:*") if not redis.hexists(key, "parts")]

    door.wait_until(lambda connections: connections == 0 and len(answers()) == 1)
    (said,) = answers()
    door.smsq.campaigns.cancel(views.campaigns()[0].id)

    lost = door.get("/sys/jobs.php", add, host="smsc.example").text
    door.wait_until(lambda connections: bool(redis.hexists(said, "told")))
    meant = door.get("/sys/jobs.php", add, host="smsc.example").text

    assert (len(lost), len(meant), meant != lost) == (7, 7, True)
    assert len(views.campaigns()) == 2


def test_a_mailing_of_another_caller_name_or_moment_is_another(make_plant: Callable[..., Plant]) -> None:
    """The same rows and text say nothing of that: nobody may get, or stop, the mailing of somebody else."""
    plant = make_plant(SMSQ_API_KEYS=f"shop:{KEY},bank:{KEY}-2")
    whos = f"login=shop&psw={KEY}", f"login=bank&psw={KEY}-2"
    what = f"phones={PHONE}&mes=Hi&add=1&fmt=1&name="
    with opened(plant.runtime) as door:
        asked = [
            f"{whos[0]}&{what}Spring",
            f"{whos[1]}&{what}Spring",
            f"{whos[0]}&{what}Summer",
            f"{whos[0]}&{what}Spring&time=%2B30",
            f"{whos[0]}&{what}Spring&time=%2B60",
        ]
        made = [door.post("/sys/jobs.php", query.encode()).text for query in asked]
        again = [door.post("/sys/jobs.php", query.encode()).text for query in asked]

    assert len({*made}) == len(asked)
    assert again == made


def test_whose_number_it_is(door: Opened) -> None:
    """The country is known here; an operator nobody told us of."""
    told = door.get("/sys/info.php", f"get_operator=1&phone={PHONE}&fmt=3").told

    assert (told["country"], told["operator"]) == ("RU", "")


@pytest.mark.parametrize("page", ["send", "status", "balance", "jobs", "get", "info", "nothing"])
@pytest.mark.parametrize("fmt", range(4))
def test_no_body_is_empty(door: Opened, page: str, fmt: int) -> None:
    """HTTP 200 with a body, its length and its charset, for a request that has nothing but a log-in."""
    answer = door.get(f"/sys/{page}.php", f"fmt={fmt}")

    assert answer.status == "HTTP/1.1 200 OK"
    assert answer.body
    assert answer.headers["content-type"].endswith("charset=utf-8")
