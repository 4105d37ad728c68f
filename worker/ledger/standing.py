"""How the whole stands: processes, queues, totals, and what keeps everything from going on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.guard import MOST_ERRORS
from smsq.worker.domain.limits import is_region
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger.hosts import Missing, missing
from smsq.worker.ledger.keys import LANES
from smsq.worker.ledger.layout import RESENT_BY
from smsq.worker.ledger.ledger import Ledger
from smsq.worker.ledger.runs import GATEWAY_ID_LAST
from smsq.worker.ledger.store import COST_UNITS, translated

FEW = 2  # messages that are asked about by themselves
WITH_URGENT = ("doubt:urgent", "asks:urgent")  # sets of codes beside those of everything else
OWNER_SILENT_S = 5.0  # a worker that has not beaten for so long is not counted as up


# What halts everything, the first that holds first: the ledger fell back, a host is missing from the roll call, ids are
# at their end, the log-in was refused, the account is empty.
HALTS = ("fell", "hosts", "ids", "login", "money")


@dataclass(frozen=True, slots=True)
class SickProcess:
    """A worker process that lives and cannot send."""

    owner: str  # lane, host, pid and a word
    why: str  # as in `worker/host/health.py`
    since: float  # Unix seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """What keeps all campaigns from going on."""

    halted: str  # a word of `HALTS`; '' for nothing
    missing: Missing | None = None  # whom the roll call waits for
    rests_s: float  # how long the login rests yet, because the gateway asked for it
    is_cut_off: bool = False  # workers could reach no mirror a moment ago, and none of them is well
    errors: int = 0  # answers with an error since their span began
    errors_rest_s: float = 0.0  # until that span ends, and they are counted from the beginning
    blind: int  # batches of whose messages nothing is known since their requests went astray
    is_led: bool = True  # a scheduler leads the duties; one that stands still does not

    def errors_rest(self, lane: str) -> float:
        """For how many seconds a lane rests because many errors would block the address; 0 where it does not."""
        return self.errors_rest_s if self.errors >= MOST_ERRORS[lane] else 0.0

    def is_blind(self, parallel: int) -> bool:
        """Whether so many outcomes are unknown that nothing more is handed out, with so many requests at once."""
        return self.blind > blind_limit(parallel)


def blind_limit(parallel: int) -> int:
    """How many blind doubts the feed bears."""
    return 2 * parallel


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """What the exporter reads at scrape time."""

    batches: Mapping[tuple[str, str], int]
    messages: Mapping[tuple[str, str, str], int]
    queue_oldest_seconds: Mapping[str, float]
    pending_statuses: int
    status_age_seconds: float
    costs: Mapping[str, float]
    double_accepts: int
    resends: Mapping[str, int]  # by who chose: sent again while an earlier attempt might live
    resend_doubles: int  # messages that were accepted twice by that
    late_arrivals: int
    alarms: Mapping[str, int]
    leases_expired: Mapping[str, int]
    doubts: Mapping[str, int]
    codes: Mapping[str, int]  # sent, resent, and tries by their verdict
    doubt_seconds: Mapping[str, tuple[int, float]]  # by outcome: how many, and seconds in all
    code_steps: Mapping[tuple[str, str], int]  # by channel, and why it was tried or not
    balance: float | None
    visible_after_seconds: float | None
    leader: bool
    owners: int
    sick: Mapping[str, int]  # processes that cannot send, by why
    halts: tuple[str, ...]  # of `HALTS`, those that hold
    missing_hosts: int
    gateway_ids_left: int
    slots: Mapping[str, int]  # by lane: requests that may be running, those that went astray among them
    shield: Mapping[str, int]  # by decision
    shield_holds: int
    shield_country_holds: int


class Standing:
    """Questions about everything at once; `Views` has them too."""

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
        """Worker processes that live and cannot send."""
        since = int((self.ledger.time() - OWNER_SILENT_S) * 1000)
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.zrangebyscore(self.key("owners"), since, "+inf")
            pipe.hgetall(self.key("sick"))
            return _sick(*pipe.execute())

    def in_motion(self) -> dict[str, int]:
        """How many batches stand in each of the moving sets."""
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
        """Whether a page of history tells more than single questions: of a campaign's batch, or of three messages."""
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
            for lane in LANES:
                pipe.zrange(self.key(f"ready:{lane}"), 0, -1)
            for lane in LANES:
                pipe.zcount(self.key(f"slots:{lane}"), f"({int(now * 1000)}", "+inf")
            raw, asks, urgent_asks, ctl, leader, owners, sick, gid, last, held, *rest = pipe.execute()
        oldest, slots = rest[: len(LANES)], rest[len(LANES) :]
        totals = {field.decode(): int(value) for field, value in raw.items()}
        ages = {lane: self._age(found, now) for lane, found in zip(LANES, oldest, strict=True)}
        return Depth(
            batches={
                (lane, state.name.lower()): max(0, totals.get(f"batches:{lane}:{state.value}", 0))
                for lane in LANES
                for state in BatchState
            },
            messages={_three(name): n for name, n in totals.items() if name.startswith("messages:")},
            queue_oldest_seconds=ages,
            pending_statuses=max(0, totals.get("pending", 0)),
            status_age_seconds=self._age([*asks, *urgent_asks], now),
            costs={name[5:]: value / COST_UNITS for name, value in totals.items() if name.startswith("cost:")},
            double_accepts=totals.get("doubles", 0),
            resends={who: totals.get(f"resends:{who}", 0) for who in RESENT_BY[1:]},
            resend_doubles=totals.get("resend_doubles", 0),
            late_arrivals=totals.get("late_arrivals", 0),
            alarms={name[6:]: n for name, n in totals.items() if name.startswith("alarm:")},
            leases_expired={lane: totals.get(f"expired:{lane}", 0) for lane in LANES},
            codes={name[6:]: n for name, n in totals.items() if name.startswith("codes:")},
            doubts={name.split(":", 1)[1]: n for name, n in totals.items() if name.startswith("doubts_ended:")},
            doubt_seconds={
                name[9:]: (totals.get(f"doubts_ended:{name[9:]}", 0), ms / 1000)
                for name, ms in totals.items()
                if name.startswith("doubt_ms:")
            },
            code_steps={_two(name): n for name, n in totals.items() if name.startswith("code_steps:")},
            balance=float(ctl[b"balance"]) if b"balance" in ctl else None,
            visible_after_seconds=float(ctl[b"visible_after"]) if b"visible_after" in ctl else None,
            leader=bool(leader),
            owners=len(owners),
            sick=_counted(_sick(owners, sick)),
            halts=_halts(ctl, _ids_left(gid, last), owners, sick),
            missing_hosts=len(ctl.get(b"waits", b"").split()),
            gateway_ids_left=_ids_left(gid, last),
            slots=dict(zip(LANES, slots, strict=True)),
            shield={name[7:]: n for name, n in totals.items() if name.startswith("shield:")},
            shield_holds=len(held),
            shield_country_holds=sum(is_region(name.decode()) for name in held),
        )

    def _age(self, refs: Sequence[bytes], now: float) -> float:
        """Since the oldest of these batches was enrolled: numbers are drawn in that order, scores tell what is due."""
        oldest = min((Ref.parse(ref) for ref in refs), key=lambda ref: ref.number, default=None)
        batch = self.ledger.read([oldest])[0] if oldest is not None else None
        return max(0.0, now - batch.enrolled_at) if batch is not None and batch.enrolled_at else 0.0

    def astray(self) -> dict[str, int]:
        """By lane, how many slots are held for requests of which nobody waits for the answer any more."""
        depth = self.depth()
        return {lane: max(0, held - depth.batches[lane, "sending"]) for lane, held in depth.slots.items()}

    def balance(self) -> tuple[Decimal, float] | None:
        """The balance last heard of and when (Unix seconds), None where none was."""
        with translated():
            amount, at = self.redis.hmget(self.key("ctl"), ["balance", "balance_at"])
        return (Decimal(amount.decode()), float(at)) if amount is not None else None

    def halted(self) -> str:
        """What keeps everything from being sent, '' for nothing."""
        return self.brakes().halted

    def brakes(self) -> Brakes:
        """What keeps campaigns from going on, just now."""
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
            ctl, blind, leader, owners, sick, gid, last, homes = pipe.execute()
        is_unreached = float(ctl.get(b"unreached_until", 0)) / 1000 > now
        errors_rest_s = max(0.0, float(ctl.get(b"errors_until", 0)) / 1000 - now)
        return Brakes(
            halted=next(iter(_halts(ctl, _ids_left(gid, last), owners, sick)), ""),
            missing=missing(ctl, homes),
            rests_s=max(0.0, float(ctl.get(b"quiet_until", 0)) / 1000 - now),
            is_cut_off=is_unreached and not _is_somebody_well(owners, sick),
            errors=int(ctl.get(b"errors", 0)) if errors_rest_s else 0,
            errors_rest_s=errors_rest_s,
            blind=blind,
            is_led=bool(leader),
        )


def _halts(
    ctl: Mapping[bytes, bytes], ids_left: int, owners: Sequence[bytes], sick: Mapping[bytes, bytes]
) -> tuple[str, ...]:
    holds = {
        "fell": b"fell" in ctl,
        "hosts": b"waits" in ctl,
        "ids": ids_left == 0,
        "login": b"bad_login" in ctl and not _is_somebody_well(owners, sick),  # one host may have an old password
        "money": b"no_money" in ctl,
    }
    return tuple(word for word in HALTS if holds[word])


def _ids_left(gid: bytes | None, last: bytes | None) -> int:
    return max(0, int(last or GATEWAY_ID_LAST) - int(gid or 0))


def _is_somebody_well(owners: Sequence[bytes], sick: Mapping[bytes, bytes]) -> bool:
    """Whether a process that sends is up and has nothing that keeps it from sending."""
    return any(owner.startswith((b"urgent/", b"bulk/")) and owner not in sick for owner in owners)


def _sick(owners: Sequence[bytes], sick: Mapping[bytes, bytes]) -> list[SickProcess]:
    found = []
    for owner in owners:
        if owner in sick:
            why, _, since = sick[owner].decode().partition(" ")
            found.append(SickProcess(owner.decode(), why, float(since or 0) / 1000))
    return found


def _counted(sick: Sequence[SickProcess]) -> dict[str, int]:
    return Counter(each.why for each in sick)


def _two(name: str) -> tuple[str, str]:
    _, channel, why = name.split(":", 2)
    return channel, why


def _three(name: str) -> tuple[str, str, str]:
    _, lane, channel, status = name.split(":", 3)
    return lane, channel, status
