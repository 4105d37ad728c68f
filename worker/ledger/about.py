"""Questions about the ledger as a whole: whether it answers, whose it is, how fast its disk is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from smsq.worker.domain.errors import LedgerTrouble, LedgerUnreachable
from smsq.worker.ledger.store import Store, translated
from smsq.worker.ledger.totals import spent_in
from smsq.worker.redis_client import at_each_exchange


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose a ledger is; empty strings until a worker has established it."""

    account: str  # `brand/login`
    secret: str  # the name of the key that its codes are sealed with


class About(Store):
    """Questions about no message in particular; each raises LedgerTrouble if Redis does not answer."""

    def ping(self) -> None:
        """Return if Redis answers."""
        with translated():
            self.redis.ping()

    def server_facts(self) -> Mapping[str, Any] | None:
        """What the server says of itself (INFO), by its own names; None if our user may not ask."""
        try:
            with translated():
                facts: Mapping[str, Any] = self.redis.info()
        except LedgerUnreachable:
            raise
        except LedgerTrouble:
            return None
        return facts

    def close(self) -> None:
        """Close the connections."""
        self.redis.close()

    def at_each_exchange(self, what: Callable[[], None]) -> None:
        """Call `what` around every exchange with Redis; set this before the first one."""
        at_each_exchange(self.redis, what)

    def stamp(self) -> Stamp:
        """Whose this ledger is."""
        with translated():
            account, secret = self.redis.hmget(self.key("stamp"), ["account", "secret"])
        return Stamp((account or b"").decode(), (secret or b"").decode())

    def unsealable_at(self) -> float | None:
        """When a worker last could not open a text, in Unix seconds; None if that never happened."""
        with translated():
            at_ms = self.redis.hget(self.key("ctl"), "unsealable_at")
        return int(at_ms) / 1000 if at_ms is not None else None

    def note_callback(self) -> None:
        """Note that a callback was stored just now."""
        with translated():
            self.redis.hset(self.key("ctl"), "callback_at", int(self.time_here() * 1000))

    def callback_at(self) -> float | None:
        """When the last callback was stored, to some seconds, in Unix seconds; None if none ever was."""
        with translated():
            at_ms = self.redis.hget(self.key("ctl"), "callback_at")
        return int(at_ms) / 1000 if at_ms is not None else None

    def birth(self) -> str:
        """A number that names this ledger: another that was established in its place has another."""
        with translated():
            birth = self.redis.hget(self.key("run"), "birth")
        return (birth or b"0").decode()

    def write_once(self) -> None:
        """Make one durable write that nobody reads, so that the caller can time it."""
        with translated():
            self.redis.set(self.key("doctor"), b"1", px=1000)

    def beats(self) -> dict[str, float]:
        """The last heartbeat of each worker process, in Unix seconds, by its name."""
        with translated():
            found = self.redis.zrange(self.key("owners"), 0, -1, withscores=True)
        return {owner.decode(): beat_ms / 1000 for owner, beat_ms in found}

    def note_balance(self, balance: Decimal) -> bool:
        """Keep a balance that was just read; return whether an empty account halts sending."""
        with translated():
            spent = spent_in(self.redis.hgetall(self.key("totals")))
            told = {"balance": str(balance), "balance_at": str(self.clock.now()), "balance_spent": spent}
            self.redis.hset(self.key("ctl"), mapping=told)
            return bool(self.redis.hexists(self.key("ctl"), "no_money"))
