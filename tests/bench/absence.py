"""How long until what never arrived goes again: `python -m tests.bench.absence` prints a table of it.

Batches of a hundred are claimed and their requests lost; a process of the status lane settles them against a sandbox
whose minute takes five seconds, with all of our times shortened alike. Time is told in the gateway's minutes, since
its limits are what everything here waits for. What is compared: a younger control comes (the campaign goes on), none
comes (it was the last), and a history that proves nothing, so that questions have to do.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smsq.worker.actors.send import Sender
from smsq.worker.domain.batch import MessageId, Ref, pack
from smsq.worker.domain.status import BatchState
from smsq.worker.host.master import Master
from smsq.worker.ledger import Claim, NewMessage, Plan
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.sandbox import Profile, Sandbox
from smsq.worker.scheduler.doubts import Doubts
from smsq.worker.settings import Settings

MINUTE_S = 5.0
SCALE = MINUTE_S / 60.0
BATCH = 100
PHONE = 79990000000
MOST_MINUTES = 60
CASES = ((1, True, True), (12, True, True), (100, True, True))
# Lost batches, whether a younger control comes, whether history tells.
ROWS = (*CASES, *((many, False, True) for many, _, _ in CASES), (1, True, False), (12, True, False))


def main() -> None:
    """Measure every row and print the table."""
    print("| lost batches of 100 | a younger control | history | gateway minutes | lists | questions for many |")
    print("|---|---|---|---|---|---|", flush=True)
    for many, is_younger, is_listed in ROWS:
        minutes, pages, asked = measure(many, is_younger=is_younger, is_listed=is_listed)
        words = ("comes" if is_younger else "does not come", "shows all" if is_listed else "proves nothing")
        told = f"{minutes:.1f}" if minutes < MOST_MINUTES else f"more than {MOST_MINUTES}"
        print(f"| {many} | {words[0]} | {words[1]} | {told} | {pages} pages | {asked} |", flush=True)


def measure(many: int, *, is_younger: bool, is_listed: bool) -> tuple[float, int, int]:
    """From the last claim until no batch is in doubt: gateway minutes, pages of history, questions for many."""
    profile = Profile(
        minute_s=MINUTE_S,
        mass_ask_every_s=MINUTE_S,
        duplicate_window_s=MINUTE_S,
        think_s=0.02,
        history_after_s=0.0 if is_listed else 86400.0,
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedRedis(Path(folder), fsync="no", dies_with_parent=True) as server,
        Sandbox(profile, ports=(0, 0)) as sandbox,
    ):
        environ = {
            "SMSQ_HOME": folder,
            "SMSQ_REDIS_URL": server.url,
            "SMSQ_MIRRORS": ",".join(sandbox.mirrors),
            "SMSQ_LOGIN": "demo",
            "SMSQ_PASSWORD": "demo",
            "SMSQ_ACCEPT_LOSS": "1",
            "SMSQ_READ_TIMEOUT_S": "1",
            "SMSQ_LEASE_S": "3",
            "SMSQ_CONNECT_TIMEOUT_S": "1",
            "SMSQ_DOUBT_SETTLE_S": str(300 * SCALE),
            "SMSQ_PEER_CLOSE_S": str(75 * SCALE),
            "SMSQ_ARRIVAL_S": str(120 * SCALE),
            "SMSQ_VISIBLE_S": str(60 * SCALE),
            "SMSQ_MASS_ASK_EVERY_S": str(MINUTE_S),
        }
        runtime = Runtime.build(Settings.load(environ))
        try:
            with _status_worker(environ):
                minutes = _story(runtime, many, is_younger=is_younger)
        finally:
            runtime.ledger.redis.close()
            runtime.journal.close()
        asked = sandbox.call(lambda each: sum(len(ids) > 1 for _, ids in each.gateway.questions))
        return minutes, sandbox.report(with_statuses=False)["requests"].get("history", 0), asked


def _story(runtime: Runtime, many: int, *, is_younger: bool) -> float:
    master, ledger, duty = Master(runtime.ledger, runtime.journal), runtime.ledger, Doubts(runtime)
    master.establish(runtime.settings.account)
    assert master.tick() or master.tick()
    while not runtime.views.lanes().get("status"):
        time.sleep(0.1)
    ledger.control_message(runtime.settings.visible_s)  # notes how short a minute is here
    sender = Sender(runtime, "bench")
    _control(runtime, sender)
    time.sleep(runtime.settings.visible_s)
    refs = _lose(runtime, many)
    began = time.monotonic()
    younger_at = began + runtime.settings.peer_close_s + runtime.settings.arrival_s + MINUTE_S / 2
    left = list(refs)
    while left and time.monotonic() - began < MOST_MINUTES * MINUTE_S:
        duty.tick(0.0)
        if is_younger and time.monotonic() >= younger_at:
            is_younger = False
            _control(runtime, sender)
        time.sleep(duty.every_s)
        left = [b.ref for b in ledger.read(left) if b is not None and b.state == BatchState.DOUBTFUL]
    return (time.monotonic() - began) / MINUTE_S


def _control(runtime: Runtime, sender: Sender) -> None:
    enrolled = runtime.ledger.enrol(NewMessage(PHONE - 1 - secrets.randbelow(10**6), secrets.token_hex(4)))
    sender.send_batches([str(MessageId.parse(enrolled.id).batch)])


def _lose(runtime: Runtime, many: int) -> list[Ref]:
    """A campaign all of whose requests go astray."""
    ledger = runtime.ledger
    opened = ledger.open_campaign(Plan(name="bench", digest=secrets.token_hex(8), text="Hi", template="Hi"))
    packed = [
        pack([PHONE + BATCH * n + k for k in range(BATCH)], None, range(BATCH * n + 1, BATCH * n + BATCH + 1), BATCH)
        for n in range(many)
    ]
    ledger.enrol_range(opened.id, 1, packed, [], BATCH * many)
    ledger.close_campaign(opened.id)
    refs = ledger.feed(opened.id, many, 10_000)[0]
    for place, ref in enumerate(refs):
        claim = ledger.claim(
            ref, secrets.token_hex(8), owner="bench", mirror=runtime.mirrors.bases[place % 2], lease_s=30, parallel=10,
            urgent_slots=3, slot_kept_s=1, credentials="x",
        )  # fmt: skip
        assert isinstance(claim, Claim), claim
        ledger.doubt(claim, "no_answer", 0.0, over=True)
    return refs


@contextmanager
def _status_worker(environ: dict[str, str]) -> Iterator[None]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
    argv = [sys.executable, "-m", "smsq", "worker", "--lane", "status"]
    process = subprocess.Popen(argv, env=ours | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
