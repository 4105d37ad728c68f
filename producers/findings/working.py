"""Findings about processes: the lanes, the scheduler, and whether workers wait for hints."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from smsq.producers.findings import Finding, private
from smsq.producers.waits import AILMENTS
from smsq.worker.domain.lane import LANES

if TYPE_CHECKING:
    from smsq.producers.adoption import Up
    from smsq.worker.ledger.standing import SickProcess
    from smsq.worker.runtime import Runtime

LOOKS, LOOK_AGAIN_S = 5, 0.1  # whether anybody waits for hints; one may be between two waits
IDLE = "none leads: campaigns are not handed out, and codes that are in doubt or have a next channel wait"


def broker(runtime: Runtime, up: Up | None = None) -> Iterator[Finding]:
    """Whether the queues can be reached, and workers wait for hints; `up` is the `smsq up` of this home."""
    from smsq.worker.queues.broker import AMQP
    from smsq.worker.redis_client import where
    from smsq.worker.redis_health import NoAnswer, told

    url = runtime.broker_url
    if url.startswith(AMQP):
        yield from _rabbitmq(runtime)
        return
    try:
        theirs, is_heard = told(url).run_id, _is_waited_at(url)
        ours = told(runtime.redis_url).run_id
    except NoAnswer as error:
        if refused := error.refused("SMSQ_BROKER_URL", "broker.acl"):
            said, _, cure = refused.partition(": ")
            yield Finding("broker", "fail", f"{where(url)}: {said}", cure or "correct SMSQ_BROKER_URL", True)
            return
        cure = private.cure(up, url, private.QUEUES) or "start it"
        yield Finding("broker", "fail", f"{where(url)} does not answer ({error.why})", cure, True)
        return
    if theirs == ours:
        cure = "in production give the broker its own server: set SMSQ_BROKER_URL"
        yield Finding("broker", "ok", "ledger and broker share one server, which is fine for one machine", cure)
    else:
        yield Finding("broker", "ok", "ledger and broker have separate servers")
    if runtime.views.lanes() and not runtime.views.sick() and not is_heard:
        said = f"workers are up, but none listens for hints at {where(url)}: messages wait for the next sweep"
        yield Finding("hints", "warn", said, "set the same SMSQ_BROKER_URL everywhere; up.json holds that of `smsq up`")


def _rabbitmq(runtime: Runtime) -> Iterator[Finding]:
    """Whether RabbitMQ answers, and each lane that is up takes hints from its queues."""
    from dramatiq.errors import ConnectionClosed

    from smsq.worker.queues.rabbitmq import RabbitHintBroker

    broker, lanes = runtime.broker, runtime.views.lanes()
    assert isinstance(broker, RabbitHintBroker)
    try:
        told = {queue.name: broker.told(queue.name) for lane in lanes for queue in LANES[lane].queues}
        waiting = sum(hints for hints, _ in told.values()) if told else broker.depth("bulk")
    except ConnectionClosed as error:
        yield Finding("broker", "fail", str(error), "start it, or correct SMSQ_BROKER_URL", True)
        return
    yield Finding("broker", "ok", f"RabbitMQ carries the hints, of which {waiting} wait")
    deaf = sorted(queue for queue, (_, consumers) in told.items() if not consumers)
    if deaf and not runtime.views.sick():
        said = f"workers are up, but none takes hints from {', '.join(deaf)}: messages wait for the next sweep"
        yield Finding("hints", "warn", said, "set the same SMSQ_BROKER_URL everywhere; up.json holds that of `smsq up`")


def _is_waited_at(url: str) -> bool:
    """Whether a worker waits for a bell at this server: idle lanes do, nearly always."""
    from smsq.worker.redis_health import waiting

    for _ in range(LOOKS):
        if waiting(url):
            return True
        time.sleep(LOOK_AGAIN_S)
    return False


def processes(runtime: Runtime, is_up: bool) -> Iterator[Finding]:
    """Whether every kind is there; `is_up`: a supervisor of this home starts again what is missing."""
    lanes = runtime.views.lanes()
    again = "`smsq up` restarts what died or hangs within seconds; if it stays away, see logs/{}*.log in its home"
    for lane in LANES:
        count = lanes.get(lane, 0)
        cure = "" if count else again.format(lane) if is_up else f"`smsq up`, or `smsq worker --lane {lane}`"
        yield Finding(f"lane {lane}", "ok" if count else "fail", f"{count} worker processes are up", cure)
    yield from _sick(runtime, lanes)
    is_led = runtime.views.brakes().is_led
    cure = "" if is_led else again.format("scheduler") if is_up else "`smsq up`, or `smsq scheduler`"
    said = "one leads" if is_led else IDLE
    yield Finding("scheduler", "ok" if is_led else "fail", said, cure)


def _sick(runtime: Runtime, lanes: Mapping[str, int]) -> Iterator[Finding]:
    """Processes that are up and cannot send, a line for each host and reason; without any other a lane is stuck."""
    found: dict[tuple[str, str], list[SickProcess]] = {}
    for each in runtime.views.sick():
        found.setdefault((each.owner.split("/")[1], each.why), []).append(each)
    in_lane = Counter(each.owner.split("/")[0] for several in found.values() for each in several)
    for (host, why), several in found.items():
        kinds = sorted({each.owner.split("/")[0] for each in several})
        is_stopped = any(in_lane[lane] >= lanes.get(lane, 0) for lane in kinds)
        ago_s = max(0.0, runtime.ledger.time() - min(each.since for each in several))
        what, cure = AILMENTS.get(why, (why, ""))
        rest = "nobody else can send either" if is_stopped else "others do their work"
        said = f"{len(several)} processes ({', '.join(kinds)}) on {host} {what}, for {ago_s:.0f} s; {rest}"
        yield Finding("sick", "fail" if is_stopped else "warn", said, cure, why == "gateway" and is_stopped)
