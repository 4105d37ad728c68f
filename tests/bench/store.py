"""The ledger in Redis: bytes per recipient, and how soon a server with a million of them answers again."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from smsq.worker.domain.batch import pack
from smsq.worker.host.master import Master
from smsq.worker.ledger import Claim, Ledger, Plan
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings
from tests.bench import files
from tests.bench.figures import Measurement, Spread, Table, Verdict, number

RANGE_BATCHES = 10
PENDING_GOAL, RECEIPT_GOAL, RESTART_GOAL_S = 7.0, 20.0, 0.5


@contextlib.contextmanager
def ledger() -> Iterator[tuple[Ledger, EmbeddedRedis]]:
    """An empty ledger on a server of its own that syncs every write."""
    with (
        tempfile.TemporaryDirectory(prefix="smsq-bench-") as place,
        EmbeddedRedis(Path(place), dies_with_parent=True) as server,
    ):
        environ = {"SMSQ_HOME": place, "SMSQ_REDIS_URL": server.url, "SMSQ_LOGIN": "bench", "SMSQ_PASSWORD": "bench"}
        runtime = Runtime.build(Settings.load(environ))
        master = Master(runtime.ledger, runtime.journal)
        master.establish(runtime.settings.account)
        master.tick()
        yield runtime.ledger, server


def memory(rows: int, rounds: int, folder: Path, say: Callable[[str], None]) -> Measurement:
    """Enrol, then have everything accepted; `used_memory` before, between and after. Repeats itself exactly."""
    verdicts, table = [], []
    readings: dict[str, object] = {}
    for size in (100, 500):
        with ledger() as (store, _):
            _enrol(store, 10 * size, size, "warm")  # scripts, counters and the like are there from here on
            _accept(store, "warm")
            empty = _used(store)
            _enrol(store, rows, size, "measured")
            pending = (_used(store) - empty) / rows
            _accept(store, "measured")
            accepted = (_used(store) - empty) / rows
        say(f"  batch {size}: {pending:.2f} bytes pending, {accepted:.2f} with receipts")
        table.append((str(size), number(pending), number(accepted)))
        readings[str(size)] = {"pending": pending, "receipts": accepted}
        if size == 100:
            one = Spread(pending, pending, pending)
            full = Spread(accepted, accepted, accepted)
            verdicts = [
                Verdict(
                    what="pending, text aside, batch 100", goal=PENDING_GOAL, unit=" B", measured=one, is_floor=False
                ),
                Verdict(
                    what="with the full receipt, batch 100", goal=RECEIPT_GOAL, unit=" B", measured=full, is_floor=False
                ),
            ]
    return Measurement(
        name="memory",
        title="Redis per recipient",
        how=f"`used_memory` over {rows:,} distinct phones in random order, in bytes per recipient; a dramatiq message "
        "each takes 383. One reading per size: it does not vary. Receipts include the index of gateway ids.",
        verdicts=verdicts,
        tables=[Table(head=("batch", "pending", "with receipts"), rows=table)],
        readings=readings,
    )


def restart(rows: int, rounds: int, folder: Path, say: Callable[[str], None]) -> Measurement:
    """Stop the server and start it again with everything pending, several times."""
    table, readings = [], {}
    verdicts = []
    for size in (100, 500):
        with ledger() as (store, server):
            _enrol(store, rows, size, "measured")
            took = []
            for _ in range(rounds):
                server.stop()
                began = time.perf_counter()
                server.start()
                took.append(time.perf_counter() - began)
            held = int(store.redis.hget(store.keys.campaign(_id(store, "measured")), "s:queued"))
        if held != rows:
            raise SystemExit(f"{held} of {rows} rows are there after the restart")
        seconds = Spread.of(took)
        say(f"  batch {size}: answers after {seconds.middle:.3f} s")
        table.append((str(size), seconds.shown(" s")))
        readings[str(size)] = took
        if size == 100:
            verdicts.append(
                Verdict(
                    what=f"{rows:,} pending, batch 100",
                    goal=RESTART_GOAL_S,
                    unit=" s",
                    measured=seconds,
                    is_floor=False,
                )
            )
    return Measurement(
        name="restart",
        title=f"Restart with {rows:,} pending",
        how=f"From starting the process to its first answer after loading; {rounds} restarts. A hash of 500 phones "
        "per key takes 7.3 s.",
        verdicts=verdicts,
        tables=[Table(head=("batch", "first answer"), rows=table)],
        readings=dict(readings),
    )


def _enrol(store: Ledger, rows: int, size: int, name: str) -> None:
    plan = Plan(name=name, digest=name, text="Hello", template="Hello", batch_size=size)
    campaign = store.open_campaign(plan).id
    phones = files.phones(rows)
    step = size * RANGE_BATCHES
    for n, at in enumerate(range(0, rows, step), 1):
        upto = min(rows, at + step)
        batches = [
            pack(phones[start : min(upto, start + size)], None, range(start + 1, min(upto, start + size) + 1), size)
            for start in range(at, upto, size)
        ]
        store.enrol_range(campaign, n, batches, [], upto)
    store.close_campaign(campaign)


def _accept(store: Ledger, name: str) -> None:
    """Claim and settle every batch of a campaign, as a worker does."""
    campaign = _id(store, name)
    while refs := store.feed(campaign, 100, 20)[0]:
        for ref in refs:
            claim = store.claim(
                ref,
                secrets.token_hex(16),
                owner="bulk/bench/1/abcdef",
                mirror="https://www2.smsc.ru",
                lease_s=45.0,
                parallel=10,
                urgent_slots=3,
                slot_kept_s=75.0,
                credentials="0" * 16,
            )
            if not isinstance(claim, Claim):
                raise SystemExit(f"a claim was refused: {claim.refusal}")
            store.settle_accepted(claim, 1, Decimal("3.8") * len(claim.recipients), 86400.0)


def _id(store: Ledger, name: str) -> str:
    return str(store.redis.get(store.key(f"digest:{name}")).decode())


def _used(store: Ledger) -> int:
    """Memory of the data: without what clients and the append-only file's buffer hold at the moment."""
    time.sleep(0.2)  # the server gives buffers back on its own clock
    found = store.redis.info("memory")
    return int(found["used_memory"]) - int(found.get("mem_clients_normal", 0)) - int(found.get("mem_aof_buffer", 0))
