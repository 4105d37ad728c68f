"""What readiness says of a Redis that is well, frozen, full or absent, and of who is missing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest

from smsq.worker.ledger.standing import Brakes, SickProcess, Standing
from smsq.worker.processes import readiness
from smsq.worker.processes.alive import FRESH_S, Alive, silent_s
from smsq.worker.processes.readiness import NAMES, NEEDS, Readiness, Report, of_lane
from tests.conftest import Plant

EVERY_LANE = {"urgent": 1, "bulk": 2, "status": 1, "chores": 1}


@pytest.fixture
def looks(plant: Plant) -> Iterator[Readiness]:
    """That of a whole installation, of which no process runs."""
    found = Readiness(plant.runtime.redis_url, plant.runtime.broker_url, "all")
    yield found
    found.close()


def words(report: Report) -> dict[str, str]:
    return {name: check.word for name, check in report.checks.items()}


def test_what_is_missing_is_said(plant: Plant, looks: Readiness) -> None:
    """Redis is well, nothing else runs: each reason once, in words."""
    report = looks.look()

    assert words(report) == {
        **dict.fromkeys(NAMES, "ok"),
        "scheduler": "bad",
        "workers": "bad",
        "gateway": "unknown",
    }
    assert report.why == [
        "no scheduler leads: campaigns are not handed out",
        "no worker of urgent, bulk, status and chores is up",
    ]
    told = json.loads(report.written())
    assert (told["ready"], told["why"], told["checks"]["ledger"]["is"]) == (False, report.why, "ok")


def test_a_frozen_redis_is_not_ready(plant: Plant, looks: Readiness, monkeypatch: pytest.MonkeyPatch) -> None:
    """On both ways, while its own commands wait; it is ready again once it goes on."""
    monkeypatch.setattr(readiness, "WITHIN_S", 0.3)
    monkeypatch.setattr(readiness, "KEPT_S", 0.0)
    plant.ledger.redis.execute_command("CLIENT", "PAUSE", "1000", "ALL")
    reports = [looks.look(), asyncio.run(looks.look_soon())]

    assert [(report.checks["ledger"].word, report.is_ready) for report in reports] == [("bad", False)] * 2
    assert {check.word for name, check in reports[0].checks.items() if name != "ledger"} == {"unknown"}
    plant.ledger.ping()  # waits for the end of the pause
    monkeypatch.setattr(readiness, "WITHIN_S", 30)
    assert looks.look().checks["ledger"].word == "ok"


def test_an_absent_redis_is_not_ready() -> None:
    """For those who store; the exporter stays up to show it."""
    found = {}
    for kind in NEEDS:
        looks = Readiness("redis://127.0.0.1:1/0", "redis://127.0.0.1:1/1", kind)
        found[kind] = looks.look()
        looks.close()

    assert {kind: report.is_ready for kind, report in found.items()} == {
        **dict.fromkeys(NEEDS, False),
        "exporter": True,
    }
    assert words(found["exporter"])["ledger"] == words(found["exporter"])["broker"] == "bad"


def test_a_halt_stops_the_front_door_and_not_the_receiver(plant: Plant) -> None:
    """What is of the run stops enrolment; a refused log-in stops nobody who stores."""
    plant.ledger.redis.hset(plant.ledger.key("ctl"), "fell", "test")
    ready, said = {}, {}
    for kind in ("web", "door"):
        looks = Readiness(plant.runtime.redis_url, plant.runtime.broker_url, kind)
        report = looks.look()
        ready[kind], said[kind] = report.is_ready, report.checks["run"].says
        looks.close()

    assert ready == {"web": True, "door": False}
    assert said["door"].startswith("the ledger fell back")


@pytest.mark.parametrize(
    ("facts", "word", "says"),
    [
        ({"role": "master"}, "ok", "takes writes"),
        ({"maxmemory": 100, "used_memory": 99}, "ok", "takes writes"),
        ({"maxmemory": 100, "used_memory": 100}, "bad", "full"),
        ({"maxmemory_policy": "allkeys-lru"}, "bad", "noeviction"),
        ({"aof_last_write_status": "err"}, "bad", "disk"),
        ({"role": "slave"}, "bad", "replica"),
        ({"loading": 1}, "bad", "reading its data"),
        (None, "unknown", "ledger.acl"),
    ],
)
def test_whether_redis_takes_writes(facts: dict[str, object] | None, word: str, says: str) -> None:
    """By what the server says of itself."""
    found = readiness._writes(facts)

    assert (found[0], says in found[1]) == (word, True), found


@pytest.mark.parametrize(
    ("ago_s", "brakes", "word"),
    [
        (10.0, {}, "ok"),
        (None, {}, "unknown"),
        (3600.0, {}, "bad"),
        (10.0, {"is_cut_off": True}, "bad"),
        (10.0, {"back_off_s": 60.0}, "bad"),
    ],
)
def test_whether_the_gateway_was_seen(ago_s: float | None, brakes: dict[str, object], word: str) -> None:
    """By the last balance, and by what the workers found."""
    known = None if ago_s is None else ("1.00", 5000.0 - ago_s)
    found = readiness._gateway(Brakes(**{"halted": "", "back_off_s": 0.0, "blind": 0, **brakes}), known, 5000.0)  # type: ignore[arg-type]

    assert found[0] == word, found


def test_a_lane_whose_workers_are_all_sick_is_named() -> None:
    """One that is well is enough."""
    sick = [SickProcess(f"bulk/a/{pid}/x", "gateway", 0.0) for pid in (1, 2)]

    assert readiness._workers(EVERY_LANE, sick[:1])[0] == "ok"
    assert readiness._workers(EVERY_LANE, sick) == ("bad", "no worker of bulk can do its work: gateway")


def test_a_worker_of_this_machine(plant: Plant) -> None:
    """One that beats on another machine does not count, nor one that is sick."""
    standing, here = Standing(plant.ledger), socket.gethostname()
    plant.ledger.beat("bulk/elsewhere/1/x", "")
    before = of_lane(standing, "bulk").word
    plant.ledger.beat(f"bulk/{here}/1/x", "gateway")
    ill = of_lane(standing, "bulk")
    plant.ledger.beat(f"bulk/{here}/1/x", "")

    assert (before, ill.word, of_lane(standing, "bulk").word) == ("bad", "bad", "ok")
    assert "gateway" in ill.says


def test_a_loop_that_turns_shows_life(plant: Plant) -> None:
    """Without Redis; a full disk stops no loop."""
    home, beaten = plant.runtime.settings.home, []
    assert silent_s(home, "scheduler") is None
    Alive(home, "scheduler").beside(lambda: beaten.append(1))()
    assert beaten == [1]
    ago_s = silent_s(home, "scheduler")
    assert ago_s is not None
    assert ago_s < FRESH_S
    Alive(home / "journal" / "host" / "no-folder", "scheduler").beat()
