"""The state of the whole installation: processes, queues, totals, and what stops sending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.blocking import MINUTE_S, used_ratio
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.limits import is_region
from smsq.worker.domain.money import of_units
from smsq.worker.domain.pace import FREE, Pace
from smsq.worker.domain.sick import Sick
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger.campaigns.overview import FIELDS, Overview, mean_cost
from smsq.worker.ledger.hosts import HostSeen, Missing, missing, signed_off
from smsq.worker.ledger.ledger import Ledger
from smsq.worker.ledger.live_limits import RATES
from smsq.worker.ledger.runs import GATEWAY_ID_LAST
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.totals import Labels, by_metric, spent_in

FEW = 2  # so few messages are asked about singly
WITH_URGENT = ("doubt:urgent", "asks:urgent")  # sets of codes beside those of everything else
OWNER_SILENT_S = 5.0  # a worker that has not beaten for so long is not counted as up


# What halts all sending, in the order of their weight: the ledger fell back, a host is missing from the roll call, ids
# have run out, the log-in was refused, the account is empty.
HALTS = ("fell", "hosts", "ids", "login", "money")


@dataclass(frozen=True, slots=True)
class SickProcess:
    """A worker process that is up and cannot send."""

    owner: str  # lane, host, pid and a word
    why: str  # as in `worker/host/health.py`
    since: float  # Unix seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """What stops all campaigns."""

    halted: str  # a word of `HALTS`; '' for nothing
    missing: Missing | None = None  # hosts that the roll call waits for
    signed_off: tuple[HostSeen, ...] = ()  # hosts that stopped in order
    back_off_s: float  # how much longer the login backs off, because the gateway asked for it
    is_cut_off: bool = False  # workers reached no mirror a moment ago, and no worker is well
    errors: int = 0  # answers with an error since the span began
    errors_back_off_s: float = 0.0  # until that span ends, and the count begins again
    blind: int  # batches whose requests had no answer and of which nothing was found yet
    is_led: bool = True  # a scheduler leads the duties and is not stuck
    ailing: Mapping[str, str] = field(default_factory=dict)  # lanes of which no process can send, each with why
    rate: float = 0.0  # parts per second of all sending, if it was set while everything ran
    pace: Pace = FREE
    sender_rates: Mapping[str, float] = field(default_factory=dict)
    sender_paces: Mapping[str, Pace] = field(default_factory=dict)
    slots: int = 0  # requests that run, or may still run
    hanging: int = 0  # of these, requests whose sender no longer waits for the answer
    slot_at: float = 0.0  # Unix seconds: when the first of their places is free at the latest

    def lane_back_off_s(self, lane: str) -> float:
        """For how many seconds a lane backs off, since more errors would block the address; 0 if it does not."""
        return self.errors_back_off_s if self.errors >= SENDING[lane].most_errors else 0.0

    def sender_pace(self, sender: str) -> Pace:
        """The bucket of a sender."""
        return self.sender_paces.get(sender, FREE)

    def is_blind(self, parallel: int) -> bool:
        """Whether so many outcomes are unknown that no batch is handed out; `parallel` is the most requests at once."""
        return self.blind > blind_limit(parallel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """The balance as it was read `at` (Unix seconds), and what messages are known to have cost since."""

    balance: Decimal
    at: float
    spent: Decimal

    @property
    def about(self) -> Decimal:
        """What the balance should be now."""
        return self.balance - self.spent


def blind_limit(parallel: int) -> int:
    """At how many blind doubts the feed stops handing out batches."""
    return 2 * parallel


@dataclass(frozen=True, slots=True)
class Depth:
    """The ledger's metrics for the exporter: the value of each at one moment, by its labels."""

    shown: Mapping[str, Mapping[Labels, float]]  # a summary's names end in `_sum` and `_count`

    def one(self, metric: str) -> float:
        """The value of a metric without labels, 0 if it is not known."""
        return self.shown[metric].get((), 0)

    def by(self, metric: str) -> dict[str, float]:
        """The values of a metric that has one label, by that label."""
        return {label: value for (label,), value in self.shown[metric].items()}


class Standing:
    """Questions about the whole installation; `Views` has them too."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.redis: Any = ledger.redis
        self.key = ledger.key

    def lanes(self) -> dict[str, int]:
        """How many worker processes of each lane are up."""
        counts: dict[str, int] = {}
        for owner in self.owners(OWNER_SILENT_S):
            lane = owner.split("/", 1)[0]
            counts[lane] = counts.get(lane, 0) + 1
        return counts

    def owners(self, within_s: float) -> list[str]:
        """Worker processes that beat within the last `within_s`."""
        since = int((self.ledger.time() - within_s) * 1000)
        with translated():
            return [owner.decode() for owner in self.redis.zrangebyscore(self.key("owners"), since, "+inf")]

    def sick(self) -> list[SickProcess]:
        """Worker processes that are up and cannot send."""
        since = int((self.ledger.time() - OWNER_SILENT_S) * 1000)
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.zrangebyscore(self.key("owners"), since, "+inf")
            pipe.hgetall(self.key("sick"))
            return _sick(*pipe.execute())

    def in_motion(self) -> dict[str, int]:
        """How many batches are in each set of batches that are not over."""
        names = ("ready:urgent", "ready:bulk", "lease", "doubt", "blind", "parked", "asks", "watch")
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for name in (*names, *WITH_URGENT):
                pipe.zcard(self.key(name))
            found = pipe.execute()
        motion = dict(zip(names, found, strict=False))
        for name, many in zip(WITH_URGENT, found[len(names) :], strict=True):
            motion[name.partition(":")[0]] += many
        return motion

    def wants_history(self) -> bool:
        """Whether to ask for a page of history, not singly: a campaign's batch or three messages are due."""
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for name in ("asks", "doubt", *WITH_URGENT):
                pipe.zrange(self.key(name), 0, FEW)
            found = [Ref.parse(raw) for refs in pipe.execute() for raw in refs]
        return len(found) > FEW or any(ref.campaign for ref in found)

    def depth(self) -> Depth:
        """Counters, gauges and ages, in a few round trips."""
        now = self.ledger.time()
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self.key("totals"))
            pipe.zrange(self.key("asks"), 0, -1)
            pipe.zrange(self.key("asks:urgent"), 0, -1)
            pipe.hgetall(self.key("ctl"))
            pipe.exists(self.key("lead"))
            pipe.zrangebyscore(self.key("owners"), int((now - OWNER_SILENT_S) * 1000), "+inf")
            pipe.hgetall(self.key("sick"))
            pipe.get(self.key("n:gid"))
            pipe.hget(self.key("run"), "gid_last")
            pipe.zrangebyscore(self.key("shield:held"), f"({int(now * 1000)}", "+inf")
            pipe.hgetall(self.key("away"))
            pipe.zrange(self.key("live"), 0, -1)
            pipe.zcount(self.key("slots:ask"), f"({int(now * 1000)}", "+inf")
            pipe.zcount(self.key("limit:balance"), int((now - MINUTE_S) * 1000), "+inf")
            for lane in SENDING:
                pipe.zrange(self.key(f"ready:{lane}"), 0, -1)
            for lane in SENDING:
                pipe.zcount(self.key(f"slots:{lane}"), f"({int(now * 1000)}", "+inf")
            raw, asks, urgent_asks, ctl, leader, owners, sick, gid, last, held, away, *rest = pipe.execute()
        live, questions, balances, *rest = rest
        oldest, slots = rest[: len(SENDING)], rest[len(SENDING) :]
        totals = {field.decode(): int(value) for field, value in raw.items()}
        overview, logins = self._overview(live, totals, ctl.get(b"bad_login", b""), now)
        used = {
            "errors": int(ctl.get(b"errors", 0)) if float(ctl.get(b"errors_until", 0)) / 1000 > now else 0,
            "logins": logins,
            "sends": sum(slots),
            "questions": questions,
            "balance": balances,
        }
        left = _ids_left(gid, last)
        halts, ill = _halts(ctl, left, owners, sick), Counter(each.why for each in _sick(owners, sick))
        return Depth(
            {
                **by_metric(totals),
                "smsq_queue_oldest_seconds": {
                    (lane,): self._age(found, now) for lane, found in zip(SENDING, oldest, strict=True)
                },
                "smsq_campaigns": {(word,): many for word, many in overview.standings.items()},
                "smsq_campaigns_auto_paused": {(why,): many for why, many in overview.stopped.items()},
                "smsq_queued_messages": {(lane,): many for lane, many in overview.queued.items()},
                "smsq_queued_cost": {(): overview.cost} if overview.cost is not None else {},
                "smsq_limit_used_ratio": {(name,): used_ratio(name, many) for name, many in used.items()},
                "smsq_slots": {(lane,): held for lane, held in zip(SENDING, slots, strict=True)},
                "smsq_status_age_seconds": {(): self._age([*asks, *urgent_asks], now)},
                "smsq_visible_after_seconds": _known(ctl, b"visible_after"),
                "smsq_balance": _known(ctl, b"balance"),
                "smsq_leader": {(): int(leader)},
                "smsq_owners": {(): len(owners)},
                "smsq_halted": {(why,): int(why in halts) for why in HALTS},
                "smsq_missing_hosts": {(): len(ctl.get(b"waits", b"").split())},
                "smsq_signed_off_hosts": {(): len(away)},
                "smsq_sick_processes": {(why,): ill[why] for why in Sick},
                "smsq_gateway_ids_left": {(): left},
                "smsq_shield_holds": {(): len(held)},
                "smsq_shield_country_holds": {(): sum(is_region(name.decode()) for name in held)},
            }
        )

    def _overview(
        self, live: Sequence[bytes], totals: Mapping[str, int], refused: bytes, now: float
    ) -> tuple[Overview, int]:
        """What campaigns come to, and how often the log-in with this fingerprint was tried since it was refused."""
        tried = f"login:{refused.decode()}"
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.hget(self.ledger.keys.campaign(""), "s:queued")
            pipe.zcard(self.key(f"limit:{tried}"))
            for campaign_id in live:
                pipe.hmget(self.ledger.keys.campaign(campaign_id.decode()), FIELDS)
            queued, tries, *campaigns = pipe.execute()
        ready = BatchState.READY.value  # a single message is a batch; those of campaigns are all in one lane
        singles = {lane: max(0, totals.get(f"batches:{lane}:{ready}", 0)) for lane in SENDING if lane != "bulk"}
        singles["bulk"] = max(0, int(queued or 0) - sum(singles.values()))
        found = Overview.of(
            campaigns,
            singles=singles,
            mean_cost=mean_cost(totals),
            now_ms=now * 1000,
        )
        return found, tries if refused else 0

    def _age(self, refs: Sequence[bytes], now: float) -> float:
        """Seconds since the oldest of these batches was enrolled: that is the order of numbers, not of scores."""
        oldest = min(refs, key=lambda ref: int(ref.partition(b"@")[0]), default=None)
        batch = self.ledger.read([Ref.parse(oldest)])[0] if oldest is not None else None
        return max(0.0, now - batch.enrolled_at) if batch is not None and batch.enrolled_at else 0.0

    def astray(self) -> dict[str, int]:
        """By lane, how many slots are held by requests whose sender no longer waits for the answer."""
        shown = self.depth().shown
        batches, slots = shown["smsq_batches"], shown["smsq_slots"]
        return {lane: max(0, int(held - batches[lane, "sending"])) for (lane,), held in slots.items()}

    def balance(self) -> tuple[Decimal, float] | None:
        """The last known balance and when it was read (Unix seconds); None if none is known."""
        with translated():
            amount, at = self.redis.hmget(self.key("ctl"), ["balance", "balance_at"])
        return (Decimal(amount.decode()), float(at)) if amount is not None else None

    def funds(self) -> Funds | None:
        """What is left of the last known balance; None if none is known."""
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(self.key("ctl"), ["balance", "balance_at", "balance_spent"])
            pipe.hgetall(self.key("totals"))
            (balance, at, spent_then), totals = pipe.execute()
        if balance is None:
            return None
        since = spent_in(totals) - int(spent_then if spent_then is not None else spent_in(totals))
        return Funds(balance=Decimal(balance.decode()), at=float(at), spent=max(Decimal(0), of_units(since)))

    def halted(self) -> str:
        """What halts all sending, a word of `HALTS`; '' for nothing."""
        return self.brakes().halted

    def brakes(self) -> Brakes:
        """What stops all campaigns at this moment."""
        now = self.ledger.time()
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self.key("ctl"))
            pipe.zcard(self.key("blind"))
            pipe.exists(self.key("lead"))
            pipe.zrangebyscore(self.key("owners"), int((now - OWNER_SILENT_S) * 1000), "+inf")
            pipe.hgetall(self.key("sick"))
            pipe.get(self.key("n:gid"))
            pipe.hget(self.key("run"), "gid_last")
            pipe.hgetall(self.key("homes"))
            pipe.hgetall(self.key("away"))
            pipe.hgetall(self.key("bucket"))
            for lane in SENDING:
                pipe.zrangebyscore(self.key(f"slots:{lane}"), f"({int(now * 1000)}", "+inf", withscores=True)
            pipe.zcard(self.key("lease"))
            ctl, blind, leader, owners, sick, gid, last, homes, away, bucket, *slots, sending = pipe.execute()
        taken = [until_ms / 1000 for lane in slots for _, until_ms in lane]
        is_unreached = float(ctl.get(b"unreached_until", 0)) / 1000 > now
        errors_back_off_s = max(0.0, float(ctl.get(b"errors_until", 0)) / 1000 - now)
        return Brakes(
            halted=next(iter(_halts(ctl, _ids_left(gid, last), owners, sick)), ""),
            missing=missing(ctl, homes, away),
            signed_off=signed_off(homes, away),
            back_off_s=max(0.0, float(ctl.get(b"quiet_until", 0)) / 1000 - now),
            is_cut_off=is_unreached and not _is_somebody_well(owners, sick),
            errors=int(ctl.get(b"errors", 0)) if errors_back_off_s else 0,
            errors_back_off_s=errors_back_off_s,
            blind=blind,
            is_led=bool(leader),
            ailing=_ailing(owners, sick),
            rate=float(ctl.get(b"rate", 0)),
            pace=Pace.read(bucket.get(b"tokens"), bucket.get(b"at")),
            sender_rates=RATES.decode(ctl.get(b"sender_rates", b"{}")),
            sender_paces=_sender_paces(bucket),
            slots=len(taken),
            hanging=max(0, len(taken) - sending),
            slot_at=min(taken, default=0.0),
        )


def _halts(
    ctl: Mapping[bytes, bytes], ids_left: int, owners: Sequence[bytes], sick: Mapping[bytes, bytes]
) -> tuple[str, ...]:
    holds = {
        "fell": b"fell" in ctl,
        "hosts": b"waits" in ctl,
        "ids": ids_left == 0,
        "login": b"bad_login" in ctl and not _is_somebody_well(owners, sick),  # a single host may have an old password
        "money": b"no_money" in ctl,
    }
    return tuple(word for word in HALTS if holds[word])


def _ids_left(gid: bytes | None, last: bytes | None) -> int:
    return max(0, int(last or GATEWAY_ID_LAST) - int(gid or 0))


def _is_somebody_well(owners: Sequence[bytes], sick: Mapping[bytes, bytes]) -> bool:
    """Whether a process of a sending lane is up and not sick."""
    return any(owner.startswith((b"urgent/", b"bulk/")) and owner not in sick for owner in owners)


def _sick(owners: Sequence[bytes], sick: Mapping[bytes, bytes]) -> list[SickProcess]:
    found = []
    for owner in owners:
        if owner in sick:
            why, _, since = sick[owner].decode().partition(" ")
            found.append(SickProcess(owner.decode(), why, float(since or 0) / 1000))
    return found


def _sender_paces(bucket: Mapping[bytes, bytes]) -> dict[str, Pace]:
    names = [name.removeprefix(b"tokens:") for name in bucket if name.startswith(b"tokens:")]
    return {name.decode(): Pace.read(bucket[b"tokens:" + name], bucket.get(b"at:" + name)) for name in names}


def _ailing(owners: Sequence[bytes], sick: Mapping[bytes, bytes]) -> dict[str, str]:
    """Lanes of which processes are up and none can send, each with why the first of them cannot."""
    ill = {each.owner: each.why for each in _sick(owners, sick)}
    lanes = dict.fromkeys(owner.decode().partition("/")[0] for owner in owners)
    found = {lane: [name for name in map(bytes.decode, owners) if name.startswith(f"{lane}/")] for lane in lanes}
    return {lane: ill[names[0]] for lane, names in found.items() if all(name in ill for name in names)}


def _known(ctl: Mapping[bytes, bytes], field: bytes) -> dict[Labels, float]:
    """The value of a field of `ctl`, without labels; empty until it was noted once."""
    return {(): float(ctl[field])} if field in ctl else {}
