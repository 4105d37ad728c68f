"""One-time codes for programs: send one, check what a person typed, send it again, show where it stands.

    code = smsq.otp.send("+79991234567", purpose="login")
    ...
    if smsq.otp.check(code.id, typed, purpose="login") is Verdict.RIGHT:  # `from smsq import Verdict`
        ...

Nothing here returns, prints or logs the code: only the message has it. Keep `code.id` where the person cannot change
it (their session); a check without the right id is never RIGHT.
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
from smsq.worker.domain.speech import text_for, voice_for
from smsq.worker.gateway.carried import check_carried
from smsq.worker.gateway.channels import channel as channel_row
from smsq.worker.gateway.options import check_options
from smsq.worker.ledger import Enrolled
from smsq.worker.ledger.otp.records import OtpView
from smsq.worker.otp.one_time_codes import OtpSpec, Unsealed, over

__all__ = ["CodeShown", "OneTimeCode", "Otp", "StepShown", "Verdict"]

DEFAULT_LENGTH = 6
DEFAULT_TTL_S = 300
OPEN_TRIES = 5  # if others with the same key make the code and take it back
OUTAGE_S = 1.0  # a reserved step is enrolled even if Redis is away for a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCode:
    """A code that was sent: the id to check it by, and the message that carries it. Never the digits."""

    id: str
    expires_at: float  # Unix seconds
    created: bool  # False if an earlier call with the same key created it
    channel: str
    message_id: str  # '' if the code ended before its message was enrolled
    phone: str = field(default="", repr=False)  # as it was understood, with its +: keep this one


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """One message of a code; `receipt` is None if it is not in the ledger."""

    channel: str
    at: float  # Unix seconds
    message_id: str
    why: str = "first"  # why this channel was tried, a word of `smsq.worker.domain.cascade.TAKEN`
    receipt: Receipt | None = field(default=None, repr=False)

    @property
    def status(self) -> str:
        """The status of the message, as reports name it."""
        return self.receipt.status if self.receipt is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAhead:
    """A channel not tried so far: `why` is '' while it may be, else a word of `smsq.worker.domain.cascade.ENDED`."""

    channel: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeShown:
    """A code without its digits: `state` is waiting, used, locked or expired.

    `ended` says why no further channel is tried; '' while one may be.
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
    """Send, check and show one-time codes: `Smsq.otp`."""

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

        `purpose` is what the code is for: give `check` the same word, since a code for one purpose is WRONG for any
        other. `channels` are tried in order, such as `sms:20s,call`. `template` is a text with `{code}` once, and
        `{minutes}` or `{purpose}` if you like; without one a built-in text in `locale` is used (en, ru, kk; by default
        the language of the phone's country). `key` makes a repeat harmless: for a day past the end of the code, the
        same key and request give the same code, and another request with that key raises Conflict. `client` names who
        asks (an address, an account), for the limits of the shield. `on_doubt` is as in `Smsq.send`, except that `ask`
        sends nothing again. `max_cost` limits what all messages of the code may cost together.

        Raises BadPhone, NotAGuest, BadLength, BadTtl, BadChannel, BadTemplate, BadText, BadInput; TooMany, Held, Denied
        and OverBudget if the shield refuses (`decision` and `retry_after_s` say more). After LedgerTrouble nothing was
        sent, except that LedgerUnreachable may mean a lost reply: repeat it with the same `key`.
        """
        number = phone_of(phone)
        self._smsq.settings.guests.check(number)
        check_word(purpose, "a purpose")
        otp.check_purpose(purpose)
        otp.check_length(length)
        otp.check_ttl(ttl)
        steps = _steps(channels)
        text = otp.template_of(number, locale, template)
        for step in steps:
            said = text_for(step.channel, text, "0" * length, ttl_s=ttl, purpose=purpose)
            channel_row(step.channel).check(said)
            by = Options(channel=step.channel, sender=sender, extra=voice_for(step.channel, text))
            check_carried(self._smsq.settings.transport, by)
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
                    with contextlib.suppress(LedgerTrouble):  # what is left expires by itself
                        codes.forget(opened.id, key)
                raise
            if sent.message_id or self._view(opened.id) is not None:
                return replace(sent, phone=f"+{number}")
            # Another call with this key made the code and was refused meanwhile: try again, and be refused too.
        raise TooMany("other requests with this key were refused at the same time; try again")

    def check(self, code_id: str, code: str, purpose: str = otp.PURPOSE) -> Verdict:
        """Judge what a person typed. A code is `Verdict.RIGHT` once, however many calls try at the same time.

        Spaces, dashes and digits of other scripts are understood. Each WRONG counts, up to SMSQ_CODE_ATTEMPTS; then
        the code is LOCKED. A field in which nothing was typed is WRONG and does not count. A code that was sent for
        another `purpose` is WRONG; the default is the default of `send`.
        Raises BadInput for a purpose that is not a word, LedgerTrouble if the code cannot be judged: let nobody in
        then.
        """
        if not isinstance(code, str):
            raise BadInput("give the code as a str: a number would lose its leading zeros")
        check_word(purpose, "a purpose")
        otp.check_purpose(purpose)
        if otp.is_empty(code):
            return Verdict.WRONG
        if not _is_id(code_id):
            code_id = "-"
        codes = self._smsq.runtime.otp
        return self._smsq.patiently(lambda: codes.check(code_id, code, purpose))

    def resend(self, code_id: str) -> OneTimeCode:
        """Send the same code again, as a new message.

        Raises CoolingDown with `retry_after_s` if the last message left too recently; TooMany after SMSQ_CODE_RESENDS;
        CodeOver if the code was used, has expired, is locked or unknown (`word` says which); and what the shield and
        the ledger raise, as `send` does.
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
        """The state of a code, its messages and the channels still ahead. Raises CodeOver for an unknown code."""
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
        """Enrol the message of a step and hint it; if it was enrolled already, return that one."""
        codes, lost = self._smsq.runtime.otp, []
        if not created and (message_id := self._found(code_id, number)):
            return OneTimeCode(id=code_id, expires_at=expires_at, created=False, channel=channel, message_id=message_id)

        def enrol() -> Enrolled | None:
            try:
                return codes.enrol(code_id, number, channel, at, expires_at, made=made)
            except LedgerUnreachable as error:
                lost.append(error)  # perhaps it was enrolled and not hinted
                raise

        enrolled = self._smsq.patiently(enrol, outage_s=OUTAGE_S)
        if enrolled is not None and (lost or (enrolled.created and enrolled.is_hint_needed)):
            self._smsq.runtime.hints.batches("urgent", [Ref(MessageId.parse(enrolled.id).batch)])
        message_id = enrolled.id if enrolled is not None else self._found(code_id, number)
        return OneTimeCode(id=code_id, expires_at=expires_at, created=created, channel=channel, message_id=message_id)

    def _view(self, code_id: str) -> OtpView | None:
        return self._smsq.patiently(lambda: self._smsq.runtime.otp.view(code_id))

    def _found(self, code_id: str, number: int) -> str:
        """The message id of a step, for a code that is over; '' if it was never enrolled."""
        view = self._smsq.runtime.otp.view(code_id)
        return view.steps[number].message_id if view is not None and number < len(view.steps) else ""


def _steps(channels: str | Iterable[str]) -> tuple[Step, ...]:
    """The channels as steps, in order; raises BadChannel for one that does not exist."""
    try:
        listed = channels if isinstance(channels, str) else ",".join(channels)
    except TypeError:
        raise BadChannel("channels are a str such as sms:20s,call, or a list of such") from None
    steps = otp.steps_of(listed)
    for step in steps:
        try:
            row = channel_row(step.channel)
        except BadInput as error:
            raise BadChannel(error.sentence) from None
        if not row.codes:
            raise BadChannel(f"no code goes by {row.name}, which is {row.meaning}")
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
        amount = Decimal(str(written))  # True would pass as 1 otherwise
    except (InvalidOperation, TypeError, ValueError):
        raise BadInput(f"a cost is an amount such as 7.50, not {written!r}") from None
    if not amount.is_finite() or not 0 < amount < 1_000_000:
        raise BadInput(f"a cost is an amount such as 7.50, not {written!r}")
    return int(amount * UNITS)


def _is_id(code_id: object) -> bool:
    """Whether this can be the id of a code; anything else is not looked up."""
    return isinstance(code_id, str) and code_id.isascii() and code_id.isalnum() and len(code_id) <= 40
