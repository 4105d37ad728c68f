"""One-time codes for programs: send one, check what a person typed, send it again, show where it stands.

    code = smsq.otp.send("+79991234567", purpose="login")
    ...
    if smsq.otp.check(code.id, typed, purpose="login") is Verdict.RIGHT:  # `from smsq import Verdict`
        ...

Nothing here returns, prints or logs the code: it is in the message alone. Keep `code.id` where the person
cannot change it (their session); without it a try is none.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation

from smsq.producers.fields import check_client, check_key, check_word, phone_of
from smsq.producers.installation import Installation
from smsq.worker.domain import otp
from smsq.worker.domain.batch import MessageId, Options, Ref
from smsq.worker.domain.cascade import end_of
from smsq.worker.domain.errors import BadChannel, BadInput, LedgerTrouble, LedgerUnreachable, Limited, TooMany
from smsq.worker.domain.money import UNITS
from smsq.worker.domain.otp import Step, Verdict
from smsq.worker.domain.policy import POLICIES
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.speech import text_for
from smsq.worker.gateway.channels import channel as channel_row
from smsq.worker.gateway.options import check_options
from smsq.worker.ledger import Enrolled
from smsq.worker.ledger.otp.records import OtpView
from smsq.worker.otp.one_time_codes import OtpSpec, Unsealed, over

__all__ = ["CodeShown", "OneTimeCode", "Otp", "StepShown", "Verdict"]

DEFAULT_LENGTH = 6
DEFAULT_TTL_S = 300
OPEN_TRIES = 5  # of a code that others with the same key make and take back
OUTAGE_S = 1.0  # a step that is written down is enrolled even if Redis was away for a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCode:
    """A code that was sent: how to check it later, and the message that carries it. Not the code."""

    id: str
    expires_at: float  # Unix seconds
    created: bool  # False if the caller's key had made it before
    channel: str
    message_id: str  # '' if it had ended before its message was enrolled
    phone: str = field(default="", repr=False)  # with its +, as it was understood: the one to keep


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """One message of a code; `receipt` is None if its message is not in the ledger."""

    channel: str
    at: float  # Unix seconds
    message_id: str
    why: str = "first"  # why this channel was tried, a word of `smsq.worker.domain.cascade.TAKEN`
    receipt: Receipt | None = field(default=None, repr=False)

    @property
    def status(self) -> str:
        """Where the message stands, as reports call it."""
        return self.receipt.status if self.receipt is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAhead:
    """A channel that was not tried: `why` is '' while it may be, else a word of `smsq.worker.domain.cascade.ENDED`."""

    channel: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeShown:
    """What may be known of a code: `state` is waiting, used, locked or expired.

    `ended` says why no further channel is tried, '' while one may be.
    """

    id: str
    state: str
    made_at: float  # Unix seconds
    expires_at: float
    tries_left: int
    resends_left: int
    channels: str
    steps: tuple[StepShown, ...]
    ahead: tuple[StepAhead, ...]
    ended: str


class Otp:
    """`smsq.otp`."""

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def send(
        self,
        phone: str | int,
        *,
        purpose: str = otp.PURPOSE,
        length: int = DEFAULT_LENGTH,
        ttl: float = DEFAULT_TTL_S,
        channels: str | Iterable[str] = "sms",
        locale: str | None = None,
        template: str | None = None,
        key: str | None = None,
        client: str | None = None,
        sender: str | None = None,
        on_doubt: str = "ask",
        max_cost: Decimal | str | int | None = None,
    ) -> OneTimeCode:
        """Make a code of `length` digits that lives for `ttl` seconds, and send it to `phone`.

        `purpose` is what it is good for: give `check` the same, a code for one purpose opens no other. `template` is
        a text that holds `{code}` once, and `{minutes}` or `{purpose}` where you like; without one there is a text in
        `locale` (en, ru, kk; by default that of the phone's country). `channels` is how it travels. `key` makes a
        repeat harmless: the same key and request give the same code back for a day past its end, another request
        raises Conflict. `client` names who asks (an address, an account), for the limits of the shield.
        `on_doubt` is as in `Smsq.send`, but that `ask` sends nothing again; `max_cost` is what all its messages may
        cost. Raises BadPhone, BadLength, BadTtl, BadChannel, BadTemplate, BadText, BadInput; TooMany, Held, Denied and
        OverBudget if the shield refuses (their `decision` and `retry_after_s` say more); LedgerTrouble: nothing was
        sent, except that LedgerUnreachable may mean a lost reply; the same `key` makes a repeat harmless.
        """
        number = phone_of(phone)
        check_word(purpose, "a purpose")
        otp.check_purpose(purpose)
        otp.check_length(length)
        otp.check_ttl(ttl)
        steps = _steps(channels)
        text = otp.template_of(number, locale, template)
        for step in steps:
            said = text_for(step.channel, text, "0" * length, ttl_s=ttl, purpose=purpose)
            channel_row(step.channel).check(said)
        check_options(Options(sender=sender))
        check_key(key)
        check_client(client)
        spec = OtpSpec(
            phone=number,
            purpose=purpose,
            length=length,
            ttl_s=float(ttl),
            channels=otp.written(steps),
            template=text,
            sender=sender,
            on_doubt=_policy(on_doubt),
            max_cost=_cost(max_cost),
            client=client,
        )
        codes = self._smsq.runtime.otp
        for _ in range(OPEN_TRIES):
            opened, made = self._smsq.patiently(lambda: codes.open(spec, key))
            is_new, at = opened.created, opened.made_at
            try:
                sent = self._enrol(opened.id, 0, opened.channel, at, opened.expires_at, created=is_new, made=made)
            except Limited:
                if is_new:
                    with contextlib.suppress(LedgerTrouble):  # what stays goes by itself; this one hears why
                        codes.forget(opened.id, key)
                raise
            if sent.message_id or self._view(opened.id) is not None:
                return replace(sent, phone=f"+{number}")
            # Another call with this key had made it and was refused meanwhile: this one hears that for itself.
        raise TooMany("other requests with this key were refused at the same time")

    def check(self, code_id: str, code: str, purpose: str = otp.PURPOSE) -> Verdict:
        """Judge what a person typed: `Verdict.RIGHT` once in the life of a code, whoever else tries at the same time.

        Spaces, dashes and digits of other scripts are understood. Each WRONG counts, up to SMSQ_CODE_ATTEMPTS;
        then the code is LOCKED. A code that was sent for another `purpose` is WRONG, so name the one that this check is
        about; without one it is that of `send` without one. Raises BadInput for a purpose that is no word,
        LedgerTrouble if it cannot be told: let nobody in then.
        """
        if not isinstance(code, str):
            raise BadInput("give the code as text: a number would lose its leading zeros")
        check_word(purpose, "a purpose")
        otp.check_purpose(purpose)
        if not _is_id(code_id):
            code_id = "-"
        codes = self._smsq.runtime.otp
        return self._smsq.patiently(lambda: codes.check(code_id, code, purpose))

    def resend(self, code_id: str) -> OneTimeCode:
        """Send the same code again, as a new message.

        Raises CoolingDown with `retry_after_s` too soon after the last, TooMany after SMSQ_CODE_RESENDS,
        CodeOver for a code that was used, has expired, is locked or unknown (its `word` says which), and what
        the shield raises, as `send` does.
        """
        codes = self._smsq.runtime.otp
        token = secrets.token_hex(8)
        if not _is_id(code_id):
            raise over(Verdict.UNKNOWN)
        reserved = self._smsq.patiently(lambda: codes.resend(code_id, token), outage_s=OUTAGE_S)
        view, spec = self._view(code_id), self._smsq.patiently(lambda: codes.spec(code_id))
        if view is None:
            raise over(Verdict.UNKNOWN)
        channel = view.steps[reserved.number].channel
        sent = self._enrol(code_id, reserved.number, channel, reserved.at, reserved.expires_at, created=True)
        if not sent.message_id or spec is None:
            raise over(Verdict(self.show(code_id).state))
        return replace(sent, phone=f"+{spec.phone}")

    def show(self, code_id: str) -> CodeShown:
        """Where a code stands, and its messages. Raises CodeOver for an unknown one."""
        view = self._smsq.runtime.otp.view(code_id) if _is_id(code_id) else None
        if view is None:
            raise over(Verdict.UNKNOWN)
        steps = tuple(self._steps_of(view))
        statuses = [step.status for step in steps]
        ended = view.ended or end_of(len(otp.steps_of(view.channels)), view.place, statuses, view.state)
        return CodeShown(
            id=view.id,
            state=view.state,
            made_at=view.made_at,
            expires_at=view.expires_at,
            tries_left=view.tries_left,
            resends_left=max(0, self._smsq.settings.code_resends - view.resends),
            channels=view.channels,
            steps=steps,
            ahead=tuple(StepAhead(channel=s.channel, why=ended) for s in otp.steps_of(view.channels)[view.place + 1 :]),
            ended=ended,
        )

    def _steps_of(self, view: OtpView) -> Iterable[StepShown]:
        for step in view.steps:
            known = self._smsq.runtime.views.receipt(MessageId.parse(step.message_id)) if step.message_id else None
            yield StepShown(channel=step.channel, at=step.at, message_id=step.message_id, why=step.why, receipt=known)

    def _enrol(
        self,
        code_id: str,
        number: int,
        channel: str,
        at: float,
        expires_at: float,
        *,
        created: bool,
        made: Unsealed | None = None,
    ) -> OneTimeCode:
        """Enrol the message of a step and hint it; one that was enrolled already is found."""
        codes, lost = self._smsq.runtime.otp, []
        if not created and (message_id := self._found(code_id, number)):
            return OneTimeCode(id=code_id, expires_at=expires_at, created=False, channel=channel, message_id=message_id)

        def enrol() -> Enrolled | None:
            try:
                return codes.enrol(code_id, number, channel, at, expires_at, made=made)
            except LedgerUnreachable as error:
                lost.append(error)  # perhaps it was enrolled: then nobody has hinted it
                raise

        enrolled = self._smsq.patiently(enrol, outage_s=OUTAGE_S)
        if enrolled is not None and (lost or (enrolled.created and enrolled.is_hint_needed)):
            self._smsq.runtime.hints.batches("urgent", [Ref(MessageId.parse(enrolled.id).batch)])
        message_id = enrolled.id if enrolled is not None else self._found(code_id, number)
        return OneTimeCode(id=code_id, expires_at=expires_at, created=created, channel=channel, message_id=message_id)

    def _view(self, code_id: str) -> OtpView | None:
        return self._smsq.patiently(lambda: self._smsq.runtime.otp.view(code_id))

    def _found(self, code_id: str, number: int) -> str:
        """The message of a step of a code that is over; '' if it never was enrolled."""
        view = self._smsq.runtime.otp.view(code_id)
        return view.steps[number].message_id if view is not None and number < len(view.steps) else ""


def _steps(channels: str | Iterable[str]) -> tuple[Step, ...]:
    """Channels that exist, in order."""
    try:
        listed = channels if isinstance(channels, str) else ",".join(channels)
    except TypeError:
        raise BadChannel("channels are words, such as sms:20s,call or a list of them") from None
    steps = otp.steps_of(listed)
    for step in steps:
        try:
            channel_row(step.channel)
        except BadInput as error:
            raise BadChannel(error.sentence) from None
    return steps


def _policy(on_doubt: str) -> str:
    if not isinstance(on_doubt, str) or on_doubt not in POLICIES:
        raise BadInput(f"on_doubt is one of {', '.join(POLICIES)}, not {on_doubt!r}")
    return on_doubt


def _cost(written: Decimal | str | int | None) -> int | None:
    """An amount of the account's currency, as the ledger counts it."""
    if written is None:
        return None
    try:
        amount = Decimal(str(written))  # of True too, which is no amount
    except (InvalidOperation, TypeError, ValueError):
        raise BadInput(f"a cost is an amount such as 7.50, not {written!r}") from None
    if not amount.is_finite() or not 0 < amount < 1_000_000:
        raise BadInput(f"a cost is an amount such as 7.50, not {written!r}")
    return int(amount * UNITS)


def _is_id(code_id: object) -> bool:
    """Whether this can be a code's id: other words are not looked up."""
    return isinstance(code_id, str) and code_id.isascii() and code_id.isalnum() and len(code_id) <= 40
