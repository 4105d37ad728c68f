"""A whole installation in one process, for tests: private Redis, sandbox, every lane and the scheduler, as threads.

The parts are those of `smsq up --sandbox`, in one process instead of ten, so that it is there within a second or two.
It is a process of its own, so that a test may stop the clock, fork, or patch what it likes. It reads `SMSQ_HOME` and
other settings from the environment, prints one JSON line once everything works, and ends with its standard input.
Nothing leaves this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smsq.worker import logs
from smsq.worker.domain.errors import BadSettings, LedgerTrouble
from smsq.worker.domain.lane import LANES
from smsq.worker.settings import Settings

if TYPE_CHECKING:
    from smsq.worker.runtime import Runtime

OTP_THREADS, THREADS = 4, 2  # of a lane that carries codes, and of any other
BEAT_S = 0.5
LOOK_S = 0.2  # how often the roll call is looked at, and whether our parent is still there

# Both sides wait as long as a test may: the sandbox's limits are as short, its handsets answer at once.
SETTINGS: Mapping[str, str] = {
    "SMSQ_DOUBT_SETTLE_S": "4",
    "SMSQ_PEER_CLOSE_S": "1",
    "SMSQ_ARRIVAL_S": "1.5",
    "SMSQ_VISIBLE_S": "0.5",
    "SMSQ_READ_TIMEOUT_S": "2",
    "SMSQ_LEASE_S": "3.5",
    "SMSQ_KEEP_IDLE_S": "0.5",
    "SMSQ_MASS_ASK_EVERY_S": "0.2",
    "SMSQ_ASK_EVERY_S": "0.2,0.5,1,2",
    "SMSQ_HISTORY_EVERY_S": "1",
    "SMSQ_CODE_COOLDOWN_S": "1",
    "SMSQ_SHIELD": "watch",  # a test's phones all look alike
}
PROFILE: Mapping[str, Any] = {
    "peer_close_s": 1.0,
    "arrival_s": 1.0,
    "handover_after_s": 0.0,
    "deliver_after_s": (0.0, 0.1),
    "asks_per_minute": 1000,
}


def environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """What the process is started with: its account, the short times, and what a test suite sets besides."""
    return {
        **SETTINGS,
        **settings,
        "SMSQ_HOME": str(home),
        "SMSQ_LOGIN": "test",
        "SMSQ_PASSWORD": secrets.token_hex(8),
        "SMSQ_SECRET_KEY": secrets.token_hex(32),
    }


def main() -> None:
    """Run until standard input ends; raises what kept it from starting."""
    from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
    from smsq.worker.sandbox import Profile, Sandbox

    logs.configure("warning", "console")
    said = Settings.load(os.environ)
    if said.login is None or said.password is None:
        raise BadSettings("only the fixtures of `smsq.testing` start this, with an account of its own")
    profile = Profile(login=said.login, password=said.password.reveal()).scaled(0.003).with_values(PROFILE)
    with EmbeddedRedis(said.home, dies_with_parent=True) as redis, Sandbox(profile, (0, 0)) as sandbox:
        urls = {
            "SMSQ_REDIS_URL": redis.url,
            "SMSQ_BROKER_URL": redis.broker_url,
            "SMSQ_MIRRORS": ",".join(sandbox.mirrors),
        }
        _run(Settings.load({**os.environ, **urls}), {"environ": urls, "control": sandbox.control})
    os._exit(0)  # workers are not waited for: what they hold goes with the ledger


def _run(settings: Settings, told: Mapping[str, Any]) -> None:
    """Found the ledger, run every lane and the scheduler, say `told`, and return when our parent goes."""
    from smsq.worker.processes.host_ledger import HostLedger
    from smsq.worker.runtime import Runtime
    from smsq.worker.scheduler.loop import Scheduler

    runtime = Runtime.build(settings)
    host_ledger = HostLedger(runtime)
    host_ledger.begin()
    while runtime.views.halted() or not runtime.journal.newest_run():  # no claim is said before its run is followed
        host_ledger.tick()
        runtime.clock.wait(0.01)
    for lane, row in LANES.items():
        _start_lane(settings, lane, OTP_THREADS if row.carries_otp else THREADS)
    threading.Thread(target=Scheduler(runtime).run, name="scheduler", daemon=True).start()
    print(json.dumps(told), flush=True)
    while not select.select([sys.stdin], [], [], LOOK_S)[0] or os.read(sys.stdin.fileno(), 1):
        with contextlib.suppress(LedgerTrouble):
            host_ledger.tick()


def _start_lane(settings: Settings, lane: str, threads: int) -> None:
    """The workers of a lane, with what a process of their own would have: connections, journal, name and beats."""
    from smsq.worker.actors import declare
    from smsq.worker.processes.lane import owner_name, workers_of
    from smsq.worker.runtime import Runtime

    runtime, owner = Runtime.build(settings), owner_name(lane)
    _ = runtime.credentials
    declare(runtime, lane, owner)
    runtime.ledger.beat(owner)
    threading.Thread(target=_beat, args=(runtime, owner), name=f"beats of {lane}", daemon=True).start()
    for worker in workers_of(runtime, lane, threads):
        worker.start()


def _beat(runtime: Runtime, owner: str) -> None:
    while not runtime.clock.wait(BEAT_S, runtime.stopping):
        with contextlib.suppress(LedgerTrouble):
            runtime.ledger.beat(owner)


if __name__ == "__main__":
    main()
