"""The numbers under which callers of the front door know their campaigns: the gateway's have about seven digits."""

from __future__ import annotations

from smsq.worker.ledger.store import Store, translated

FIRST = 1_000_000


class DoorJobs(Store):
    """The verbs of the front door's jobs."""

    def note_job(self, caller: str, campaign_id: str, keep_s: float) -> int:
        """The number of a campaign of this caller; it gets one if it has none yet."""
        key = self.key(f"door:jobs:{caller}")
        with translated():
            if known := self.redis.hget(key, f"c:{campaign_id}"):
                return int(known)
            number = FIRST + int(self.redis.incrby(self.key("n:door:jobs"), 1))
            with self.redis.pipeline() as pipe:
                pipe.hset(key, mapping={str(number): campaign_id, f"c:{campaign_id}": number})
                pipe.expire(key, int(keep_s))
                pipe.execute()
        return number

    def job_campaign(self, caller: str, number: int) -> str | None:
        """The campaign with that number; None if this caller has none."""
        with translated():
            found = self.redis.hget(self.key(f"door:jobs:{caller}"), str(number))
        return found.decode() if found is not None else None

    def job_campaigns(self, caller: str) -> list[tuple[int, str]]:
        """All of a caller's, oldest first."""
        with translated():
            found = self.redis.hgetall(self.key(f"door:jobs:{caller}"))
        return sorted((int(name), value.decode()) for name, value in found.items() if name.isdigit())

    def forget_job(self, caller: str, number: int) -> None:
        """Take a number out of a caller's list."""
        key = self.key(f"door:jobs:{caller}")
        with translated():
            if found := self.redis.hget(key, str(number)):
                self.redis.hdel(key, str(number), f"c:{found.decode()}")
