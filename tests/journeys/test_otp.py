"""One-time codes through a town: each arrives once or is reported, and nothing anywhere tells them afterwards."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from smsq.producers.otp import OneTimeCode, Verdict
from tests.journeys.town import Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BEGINS = "Your code is "
KEY = "canary-key-4821"


def send(journey: Journey, number: int = 1, **wish: object) -> list[OneTimeCode]:
    """Codes of eight digits to fresh phones; the journey counts their messages."""
    sent = []
    for phone in journey.town.phones(number):
        code = journey.town.smsq.otp.send(phone, **{"locale": "en", "length": 8, **wish})
        journey.phones.append(phone)
        journey.singles.append(code.message_id)
        sent.append(code)
    return sent


def told(town: Town, journey: Journey) -> dict[int, str]:
    """What the gateway was told, by phone: the digits of its text."""
    heard: dict[int, str] = {}
    for mirror in town.mirrors:
        for request in list(mirror.heard):
            form = parse_qs(request.body.decode())
            if "mes" in form and form["mes"][0].startswith(BEGINS):
                digits = form["mes"][0].removeprefix(BEGINS)[:8]
                phone = int(form["phones"][0].lstrip("+"))
                assert heard.setdefault(phone, digits) == digits, "one code, whatever the attempt"
    return {phone: heard[phone] for phone in journey.phones if phone in heard}


def holding(files: Iterable[Path], secrets: Iterable[bytes]) -> list[str]:
    """Which of these files hold one of these; a number counts where it stands by itself."""
    patterns = [re.compile(rb"(?<!\d)" + re.escape(each) + rb"(?!\d)") for each in secrets]
    found = []
    for path in files:
        content = path.read_bytes()
        found += [f"{path.name}: {pattern.pattern!r}" for pattern in patterns if pattern.search(content)]
    return found


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.fault
def test_nothing_tells_a_code_afterwards(make_town: Callable[..., Town]) -> None:
    """Used, locked, resent, late, refused or never asked for: no code, text or key in Redis, its file or any log."""
    town = make_town(SMSQ_CODE_COOLDOWN_S="2", SMSQ_CODE_RESENDS="2")  # the gateway refuses a repeat within its minute
    assert town.server is not None
    otp, journey = town.smsq.otp, town.begin()
    used, locked, resent, left = (send(journey, 4, key=None) for _ in range(4))
    keyed = otp.send(f"+{journey.phones[0] + 500}", locale="en", length=8, key=KEY)
    journey.phones.append(journey.phones[0] + 500)
    journey.singles.append(keyed.message_id)
    town.wait_for(lambda: len(told(town, journey)) == 17, "the codes at the gateway", 20)
    town.wait_for(lambda: not any(town.views.in_motion()[name] for name in ("ready:urgent", "lease")), "rest", 20)
    digits = told(town, journey)
    by_id = dict(zip([code.id for code in (*used, *locked, *resent, *left, keyed)], digits.values(), strict=True))

    for code in resent:
        town.wait_for(lambda code=code: otp.resend(code.id), "a resend", 20)
    town.chosen_twice = len(resent)
    arrived = {"accepted", "delivered"}  # what has not left of a code that is used would be taken back
    town.wait_for(lambda: all(otp.show(code.id).steps[-1].status in arrived for code in resent), "the resends", 30)
    for code in (*used, *resent):
        assert otp.check(code.id, by_id[code.id]) is Verdict.RIGHT
    for code in locked:
        wrong = str((int(by_id[code.id]) + 1) % 10**8).zfill(8)
        assert [otp.check(code.id, wrong) for _ in range(6)][-1] is Verdict.LOCKED
    (frozen,) = town.pids("worker --lane urgent")
    os.kill(frozen, signal.SIGSTOP)
    late = send(journey, 3, ttl=1)
    town.wait_for(lambda: {otp.show(code.id).steps[0].status for code in late} == {"late"}, "late codes", 20)
    os.kill(frozen, signal.SIGCONT)
    town.wait_for(
        lambda: {otp.show(code.id).steps[-1].status for code in (*used, *locked, *resent, *left)} <= {"delivered"},
        "their delivery", 30,
    )  # fmt: skip

    secrets = [each.encode() for each in digits.values()]
    secrets += [BEGINS.encode(), KEY.encode(), (town.home / "secret.key").read_bytes().strip()]
    before = files_of(town.server.folder)
    assert any("appendonly" in str(path) for path in before)
    assert holding(before, secrets) == []
    client = town.ledger.redis
    client.execute_command("BGREWRITEAOF")
    town.wait_for(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0
                  and client.info("persistence")["aof_last_bgrewrite_status"] == "ok"
                  and client.info("persistence")["aof_rewrite_scheduled"] == 0, "the rewrite", 30)  # fmt: skip
    rewritten = files_of(town.server.folder)
    assert {path.name for path in rewritten} != {path.name for path in before}
    assert holding(rewritten, secrets) == []
    dump = b"\n".join(key + b"\n" + (client.dump(key) or b"") for key in client.keys("*"))
    (town.folder / "dump").write_bytes(dump)
    assert b"code:" in dump
    assert holding([town.folder / "dump", *town.folder.rglob("*.log"), *files_of(town.home / "journal")], secrets) == []
    assert holding([town.home / "secret.key"], secrets) != [], "the search finds what is there"
    assert town.leaks() == []


@pytest.mark.fault
def test_codes_in_flight_survive_their_worker(make_town: Callable[..., Town]) -> None:
    """The urgent worker kill -9 with codes in flight, three times: each arrives once, or is reported."""
    town = make_town(redis="private", think_ms=150)
    otp, journey = town.smsq.otp, town.begin()
    codes: list[OneTimeCode] = []
    for _ in range(3):
        codes += send(journey, 12)
        town.wait_for(lambda: town.views.in_motion()["lease"], "codes in flight", 10)
        (pid,) = town.kill("worker --lane urgent")
        killed_at = time.monotonic()
        codes += send(journey, 1)
        last = journey.phones[-1]
        town.wait_for(lambda last=last: last in told(town, journey), "the next code", 20)
        town.record("urgent worker killed with codes in flight, until the next code is at the gateway",
                    time.monotonic() - killed_at)  # fmt: skip
        assert pid not in town.pids("worker --lane urgent")

    town.wait_for(journey.is_over, "the end of every code", 90)
    late = journey.statuses()["late"]  # claimed by a worker that died before the first byte, and told so
    journey.verdict(late=late)
    digits = told(town, journey)
    ends = {phone: otp.show(code.id).steps[0].status for code, phone in zip(codes, journey.phones, strict=True)}
    assert Counter(ends.values()) == Counter(delivered=len(codes) - late, late=late)
    assert late < len(codes) / 2
    for code, phone in zip(codes, journey.phones, strict=True):
        assert ends[phone] == "late" or otp.check(code.id, digits[phone]) is Verdict.RIGHT


@pytest.mark.fault
def test_the_queues_hang(make_town: Callable[..., Town]) -> None:
    """The queues' private Redis SIGSTOP for good: a code sent meanwhile leaves at once, and it is killed in the end."""
    town = make_town(redis="private")
    journey = town.begin()
    send(journey)
    town.wait_for(lambda: len(told(town, journey)) == 1, "a code", 20)

    (frozen,) = town.pids("queues")
    os.kill(frozen, signal.SIGSTOP)
    frozen_at = time.monotonic()
    send(journey)
    town.wait_for(lambda: len(told(town, journey)) == 2, "the code sent meanwhile", 30)
    took_s = time.monotonic() - frozen_at
    town.record("the queues' private Redis frozen: a code sent meanwhile is at the gateway", took_s)

    town.wait_for(lambda: frozen not in town.pids("queues"), "the end of the frozen server", 60)
    journey.verdict()
