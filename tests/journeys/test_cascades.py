"""Codes that go from channel to channel, through a real gateway and real processes."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from smsq.producers.otp import CodeShown, OneTimeCode
from smsq.worker.domain.otp import Verdict
from tests.journeys.town import PASSWORD, Town

SOON = "sms:3s,tg:3s,call"
NEVER = "sms:600s,tg:600s,call"  # whoever comes to the second of these did not wait
ENDS = [
    "--end", "sms:01=silent", "--end", "sms:02=delivered", "--end", "sms:03=silent", "--end", "sms:04=undeliverable",
    "--end", "tg:04=no_telegram", "--end", "sms:05=silent", "--end", "sms:9=silent", "--end", "tg:9=silent",
    "--end", "call:9=busy",
]  # fmt: skip


def brought(town: Town, phone: str) -> list[tuple[str, str]]:
    """What the gateway took for a phone, in order: channel and text, by its own history."""
    form = {"login": "demo", "psw": PASSWORD, "fmt": 3, "charset": "utf-8", "get_messages": 1, "cnt": 1000}
    url = f"http://127.0.0.1:{town.mirrors[0].port}/sys/get.php"
    with urllib.request.urlopen(url, urlencode(form).encode()) as reply:
        rows = json.loads(reply.read())
    names = {0: "sms", 7: "call", None: "tg"}
    mine = [row for row in rows if row["phone"] == phone] if isinstance(rows, list) else []
    return [(names[row.get("type")], row["message"]) for row in sorted(mine, key=lambda row: row["int_id"])]


def channels(town: Town, phone: str) -> list[str]:
    return [channel for channel, _ in brought(town, phone)]


def taken(shown: CodeShown) -> list[tuple[str, str]]:
    return [(step.channel, step.why) for step in shown.steps]


def until(town: Town, code: OneTimeCode, is_so: Callable[[CodeShown], bool], seconds: float = 40) -> CodeShown:
    """How it stands once it is so."""

    def look() -> CodeShown | None:
        shown = town.smsq.otp.show(code.id)
        return shown if is_so(shown) else None

    found = town.wait_for(look, f"the end of code {code.id}", seconds)
    assert isinstance(found, CodeShown)
    return found


@pytest.mark.slow
def test_a_code_goes_on_until_somebody_has_it(make_town: Callable[..., Town]) -> None:
    """Silence is waited out, failure is not; what arrived or was entered goes no further; a cap holds."""
    town = make_town(gateway=ENDS)
    phones = {name: f"7900000{name}" for name in ("0001", "0002", "0003", "0004", "0005")}
    otp = town.smsq.otp
    silent, arrives, entered, failing = (
        otp.send(f"+{phones[name]}", channels=how, ttl=900, template="{code} is for you")
        for name, how in (("0001", SOON), ("0002", SOON), ("0003", SOON), ("0004", NEVER))
    )
    town.wait_for(lambda: channels(town, phones["0003"]), "the SMS of the third", 20)
    typed = brought(town, phones["0003"])[0][1].split()[0]
    assert otp.check(entered.id, typed) is Verdict.RIGHT

    shown = until(town, failing, lambda it: it.steps[-1].status == "delivered")
    assert shown.ended == "last"
    assert taken(shown) == [("sms", "first"), ("tg", "failed"), ("call", "failed")]
    assert [step.status for step in shown.steps] == ["undeliverable", "undeliverable", "delivered"]
    sms, tg, call = brought(town, phones["0004"])
    assert (sms[0], tg[0], call[0]) == ("sms", "tg", "call")
    assert sms[1] == f"{tg[1]} is for you"
    assert call[1].startswith(f"{', '.join(tg[1])} is for you. ")

    shown = until(town, silent, lambda it: it.ended == "delivered")
    assert taken(shown) == [("sms", "first"), ("tg", "waited")]
    assert shown.steps[1].at - shown.steps[0].at >= 3
    town.record("the next channel after a wait of 3 s", shown.steps[1].at - shown.steps[0].at)
    assert otp.check(silent.id, brought(town, phones["0001"])[1][1]) is Verdict.RIGHT

    capped = otp.send(f"+{phones['0005']}", channels=SOON, ttl=900, max_cost="4.5")  # an SMS is 3.8, Telegram 0.9
    shown = until(town, capped, lambda it: it.ended != "")
    assert (shown.ended, taken(shown)) == ("cost", [("sms", "first")])

    # By now every wait of the others is over.
    assert {name: channels(town, phone) for name, phone in phones.items()} == {
        "0001": ["sms", "tg"], "0002": ["sms"], "0003": ["sms"], "0004": ["sms", "tg", "call"], "0005": ["sms"],
    }  # fmt: skip
    assert [otp.show(code.id).ended for code in (arrives, entered)] == ["delivered", "checked"]
    assert town.ledger.redis.zcard(town.ledger.key("cascade")) == 0
    assert town.count()["channels"] == {"sms": 5, "tg": 2, "call": 1}
    assert (town.count()["limits_broken"], town.leaks()) == ({}, [])


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_workers_and_schedulers_take_each_step_once(make_town: Callable[..., Town]) -> None:
    """Urgent workers and the scheduler die all the time: a message per channel of each code, sent once or told late."""
    town = make_town(gateway=ENDS, SMSQ_SHIELD="off")
    chance = random.Random(4)
    phones = [f"7900000{n:03}9" for n in range(40)]
    codes = [town.smsq.otp.send(f"+{phone}", channels=SOON, ttl=600) for phone in phones]
    otp = town.smsq.otp

    def worker() -> int:
        """An urgent worker that is at work: it has beaten."""
        beating = {int(owner.split("/")[2]) for owner in town.owners() if owner.startswith("urgent/")}
        return next((pid for pid in town.pids("worker --lane urgent") if pid in beating), 0)

    killed: set[int] = set()
    while len(killed) < 6:
        victim = town.wait_for(lambda: worker() not in {0, *killed} and worker(), "an urgent worker", 60)
        time.sleep(chance.uniform(0.0, 1.5))
        os.kill(victim, signal.SIGKILL)
        killed.add(victim)
        if len(killed) % 3 == 2:
            town.kill("scheduler")

    def late() -> list[tuple[str, str]]:
        """Messages that never left: claimed by a worker that died before the first byte."""
        shown = ((phone, otp.show(code.id)) for phone, code in zip(phones, codes, strict=True))
        return [(phone, step.channel) for phone, code in shown for step in code.steps if step.status == "late"]

    def has_come() -> bool:
        return sum(len(channels(town, phone)) for phone in phones) + len(late()) == 3 * len(phones)

    town.wait_for(has_come, "every message of every code", 180)
    came = [(phone, channel) for phone in phones for channel in channels(town, phone)]
    # A message whose worker died may leave after the next one: its wait counts from its enrolment.
    assert Counter([*came, *late()]) == Counter((phone, each) for phone in phones for each in ("sms", "tg", "call"))
    assert {tuple(step.channel for step in otp.show(code.id).steps) for code in codes} == {("sms", "tg", "call")}
    count = town.count()
    assert (count["accepted"], count["twice"], count["twice_by_id"]) == (len(came), 0, 0)
    assert len(came) > 2 * len(phones), "hardly any is late"
    assert town.leaks() == []
