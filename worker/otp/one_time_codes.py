"""One-time codes, between their records and their messages: made, sent by a channel, checked, sent again.

The digits exist in memory only, while they are sent or compared. The record has, sealed, the salt from which they
are derived, the phone and the text around them, so that any step can send the same code.
"""

from __future__ import annotations

import hmac
import logging
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from smsq.worker.domain import otp
from smsq.worker.domain.batch import MessageId, Options, Ref
from smsq.worker.domain.cascade import OVER, fits
from smsq.worker.domain.errors import (
    CodeOver,
    CoolingDown,
    LedgerTrouble,
    LedgerUnreachable,
    OverBudget,
    TooMany,
    WrongKey,
)
from smsq.worker.domain.money import to_units
from smsq.worker.domain.otp import Verdict
from smsq.worker.domain.receipt import unpack
from smsq.worker.domain.shield import Decision
from smsq.worker.domain.speech import text_for, voice_for
from smsq.worker.domain.status import Status
from smsq.worker.gateway.carried import can_say
from smsq.worker.gateway.channels import channel as channel_row
from smsq.worker.ledger import Enrolled, Ledger, NewMessage
from smsq.worker.ledger.batches.enrolment import SAYABLE, WRONG_KEY
from smsq.worker.ledger.otp.cascades import LOOK_AGAIN_S
from smsq.worker.ledger.otp.records import OpenedOtp, OtpView, Reserved, step_key
from smsq.worker.ledger.otp.shield import Shield
from smsq.worker.ledger.values import BatchView
from smsq.worker.ledger.views import Views
from smsq.worker.sealing import Key, Unsealable, key_of
from smsq.worker.settings import Settings

log = logging.getLogger(__name__)

ID_LENGTH = 20  # letters of an id: enough that it cannot be guessed
SALT_BYTES = 16
FURTHER = ("waited", "failed")  # reasons of steps that do not count as another code of phone and client
DIED_AFTER_S = 5.0  # a resend that was reserved so long ago without a message is finished by the next one
CHECK_TRIES = 3  # of one try whose reply was lost
CHECK_AGAIN_S = 2.0  # no further try after so long: a ledger that hangs is waited for once
FREE = frozenset(
    {Status.LATE, Status.CANCELLED, Status.REFUSED, Status.OPTOUT, Status.BLOCKED}
)  # nobody is charged for these


class OtpSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A code to send, without its digits. `channels` and `template` are checked already."""

    phone: int
    purpose: str
    length: int
    ttl_s: float
    channels: str
    template: str
    sender: str | None = None
    on_doubt: str = "ask"
    max_cost: int | None = None  # what all steps together may cost, in units of money
    client: str | None = None  # who asked; a repeat may name another
    fixed: str = ""  # the digits, for a number of the tests; else they are derived from the salt

    def __repr__(self) -> str:
        return f"OtpSpec(length={self.length}, ttl_s={self.ttl_s:g}, channels={self.channels!r})"


class _Kept(msgspec.Struct, frozen=True):
    """The sealed part of a record."""

    salt: bytes
    spec: OtpSpec = msgspec.field(name="order")  # the name in the ledger

    def __repr__(self) -> str:
        return "_Kept(***)"


# Made once: msgspec 0.22 inspects a type at its first use, and crashes if threads do that at the same time.
_KEPT = msgspec.msgpack.Decoder(_Kept)


@dataclass(frozen=True, slots=True)
class Unsealed:
    """The opened part of a record and the key that sealed it: the digits are derived from both."""

    kept: _Kept = field(repr=False)
    key: Key = field(repr=False)

    def code(self) -> str:
        """The digits."""
        return self.kept.spec.fixed or otp.derive(self.key.digest("code", self.kept.salt), self.kept.spec.length)

    def digest(self, purpose: str, code: str) -> bytes:
        """The keyed hash that is stored of a code: of phone, purpose and digits, salted."""
        phone = str(self.kept.spec.phone).encode()
        return self.key.digest("code hash", self.kept.salt, phone, purpose.encode(), code.encode())


class OneTimeCodes:
    """Makes, sends and checks codes, on one ledger. Thread-safe."""

    def __init__(self, ledger: Ledger, views: Views, settings: Settings, shield: Shield) -> None:
        self._ledger = ledger
        self._shield = shield
        self._views = views
        self._settings = settings

    def open(self, spec: OtpSpec, key: str | None) -> tuple[OpenedOtp, Unsealed | None]:
        """Write a new code down, or find the one that `key` made; call `enrol` for its step 0 then.

        A new code comes with its unsealed part, which `enrol` would have to read again. Raises as `Ledger.open_otp`.
        """
        sealer = self._ledger.sealing()
        steps = otp.steps_of(spec.channels)
        otp_id = "".join(secrets.choice(SAYABLE) for _ in range(ID_LENGTH))
        fixed = msgspec.structs.replace(spec, fixed=self._settings.test_codes.get(spec.phone, ""))
        made = Unsealed(_Kept(secrets.token_bytes(SALT_BYTES), fixed), sealer.key())
        opened = self._ledger.open_otp(
            otp_id,
            key=key,
            contents=sealer.digests("code content", msgspec.msgpack.encode(msgspec.structs.replace(spec, client=None))),
            sealed=sealer.seal(msgspec.msgpack.encode(made.kept), of=_belongs(otp_id)),
            digest=made.digest(spec.purpose, made.code()),
            ttl_s=spec.ttl_s,
            attempts=self._settings.code_attempts,
            channels=spec.channels,
            channel=steps[0].channel,
            look_after_s=LOOK_AGAIN_S if len(steps) > 1 else None,
        )
        return opened, made if opened.id == otp_id else None

    def enrol(
        self,
        otp_id: str,
        number: int,
        channel: str,
        at: float,
        expires_at: float,
        why: str = "",
        made: Unsealed | None = None,
    ) -> Enrolled | None:
        """Enrol the message of a step, or find it if it was enrolled; None if the code is over by now.

        `made` is what `open` returned, if it made the code just now. `at` is when the step was reserved; `why` is a
        word of `domain/cascade.TAKEN`. Hint the message if it was created. Raises as `Ledger.enrol` does, and TooMany,
        Held, Denied or OverBudget if the shield or `max_cost` refuses it.
        """
        opened = made or self._open(otp_id)
        if opened is None:
            return None
        spec = opened.kept.spec
        key = step_key(otp_id, number)
        is_further = why in FURTHER
        if not number and spec.max_cost is not None:  # without a known price the first message tells it
            self._check_cost(spec, 0, self._shield.known_price(spec.phone, channel) or 0)
        self._shield.check(spec.phone, client=spec.client, channel=channel, token=key, is_further=is_further)
        text = text_for(channel, spec.template, opened.code(), ttl_s=expires_at - at, purpose=spec.purpose)
        steps = otp.steps_of(spec.channels)
        return self._ledger.enrol(
            NewMessage(
                spec.phone,
                text,
                lane="urgent",
                key=key,
                options=Options(
                    channel=channel,
                    sender=spec.sender if channel == "sms" else None,
                    valid=otp.valid_for(expires_at - at) if can_say(self._settings.transport, "valid") else None,
                    extra=voice_for(channel, spec.template),
                ),
                on_doubt=spec.on_doubt,
                deadline_at=expires_at,
                parts=channel_row(channel).parts(text),
                why=why or ("resend" if number else "first"),
                otp_id=otp_id,
                waited_for_s=next((step.wait_s for step in steps if step.channel == channel), 0.0),
            )
        )

    def spec(self, otp_id: str) -> OtpSpec | None:
        """The request for a code; None if the code can let nobody in any more."""
        opened = self._open(otp_id)
        return opened.kept.spec if opened is not None else None

    def admit(self, otp_id: str, number: int, channel: str) -> Decision | None:
        """The shield's decision about a further channel, before it is reserved; repeats count once.

        None if the code is over.
        """
        opened = self._open(otp_id)
        if opened is None:
            return None
        spec = opened.kept.spec
        key = step_key(otp_id, number)
        return self._shield.admit(spec.phone, client=spec.client, channel=channel, token=key, is_further=True)

    def resend(self, otp_id: str, token: str) -> Reserved:
        """Reserve another message with the same code; enrol it afterwards. Raises CoolingDown, TooMany, CodeOver.

        `token` makes a repeat harmless.
        """
        reserved = Reserved("moved")
        while reserved.word == "moved":  # by the next channel, or by another resend
            reserved = self._reserve_resend(otp_id, token)
        if reserved.word == "step":
            return reserved
        if reserved.word == "cooling":
            raise _cooling(reserved.wait_s)
        if reserved.word == "too_many":
            raise TooMany("this code was sent as often as one may be; have a new one sent")
        raise over(Verdict(reserved.word))

    def _reserve_resend(self, otp_id: str, token: str) -> Reserved:
        """Try to reserve it; `moved` if another step came in between."""
        view = self._ledger.otp(otp_id)
        if view is None:
            raise over(Verdict.UNKNOWN)
        cooldown_s = self._settings.code_cooldown_s
        if view.state == "waiting":
            self._check_newest(view, cooldown_s)
            if opened := self._open(otp_id):  # a resend that the shield refuses is not counted
                spec = opened.kept.spec
                if spec.max_cost is not None:
                    spent = self.spent(spec.phone, view, self.batches(view))
                    self._check_cost(spec, spent, self.price(spec.phone, view.steps[0].channel))
                self._shield.check(spec.phone, client=spec.client, channel=view.steps[0].channel, dry_run=True)
            newest = view.steps[-1]
            if newest.why == "resend" and not newest.message_id and self._ledger.time() - newest.at > DIED_AFTER_S:
                return Reserved("step", len(view.steps) - 1, newest.at, view.expires_at)
        most, after = self._settings.code_resends, len(view.steps)
        channel = view.steps[0].channel
        return self._ledger.reserve_step(otp_id, token, channel, cooldown_s=cooldown_s, most_resends=most, after=after)

    def check(self, otp_id: str, typed: str, purpose: str) -> Verdict:
        """Judge a try: RIGHT once, WRONG as often as the settings allow. Raises LedgerTrouble if it cannot be judged.

        A code that was sent for another purpose is WRONG. The same work is done whether the code exists or not.
        """
        nonce, began = secrets.token_hex(16), self._ledger.clock.monotonic()
        spec: OtpSpec | None = None
        for left in reversed(range(CHECK_TRIES)):
            try:
                opened, known = self._sealed(otp_id)
                spec = spec or (opened.kept.spec if known else None)  # the sealed part is gone after a right try
                if spec is not None and spec.purpose != purpose:
                    log.warning("code checked for another purpose than it was sent for: wrong, whatever was typed")
                is_equal = self._is_equal(opened, known, typed, purpose)
                verdict = self._ledger.judge_otp(otp_id, nonce, is_equal=is_equal)
                if verdict is Verdict.RIGHT and spec is not None:
                    self._shield.verified(spec.phone, otp_id, spec.client)
                if verdict in (Verdict.RIGHT, Verdict.WRONG):
                    self._take_back(otp_id)
                return verdict
            except LedgerUnreachable:  # it may have been counted: with the nonce the answer is the same
                if not left or self._ledger.clock.monotonic() - began > CHECK_AGAIN_S:
                    raise
        raise AssertionError("unreachable")

    def forget(self, otp_id: str, key: str | None) -> None:
        """Remove a new code that the shield refused, so that an attack does not fill the ledger."""
        self._ledger.forget_otp(otp_id, key)

    def view(self, otp_id: str) -> OtpView | None:
        """The record of a code, None if there is none."""
        return self._ledger.otp(otp_id)

    def batches(self, view: OtpView) -> list[BatchView | None]:
        """The batch of each message of a code; None for one that is not enrolled."""
        known = {step.message_id: _ref(step.message_id) for step in view.steps if step.message_id}
        found = dict(zip(known, self._ledger.read(list(known.values())), strict=True))
        return [found.get(step.message_id) for step in view.steps]

    def spent(self, phone: int, view: OtpView, batches: Sequence[BatchView | None]) -> int:
        """What the messages of a code cost together, in units of money; estimated if not known."""
        return sum(self._cost(phone, step.channel, batch) for step, batch in zip(view.steps, batches, strict=True))

    def price(self, phone: int, channel: str) -> int:
        """The estimated cost of one message, in units of money."""
        return self._shield.price(phone, channel)

    def _cost(self, phone: int, channel: str, batch: BatchView | None) -> int:
        """The cost of a message: as the gateway said, 0 if it never left, else the estimate."""
        stored = unpack(batch.receipts, 0) if batch is not None else None
        if stored is not None and stored.cost:
            return to_units(stored.cost)
        if stored is not None and stored.status in FREE:
            return 0
        return self.price(phone, channel)

    def _check_cost(self, spec: OtpSpec, spent: int, price: int) -> None:
        """Raise OverBudget if one more message would exceed what all of them may cost."""
        if not fits(spec.max_cost, spent, price):
            raise OverBudget("one more message would cost more than `max_cost` allows this code", decision="max_cost")

    def _take_back(self, otp_id: str) -> None:
        """End messages of a code that is over and that have not left; trouble with the ledger is ignored."""
        try:
            view = self._ledger.otp(otp_id)
            if view is None or view.state not in OVER:
                return
            for step in view.steps:
                if step.message_id:
                    self._ledger.drop(_ref(step.message_id), "over")
        except LedgerTrouble:  # the verdict stands
            return

    def _check_newest(self, view: OtpView, cooldown_s: float) -> None:
        """Raise CoolingDown within the gateway's minute, which counts from its acceptance, not from our enrolment."""
        newest = view.steps[-1].message_id
        receipt = self._views.receipt(MessageId.parse(newest)) if newest else None
        if receipt is None:
            return
        if receipt.status in ("queued", "sending"):
            raise _cooling(cooldown_s, "the message with this code has not left yet")
        left_s = receipt.submitted_at + cooldown_s - self._ledger.time()
        if receipt.submitted_at and left_s > 0:
            raise _cooling(left_s)

    def _sealed(self, otp_id: str) -> tuple[Unsealed, bytes]:
        """The unsealed part of a code and its keyed hash; for an unknown code, a made-up part and b''."""
        sealed = self._ledger.sealed_otp(otp_id)
        return (self._opened(otp_id, sealed[0]), sealed[1]) if sealed else (self._nobody(), b"")

    def _is_equal(self, opened: Unsealed, known: bytes, typed: str, purpose: str) -> bool:
        said = opened.digest(purpose, otp.read_back(typed))
        return hmac.compare_digest(said, known or bytes(32)) and bool(known)

    def _open(self, otp_id: str) -> Unsealed | None:
        sealed = self._ledger.sealed_otp(otp_id)
        return self._opened(otp_id, sealed[0]) if sealed else None

    def _opened(self, otp_id: str, sealed: bytes) -> Unsealed:
        sealer = self._ledger.sealing()
        try:
            kept = _KEPT.decode(sealer.open(sealed, of=_belongs(otp_id)))
            return Unsealed(kept, sealer.key(key_of(sealed)))
        except Unsealable:
            raise WrongKey(WRONG_KEY) from None

    def _nobody(self) -> Unsealed:
        """What is compared if there is no code: sealed and opened too, so that the time tells nothing."""
        sealer = self._ledger.sealing()
        kept = _Kept(bytes(SALT_BYTES), OtpSpec(phone=0, purpose="", length=6, ttl_s=1, channels="", template=""))
        return self._opened("", sealer.seal(msgspec.msgpack.encode(kept), of=_belongs("")))


def _ref(message_id: str) -> Ref:
    return Ref(MessageId.parse(message_id).batch)


def over(verdict: Verdict) -> CodeOver:
    """The error for a code that cannot be sent again, by its verdict."""
    return CodeOver(_OVER[verdict], verdict.value)


def _cooling(left_s: float, why: str = "this code went out a moment ago") -> CoolingDown:
    return CoolingDown(f"{why}; it can be sent again in {math.ceil(left_s)} s", retry_after_s=left_s)


def _belongs(otp_id: str) -> str:
    """The associated data of a code's sealed part: it opens for this code only."""
    return f"code/{otp_id}"


_OVER = {
    Verdict.USED: "this code was used; have a new one sent",
    Verdict.LOCKED: "this code is locked after too many wrong tries; have a new one sent",
    Verdict.EXPIRED: "this code has expired; have a new one sent",
    Verdict.UNKNOWN: "there is no code of this id, or it is no longer remembered",
}
