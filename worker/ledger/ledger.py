"""The ledger: the truth about every message. Everything that changes a message's state is one of its verbs.

`Enrolment` brings messages in, `Sending` is what an actor does around one request, `Asking` what
the status lane does, `Codes` keeps one-time codes, `RollCall` keeps a fallen ledger from sending;
this file adds the duties' verbs and the questions to the chores lane.
"""

from __future__ import annotations

import secrets
import struct
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from smsq.worker.domain import job as jobs
from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.about import About
from smsq.worker.ledger.batches.asking import Asking
from smsq.worker.ledger.batches.enrolment import Enrolment
from smsq.worker.ledger.batches.sending import Sending
from smsq.worker.ledger.ids import Ids
from smsq.worker.ledger.layout import hint_again_ms
from smsq.worker.ledger.lua_text import files
from smsq.worker.ledger.otp.cascades import Cascades
from smsq.worker.ledger.otp.records import Codes
from smsq.worker.ledger.runs import RollCall
from smsq.worker.ledger.scripts import FUNCTION, Argument, script
from smsq.worker.ledger.store import translated

JOB_KEPT_S = 600
HANDED_OUT = 256  # more batches than a feed has ahead


class Ledger(Enrolment, Sending, Asking, RollCall, Codes, Cascades, Ids, About):
    """All verbs on one client."""

    def feed(self, campaign_id: str, many: int, blind_most: int) -> tuple[list[Ref], str]:
        """Hand out the next batches of a campaign: their references, or none and why it waits.

        The reason is `awake` with some if a hint would wake nobody: the workers claim the next by themselves.
        """
        keys = [self.keys.campaign(campaign_id), self.keys.campaign(campaign_id, "b")]
        keys += [self.key(name) for name in ("ready:bulk", "run", "ctl", "blind", "slots:bulk")]
        reply = self.call("feed", keys, campaign_id, many, hint_again_ms("bulk"), blind_most)
        if reply[0] == b"fed":
            return [Ref.parse(ref) for ref in reply[2:]], "awake" if reply[1] == b"1" else ""
        return [], reply[1].decode()

    def wind_up(self, campaign_id: str, batches: int, messages: int) -> int:
        """End a portion of what a cancelled campaign still holds: so many batches, about so many messages, at most.

        Returns how many batches are left to look at in this round; with none left the next call begins a new one,
        since what was being sent may have come back. What was handed out goes first: it is in others' way.
        """
        key = self.keys.campaign(campaign_id)
        with translated():
            fields = self.redis.hmget(key, ["wound", "fed", "batches", "batch_size"])
        wound, fed, all_of_it, size = (int(value or 0) for value in fields)
        wound = wound if wound < all_of_it else 0
        place = (max(0, fed - HANDED_OUT) + wound) % max(1, all_of_it)
        many = max(1, min(batches, messages // max(1, size), all_of_it - wound, all_of_it - place))
        with translated():
            packed = self.redis.getrange(self.keys.campaign(campaign_id, "b"), place * 4, (place + many) * 4 - 1)
        refs = [Ref(number, campaign_id) for (number,) in struct.iter_unpack(">I", packed)]
        if not refs:
            return 0
        shards = list(dict.fromkeys(self.keys.shard(ref.number) for ref in refs))
        keys = [key, self.keys.campaign(campaign_id, "h")]
        keys += [self.key(name) for name in ("ready:bulk", "run", "totals", "stubs")]
        pairs: list[Argument] = []
        for ref in refs:
            pairs += [str(ref), shards.index(self.keys.shard(ref.number)) + 1]
        reply = self.call("wind_up", [*keys, *shards], wound + len(refs), *pairs)
        if reply[0] != b"wound":
            return 0
        self.drop_all([Ref.parse(raw) for raw in reply[2:]], "cancelled")
        return all_of_it - wound - len(refs)

    def forget_functions(self) -> list[str]:
        """Delete functions of other versions of smsq from the server, and return their names.

        Nothing is lost by it: a process that still calls one loads it again.
        """
        with translated():
            try:
                libraries = self.redis.function_list("smsq_*")
            except ResponseError:  # a server without functions, or an older file of rights
                return []
            found = (FUNCTION.fullmatch(library[1].decode()) for library in libraries)
            names = [name[0] for name in found if name and not _is_current(name[1], name[0])]
            for name in names:
                self.redis.function_delete(name)
        return names

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

    def post_job(self, job: jobs.Job) -> str:
        """Put a question for the chores lane into the ledger; its id. Hint it afterwards."""
        job_id = secrets.token_hex(8)
        key = self.key(f"job:{job_id}")
        with translated(), self.redis.pipeline() as pipe:
            pipe.hset(key, mapping={"kind": jobs.kind_of(job), "payload": jobs.written(job)})
            pipe.expire(key, JOB_KEPT_S)
            pipe.execute()
        return job_id

    def take_job(self, job_id: str) -> jobs.Job | None:
        """The question of a job, or None where it is gone or answered; raises BadInput for one that is no job."""
        with translated():
            kind, payload, answer = self.redis.hmget(self.key(f"job:{job_id}"), ["kind", "payload", "answer"])
        if kind is None or answer is not None:
            return None
        return jobs.read(kind.decode("utf-8", "replace"), payload or b"")

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


def _is_current(verb: str, function: str) -> bool:
    return verb in files() and script(verb).function == function
