"""Who works: the lanes, the scheduler, and whether anybody waits for hints."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from smsq.producers.cli.findings import Finding
from smsq.producers.cli.findings.machine import reach

if TYPE_CHECKING:
    from smsq.worker.runtime import Runtime

LANES = ("urgent", "bulk", "status", "chores")
LOOKS, LOOK_AGAIN_S = 5, 0.1  # whether anybody waits for hints; one may be between two waits
IDLE = "none leads: campaigns are not handed out; codes in doubt, and those with another channel to come, wait"


def broker(runtime: Runtime) -> Iterator[Finding]:
    """Whether the queues can be reached, and somebody waits at them."""
    import redis

    from smsq.worker.redis_client import connect, no_right, where

    url = runtime.broker_url
    if not url.startswith(("redis", "unix")):
        parts = urlsplit(url)
        said = reach(parts.hostname or "", parts.port or 5672, None, 3.0)
        yield Finding("broker", "fail" if said else "ok", said or f"{parts.hostname} takes connections", "", bool(said))
        return
    try:
        with contextlib.closing(connect(url)) as client:
            theirs = client.info("server")["run_id"]
            is_heard = _is_waited_at(client)
        ours = runtime.ledger.redis.info("server")["run_id"]
    except redis.RedisError as error:
        if refused := no_right(error, "SMSQ_BROKER_URL", "broker.acl"):
            said, _, cure = refused.partition(": ")
            yield Finding("broker", "fail", f"{where(url)}: {said}", cure or "correct SMSQ_BROKER_URL", True)
            return
        yield Finding("broker", "fail", f"{where(url)} does not answer ({type(error).__name__})", "start it", True)
        return
    if theirs == ours:
        cure = "in production give the broker a server of its own by SMSQ_BROKER_URL"
        yield Finding("broker", "ok", "ledger and broker share one server, which is fine for one machine", cure)
    else:
        yield Finding("broker", "ok", "ledger and broker have a server each")
    if runtime.views.lanes() and not is_heard:
        said = f"workers are up, but none waits for hints at {where(url)}: messages wait for the next sweep"
        yield Finding("hints", "warn", said, "name the same SMSQ_BROKER_URL everywhere; up.json has that of `smsq up`")


def _is_waited_at(client: Any) -> bool:
    """Whether somebody waits for a bell at this server: lanes without work do, nearly always."""
    for _ in range(LOOKS):
        if client.info("clients")["blocked_clients"]:
            return True
        time.sleep(LOOK_AGAIN_S)
    return False


def processes(runtime: Runtime, is_up: bool) -> Iterator[Finding]:
    """Whether every kind is there; `is_up`: a supervisor of this home starts again what is missing."""
    lanes = runtime.views.lanes()
    again = "`smsq up` starts what died or fell silent again within seconds; if it stays away, see its logs/{}*.log"
    for lane in LANES:
        count = lanes.get(lane, 0)
        cure = "" if count else again.format(lane) if is_up else f"`smsq up`, or `smsq worker --lane {lane}`"
        yield Finding(f"lane {lane}", "ok" if count else "fail", f"{count} worker processes are up", cure)
    depth = runtime.views.depth()
    cure = "" if depth.leader else again.format("scheduler") if is_up else "`smsq up`, or `smsq scheduler`"
    said = "one leads" if depth.leader else IDLE
    yield Finding("scheduler", "ok" if depth.leader else "fail", said, cure)
