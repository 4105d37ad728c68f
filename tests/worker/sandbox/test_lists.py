"""Mailings, incoming answers, operators: the gateway's other pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.sandbox.count import Count
from tests.worker.sandbox.conftest import NOW, Desk

Make = Callable[..., Desk]
JOB = {"add": 1, "name": "Spring", "phones": "+79991234567,+79991234568", "mes": "Hi", "cost": None}


def job(one: Desk, **fields: Any) -> Any:
    """One request about mailings."""
    return json.loads(one.post("/sys/jobs.php", **{"cost": None, **fields}))


def test_a_mailing_is_a_send_with_a_name(desk: Make) -> None:
    """Its number is the messages' id; it says what it costs if asked."""
    one = desk()

    assert job(one, **{**JOB, "cost": 1}) == {"id": 1_000_001, "cost": "7.6"}
    assert one.ask(1_000_001)["status"] == -1
    told = job(one, get=1, id=1_000_001)
    assert (told["name"], told["status"], told["cnt"], told["sent"]) == ("Spring", "sent", 2, 2)
    assert Count(one.gateway).report(one.now)["accepted"] == 2


def test_one_that_waits_may_be_stopped(desk: Make) -> None:
    """Its messages stand at -2 and stay there; one that started goes on."""
    one = desk()
    job(one, **JOB, time="+10")
    one.now += 300
    assert one.ask(1_000_001)["status"] == -1

    assert job(one, cancel=1, id=1_000_001) == {"result": "OK"}
    one.now += 3000
    assert one.ask(1_000_001)["status"] == -2
    assert job(one, get=1, id=1_000_001)["status"] == "stopped"


def test_one_that_waits_starts_in_time(desk: Make) -> None:
    """Not earlier, whoever asks."""
    one = desk()
    job(one, **JOB, time="+10")
    one.now += 599
    assert one.ask(1_000_001)["status"] == -1
    one.now += 61

    assert one.ask(1_000_001)["status"] == 1
    assert job(one, cancel=1, id=1_000_001)["error_code"] == 1


@pytest.mark.parametrize(
    ("time", "zone", "waits_s"),
    [
        pytest.param("0", 0, 0, id="at once"),
        pytest.param("+5", 0, 300, id="minutes"),
        pytest.param("01800000600", 0, 600, id="Unix time"),
        pytest.param("15.01.27 11:20", 0, 1200, id="a moment of Moscow's"),
        pytest.param("1501271120", 0, 1200, id="in digits"),
        pytest.param("15.01.27 10:20", 0, 0, id="a moment that is past"),
        pytest.param("13-15", 0, 7200, id="hours to come"),
        pytest.param("10-12", 0, 0, id="hours that are now"),
        pytest.param("8-10", 0, 21 * 3600, id="hours of tomorrow"),
        pytest.param("15.01.27 14:20", 2, 4800, id="a moment two hours east of Moscow"),
        pytest.param("14-15", 2, 3600, id="hours two hours east of Moscow"),
    ],
)
def test_each_form_of_time_means_what_the_manual_says(desk: Make, time: str, zone: int, waits_s: int) -> None:
    """It is 11:00 in Moscow."""
    one = desk()
    job(one, **JOB, time=time, tz=zone)

    [record] = one.gateway.accounts["demo"].records
    assert (NOW, waits_s) == (record.at, record.starts_s)


def test_all_mailings_are_listed_until_they_are_deleted(desk: Make) -> None:
    """In order; a deleted one that waited is stopped too."""
    one = desk()
    assert job(one, get_all=1) == []
    job(one, **JOB)
    job(one, **{**JOB, "mes": "Ho", "name": "Autumn"}, time="+10")
    assert [told["name"] for told in job(one, get_all=1)] == ["Spring", "Autumn"]

    assert job(one, **{"del": 1, "id": 1_000_002}) == {"result": "OK"}
    assert [told["name"] for told in job(one, get_all=1)] == ["Spring"]
    assert one.ask(1_000_002)["status"] == -2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"add": None}, 1, id="no action"),
        pytest.param({"get_all": 1}, 1, id="two actions"),
        pytest.param({"name": ""}, 1, id="no name"),
        pytest.param({"mes": ""}, 1, id="no text"),
        pytest.param({"time": "soon"}, 5, id="a wrong time"),
        pytest.param({"phones": "12"}, 3, id="nobody to send to"),
        pytest.param({"psw": "wrong"}, 2, id="a wrong password"),
        pytest.param({"add": None, "get": 1, "id": 7}, 1, id="one that is not there"),
        pytest.param({"add": None, "del": 1}, 1, id="no number"),
    ],
)
def test_what_is_no_mailing_is_an_error(desk: Make, fields: dict[str, Any], code: int) -> None:
    """Error 3 says here that it cannot be saved."""
    answer = job(desk(), **{**JOB, **fields})

    assert answer["error_code"] == code
    assert code != 3 or answer["error"] == "cannot save the record"


def test_the_same_mailing_within_a_minute_is_error_9(desk: Make) -> None:
    """As of a send."""
    one = desk()
    job(one, **JOB)

    assert job(one, **JOB)["error_code"] == 9


def answers(one: Desk, **fields: Any) -> Any:
    """What came in."""
    return json.loads(one.post("/sys/get.php", get_answers=1, **fields))


def test_answers_are_told_by_hours_or_behind_one(desk: Make) -> None:
    """The oldest first; none is error 3."""
    one = desk()
    assert answers(one) == {"error": "no messages found", "error_code": 3}
    one.gateway.comes_in("79991234567", "STOP", "79990000000", NOW - 7200)
    one.gateway.comes_in("79991234568", "Да", "79990000000", NOW)

    assert [told["message"] for told in answers(one, hour=1)] == ["Да"]
    assert [told["message"] for told in answers(one, hour=3)] == ["STOP", "Да"]
    assert [told["id"] for told in answers(one, after_id=1)] == [2]
    assert b"STOP" in one.post("/sys/get.php", get_answers=1, hour=3, fmt=0)


def test_a_number_has_an_operator(desk: Make) -> None:
    """The same in every run, and the longest prefix counts."""
    one = desk()
    told = [json.loads(one.post("/sys/info.php", get_operator=1, phone=p)) for p in ("+79991234567", "+77011234567")]

    assert [each["country"] for each in told] == ["Russia", "Kazakhstan"]
    assert [each["mcc"] for each in told] == ["250", "401"]
    assert json.loads(one.post("/sys/info.php", phone="+79991234567"))["error_code"] == 1


def test_a_number_that_was_changed_says_so(desk: Make) -> None:
    """In the operator's name too."""
    one = desk()
    one.gateway.lookups.change("79991234567", {"net": "Yota", "mnc": "11"})

    told = json.loads(one.post("/sys/info.php", get_operator=1, phone="79991234567"))
    assert (told["operator"], told["mnc"], told["mcc"]) == ("Yota", "11", "250")
    one.gateway.reset()
    assert json.loads(one.post("/sys/info.php", get_operator=1, phone="79991234567"))["operator"] != "Yota"
