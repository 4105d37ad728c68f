"""Jobs: questions to the chores lane, kept in the ledger until a worker answers and the asker reads it."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from smsq.worker.domain import job as jobs
from smsq.worker.ledger.store import Store, translated

JOB_KEPT_S = 600


class Jobs(Store):
    """The verbs of jobs, for producers and the chores lane."""

    def post_job(self, job: jobs.Job) -> str:
        """Put a question for the chores lane into the ledger; return its id. Hint it afterwards."""
        job_id = secrets.token_hex(8)
        key = self.key(f"job:{job_id}")
        with translated(), self.redis.pipeline() as pipe:
            pipe.hset(key, mapping={"kind": jobs.kind_of(job), "payload": jobs.written(job)})
            pipe.expire(key, JOB_KEPT_S)
            pipe.execute()
        return job_id

    def take_job(self, job_id: str) -> jobs.Job | None:
        """The question of a job, None if it is gone or answered. Raises BadInput if it cannot be read as a job."""
        with translated():
            kind, payload, answer = self.redis.hmget(self.key(f"job:{job_id}"), ["kind", "payload", "answer"])
        if kind is None or answer is not None:
            return None
        return jobs.read(kind.decode("utf-8", "replace"), payload or b"")

    def finish_job(self, job_id: str, answer: dict[str, Any]) -> None:
        """Answer a job and wake the caller that waits for it."""
        key, bell = self.key(f"job:{job_id}"), self.key(f"bell:job:{job_id}")
        with translated(), self.redis.pipeline() as pipe:
            pipe.hset(key, "answer", msgspec.json.encode(answer))
            pipe.hdel(key, "payload")
            pipe.expire(key, JOB_KEPT_S)
            pipe.lpush(bell, b"1")
            pipe.expire(bell, JOB_KEPT_S)
            pipe.execute()

    def await_job(self, job_id: str, timeout_s: float) -> dict[str, Any] | None:
        """Wait for the answer to a job; None if none came within `timeout_s`."""
        until = self.clock.monotonic() + timeout_s
        while (left := until - self.clock.monotonic()) > 0:
            with translated():
                self.redis.blpop([self.key(f"bell:job:{job_id}")], timeout=min(1.0, max(0.05, left)))
                answer = self.redis.hget(self.key(f"job:{job_id}"), "answer")
            if answer is not None:
                return dict(msgspec.json.decode(answer))
        return None
