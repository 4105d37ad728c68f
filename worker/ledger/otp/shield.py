"""The pumping shield in the ledger: admit a code, count a verified one, learn what one costs.

One script decides and counts in one step, so that any number of concurrent callers stays within every limit. Phones
and clients are kept as keyed hashes. Phones at which a code was entered are kept as bits of such hashes: a month takes
at most 32,768 strings of 512 bytes. If the ledger is away or full, `admit` raises: no code goes uncounted.
"""

from __future__ import annotations

import base64
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from typing import Any

import msgspec

from smsq.worker.domain import shield
from smsq.worker.domain.errors import Denied, Held, LedgerTrouble, Limited, OverBudget, TooMany
from smsq.worker.domain.limits import DAY_S, Limits, Rates
from smsq.worker.domain.money import of_units, to_units
from smsq.worker.domain.shield import (
    ALLOWED,
    DAILY_COST,
    DENIED_COUNTRY,
    DENIED_NUMBER,
    HELD,
    REFUSALS,
    REFUSED,
    Decision,
    client_of,
    subjects,
)
from smsq.worker.ledger.batches.enrolment import hash_of
from smsq.worker.ledger.store import Store, translated

log = logging.getLogger(__name__)

TOKEN_KEPT_S = 3600  # repeats of a call, and the gateway's answer, come within this time
RULE_KEPT_S = 86400  # for so long after a hold the next one is longer
LONGER_PRICE_S = 3600  # for so long a higher price is kept over a lower one
PRICE_TRUSTED_S = 60.0  # for so long a process trusts its copy of the ledger's price
ADMITTED_BEFORE_S = 10.0  # a message is admitted at most so long before it is enrolled
STRANGE_S = 5.0  # for so long a process does not ask again about a message that the shield never saw
MONTH_S, MONTHS = 30 * DAY_S, 4  # a phone at which a code was entered is known for three months, or nearly four
KNOWN_SHARDS, KNOWN_BITS, KNOWN_MARKS = 2**15, 2**12, 6  # ten million phones: one stranger in 500 is taken for known
_RAISED: dict[str, type[Limited]] = {
    DENIED_COUNTRY: Denied,
    DENIED_NUMBER: Denied,
    HELD: Held,
    REFUSED: Held,
    DAILY_COST: OverBudget,
}


class Shield:
    """Decides about codes, on one ledger. `pepper` returns the key of the hashes, which is the same on all hosts."""

    def __init__(self, ledger: Store, limits: Limits, pepper: Callable[[], bytes]) -> None:
        self.ledger = ledger
        self.limits = limits
        self.redis: Any = ledger.redis
        self.key = ledger.key
        self._pepper = pepper
        self._plan = msgspec.msgpack.encode(plan(limits))
        self._prices: dict[tuple[str, str], tuple[int, float, float]] = {}  # units, since, trusted until
        self._strange: dict[tuple[str, str, int], float] = {}

    def admit(
        self,
        phone: int,
        *,
        client: str | None = None,
        channel: str = "sms",
        token: str | None = None,
        verifiable: bool = True,
        is_further: bool = False,
        dry_run: bool = False,
    ) -> Decision:
        """Decide whether a code may go to this phone now; if it may, count it and reserve its cost.

        `token` is the enrolment key that the message will have: for an hour a repeat gets the same answer and counts
        nothing; without a token each call counts. `client` is who asks, in the caller's words;
        `domain.shield.client_of` says which clients are the same. `verifiable` False keeps a text that nobody checks
        out of the ratio. `is_further` says that this is another channel of a code that phone and client were counted
        for. `dry_run` decides and writes nothing. Raises LedgerTrouble.
        """
        if self.limits.mode == "off":
            return Decision(allowed=True)
        told = subjects(phone)
        keys = [self.key("shield"), self.key("shield:rules"), self.key("shield:held"), self.key("shield:busy")]
        keys += [
            self.key("shield:prices"),
            self.key("totals"),
            self.key(f"shield:token:{hash_of(token or secrets.token_hex(16))}"),
        ]
        keys += [*self._counted(phone), self.key("shield:all"), *self._client(client)]
        known, marks = self._known(phone)
        reply = self.ledger.call(
            "shield_admit",
            [*keys, *known],
            self._plan,
            phone,
            told.block,
            told.wide,
            told.region,
            channel,
            int(verifiable),
            int(dry_run),
            shield.LONGEST_HOLD_S * 1000,
            RULE_KEPT_S * 1000,
            TOKEN_KEPT_S * 1000,
            int(is_further),
            shield.denied_kind(phone, channel),
            int(client is not None),
            shield.PHONES_OF_CLIENT,
            *marks,
        )
        return _decision(reply)

    def check(self, phone: int, **how: Any) -> Decision:
        """Admit a code, or raise TooMany, Held, Denied or OverBudget with what `admit` decided."""
        decision = self.admit(phone, **how)
        if decision.would:
            log.info("shield watches: would refuse decision=%s", decision.would)
        if decision.allowed:
            return decision
        wait_s = decision.retry_after_s or None
        raise _RAISED.get(decision.code, TooMany)(decision.why, retry_after_s=wait_s, decision=decision.code)

    def verified(self, phone: int, token: str, client: str | None = None) -> int:
        """A right code was verified: all codes that went to this phone count as verified. Returns how many those are.

        `token` makes a repeat harmless; `client` is who asked for that code. If the ledger is away or full, this
        returns 0 and the evidence is lost, not the verdict.
        """
        if self.limits.mode == "off":
            return 0
        known, marks = self._known(phone)
        keys = [*self._counted(phone), self.key("shield:all"), known[0], *self._client(client)]
        try:
            told = self.ledger.call("shield_verified", keys, hash_of(token), MONTHS * MONTH_S * 1000, *marks)
            return int(told[0])
        except LedgerTrouble:
            return 0

    def known_price(self, phone: int, channel: str = "sms") -> int | None:
        """What the gateway lately charged for such a message, in the ledger's units; None if that is not known."""
        with translated():
            raw = self.redis.hget(self.key("shield:prices"), f"{channel}:{subjects(phone).region}")
        return int(msgspec.msgpack.decode(raw)[0]) if raw else None

    def price(self, phone: int, channel: str = "sms") -> int:
        """The assumed cost of a code to this phone, in the ledger's units: as charged lately, else by the limits."""
        if (known := self.known_price(phone, channel)) is not None:
            return known
        with translated():
            said = self.redis.hget(self.key("shield"), "price")
        return int(msgspec.msgpack.decode(said)[1]) if said else to_units(self.limits.price)

    def learn(self, phone: int, channel: str, cost: Decimal, *, known_as: str, enrolled_at: float) -> None:
        """The gateway accepted a message and said what it costs; no round trip if that is what was reserved.

        `known_as` is the hash of its enrolment key, `enrolled_at` its enrolment by the ledger's clock (Unix seconds).
        """
        region = subjects(phone).region
        cost_units, now = to_units(cost), self.ledger.clock.monotonic()
        known, since, until = self._prices.get((channel, region), (-1, 0.0, 0.0))
        if self.limits.mode == "off" or (
            cost_units == known and now < until and enrolled_at > since + ADMITTED_BEFORE_S
        ):
            return
        strange = (channel, region, cost_units)
        if now < self._strange.get(strange, 0.0):
            return
        keys = [self.key("shield:prices"), self.key(f"shield:token:{known_as}"), self.key("shield:all")]
        field = f"{channel}:{region}"
        try:
            price, at = self.ledger.call("shield_learn", keys, field, cost_units, LONGER_PRICE_S * 1000)
        except LedgerTrouble:
            return  # the next message tells it too; the reserved cost stands
        if int(at):
            self._prices[channel, region] = (int(price), int(at) / 1000, now + PRICE_TRUSTED_S)
            return
        if len(self._strange) > 1000:
            self._strange.clear()
        self._strange[strange] = now + STRANGE_S

    def refused(self, phone: int, channel: str, code: int, *, known_as: str) -> None:
        """The gateway refused a message with this error code: strong evidence if the shield admitted it.

        `known_as` is the hash of its enrolment key, '' for none. Repeating it changes nothing; if the ledger is away,
        the evidence is lost.
        """
        if self.limits.mode == "off" or code not in REFUSALS or not known_as:
            return
        told, token = subjects(phone), self.key(f"shield:token:{known_as}")
        keys = [self.key("shield"), self.key("shield:rules"), self.key("shield:held"), token]
        try:
            with translated():
                raw = self.redis.get(token)
            if raw is None:
                return
            client = msgspec.msgpack.decode(raw).get("w")
            keys += [*self._counted(phone)[:2], *([client] if client else [])]
            self.ledger.call(
                "shield_refused",
                keys,
                self._plan,
                phone,
                told.block,
                channel,
                shield.LONGEST_HOLD_S * 1000,
                RULE_KEPT_S * 1000,
                shield.REFUSED_OF_BLOCK,
                shield.REFUSED_OF_CLIENT,
                shield.REFUSED_S * 1000,
            )
        except LedgerTrouble:
            return

    def forget(self, phone: int) -> None:
        """Forget how many codes went to a phone lately. That a code was entered there stays, as bits among others."""
        with translated():
            self.redis.delete(self._counted(phone)[0])

    def _counted(self, phone: int) -> list[str]:
        told = subjects(phone)
        return [
            self.key(f"shield:phone:{self._hash('phone', str(phone))}"),
            self.key(f"shield:block:{told.block}"),
            self.key(f"shield:wide:{told.wide}"),
            self.key(f"shield:country:{told.region}"),
        ]

    def _client(self, client: str | None) -> list[str]:
        return [] if client is None else [self.key(f"shield:client:{self._hash('client', client_of(client))}")]

    def _known(self, phone: int) -> tuple[list[str], list[int]]:
        """The keys of the bits of phones at which a code was entered, this month's first, and this phone's bits."""
        digest = self._digest("known", str(phone))
        shard, *marks = (int.from_bytes(digest[place : place + 4]) for place in range(0, 4 + 4 * KNOWN_MARKS, 4))
        month = int(self.ledger.time_here() // MONTH_S)
        keys = [self.key(f"shield:known:{month - back}:{shard % KNOWN_SHARDS}") for back in range(MONTHS)]
        return keys, [mark % KNOWN_BITS for mark in marks]

    def _hash(self, kind: str, value: str) -> str:
        return base64.urlsafe_b64encode(self._digest(kind, value)[:12]).decode()

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._pepper(), f"{kind}\0{value}".encode(), "sha256")


def plan(limits: Limits) -> dict[str, Any]:
    """All limits as scripts read them."""
    return {each.name: part(each.name, getattr(limits, each.name)) for each in fields(Limits)}


def part(name: str, value: Any) -> Any:
    """One limit as scripts read it: times in ms, money in units, lists as maps; False for no list of countries."""
    match name:
        case "phone" | "block" | "wide" | "country" | "client":
            return _windows(value)
        case "daily":
            return _windows(((value, DAY_S),) if value else ())
        case "daily_cost" | "price":
            return to_units(value)
        case "countries":
            return dict.fromkeys(sorted(value), True) or False
        case "deny":
            return dict.fromkeys(sorted(value), True)
        case "hold_for":
            return value * 1000
        case _:
            return value


def _windows(given: Rates) -> list[tuple[int, int]]:
    return [(most, span * 1000) for most, span in given]


def _decision(reply: list[Any]) -> Decision:
    code, name, mode = (reply[place].decode() for place in (0, 1, 8))
    most, span, wait, price, sent, verified = (int(each) for each in reply[2:8])
    limit = of_units(most) if code == DAILY_COST else most
    why = shield.sentence(code, name, limit, span // 1000, sent, verified)
    is_watched = mode != "on" and code != ALLOWED
    return Decision(
        allowed=is_watched or code == ALLOWED,
        code=ALLOWED if is_watched else code,
        why=why,
        retry_after_s=wait / 1000,
        would=code if is_watched else "",
        price=of_units(price),
    )
