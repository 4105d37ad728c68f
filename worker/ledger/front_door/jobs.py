"""The numbers under which callers of the front door know their campaigns: the gateway's have about seven digits.

What a new mailing was answered is kept for a while, as with other requests (`requests.py`): the retry of a library gets
the same number, also if the mailing is over by then.
"""

from __future__ import annotations

from smsq.worker.ledger.front_door.requests import ANSWER_KEPT_S
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

    def said_of_job(self, caller: str, content: bytes) -> str:
        """The name of what is kept of an answer to this content."""
        return self.key(f"door:said:{self.sealing().key().digest('door', caller.encode(), b'job', content).hex()[:32]}")

    def note_job_answer(self, said: str, number: int) -> None:
        """Keep what this content is answered; `note_reached` notes that the answer has reached its caller."""
        with translated(), self.redis.pipeline() as pipe:
            pipe.delete(said)
            pipe.hset(said, mapping={"id": number, "at": int(self.time_here() * 1000)})
            pipe.expire(said, int(ANSWER_KEPT_S))
            pipe.execute()

    def job_answer(self, said: str, host: str, guard_s: float) -> int | None:
        """The number that a retry gets; None if this content is new, or if its answer has reached its caller."""
        with translated():
            number, at, told, told_here = self.redis.hmget(said, ["id", "at", "told", f"told:{host}"])
        if number is None or at is None:
            return None
        is_recent = self.time_here() - int(at) / 1000 < guard_s
        return int(number) if told is None or (is_recent and told_here is None) else None

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
