"""The ledger: the truth about every message. Everything that changes a message's state is one of its verbs.

`Enrolment` brings messages in, `Sending` is what an actor does around one request, `Asking` what
the status lane does, `Codes` keeps one-time codes, `RollCall` keeps a fallen ledger from sending;
this file adds the duties' verbs and the questions to the chores lane.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.asking import Asking
from smsq.worker.ledger.cascades import Cascades
from smsq.worker.ledger.codes import Codes
from smsq.worker.ledger.enrolment import HINT_AGAIN_MS, Enrolment
from smsq.worker.ledger.ids import Ids
from smsq.worker.ledger.rollcall import RollCall
from smsq.worker.ledger.sending import Sending
from smsq.worker.ledger.store import translated

JOB_KEPT_S = 600


class Ledger(Enrolment, Sending, Asking, RollCall, Codes, Cascades, Ids):
    """All verbs on one client."""

    def feed(self, campaign_id: str, many: int, blind_most: int) -> tuple[list[Ref], str]:
        """Hand out the next batches of a campaign: their references, or none and why it waits."""
        keys = [self.keys.campaign(campaign_id), self.keys.campaign(campaign_id, "b")]
        keys += [self.key(name) for name in ("ready:bulk", "run", "ctl", "blind")]
        reply = self.call("feed", keys, campaign_id, many, HINT_AGAIN_MS["bulk"], blind_most)
        if reply[0] == b"fed":
            return [Ref.parse(ref) for ref in reply[1:]], ""
        return [], reply[1].decode()

    def lead(self, who: str, lasts_s: float) -> bool:
        """Lead the duties for `lasts_s`, or find that somebody else does."""
        return int(self.call("lead", [self.key("lead")], who, int(lasts_s * 1000))[0]) == 1

    def stand_down(self, who: str) -> None:
        """Stop leading at once, so that a standby need not wait."""
        with translated():
            if self.redis.get(self.key("lead")) == who.encode():
                self.redis.delete(self.key("lead"))

    def leases(self) -> list[Ref]:
        """Batches being sent now; never more than there are slots."""
        with translated():
            return [Ref.parse(ref) for ref in self.redis.zrange(self.key("lease"), 0, -1)]

    def post_job(self, kind: str, payload: dict[str, Any]) -> str:
        """Put a question for the chores lane into the ledger; its id. Hint it afterwards."""
        job_id = secrets.token_hex(8)
        key = self.key(f"job:{job_id}")
        with translated(), self.redis.pipeline() as pipe:
            pipe.hset(key, mapping={"kind": kind, "payload": msgspec.json.encode(payload)})
            pipe.expire(key, JOB_KEPT_S)
            pipe.execute()
        return job_id

    def take_job(self, job_id: str) -> tuple[str, dict[str, Any]] | None:
        """The question of a job, or None where it is gone or answered."""
        with translated():
            kind, payload, answer = self.redis.hmget(self.key(f"job:{job_id}"), ["kind", "payload", "answer"])
        if kind is None or answer is not None:
            return None
        return kind.decode(), msgspec.json.decode(payload)

    def finish_job(self, job_id: str, answer: dict[str, Any]) -> None:
        """Answer a job and wake who waits for it."""
        key, bell = self.key(f"job:{job_id}"), self.key(f"bell:job:{job_id}")
        with translated(), self.redis.pipeline() as pipe:
            pipe.hset(key, "answer", msgspec.json.encode(answer))
            pipe.hdel(key, "payload")
            pipe.expire(key, JOB_KEPT_S)
            pipe.lpush(bell, b"1")
            pipe.expire(bell, JOB_KEPT_S)
            pipe.execute()

    def await_job(self, job_id: str, timeout_s: float) -> dict[str, Any] | None:
        """Wait for the answer of a job; None where none came in time."""
        until = self.clock.monotonic() + timeout_s
        while (left := until - self.clock.monotonic()) > 0:
            with translated():
                self.redis.blpop([self.key(f"bell:job:{job_id}")], timeout=min(1.0, max(0.05, left)))
                answer = self.redis.hget(self.key(f"job:{job_id}"), "answer")
            if answer is not None:
                return dict(msgspec.json.decode(answer))
        return None
