"""What is asked of the ledger as a whole: whether it answers, whose it is, how fast its disk is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from smsq.worker.ledger.store import Store, translated
from smsq.worker.redis_client import at_each_exchange


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose a ledger is; empty words while no worker has established it."""

    account: str  # `brand/login`
    secret: str  # the name of the key that its codes are sealed with


class About(Store):
    """Questions that are about no message; each raises LedgerTrouble if there is no answer."""

    def ping(self) -> None:
        """Return if Redis answers."""
        with translated():
            self.redis.ping()

    def close(self) -> None:
        """Give the connections back."""
        self.redis.close()

    def at_each_exchange(self, what: Callable[[], None]) -> None:
        """Have `what` called around everything that is asked; to be said before the first of it."""
        at_each_exchange(self.redis, what)

    def stamp(self) -> Stamp:
        """Whose it is."""
        with translated():
            account, secret = self.redis.hmget(self.key("stamp"), ["account", "secret"])
        return Stamp((account or b"").decode(), (secret or b"").decode())

    def unsealable_at(self) -> float | None:
        """When a worker last could not open a text, in Unix seconds; None if that never happened."""
        with translated():
            at_ms = self.redis.hget(self.key("ctl"), "unsealable_at")
        return int(at_ms) / 1000 if at_ms is not None else None

    def write_once(self) -> None:
        """One durable write that nobody reads, to see how long it takes."""
        with translated():
            self.redis.set(self.key("doctor"), b"1", px=1000)

    def beats(self) -> dict[str, float]:
        """When each worker process beat last, by the name of the process, in Unix seconds."""
        with translated():
            found = self.redis.zrange(self.key("owners"), 0, -1, withscores=True)
        return {owner.decode(): beat_ms / 1000 for owner, beat_ms in found}

    def note_balance(self, balance: Decimal) -> bool:
        """The balance as it was just heard of; whether an empty account halts sending."""
        with translated():
            self.redis.hset(self.key("ctl"), mapping={"balance": str(balance), "balance_at": str(self.clock.now())})
            return bool(self.redis.hexists(self.key("ctl"), "no_money"))
