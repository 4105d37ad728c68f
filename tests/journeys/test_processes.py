"""Journeys on which processes are frozen, told to stop, doubled, or live by another clock."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.journeys.town import Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Of the town's own time: unclaimed work resumes, claimed work is asked about, a standby leads.
RECOVERY_S = 5.0


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["swallow", "hang"])
def test_a_killed_worker_is_made_good_within_seconds(make_town: Callable[..., Town], kind: str) -> None:
    """Worker kill -9, its requests on the wire (lost or accepted): unclaimed resumes, claimed is asked about in 5 s."""
    town = make_town(think_ms=50, SMSQ_BATCH_SIZE="50")
    journey = town.campaign(10_000, rate=900)
    journey.wait_until_sending(0.05)
    town.strike(kind, left=3)
    town.wait_for(lambda: sum(mirror.struck for mirror in town.mirrors) >= 2, "requests that hang", 10)

    claimed = [batch for batch in town.ledger.read(town.ledger.leases()) if batch is not None and batch.ids]
    town.kill("worker --lane bulk")
    killed, began = time.monotonic(), town.own_time()
    for mirror in town.mirrors:
        mirror.clear()
    town.wait_for(lambda: list(town.heard("send", killed)), "the next batch", RECOVERY_S, town.own_time)
    town.record("unclaimed work resumes after every bulk worker was killed", time.monotonic() - killed)
    waiting = {str(batch.ids[-1].gateway_id).encode() for batch in claimed}

    def all_asked() -> bool:
        asked = [each.body for each in town.heard("status", killed)]
        open_ones = {
            str(batch.ids[-1].gateway_id).encode()
            for batch in town.ledger.read([batch.ref for batch in claimed])
            if batch is not None and batch.state != 4  # settled meanwhile, by a callback
        }
        return all(any(gateway_id in body for body in asked) for gateway_id in waiting & open_ones)

    left_s = RECOVERY_S - (town.own_time() - began)
    town.wait_for(all_asked, "questions about what was claimed", left_s, town.own_time)
    town.record(f"claimed work is asked about after a kill ({kind})", time.monotonic() - killed)
    journey.verdict(within_s=90)


@pytest.mark.fault
@pytest.mark.parametrize("seed", [1, 2])
def test_workers_are_frozen_past_their_lease(make_town: Callable[..., Town], seed: int) -> None:
    """Worker SIGSTOP past its lease, then SIGCONT: its claims are asked about; awake again, it adds only facts."""
    town = make_town(think_ms=200, SMSQ_BATCH_SIZE="20", SMSQ_SILENT_S="120")
    chance = random.Random(seed)
    journey = town.campaign(4000, rate=300)
    journey.wait_until_sending(0.02)
    journey.send(3)
    pids = town.pids("worker --lane bulk") + town.pids("worker --lane urgent") + town.pids("worker --lane status")
    for _ in range(2):
        frozen = chance.sample(pids, 2)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(chance.uniform(5.5, 8.0))
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        time.sleep(chance.uniform(0.2, 1.0))

    assert set(pids) <= set(town.pids("worker"))
    journey.verdict(within_s=100)
    assert sum(town.views.depth().by("smsq_leases_expired_total").values()) > 0


@pytest.mark.fault
def test_a_silent_worker_is_replaced(make_town: Callable[..., Town]) -> None:
    """Worker SIGSTOP for good: its master kills it once it was silent for SMSQ_SILENT_S, another takes its place."""
    town = make_town(think_ms=100, SMSQ_BATCH_SIZE="20", SMSQ_SILENT_S="4")
    time.sleep(4)  # a young one is given time
    journey = town.campaign(3000, rate=300)
    journey.wait_until_sending(0.02)
    frozen = town.pids("worker --lane bulk")
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    town.wait_for(lambda: not set(frozen) & set(town.pids("worker --lane bulk")), "the end of the frozen", 15)
    town.record("frozen workers killed (silent for 4 s)", time.monotonic() - began)

    journey.verdict(within_s=90)


@pytest.mark.fault
def test_a_silent_scheduler_is_replaced(make_town: Callable[..., Town]) -> None:
    """Scheduler SIGSTOP for good: killed within seconds, another leads; a code in doubt and a next channel go on."""
    town = make_town(gateway=["--end", "sms:01=silent"])
    (frozen,) = town.pids("scheduler")
    os.kill(frozen, signal.SIGSTOP)
    began = time.monotonic()
    otp = town.smsq.otp
    waiting = otp.send("+79000000001", channels="sms:3s,tg", ttl=900)
    town.wait_for(lambda: town.count()["accepted"] == 1, "the first message", 20)
    town.strike("cut_after", left=1)
    lost = otp.send("+79000000002", channels="sms:600s,tg", ttl=900)

    def steps(code_id: str) -> list[str]:
        return [step.status for step in otp.show(code_id).steps]

    town.wait_for(lambda: steps(lost.id) == ["doubtful"], "the doubt", 20)
    town.wait_for(lambda: frozen not in town.pids("scheduler"), "the end of the frozen", 60)
    town.record("a frozen scheduler killed", time.monotonic() - began)
    town.wait_for(lambda: steps(lost.id) == ["delivered"], "the end of the doubt", 60)
    town.wait_for(lambda: steps(waiting.id)[1:] == ["delivered"], "the next channel", 60)

    assert "scheduler was silent for" in (town.folder / "up.log").read_text()
    assert town.count()["channels"] == {"sms": 2, "tg": 1}
    assert town.leaks() == []


@pytest.mark.fault
def test_nobody_is_silent_for_want_of_redis(make_town: Callable[..., Town]) -> None:
    """Redis SIGSTOP for longer than SMSQ_SILENT_S: nobody is killed for that, and all goes on."""
    town = make_town(SMSQ_BATCH_SIZE="20", SMSQ_SILENT_S="10")
    assert town.server is not None
    journey = town.campaign(1000, rate=300)
    journey.wait_until_sending(0.02)
    helpers = ("scheduler", "web", "exporter")
    before = [town.pids(words) for words in helpers]
    town.server.freeze(25.0)

    journey.verdict(within_s=90)
    assert [town.pids(words) for words in helpers] == before
    assert "child silent" not in (town.home / "logs" / "supervisor.log").read_text()  # a watchdog may have ended some


@pytest.mark.fault
@pytest.mark.parametrize("signals", [1, 2])
def test_told_to_stop_during_requests(make_town: Callable[..., Town], signals: int) -> None:
    """SIGTERM during a request: it ends and is settled, nothing is in doubt. A second SIGTERM: as kill -9."""
    town = make_town(think_ms=1500, SMSQ_BATCH_SIZE="50")
    journey = town.campaign(2000)
    journey.wait_until_sending(0.01)
    assert town.up is not None
    for _ in range(signals):
        town.up.send_signal(signal.SIGTERM)
        time.sleep(0.4)

    assert town.up.wait(30) == 0
    in_motion = town.views.in_motion()
    assert town.pids("") == []
    if signals == 1:
        assert (in_motion["lease"], in_motion["doubt"]) == (0, 0)
    else:
        assert in_motion["lease"] + in_motion["doubt"] > 0
    assert journey.accepted() < 2000
    town.start()
    journey.verdict(within_s=90)


@pytest.mark.fault
def test_workers_are_rolled_one_after_the_other(make_town: Callable[..., Town]) -> None:
    """SIGTERM to every process in turn, twice, while a campaign runs (a deploy): no doubt, no gap."""
    town = make_town(think_ms=100, SMSQ_BATCH_SIZE="20")
    journey = town.campaign(6000, rate=400)
    journey.wait_until_sending(0.02)
    for _ in range(2):
        for words in ("worker --lane bulk", "worker --lane urgent", "worker --lane status", "scheduler", "web"):
            old = town.pids(words)
            for pid in old:
                os.kill(pid, signal.SIGTERM)
            town.wait_for(
                lambda old=old, words=words: town.pids(words) and not set(old) & set(town.pids(words)), words, 20
            )
            journey.send(1)

    journey.verdict(within_s=90)
    assert town.views.depth().by("smsq_leases_expired_total") == {"urgent": 0, "bulk": 0}


@pytest.mark.fault
def test_two_schedulers(make_town: Callable[..., Town]) -> None:
    """Two schedulers: a leader killed or frozen past its lease is replaced within 5 s; two at once only ask twice."""
    town = make_town(think_ms=50, SMSQ_BATCH_SIZE="20")
    standby = town.run("scheduler")
    time.sleep(2.5)
    journey = town.campaign(6000, rate=300)
    journey.wait_until_sending(0.02)

    def pid_of(name: str) -> int:
        return int(name.split("-")[-2])

    first = town.leader()
    os.kill(pid_of(first), signal.SIGKILL)
    killed = time.monotonic()
    town.wait_for(lambda: (name := town.leader()) != first and name, "another leader", RECOVERY_S, town.own_time)
    town.record("another scheduler leads after the leader was killed", time.monotonic() - killed)
    time.sleep(1.5)  # the supervisor has started the dead one again

    second = town.leader()
    os.kill(pid_of(second), signal.SIGSTOP)
    frozen = time.monotonic()
    town.wait_for(lambda: (name := town.leader()) != second and name, "a third leader", RECOVERY_S, town.own_time)
    town.record("another scheduler leads after the leader froze", time.monotonic() - frozen)
    time.sleep(2.0)
    os.kill(pid_of(second), signal.SIGCONT)

    journey.verdict(within_s=90)
    if standby.poll() is None:
        standby.terminate()
        assert standby.wait(10) == 0


CLOCKS = {
    "workers-ahead": "--lane bulk=+3600,--lane urgent=+3600",
    "workers-behind": "--lane bulk=-3600,--lane status=-3600",
    "scheduler-ahead": "scheduler=+3600,--lane status=+3600",
    "scheduler-behind": "scheduler=-3600,web=+3600",
    "redis-ahead": "-m smsq=-3600",  # everybody else is an hour behind
    "redis-behind": "-m smsq=+3600",
}


@pytest.mark.fault
@pytest.mark.parametrize("clocks", CLOCKS)
def test_clocks_are_an_hour_apart(make_town: Callable[..., Town], clocks: str) -> None:
    """Clocks an hour wrong on workers, scheduler or Redis, with a restart and a kill: no double, no loss."""
    town = make_town(clocks=CLOCKS[clocks], SMSQ_BATCH_SIZE="20")
    assert town.server is not None
    town.strike("cut_after", share=0.03)
    town.strike("cut_before", share=0.03)
    journey = town.campaign(2000, rate=400)
    journey.send(2)
    journey.wait_until_sending(0.02)
    town.server.kill()
    town.server.start()
    town.wait_for(town.in_force, "claims being granted again", 10)
    journey.wait_until_sending(0.4)
    town.kill("worker --lane bulk")

    journey.verdict(within_s=90)
    assert town.struck() > 0
    seen = (town.folder / "clocks.seen").read_text().splitlines()
    for words, _, seconds in (rule.partition("=") for rule in CLOCKS[clocks].split(",")):
        assert any(line.startswith(f"{seconds} ") and words in line for line in seen), words


@pytest.mark.fault
def test_a_master_is_killed(make_town: Callable[..., Town]) -> None:
    """Master of a lane kill -9: its workers die with it, no second set works beside them."""
    town = make_town(think_ms=100, SMSQ_BATCH_SIZE="20")
    master = town.run("worker", "--lane", "bulk", "--processes", "2")
    town.wait_for(lambda: town.views.lanes().get("bulk", 0) >= 4, "its workers", 20)
    journey = town.campaign(4000, rate=400)
    journey.wait_until_sending(0.05)
    master.kill()
    master.wait()
    town.wait_for(lambda: not _children(master.pid), "the end of its workers", 5)

    journey.verdict(within_s=90)


def _children(pid: int) -> list[int]:
    from pathlib import Path

    found = []
    for folder in Path("/proc").iterdir():
        try:
            if f"--parent\0{pid}\0" in (folder / "cmdline").read_bytes().decode():
                found.append(int(folder.name))
        except (OSError, ValueError):
            continue
    return found
