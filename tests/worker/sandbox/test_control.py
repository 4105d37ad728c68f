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
    assert "lose_answer" in control(started, "misfortunes")


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
