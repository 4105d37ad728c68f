"""The verbs of one-time codes: records, tries and steps. Never the digits.

A code has a record, which is kept for a day past its end, and a sealed part, which is removed as soon as the code can
let nobody in any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smsq.worker.domain.batch import MessageId
from smsq.worker.domain.errors import Conflict, WrongKey
from smsq.worker.domain.otp import Verdict
from smsq.worker.ledger.batches.enrolment import WRONG_KEY, hash_of
from smsq.worker.ledger.store import Store, translated

NEXT = "next:"  # token of a step that a cascade takes; the place of its channel follows
REMEMBERED_S = 86_400.0  # past its expiry: for so long `expired` is told from `unknown`


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedOtp:
    """A new or known record; `created` is False if the caller's key was known already."""

    id: str
    made_at: float  # Unix seconds
    expires_at: float
    channel: str
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMade:
    """One message of a code: its channel, when it was reserved, and the message's id if it was enrolled."""

    channel: str
    at: float  # Unix seconds
    why: str = "first"  # a word of `domain/cascade.TAKEN`
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtpView:
    """A code's record; nothing in it tells the digits."""

    id: str
    state: str  # waiting, or a verdict: used, locked, expired
    made_at: float
    expires_at: float
    tries_left: int
    resends: int
    channels: str
    steps: Sequence[StepMade]
    place: int  # in `channels`, of the channel tried last
    ended: str  # why no further channel is tried, a word of `domain/cascade.ENDED`; '' if one may be


@dataclass(frozen=True, slots=True)
class Reserved:
    """The answer to `reserve_step`: `word` is `step`, `cooling`, `too_many`, `moved` or a verdict."""

    word: str
    number: int = 0
    at: float = 0.0
    expires_at: float = 0.0
    wait_s: float = field(default=0.0)


def step_key(otp_id: str, number: int) -> str:
    """The enrolment key of a step's message: enrolling it again gives the same message."""
    return f"code/{otp_id}/{number}"


def _why(token: str, raw: Mapping[bytes, bytes]) -> str:
    """Why a step was taken, from the token that reserved it."""
    if token == "-":
        return "first"
    if token.startswith(NEXT):
        return raw.get(f"why:{token.removeprefix(NEXT)}".encode(), b"waited").decode()
    return "resend"


class OtpRecords(Store):
    """The verbs of the records of codes."""

    def open_otp(
        self,
        otp_id: str,
        *,
        key: str | None,
        contents: Sequence[str],
        sealed: bytes,
        digest: bytes,
        ttl_s: float,
        attempts: int,
        channels: str,
        channel: str,
        look_after_s: float | None = None,
    ) -> OpenedOtp:
        """Write a code down, or find the one that `key` made. Raises Conflict, LedgerHalted, WrongKey as `enrol` does.

        `contents` are keyed hashes of the whole request, the one to keep first. `look_after_s` begins a cascade, which
        is looked at after so many seconds.
        """
        keys = [self.key(f"code:{otp_id}"), self.key(f"code:{otp_id}:s")]
        keys += [self.key(f"codekey:{hash_of(key) if key is not None else '-'}")]
        keys += [self.key(name) for name in ("run", "ctl", "stamp", "totals", "cascade")]
        reply = self.call(
            "otp_open",
            keys,
            otp_id,
            int(key is not None),
            " ".join(contents),
            sealed,
            digest,
            int(ttl_s * 1000),
            attempts,
            channels,
            channel,
            int(REMEMBERED_S * 1000),
            " ".join(self.sealing().names),
            int(look_after_s * 1000) if look_after_s is not None else "",
        )
        word = reply[0].decode()
        if word == "conflict":
            raise Conflict(f"this key was used with other content: code {reply[1].decode()}")
        if word == "halted":
            raise self.halted(reply[1].decode())
        if word == "sealed":
            raise WrongKey(WRONG_KEY)
        return OpenedOtp(
            id=reply[1].decode(),
            made_at=int(reply[2]) / 1000,
            expires_at=int(reply[3]) / 1000,
            channel=reply[4].decode(),
            created=word == "created",
        )

    def forget_otp(self, otp_id: str, key: str | None) -> None:
        """Take back what `open_otp` created, if no message of it was enrolled."""
        names = [f"code:{otp_id}", f"code:{otp_id}:s", *([f"codekey:{hash_of(key)}"] if key is not None else [])]
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.delete(*(self.key(name) for name in names))
            pipe.zrem(self.key("cascade"), otp_id)
            pipe.execute()

    def sealed_otp(self, otp_id: str) -> tuple[bytes, bytes] | None:
        """The sealed part of a code and its keyed hash; None if the code can let nobody in any more."""
        with translated():
            sealed, digest = self.redis.hmget(self.key(f"code:{otp_id}:s"), ["sealed", "hash"])
        return (sealed, digest) if sealed is not None and digest is not None else None

    def judge_otp(self, otp_id: str, nonce: str, *, is_equal: bool) -> Verdict:
        """Count one try. Repeating it with the same nonce gives the same verdict. Raises LedgerHalted."""
        names = (f"code:{otp_id}", f"code:{otp_id}:s", "run", "ctl", "totals", "cascade")
        reply = self.call("otp_check", [self.key(name) for name in names], nonce, int(is_equal), otp_id)
        if reply[0] == b"halted":
            raise self.halted(reply[1].decode())
        return Verdict(reply[0].decode())

    def reserve_step(
        self,
        otp_id: str,
        token: str,
        channel: str,
        *,
        cooldown_s: float = 0.0,
        most_resends: int | None = None,
        after: int | None = None,
    ) -> Reserved:
        """Reserve the next step of a code; `most_resends` makes it a resend. Raises LedgerHalted.

        Enrol its message afterwards. Repeating with the same token gives the same step. `after` is how many steps the
        caller saw; if there are others by now, `word` is `moved`.
        """
        keys = [self.key(name) for name in (f"code:{otp_id}", "run", "ctl", "totals")]
        most = "" if most_resends is None else most_resends
        seen = "" if after is None else after
        reply = self.call("otp_step", keys, token, channel, int(cooldown_s * 1000), most, seen)
        word = reply[0].decode()
        if word == "halted":
            raise self.halted(reply[1].decode())
        if word == "step":
            return Reserved(word, int(reply[1]), int(reply[2]) / 1000, int(reply[3]) / 1000)
        return Reserved(word, wait_s=int(reply[1]) / 1000 if word == "cooling" else 0.0)

    def otp(self, otp_id: str) -> OtpView | None:
        """The record of a code, None if there is none."""
        with translated():
            raw = self.redis.hgetall(self.key(f"code:{otp_id}"))
        if b"made_at" not in raw:
            return None
        lines = [line.split(" ") for line in raw[b"steps"].decode().splitlines()]
        ids = self._message_ids(otp_id, len(lines))
        state = raw.get(b"state", b"").decode()
        expires_at = int(raw[b"expires_at"]) / 1000
        return OtpView(
            id=otp_id,
            state=state or ("expired" if self.time() >= expires_at else "waiting"),
            made_at=int(raw[b"made_at"]) / 1000,
            expires_at=expires_at,
            tries_left=0 if state == "used" else max(0, int(raw[b"most"]) - int(raw[b"tries"])),
            resends=int(raw[b"resends"]),
            channels=raw[b"channels"].decode(),
            steps=[
                StepMade(channel=channel, at=int(at) / 1000, why=_why(token, raw), message_id=message_id)
                for (channel, at, token), message_id in zip(lines, ids, strict=True)
            ],
            place=max([int(token.removeprefix(NEXT)) for *_, token in lines if token.startswith(NEXT)], default=0),
            ended=raw.get(b"ended", b"").decode(),
        )

    def _message_ids(self, otp_id: str, steps: int) -> list[str]:
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for number in range(steps):
                pipe.hget(self.key(f"idem:{hash_of(step_key(otp_id, number))}"), "id")
            return [str(MessageId.parse(found.decode())) if found is not None else "" for found in pipe.execute()]
