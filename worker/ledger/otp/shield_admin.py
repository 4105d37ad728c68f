"""The shield for an operator: limits in force, rules, the busiest prefixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec

from smsq.worker.domain import limits as reading
from smsq.worker.domain.limits import DAY_S, Limits
from smsq.worker.domain.money import of_units
from smsq.worker.domain.shield import EVIDENCE_S, in_window
from smsq.worker.ledger.optouts.countries import PREFIX
from smsq.worker.ledger.otp.shield import Shield, part
from smsq.worker.ledger.store import translated

BUSIEST = 20  # shown, of each kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule for a prefix or a country. Times are Unix seconds; `until` 0 means until somebody changes it."""

    name: str
    kind: str  # allow, deny, hold, grace
    since: float
    until: float
    times: int = 0  # how often it was held lately; 0 for a hold by hand
    sent: int = 0  # evidence of an automatic hold
    verified: int = 0

    @property
    def why(self) -> str:
        """Its reason in words."""
        if self.kind == "hold" and self.sent:
            again = f"; held {self.times} times lately" if self.times > 1 else ""
            return f"{self.verified} of the last {self.sent} codes were verified{again}"
        return {"hold": "by hand", "grace": "released: it is not held again before then"}.get(self.kind, "by hand")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Recent codes to a prefix, a country, or all of them (`name` '')."""

    kind: str  # block, wide, country, all
    name: str
    sent: int  # within the last hour, only those that can be verified
    verified: int
    used: Sequence[tuple[int, int, int]] = ()  # for each of its limits: used, most, seconds
    cost: Decimal = Decimal(0)  # within 24 hours, reserved or known; for all codes only


@dataclass(frozen=True, slots=True, kw_only=True)
class ShieldView:
    """Everything that `smsq shield show` prints."""

    limits: Mapping[str, str]  # in force, as written
    live: frozenset[str]  # names of those set by hand, over the settings
    rules: Sequence[Rule]
    all: Usage
    busiest: Sequence[Usage]
    prices: Mapping[str, Decimal]  # by channel:country


class ShieldAdmin:
    """Rules and limits on one ledger, over those of this process' settings."""

    def __init__(self, shield: Shield) -> None:
        self._shield = shield
        self._ledger = shield.ledger
        self.redis: Any = shield.redis
        self.key = shield.key

    def rule(self, verb: str, name: str, for_s: int = 0) -> str:
        """`allow`, `deny`, `hold` (`for_s` 0: until released) or `release`; return the former rule, '' for none.

        `name` is a country or the digits of a prefix, as `domain.shield.named` returns it.
        """
        ms = (EVIDENCE_S if verb == "release" else for_s) * 1000
        keys = [self.key("shield:rules"), self.key("shield:held")]
        return self._ledger.call("shield_rule", keys, verb, name, ms)[0].decode()

    def limit(self, name: str, written: str | None) -> None:
        """Set a limit for all hosts at once; None restores the setting. Raises BadInput."""
        value = reading.read(name, written or "none") if written is not None else None
        with translated():
            if written is None:
                self.redis.hdel(self.key("shield"), name)
                return
            said = reading.READINGS[name].write(value)
            self.redis.hset(self.key("shield"), name, msgspec.msgpack.encode([said, part(name, value)]))

    def live(self) -> dict[str, str]:
        """The limits that were set by hand, as written."""
        with translated():
            raw = self.redis.hgetall(self.key("shield"))
        return {name.decode(): msgspec.msgpack.decode(told)[0] for name, told in raw.items()}

    def limits(self) -> Limits:
        """The limits in force here; if the settings of this process say `off`, that holds whatever was set by hand."""
        return self._with(self.live())

    def _with(self, live: Mapping[str, str]) -> Limits:
        own = self._shield.limits
        limits = reading.with_written(own, live)
        return replace(limits, mode="off") if own.mode == "off" else limits

    def rules(self) -> list[Rule]:
        """The rules in force, by hand or automatic, sorted by name; expired ones are left out."""
        now = self._ledger.time()
        with translated():
            raw = self.redis.hgetall(self.key("shield:rules"))
        own = ((name.decode(), told) for name, told in raw.items() if not name.startswith(PREFIX.encode()))
        found = [_rule(name, msgspec.msgpack.decode(told)) for name, told in own]
        return sorted((rule for rule in found if not rule.until or rule.until > now), key=lambda rule: rule.name)

    def view(self) -> ShieldView:
        """Everything there is to show, in a few round trips."""
        live = self.live()
        limits = self._with(live)
        with translated():
            prices = self.redis.hgetall(self.key("shield:prices"))
        return ShieldView(
            limits=reading.written(limits),
            live=frozenset(live),
            rules=self.rules(),
            all=self._usage([("all", "")], limits)[0],
            busiest=self._busiest(limits),
            prices={name.decode(): of_units(int(msgspec.msgpack.decode(told)[0])) for name, told in prices.items()},
        )

    def _busiest(self, limits: Limits) -> list[Usage]:
        with translated():
            members = self.redis.zrevrange(self.key("shield:busy"), 0, -1)
        found = [(kind, name) for kind, _, name in (member.decode().partition(":") for member in members)]
        kept = [each for kind in ("country", "wide", "block") for each in [m for m in found if m[0] == kind][:BUSIEST]]
        return [usage for usage in self._usage(kept, limits) if usage.sent or any(used for used, _, _ in usage.used)]

    def _usage(self, subjects: Sequence[tuple[str, str]], limits: Limits) -> list[Usage]:
        now = int(self._ledger.time() * 1000)
        keys = {"block": "shield:block:", "wide": "shield:wide:", "country": "shield:country:", "all": "shield:all"}
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for kind, name in subjects:
                pipe.get(self.key(keys[kind] + name))
            states = pipe.execute()
        return [
            _usage(kind, name, msgspec.msgpack.decode(raw) if raw else {}, limits, now)
            for (kind, name), raw in zip(subjects, states, strict=True)
        ]


def _rule(name: str, told: Mapping[str, Any]) -> Rule:
    return Rule(
        name=name,
        kind=told["k"],
        since=told["f"] / 1000,
        until=told["u"] / 1000,
        times=told.get("n", 0),
        sent=told.get("s", 0),
        verified=told.get("v", 0),
    )


def _usage(kind: str, name: str, state: Mapping[str, Any], limits: Limits, now_ms: int) -> Usage:
    given = ((limits.daily, DAY_S),) if kind == "all" else getattr(limits, kind)
    rings = {ring[0]: ring for ring in state.get("l") or ()}
    sent, verified = in_window(state.get("r"), now_ms, 3)
    return Usage(
        kind=kind,
        name=name,
        sent=sent,
        verified=verified,
        used=[(in_window(rings.get(span * 1000), now_ms)[0], most, span) for most, span in given if most],
        cost=of_units(in_window(state.get("c"), now_ms)[0]),
    )
