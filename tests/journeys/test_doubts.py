"""Doubts of codes beside a campaign's, on real processes."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from smsq.worker.domain.batch import Options, Ref, pack
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger import Claim, Plan
from smsq.worker.sandbox import Profile
from smsq.worker.scheduler.doubts import Doubts

PHONE = 79990000000
MANY = 200
MINUTE_S = 20.0  # what the gateway of this story calls one


@contextmanager
def status_worker(plant: Any) -> Iterator[None]:
    """A process of the status lane, as `smsq worker` runs it."""
    settings = plant.runtime.settings
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")},
        **{name: value for name, value in settings.shown().items() if name.endswith("_S") and value},
        "SMSQ_HOME": str(settings.home),
        "SMSQ_REDIS_URL": plant.runtime.redis_url,
        "SMSQ_MIRRORS": ",".join(settings.mirrors),
        "SMSQ_LOGIN": "demo",
        "SMSQ_PASSWORD": "demo",
        "SMSQ_ACCEPT_LOSS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "smsq", "worker", "--lane", "status"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def until(plant: Any, holds: Callable[[], bool], what: str, seconds: float = 50.0) -> None:
    """Hint what is due, as the scheduler does, until something holds."""
    duty, end = Doubts(plant.runtime), time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        duty.tick(plant.runtime.clock.now())
        time.sleep(0.1)


def questions(plant: Any) -> list[list[int]]:
    """Whom the gateway was asked about, in order."""
    return [ids for _, ids in plant.sandbox.call(lambda server: list(server.gateway.questions))]


def in_doubt(plant: Any, many: int) -> list[Ref]:
    """A campaign whose requests all went astray, and which history cannot tell about: the gateway was to wait."""
    opened = plant.ledger.open_campaign(
        Plan(name="c", digest=secrets.token_hex(8), text="Hi", template="Hi", options=Options(time="01.01.30 10:00"))
    )
    packed = [pack([PHONE + 5 * n + k for k in range(5)], None, range(5 * n + 1, 5 * n + 6), 5) for n in range(many)]
    plant.ledger.enrol_range(opened.id, 1, packed, [], 5 * many)
    plant.ledger.close_campaign(opened.id)
    refs: list[Ref] = plant.ledger.feed(opened.id, many, 10_000)[0]
    for ref in refs:
        claim = plant.ledger.claim(
            ref, secrets.token_hex(8), owner="w", mirror=plant.sandbox.mirrors[0], lease_s=30, parallel=10,
            urgent_slots=3, slot_kept_s=1, credentials="x",
        )  # fmt: skip
        assert isinstance(claim, Claim)
        plant.ledger.doubt(claim, "no_answer", 0.0, over=True)
    return refs


@pytest.mark.timeout(300)
def test_a_codes_doubt_does_not_wait_behind_a_campaigns(make_plant: Callable[..., Any]) -> None:
    """Hundreds of doubtful batches wait for questions for many; the code is asked about before the next of those."""
    plant = make_plant(
        profile=Profile(mass_ask_every_s=MINUTE_S - 1.0, minute_s=MINUTE_S - 1.0),
        SMSQ_MASS_ASK_EVERY_S=str(MINUTE_S),
        SMSQ_HISTORY_EVERY_S="0",
    )
    plant.send(plant.enrol(79991110000, "control"))
    in_doubt(plant, MANY)
    with status_worker(plant):
        until(plant, lambda: any(len(ids) > 1 for ids in questions(plant)), "a question for many")
        code = plant.enrol(79992220000, "Your code is 4821")
        plant.sandbox.misfortune("lose_answer", next_few=1)
        plant.send(code)
        assert plant.state(code) == BatchState.DOUBTFUL
        (known,) = plant.ledger.read([code])[0].ids
        before = len(questions(plant))

        def is_next() -> bool:
            return any(len(ids) > 1 or ids == [known.gateway_id] for ids in questions(plant)[before:])

        until(plant, is_next, "the code's question, or another for many")
        later = [ids for ids in questions(plant)[before:] if len(ids) > 1 or ids == [known.gateway_id]]
        assert later[0] == [known.gateway_id]
        until(plant, lambda: plant.state(code) == BatchState.SETTLED, "the code's end")

    assert plant.sandbox.report()["limits_broken"] == {}
