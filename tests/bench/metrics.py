"""What metrics cost: a scrape of a busy host, and their share of a send's CPU.

    python -m tests.bench.metrics [--rounds 15] [--sends 2000]

A host with eight worker processes that have counted in every label set, on a ledger with campaigns, counters in all
label sets and batches that wait for statuses, is scraped over HTTP. Then messages are sent one by one to the stand-in
of the gateway, and the calls that count a send are made again in a loop. A figure is a median, with the least and the
greatest.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.lane import LANES, QUEUES, SENDING
from smsq.worker.domain.status import FINAL_STATUSES
from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.outcomes import Outcome
from smsq.worker.host.master import Master
from smsq.worker.ledger import NewMessage
from smsq.worker.processes import metrics_folder
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.settings import Settings
from tests.bench.figures import Spread
from tests.bench.otp.stand_in import stand_in
from tests.bench.programs import LOGIN, PASSWORD

PROCESSES = 8
MIRRORS = ("smsc.ru", "www2.smsc.ru", "www3.smsc.ru", "www4.smsc.ru")
COMMANDS = ("send", "status", "balance", "price", "history", "answers")
ACTORS = 12
ASKED = 10_000  # batches that wait for their statuses
CAMPAIGNS = 50
COUNTED_AGAIN = 20_000


def count_everywhere() -> None:
    """Count in every label set; for a worker process."""
    from smsq.worker.metrics import Metrics

    metrics = Metrics.of_process()
    for lane in SENDING:
        metrics.accepted(lane, 0.3)
        metrics.files_missing(lane)
        for channel in (*CHANNELS, "simulated"):
            metrics.final(lane, channel, 3.0)
    for command in COMMANDS:
        for code in (*range(1, 10), None):
            metrics.gateway_error(command, code)
        for mirror in MIRRORS:
            metrics.mirror_up(mirror, True)
            for outcome in Outcome:
                metrics.request(command, mirror, outcome.name.lower(), 0.2)
    for queue in QUEUES:
        for count in (metrics.hint_lost, metrics.ring_lost, metrics.put_aside):
            count(queue)
        metrics.bell_up(queue, True)
    for outcome_word in ("taken", "refused", "busy", "failed"):
        metrics.callback(outcome_word, 1)
        metrics.page(outcome_word)
        for page in ("send", "status", "balance", "jobs", "history", "info", "other"):
            metrics.door_request(page, outcome_word, 0.01)
    for actor in range(ACTORS):
        for how in ("done", "failed", "skipped"):
            metrics.actor_ran(f"actor_{actor}", how, 0.1)


@contextmanager
def workers(home: Path) -> Iterator[None]:
    """Eight processes that have counted everywhere, and live."""
    with ExitStack() as stack:
        for n in range(PROCESSES):
            process = _child("count", home, f"bulk-{n}", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            stack.callback(process.wait)
            stack.callback(process.stdin.close)  # type: ignore[union-attr]
            stack.callback(process.stdout.close)  # type: ignore[union-attr]
            if process.stdout.readline() != b"counted\n":  # type: ignore[union-attr]
                raise SystemExit("a worker did not count")
        yield


def _child(what: str, home: Path, name: str, more: dict[str, str] | None = None, **how: Any) -> subprocess.Popen[bytes]:
    environ = {**os.environ, metrics_folder.VARIABLE: str(metrics_folder.folder(home, name)), **(more or {})}
    return subprocess.Popen([sys.executable, "-m", "tests.bench.metrics", "--child", what], env=environ, **how)


@contextmanager
def established(home: Path, mirror: str) -> Iterator[dict[str, str]]:
    """The environment of an installation whose ledger is in force."""
    from smsq.worker.runtime import Runtime

    with (
        EmbeddedRedis(home, dies_with_parent=True) as ledger,
        EmbeddedRedis(home, name="queues", is_kept=False, dies_with_parent=True) as queues,
    ):
        told = {"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": ledger.url, "SMSQ_BROKER_URL": queues.url}
        told |= {"SMSQ_LOGIN": LOGIN, "SMSQ_PASSWORD": PASSWORD, "SMSQ_MIRRORS": mirror}
        runtime = Runtime.build(Settings.load(told))
        master = Master(runtime.ledger, runtime.journal)
        master.establish(runtime.settings.account)
        while not master.tick():
            time.sleep(0.01)
        yield told


def fill(runtime: Any) -> None:
    """Counters in every label set, campaigns, and batches that wait for their statuses."""
    redis, key = runtime.ledger.redis, runtime.ledger.key
    channels = [*CHANNELS, "simulated"]
    totals = {
        f"messages:{lane}:{each}:{status}": 9 for lane in SENDING for each in channels for status in FINAL_STATUSES
    }
    totals |= {f"networks:{each}:250{n:02}:delivered": 9 for each in ("sms", "hlr") for n in range(50)}
    totals |= {f"cost:{each}": 90_000 for each in channels}
    redis.hset(key("totals"), mapping=totals)
    redis.zadd(key("asks"), {str(number): number for number in range(1, ASKED + 1)})
    for n in range(CAMPAIGNS):
        redis.zadd(key("live"), {f"c{n}": n})
        redis.hset(runtime.ledger.keys.campaign(f"c{n}"), mapping={"state": "running", "s:queued": 9, "rows": 9})


def scrapes(rounds: int, say: Callable[[str], None]) -> tuple[Spread, Spread]:
    """Milliseconds of a scrape over HTTP, and those that the exporter spent on its process' CPU."""
    import requests

    from smsq.worker.processes.exporter import Exporter, build_registry
    from smsq.worker.redis_health import load
    from smsq.worker.runtime import Runtime

    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as place:
        home = Path(place)
        with established(home, "http://127.0.0.1:9") as told, workers(home):
            runtime = Runtime.build(Settings.load(told))
            fill(runtime)
            urls = {"ledger": runtime.redis_url, "broker": runtime.broker_url}
            servers = {name: functools.partial(load, url) for name, url in urls.items()}
            hints = {queue: functools.partial(runtime.broker.depth, queue) for queue in QUEUES}
            registry = build_registry(home, runtime.views.depth, hints, servers)
            took, cpu = [], []
            with Exporter(registry, "127.0.0.1:0") as exporter, requests.Session() as session:
                for n in range(rounds + 1):
                    began, cpu_began = time.perf_counter(), time.process_time()
                    answer = session.get(exporter.url, timeout=60)
                    if n:  # the first one reads where values stand in the files
                        took.append((time.perf_counter() - began) * 1000)
                        cpu.append((time.process_time() - cpu_began) * 1000)
                    else:
                        first_s = time.perf_counter() - began
                        say(f"  {len(answer.text.splitlines()):,} lines; the first took {first_s:.3f} s")
    return Spread.of(took), Spread.of(cpu)


def send_in_child(sends: int) -> None:
    """Print the CPU microseconds of a send, and of the calls that count one; for a process of its own."""
    from smsq.worker.actors.send import Sender
    from smsq.worker.processes.lane import owner_name
    from smsq.worker.runtime import Runtime

    runtime = Runtime.build(Settings.load())
    owner = owner_name("bulk")
    sender = Sender(runtime, owner)
    runtime.ledger.beat(owner)
    for part in (sends // 10, sends):
        refs = [Ref(MessageId.parse(runtime.ledger.enrol(NewMessage(79990000000 + n, "Hi", lane="bulk")).id).batch)
                for n in range(part)]  # fmt: skip
        began = time.process_time()
        for ref in refs:
            sender.send_batches([str(ref)])
        spent = time.process_time() - began
        left = runtime.views.depth().by("smsq_queued_messages")["bulk"]
        if left:
            raise SystemExit(f"{left} messages were not sent")
    claim: Any = SimpleNamespace(ref=Ref(1), gateway_id=1, lane="bulk", enrolled_at=time.time(), attempt=1)
    began = time.process_time()
    for _ in range(COUNTED_AGAIN):
        sender._measures.answered(claim, runtime.settings.mirrors[0], "accepted", 0.05)
        sender._measures.accepted(claim)
        runtime.metrics.mirror_up(runtime.settings.mirrors[0], True)
        runtime.metrics.actor_ran("send_batches", "done", 0.05)
    counted = time.process_time() - began
    print(spent / sends * 1e6, counted / COUNTED_AGAIN * 1e6)


def shares(rounds: int, sends: int) -> tuple[Spread, Spread, Spread]:
    """CPU microseconds of a send, those of counting it, and the latter's share in percent."""
    found: list[tuple[float, float]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="smsq-bench-") as place:
            home = Path(place)
            mirror = stand_in(home)
            with mirror as gateway, established(home, gateway.mirror) as told:
                process = _child("send", home, "bulk", {**told, "BENCH_SENDS": str(sends)}, stdout=subprocess.PIPE)
                said, _ = process.communicate(timeout=600)
                if process.returncode:
                    raise SystemExit("the sender failed")
                send_us, count_us = map(float, said.split())
                found.append((send_us, count_us))
    sent, counted = zip(*found, strict=True)
    return Spread.of(sent), Spread.of(counted), Spread.of([each / whole * 100 for whole, each in found])


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rounds", type=click.IntRange(1), default=15, show_default=True, help="Scrapes; a third as many senders."
)
@click.option("--sends", type=click.IntRange(10), default=2000, show_default=True, help="Messages of a sender.")
@click.option("--child", type=click.Choice(["count", "send"]), hidden=True)
def main(rounds: int, sends: int, child: str | None) -> None:
    """Print what a scrape of a busy host takes, and what metrics cost a send."""
    if child == "count":
        count_everywhere()
        print("counted", flush=True)
        sys.stdin.read()
        return
    if child == "send":
        send_in_child(int(os.environ.pop("BENCH_SENDS")))
        return
    took, cpu = scrapes(rounds, click.echo)
    click.echo(f"a scrape of a host with {PROCESSES} worker processes of {len(LANES)} lanes: {took.shown(' ms')}")
    click.echo(f"  CPU of the exporter, with that of the scraper: {cpu.shown(' ms')}")
    sent, counted, share = shares(max(1, rounds // 3), sends)
    click.echo(f"CPU of a send of one message: {sent.shown(' µs')}, of counting it {counted.shown(' µs')}")
    click.echo(f"  share: {share.shown(' %')}")


if __name__ == "__main__":
    main()
