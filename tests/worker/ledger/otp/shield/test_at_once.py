"""Many at once, a full server, and what is kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest
import redis as redis_py

from smsq.worker.domain.errors import LedgerFull
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from tests.worker.ledger.otp.shield.gate import NONE, PHONE, Gate, block

ROOT = Path(__file__).parents[5]


# What is kept ---------------------------------------------------------------------------------------------------------


def test_no_phone_and_no_client_is_in_clear(gate: Gate) -> None:
    """Prefixes are; everything that grows expires."""
    gate.ask(client="203.0.113.7")
    stored = repr(gate.stored())

    assert (str(PHONE) in stored, "203.0.113.7" in stored) == (False, False)
    assert "7916123" in stored
    lasting = {key.decode() for key in gate.redis.keys("*") if gate.redis.ttl(key) < 0}
    assert lasting == {"{smsq}:totals"}


def test_a_full_redis_lets_no_code_through(gate: Gate) -> None:
    """And nothing is written by halves."""
    gate.set(hold_after="2,0,0")
    gate.codes(block(7, 2))
    before = gate.stored()
    gate.redis.config_set("maxmemory", 1)
    try:
        for phone in (PHONE, block(7, 1)[0]):
            with pytest.raises(LedgerFull):
                gate.ask(phone)
        assert gate.stored() == before
    finally:
        gate.redis.config_set("maxmemory", 0)


# Fifty clients at once ------------------------------------------------------------------------------------------------

CLIENT = """
import sys, threading
from smsq.worker.domain.limits import Limits, with_written
from smsq.worker.ledger import Keys, Ledger
from smsq.worker.ledger.otp.shield import Shield
from smsq.worker.redis_client import connect

who, url, told = sys.argv[1], sys.argv[2], dict(each.split("=") for each in sys.argv[3:])
allowed = []

def ask(number):
    shield = Shield(Ledger(connect(url), Keys()), with_written(Limits(), told), bytes)
    ready.wait()
    for turn in range(8):
        phone = 79160000000 + int(who) * 100_000 + number * 1000 + turn
        token = f"code/{who}-{number}-{turn}/1"
        answers = {shield.admit(phone, client="one", token=token).allowed for _ in range(2)}
        assert len(answers) == 1, "a repeat was answered otherwise"
        allowed.extend(each for each in answers if each)

ready = threading.Barrier(11)
threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
[thread.start() for thread in threads]
print("ready", flush=True)
sys.stdin.readline()
ready.wait()
[thread.join() for thread in threads]
print(len(allowed))
"""


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param({"client": "37/h"}, id="client", marks=pytest.mark.slow),
        pytest.param({"country": "37/h"}, id="country", marks=pytest.mark.slow),
        pytest.param({"daily": "37"}, id="daily", marks=pytest.mark.slow),
        pytest.param({"client": "37/h", "daily_cost": "113", "price": "3"}, id="cost"),
    ],
)
def test_fifty_clients_never_pass_a_limit(
    redis: redis_py.Redis, redis_server: EmbeddedRedis, limit: dict[str, str]
) -> None:
    """Five processes of ten threads, 400 codes at once, every call twice: as many go as may, not one more."""
    told = [f"{name}={value}" for name, value in (NONE | limit).items()]
    clients = [
        subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(who), redis_server.url, *told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for who in range(5)
    ]
    for client in clients:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
    counted = sum(int(client.communicate("go\n")[0]) for client in clients)

    assert [client.returncode for client in clients] == [0] * 5
    assert counted == 37
    assert redis.hget("{smsq}:totals", "shield:allowed") == b"37"
    gate = Gate(redis, **NONE | limit)
    gate.now = gate.ledger.clock.now()
    assert gate.desk.view().all.cost == 37 * Decimal(limit.get("price", 5))


def test_fifty_threads_never_pass_the_evidence_that_holds_a_block(redis: redis_py.Redis) -> None:
    """A burst of an attack at once costs no more than one that comes code by code."""
    gate = Gate(redis, **NONE | {"hold_after": "10,0,0"})
    start = threading.Barrier(50)
    codes: list[str] = []

    def attack(phone: int) -> None:
        start.wait()
        codes.append(gate.ask(phone, token=str(phone)).code)

    threads = [threading.Thread(target=attack, args=(phone,)) for phone in block(7, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == ["allowed"] * 10 + ["held"] * 40
