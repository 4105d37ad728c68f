"""The whole installation at one moment, for a view that is drawn again and again.

Values come from the ledger; those of mirrors from the metrics page of this host, if it answers. Rates are those of the
last few seconds. Looking changes nothing.
"""

from __future__ import annotations

import contextlib
import math
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from http.client import HTTPException
from typing import Any

from smsq.producers import progress, waits
from smsq.worker.clock import Clock
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.lane import LANES, SENDING
from smsq.worker.domain.status import FINAL_STATUSES
from smsq.worker.ledger.standing import Brakes, Depth
from smsq.worker.ledger.views import CampaignView, Views
from smsq.worker.redis_health import Load, NoAnswer, load
from smsq.worker.runtime import Runtime

RATE_OVER_S = 5.0  # rates are those of the last so many seconds
PAGE_S = 1.0  # how long the metrics page is waited for
MOST_PAGE = 8 * 2**20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneNow:
    """One lane; the counts of batches and messages are 0 for a lane that does not send."""

    name: str
    processes: int  # worker processes that are up
    ails: str = ""  # why none of them can send, a word; '' if one can
    queued: int = 0  # messages that wait to be sent
    ready: int = 0  # batches, here and below
    sending: int = 0
    doubtful: int = 0
    parked: int = 0
    oldest_s: float = 0.0  # age of the oldest batch that is ready


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorNow:
    """One mirror, as the processes of this host see it."""

    name: str
    is_up: bool
    requests: float  # a second
    seconds: float | None  # a send took so long on average; None if there was none


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignNow:
    """A campaign that is not over."""

    id: str
    name: str
    state: str
    messages: int
    left: int  # of these have left
    rate: float  # messages a second
    waits: str  # why it does not move, in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """A picture of the installation; money is in the account's currency, times are Unix seconds."""

    at: float
    lanes: tuple[LaneNow, ...]
    requests: float  # sends a second, and messages a second that were accepted and that became final
    accepted: float
    final: float
    campaigns: tuple[CampaignNow, ...]
    mirrors: tuple[MirrorNow, ...] | None  # None if this host's metrics page does not answer
    doubts: int  # batches, of these some
    parked: int
    pending: int  # accepted messages without a final status
    balance: float | None
    queued_cost: float | None  # None if it is not known
    holds: int  # of the shield
    country_holds: int
    halted: str  # in a sentence, '' while sending is not halted
    back_off: str  # the same of a back-off
    is_led: bool
    missing_hosts: int
    sick: Mapping[str, int] = field(default_factory=dict)  # processes that cannot send, by reason
    doubles: int = 0
    memory: int | None = None  # bytes of the ledger's server; None if it may not be asked
    memory_limit: int = 0  # 0 for none
    trouble: str = ""  # why this picture is old, '' if it is not


class Once:
    """What campaigns wait for is asked for many of them: the ledger is read once for all."""

    def __init__(self, views: Views) -> None:
        self._brakes, self._lanes = views.brakes(), views.lanes()

    def brakes(self) -> Brakes:
        """As `Views.brakes`."""
        return self._brakes

    def lanes(self) -> dict[str, int]:
        """As `Views.lanes`."""
        return self._lanes


class Look:
    """Looks at an installation again and again."""

    def __init__(self, runtime: Runtime, read_page: Callable[[], str | None] | None = None) -> None:
        self._runtime = runtime
        self._read_page = read_page or partial(page_at, runtime.settings.metrics_addr)
        self._rates = Rates(runtime.clock)
        self._last: Now | None = None

    def now(self) -> Now:
        """The installation now; if the ledger is away, the last picture with the reason. Raises it without one."""
        try:
            self._last = self._look()
        except LedgerTrouble as error:
            if self._last is None:
                raise
            self._last = _old(self._last, error.sentence)
        return self._last

    def _look(self) -> Now:
        runtime = self._runtime
        depth, once = runtime.views.depth(), Once(runtime.views)
        brakes, shown = once.brakes(), depth.shown
        views = runtime.views.campaigns(live_only=True)
        told = shown["smsq_messages_total"]
        rate = self._rates.of(
            {
                "requests": -depth.one("smsq_gateway_ids_left"),  # each claim takes one
                "accepted": _sum(told, lambda status: status == "accepted"),
                "final": _sum(told, lambda status: status in FINAL_STATUSES),
                **{f"campaign {view.id}": _left(view) for view in views},
            }
        )
        found = self._load()
        return Now(
            at=runtime.clock.now(),
            lanes=tuple(_lane(name, depth, once) for name in LANES),
            requests=rate["requests"],
            accepted=rate["accepted"],
            final=rate["final"],
            campaigns=tuple(self._campaign(view, once, rate) for view in views if not view.is_over),
            mirrors=self._mirrors(),
            doubts=round(sum(shown["smsq_batches"][lane, "doubtful"] for lane in SENDING)),
            parked=round(sum(shown["smsq_batches"][lane, "parked"] for lane in SENDING)),
            pending=round(depth.one("smsq_pending_statuses")),
            balance=shown["smsq_balance"].get(()),
            queued_cost=shown["smsq_queued_cost"].get(()),
            holds=round(depth.one("smsq_shield_holds")),
            country_holds=round(depth.one("smsq_shield_country_holds")),
            halted=waits.halted(brakes) if brakes.halted else waits.CUT_OFF if brakes.is_cut_off else "",
            back_off=waits.back_off(brakes, "bulk"),
            is_led=brakes.is_led,
            missing_hosts=round(depth.one("smsq_missing_hosts")),
            sick={why: round(many) for why, many in depth.by("smsq_sick_processes").items() if many},
            doubles=round(depth.one("smsq_double_accepts_total")),
            memory=found.memory if found is not None else None,
            memory_limit=found.memory_limit if found is not None else 0,
        )

    def _load(self) -> Load | None:
        with contextlib.suppress(NoAnswer):
            return load(self._runtime.redis_url)
        return None

    def _campaign(self, view: CampaignView, once: Once, rate: Mapping[str, float]) -> CampaignNow:
        runtime = self._runtime
        return CampaignNow(
            id=view.id,
            name=view.name,
            state=view.standing,
            messages=view.messages,
            left=_left(view),
            rate=rate[f"campaign {view.id}"],
            waits=waits.why(once, view, runtime.clock.now(), runtime.settings.parallel_sends),
        )

    def _mirrors(self) -> tuple[MirrorNow, ...] | None:
        page = self._read_page()
        if page is None:
            return None
        up, seconds, sends = dict[str, float](), dict[str, float](), dict[str, float]()
        for name, labels, value in _samples(page):
            mirror = labels.get("mirror", "")
            if name == "smsq_mirror_up":
                up[mirror] = value
            elif labels.get("command") == "send":
                (seconds if name.endswith("_sum") else sends)[mirror] = value
        counts = {f"sends {mirror}": sends.get(mirror, 0.0) for mirror in up}
        rate = self._rates.of(counts | {f"seconds {mirror}": seconds.get(mirror, 0.0) for mirror in up})
        return tuple(
            MirrorNow(
                name=mirror,
                is_up=is_up > 0,
                requests=rate[f"sends {mirror}"],
                seconds=rate[f"seconds {mirror}"] / rate[f"sends {mirror}"] if rate[f"sends {mirror}"] > 0 else None,
            )
            for mirror, is_up in sorted(up.items())
        )


class Rates:
    """How fast counters grow: over the last few seconds, 0 at the first look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, deque[tuple[float, float]]] = {}

    def of(self, counters: Mapping[str, float]) -> dict[str, float]:
        """By the counters' names, so much a second; one that begins anew has grown by nothing."""
        now = self._clock.monotonic()
        found = {}
        for name, value in counters.items():
            seen = self._seen.setdefault(name, deque())
            if seen and value < seen[-1][1]:
                seen.clear()
            seen.append((now, value))
            while len(seen) > 2 and now - seen[1][0] >= RATE_OVER_S:
                seen.popleft()
            took = now - seen[0][0]
            found[name] = (value - seen[0][1]) / took if took > 0 else 0.0
        return found


def page_at(address: str) -> str | None:
    """The metrics page that this host serves at an address (`host:port`); None if it does not answer soon."""
    host, _, port = address.rpartition(":")
    if host in ("", "0.0.0.0", "[::]", "::"):  # it listens everywhere, so here too
        host = "127.0.0.1"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{host}:{port}/metrics", timeout=PAGE_S) as answer:
            body: bytes = answer.read(MOST_PAGE)
    except (OSError, ValueError, HTTPException):
        return None
    return body.decode("utf-8", "replace")


def _samples(page: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """What the page says of mirrors."""
    from prometheus_client.parser import text_string_to_metric_families

    wanted = ("smsq_mirror_up{", "smsq_gateway_request_seconds_sum{", "smsq_gateway_request_seconds_count{")
    lines = [line for line in page.splitlines() if line.startswith(wanted)]
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def _lane(name: str, depth: Depth, once: Once) -> LaneNow:
    up, ails = once.lanes().get(name, 0), once.brakes().ailing.get(name, "")
    if name not in SENDING:
        return LaneNow(name=name, processes=up, ails=ails)
    batches = depth.shown["smsq_batches"]
    return LaneNow(
        name=name,
        processes=up,
        ails=ails,
        queued=round(depth.by("smsq_queued_messages")[name]),
        ready=round(batches[name, "ready"]),
        sending=round(batches[name, "sending"]),
        doubtful=round(batches[name, "doubtful"]),
        parked=round(batches[name, "parked"]),
        oldest_s=depth.by("smsq_queue_oldest_seconds")[name],
    )


def _left(view: CampaignView) -> int:
    return progress.Picture(view=view, rate=0.0, left_s=None, waits="").left


def _sum(told: Mapping[tuple[str, ...], float], is_meant: Callable[[str], bool]) -> float:
    return math.fsum(value for (_, _, status), value in told.items() if is_meant(status))


def _old(picture: Now, why: str) -> Now:
    """The same picture, with why it is no longer true."""
    return replace(picture, trouble=why, requests=0.0, accepted=0.0, final=0.0)


def as_object(picture: Now) -> dict[str, Any]:
    """The picture for machines; times in ISO 8601 (UTC), null if something is not known."""
    from smsq.producers.report import iso

    told = asdict(picture)
    return {**told, "at": iso(picture.at)}
