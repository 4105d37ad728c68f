"""Every alert fires and resolves in real Prometheus and Alertmanager, beside a town with faults.

`BY_FAULTS` are proven by a real fault in real processes. `BY_PAGE` are proven by a page of metrics that the test
writes: they need what must never happen, a full disk, or a day's patience. Both by the rules that are shipped; what is
changed in them says `monitors.py`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dramatiq
import pytest
import redis

from smsq.worker.domain.errors import Limited
from smsq.worker.queues.broker import make_broker
from smsq.worker.redis_client import connect
from tests.journeys.monitors import JOB, PAGE, Monitors
from tests.journeys.proxy import Proxy
from tests.journeys.town import OURS, START_S, Town, build, quiet_ports
from tests.peers import prometheus
from tests.promises.alerts import alerts

pytestmark = pytest.mark.timeout(480)
slow = pytest.mark.slow

THRESHOLDS = {
    "codes_wait_seconds": 3,
    "campaigns_wait_seconds": 3,
    "doubtful_batches": 2,
    "status_age_seconds": 6,
    "callbacks_expected": 2,
    "leases_expired": 0,
    "hints_waiting": 0,
}
BY_FAULTS = {
    *("SmsqCodesBurnFast", "SmsqCodesBurnSlow", "SmsqCodesBurnDays", "SmsqCodesSlow", "SmsqCodesWait"),
    *("SmsqCampaignsStand", "SmsqMirrorDown", "SmsqAllMirrorsDown", "SmsqProcessesSick"),
    *("SmsqNoLeader", "SmsqNoWorkers", "SmsqClaimsExpire", "SmsqHintsWait", "SmsqStatusesAge", "SmsqCallbacksSilent"),
    *("SmsqCallbacksRefused", "SmsqDoubtsRise", "SmsqGatewayUnknownCode", "SmsqMessagesParked", "SmsqGatewayBlocks"),
    *("SmsqLoginHalted", "SmsqBalanceLow", "SmsqNoMoney", "SmsqCampaignPausedItself"),
    *("SmsqRedisMemory", "SmsqRedisFull", "SmsqRedisCannotPersist", "SmsqLedgerDown", "SmsqBrokerDown"),
    *("SmsqHostsMissing", "SmsqLedgerAway", "SmsqExporterDown", "SmsqNoExporter", "SmsqNoBell", "SmsqHintsUnreadable"),
    *("SmsqAlarm", "SmsqShieldHolds", "SmsqCountryHeld", "SmsqCodesOverDailyLimit", "SmsqGatewayIdsEnd"),
}
# Each with its series while all is well, and what goes wrong. What ends in `_total` stays as it became.
BY_PAGE = {
    "SmsqDoubleAccepted": {"smsq_double_accepts_total": (3, 4)},
    "SmsqStrangerIds": {'smsq_alarms_total{alarm="stranger-id"}': (None, 1)},
    "SmsqLateArrivals": {"smsq_late_arrivals_total": (0, 1)},
    "SmsqHalted": {'smsq_halted{halt="fell"}': (0, 1)},
    "SmsqLimitNear": {'smsq_limit_used_ratio{limit="errors"}': (0.1, 0.7)},
    "SmsqGatewayBusy": {'smsq_gateway_errors_total{command="send",code="9"}': (0, 100)},
    "SmsqHintsLost": {'smsq_hints_lost_total{queue="bulk"}': (None, 9)},
    "SmsqActorsFail": {'smsq_actor_runs_total{actor="send_batches",outcome="failed"}': (0, 100)},
    "SmsqFilesMissing": {'smsq_files_missing_total{lane="bulk"}': (None, 1)},
    "SmsqPagesFail": {'smsq_pages_total{outcome="failed"}': (None, 1)},
    "SmsqDoorFails": {'smsq_door_requests_total{page="send",outcome="failed"}': (0, 50)},
    "SmsqDiskLow": {'smsq_disk_free_bytes{place="a"}': (5e10, 8e9), 'smsq_disk_size_bytes{place="a"}': (1e11, 1e11)},
    "SmsqDiskFull": {'smsq_disk_free_bytes{place="b"}': (5e10, 1e9), 'smsq_disk_size_bytes{place="b"}': (1e11, 1e11)},
    "SmsqDiskFills": {'smsq_disk_free_bytes{place="c"}': (5e10, 3e10), 'smsq_disk_size_bytes{place="c"}': (1e11, 1e11)},
    "SmsqRedisEvicts": {'smsq_redis_evicted_keys_total{server="ledger"}': (0, 7)},
    "SmsqRedisAofGrows": {
        'smsq_redis_aof_bytes{server="ledger"}': (1e8, 5e9),
        'smsq_redis_memory_bytes{server="ledger"}': (1e8, 1e8),
    },
}


@dataclass
class Watched:
    """A town, what watches it, and another host of the same installation."""

    town: Town
    monitors: Monitors
    line: Proxy  # from the other host to Redis
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def fires(self, *names: str, within_s: float = 45.0) -> None:
        self.monitors.fires(*names, within_s=within_s)

    def resolve(self, *names: str) -> None:
        self.monitors.resolve(*names)

    def second(self, *words: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start a process of the other host."""
        environ = {**self.town.environ, "SMSQ_HOME": str(self.home), **settings}
        with open(self.town.folder / "second.log", "ab") as log:
            process = subprocess.Popen(
                [*OURS, *words], cwd=self.town.folder, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        self.others.append(process)
        return process

    @property
    def home(self) -> Path:
        return self.town.folder / "second"

    def pause(self, words: str) -> list[int]:
        """Freeze all children of a kind; what to let go on afterwards."""
        pids = self.town.pids(words)
        assert pids, words
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        return pids

    def go_on(self, pids: list[int]) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def is_calm(self) -> bool:
        """Whether the next fault may begin."""
        self.town.wait_for(self.town.is_calm, "calm", START_S)
        return True

    def stop(self) -> None:
        """End everything but the town."""
        for process in self.others:
            process.kill()
            process.wait()
        self.monitors.stop()
        self.line.stop()

    def forget_pause(self) -> None:
        """End the pauses of the log-in, which last for ten minutes."""
        self.town.ledger.redis.hdel(
            self.town.ledger.key("ctl"), "quiet_until", "throttles", "errors", "errors_until", "unreached_until"
        )


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Built once; each test leaves it calm."""
    try:
        prometheus.program("prometheus")
    except prometheus.NotHere as why:
        pytest.skip(str(why))
    folder = tmp_path_factory.mktemp("watched")
    town = build(folder, settings={"SMSQ_SHIELD": "on", "SMSQ_SECRET_KEY": "a secret key that both homes have"})
    assert town.server is not None
    watched: Watched | None = None
    try:
        town.start()
        ports = quiet_ports(2)
        monitors = Monitors(folder / "monitors", (ports[0], ports[1]), THRESHOLDS)
        monitors.page.lines = _page(0)
        watched = Watched(town, monitors, Proxy(("127.0.0.1", town.server.port)))
        monitors.scrape(town.environ["SMSQ_METRICS_ADDR"])
        journey = town.begin()
        journey.campaign(50)
        journey.send(5, lane="urgent")
        town.wait_for(journey.is_over, "the first messages", START_S)
        town.wait_for(lambda: monitors.ask(f'smsq_ledger_up{{job="{JOB}"}}'), "the first scrape", START_S)
        yield watched
    finally:
        if watched is not None:
            watched.stop()
        town.stop()


def _page(wrong: int, *, after: bool = False) -> list[str]:
    """The page of metrics: right, or wrong; `after` all is right again and counters stay as they became."""
    lines = ["smsq_ledger_up 1"]
    for series in BY_PAGE.values():
        for name, values in series.items():
            value = values[1] if wrong or (after and "_total" in name) else values[0]
            if value is not None:
                lines.append(f"{name} {value}")
    return lines


def test_it_is_known_how_each_alert_is_proven() -> None:
    """By a fault, or by a page of metrics."""
    assert BY_FAULTS | BY_PAGE.keys() == {rule.alert for rule in alerts()}
    assert BY_FAULTS & BY_PAGE.keys() == set()


@slow
def test_what_cannot_be_provoked(watched: Watched) -> None:
    """A page of metrics goes wrong, and right again."""
    monitors = watched.monitors
    time.sleep(6.0)  # the page has been scraped while it was right
    assert {seen for seen in monitors.seen if seen.job == PAGE} == set()
    monitors.page.lines = _page(1)
    monitors.fires(*BY_PAGE, job=PAGE)
    monitors.page.lines = _page(0, after=True)
    monitors.resolve(*BY_PAGE, job=PAGE)


@slow
def test_no_mirror(watched: Watched) -> None:
    """Nothing reaches the gateway while a campaign and codes wait; then it does."""
    town, journey = watched.town, watched.town.begin()
    for mirror in town.mirrors:
        mirror.refuse()
        mirror.cut_all()
    journey.campaign(400)
    journey.send(10, lane="urgent")
    watched.fires("SmsqMirrorDown", "SmsqAllMirrorsDown", "SmsqCodesWait", "SmsqProcessesSick")
    watched.fires("SmsqCampaignsStand")
    town.clear()
    town.wait_for(journey.is_over, "the end", 90)
    burns = ("SmsqCodesBurnFast", "SmsqCodesBurnSlow", "SmsqCodesBurnDays", "SmsqCodesSlow")
    watched.fires(*burns)
    watched.resolve("SmsqMirrorDown", "SmsqAllMirrorsDown", "SmsqCodesWait", "SmsqProcessesSick", "SmsqCampaignsStand")
    watched.resolve(*burns)
    journey.verdict()


@slow
def test_frozen_processes(watched: Watched) -> None:
    """The scheduler, then all workers stand still for a while, in the middle of sending."""
    town, journey = watched.town, watched.town.begin()
    frozen = watched.pause("scheduler")
    watched.fires("SmsqNoLeader")
    watched.go_on(frozen)
    town.strike("hang")
    journey.send(4, lane="urgent")
    town.wait_for(lambda: town.struck() >= 1, "a request under way", 30)
    town.clear()
    frozen = watched.pause("worker")
    watched.fires("SmsqNoWorkers", "SmsqClaimsExpire", "SmsqHintsWait")
    watched.go_on(frozen)
    watched.resolve("SmsqNoLeader", "SmsqNoWorkers", "SmsqClaimsExpire", "SmsqHintsWait")
    journey.verdict(within_s=90)


@slow
def test_statuses_do_not_come(watched: Watched) -> None:
    """Callbacks came and stop, then nobody asks for statuses either; then strangers call."""
    town, journey = watched.town, watched.town.begin()
    journey.send(3)
    town.wait_for(journey.is_over, "callbacks", 60)
    town.order("callbacks", {"url": ""})
    until = time.monotonic() + 60
    while "SmsqCallbacksSilent" not in {seen.name for seen in watched.monitors.seen} and time.monotonic() < until:
        journey.send(2)
        time.sleep(1.0)
    watched.fires("SmsqCallbacksSilent", within_s=1)
    frozen = watched.pause("worker --lane status")
    journey.send(3)
    watched.fires("SmsqStatusesAge")
    watched.go_on(frozen)
    watched.resolve("SmsqCallbacksSilent")
    web = town.environ["SMSQ_WEB_ADDR"]
    until = time.monotonic() + 60
    while "SmsqCallbacksRefused" not in {seen.name for seen in watched.monitors.seen} and time.monotonic() < until:
        body = b"id=1&phone=79991234567&status=1&time=1&sha1=0000000000000000000000000000000000000000"
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://{web}/callback", body, timeout=10).close()
        time.sleep(1.0)
    watched.fires("SmsqCallbacksRefused", within_s=1)
    town.clear()
    watched.resolve("SmsqStatusesAge", "SmsqCallbacksRefused")
    journey.verdict(within_s=90)


@slow
def test_strange_answers(watched: Watched) -> None:
    """Answers are lost, or unknown; what never arrived is parked by choice."""
    town = watched.town
    town.order("misfortunes", {"kind": "unknown_code", "next": 2, "command": "send"})
    town.begin().send(2)
    watched.fires("SmsqGatewayUnknownCode")
    town.order("misfortunes", {"kind": "error_500", "share": 1.0, "command": "send"})
    town.order("misfortunes", {"kind": "error_500", "share": 1.0, "command": "status"})
    town.begin().send(6, on_doubt="park")
    watched.fires("SmsqDoubtsRise")
    town.clear()
    watched.fires("SmsqMessagesParked", within_s=90)
    watched.resolve("SmsqGatewayUnknownCode", "SmsqDoubtsRise", "SmsqMessagesParked")


@slow
def test_the_account(watched: Watched) -> None:
    """The log-in is refused, then the address is blocked."""
    town = watched.town
    watched.is_calm()
    town.order("misfortunes", {"kind": "bad_login", "next": 1, "command": "send"})
    journey = town.begin()
    journey.send(1, lane="urgent")
    watched.fires("SmsqLoginHalted")
    town.smsq.balance()
    watched.resolve("SmsqLoginHalted")

    town.order("misfortunes", {"kind": "blocked", "next": 1, "command": "send"})
    journey.send(1, lane="urgent")
    watched.fires("SmsqGatewayBlocks")
    town.clear()
    watched.forget_pause()
    watched.resolve("SmsqGatewayBlocks")


@slow
def test_the_money(watched: Watched) -> None:
    """It will not last for what waits, then it is below the reserve, then there is none."""
    town = watched.town
    watched.is_calm()
    journey = town.begin()
    tomorrow = journey.campaign(300, at=datetime.now(UTC) + timedelta(days=1))
    town.order("account", {"balance": "10"})
    town.smsq.balance()
    watched.fires("SmsqBalanceLow")
    town.smsq.limits.set_reserve(50)
    held = journey.campaign(40, rate=1)
    watched.fires("SmsqCampaignPausedItself")
    town.smsq.limits.set_reserve(None)
    town.order("account", {"balance": "0"})
    town.smsq.campaigns.resume(held)
    journey.send(1, lane="bulk")
    watched.fires("SmsqNoMoney")
    town.order("account", {"balance": "1000000"})
    for each in (tomorrow, held):
        town.smsq.campaigns.cancel(each)
    town.smsq.balance()
    watched.resolve("SmsqBalanceLow", "SmsqNoMoney", "SmsqCampaignPausedItself")


@slow
def test_the_shield(watched: Watched) -> None:
    """A prefix and a country are held, and the day's codes are used up."""
    smsq = watched.town.smsq
    smsq.shield.hold("+7900123", for_s=600)
    smsq.shield.hold("KZ", for_s=600)
    smsq.shield.limit("daily", "1")
    smsq.otp.send("+79031112233")
    with pytest.raises(Limited):
        smsq.otp.send("+79031112234")
    watched.fires("SmsqShieldHolds", "SmsqCountryHeld", "SmsqCodesOverDailyLimit")
    smsq.shield.release("+7900123")
    smsq.shield.release("KZ")
    smsq.shield.limit("daily", None)
    watched.resolve("SmsqShieldHolds", "SmsqCountryHeld", "SmsqCodesOverDailyLimit")


@slow
def test_the_queue(watched: Watched) -> None:
    """A bell of another type, bytes that are no hint, and a hint for a batch that never was."""
    town = watched.town
    with contextlib.closing(connect(town.broker_url)) as raw:
        raw.delete("smsq:chores.bell")
        raw.set("smsq:chores.bell", "of another program")
        raw.hset("smsq:bulk.msgs", "poison", b"{")
        raw.rpush("smsq:bulk", "poison")
        stranger = dramatiq.Message(
            queue_name="bulk", actor_name="send_batches", args=(["99999999"],), kwargs={}, options={}
        )
        make_broker(town.broker_url).enqueue(stranger)
        watched.fires("SmsqNoBell", "SmsqHintsUnreadable", "SmsqAlarm")
        raw.delete("smsq:chores.bell")
    watched.resolve("SmsqNoBell", "SmsqHintsUnreadable", "SmsqAlarm")


@slow
def test_redis_is_full(watched: Watched) -> None:
    """Its memory is nearly used up, then its append-only file cannot be rewritten."""
    town = watched.town
    watched.is_calm()
    assert town.server is not None
    with contextlib.closing(town.server.client()) as client:
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory", int(used * 1.02))
        watched.fires("SmsqRedisMemory", "SmsqRedisFull")
        client.config_set("maxmemory", 0)
        files, away = town.server.folder / "appendonlydir", town.server.folder / "away"
        files.rename(away)
        files.touch()  # a file in place of the folder: else the server makes a new one
        with contextlib.suppress(redis.RedisError):
            client.bgrewriteaof()
        watched.fires("SmsqRedisCannotPersist")
        files.unlink()
        away.rename(files)
        client.bgrewriteaof()
    watched.resolve("SmsqRedisMemory", "SmsqRedisFull", "SmsqRedisCannotPersist")


@slow
def test_ids_end(watched: Watched) -> None:
    """Few gateway ids are left, then a person takes a new range."""
    town = watched.town
    watched.is_calm()
    town.ledger.redis.set(town.ledger.key("n:gid"), 2_147_483_640 - 10_000_000)
    watched.fires("SmsqGatewayIdsEnd")
    assert town.run("recover", "--fresh-ids", "--yes").wait(60) == 0
    watched.resolve("SmsqGatewayIdsEnd")


@slow
def test_hosts(watched: Watched) -> None:
    """A second host loses the ledger, then its exporter; Redis is restarted while that host is away."""
    town, line = watched.town, watched.line
    assert town.server is not None
    address = f"127.0.0.1:{quiet_ports(1)[0]}"
    exporter = watched.second("exporter", SMSQ_METRICS_ADDR=address, SMSQ_REDIS_URL=f"redis://127.0.0.1:{line.port}/0")
    worker = watched.second("worker", "--lane", "urgent", "--processes", "2")
    watched.monitors.scrape(town.environ["SMSQ_METRICS_ADDR"], address)
    both = f'sum(smsq_ledger_up{{job="{JOB}"}})'
    town.wait_for(lambda: watched.monitors.ask(both)[0]["value"][1] == "2", "both hosts on the page", START_S)
    _in(watched)
    line.refuse()
    line.cut_all()
    watched.fires("SmsqLedgerAway")
    exporter.kill()
    watched.fires("SmsqExporterDown")
    watched.monitors.scrape(town.environ["SMSQ_METRICS_ADDR"])
    worker.kill()
    watched.resolve("SmsqLedgerAway", "SmsqExporterDown")

    town.server.kill()
    watched.fires("SmsqLedgerDown", "SmsqBrokerDown")
    town.server.start()
    watched.fires("SmsqHostsMissing")
    watched.second("worker", "--lane", "urgent", "--processes", "2")
    town.wait_for(town.in_force, "claims being granted again", START_S)
    watched.resolve("SmsqLedgerDown", "SmsqBrokerDown", "SmsqHostsMissing")


def _in(watched: Watched) -> None:
    """Until the other host takes part."""
    runs = watched.home / "journal" / "run"  # read as a file: another journal of that home could be in its way
    watched.town.wait_for(
        lambda: runs.read_text().split()[-1:] == [watched.town.ledger.beat().run], "the second host", START_S
    )


@slow
def test_nothing_is_known(watched: Watched) -> None:
    """No exporter answers at all."""
    monitors = watched.monitors
    frozen = watched.pause("exporter")
    monitors.page.stop()
    monitors.fires("SmsqNoExporter", job="")
    watched.go_on(frozen)
    monitors.resolve("SmsqNoExporter", job="")


@slow
def test_what_a_person_reads(watched: Watched) -> None:
    """Every alert was sent with sentences that say what they shall, and none with a phone."""
    heard = watched.monitors.receiver.heard
    texts = {text for _, alert in heard for text in alert["annotations"].values()}

    assert len({alert["labels"]["alertname"] for _, alert in heard}) > len(alerts()) * 0.6  # others were kept back
    assert [text for text in texts if "error expanding" in text or "<no value>" in text or "NaN" in text] == []
    assert {path for path, alert in heard if alert["labels"]["severity"] == "ticket"} <= {"/mail"}
    assert {path for path, alert in heard if alert["labels"]["severity"] == "page"} == {"/alerts", "/mail"}
