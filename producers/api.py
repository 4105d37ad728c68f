"""The Python API: `Smsq`.

    from smsq import Smsq

    with Smsq() as smsq:
        sent = smsq.send("+79991234567", "Hi", key="order-17")
        print(smsq.status(sent.id).status)

A message is written to the ledger first, then workers are hinted. Once a call has returned, the message is durable,
whatever happens to hints, workers or this process. Nothing here speaks to the gateway; workers do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypedDict, Unpack, overload

from smsq.producers import waits_of_one
from smsq.producers.campaigns import Campaigns
from smsq.producers.caps import CapControl
from smsq.producers.countries import CountryControl
from smsq.producers.doubts import Doubts
from smsq.producers.fields import caller_key, check_client, check_key, moment, recipient_of, timestamp, with_fields
from smsq.producers.files import GivenFile, named, with_files
from smsq.producers.installation import Installation
from smsq.producers.limits import LimitControl
from smsq.producers.optouts import OptOutList
from smsq.producers.otp import Otp
from smsq.producers.shield import ShieldControl
from smsq.producers.templates import Templates, rendered
from smsq.worker.domain.batch import MessageId, Options, Ref
from smsq.worker.domain.errors import BadInput, Limited
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.recipient import written
from smsq.worker.gateway.carried import check_carried
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.options import accepted, check_message, check_options, parts_of
from smsq.worker.ledger import Enrolled, NewMessage
from smsq.worker.settings import Settings


class HowToSend(TypedDict, total=False):
    """What `Smsq.send` takes beside phone and text; its docstring says what each is."""

    template: str | None
    values: Mapping[str, object] | None
    key: str | None
    lane: str
    sender: str | None
    valid: str | None
    at: datetime | str | None
    on_doubt: str
    deadline_s: float | None
    options: Options | None
    client: str | None
    files: Sequence[GivenFile]
    even_opted_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldSend:
    """A message that a dry run did not enrol; `is_known` if its key was used already, so that a repeat adds nothing."""

    recipient: str
    text: str = field(repr=False)
    channel: str
    sender: str | None
    lane: str
    parts: int
    is_known: bool


class Smsq(Installation):
    """One installation: send and look up messages.

    `campaigns`, `caps`, `countries`, `doubts`, `limits`, `optouts`, `otp`, `shield` and `templates` have the rest.

    Settings are `settings`, else those that `environ` gives, by default this process's environment. Raises
    LedgerUnreachable if no Redis is named and no `smsq up` runs here, BadSettings for a setting that will not do.
    """

    def __init__(self, settings: Settings | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, environ=environ)
        self.campaigns = Campaigns(self)
        self.doubts = Doubts(self)
        self.limits = LimitControl(self)
        self.shield = ShieldControl(self)
        self.otp = Otp(self)
        self.templates = Templates(self)
        self.optouts = OptOutList(self)
        self.countries = CountryControl(self)
        self.caps = CapControl(self)

    @overload
    def send(
        self,
        phone: str | int,
        text: str | bytes = "",
        *,
        dry_run: Literal[False] = False,
        **how: Unpack[HowToSend],
    ) -> Enrolled: ...
    @overload
    def send(
        self, phone: str | int, text: str | bytes = "", *, dry_run: Literal[True], **how: Unpack[HowToSend]
    ) -> WouldSend: ...
    def send(
        self,
        phone: str | int,
        text: str | bytes = "",
        *,
        template: str | None = None,
        values: Mapping[str, object] | None = None,
        key: str | None = None,
        lane: str = "urgent",
        sender: str | None = None,
        valid: str | None = None,
        at: datetime | str | None = None,
        on_doubt: str = "ask",
        deadline_s: float | None = None,
        options: Options | None = None,
        client: str | None = None,
        files: Sequence[GivenFile] = (),
        dry_run: bool = False,
        even_opted_out: bool = False,
    ) -> Enrolled | WouldSend:
        """Enrol one message; return its id, and whether this call created it.

        `phone` is a phone; by some channels it is an address: for `mail` a mail address, for `tg` and `bot` also a
        nick (`@name`) or an id (`#123456`). `options` choose the channel and what else is asked of the gateway, such as
        `Options(channel="mail", sender="shop@example.ru", subj="Hello")`. `text` is bytes only for the channel `bin`,
        and left out for `hlr` and `ping`.

        `key` makes a repeat harmless: the same key and content give the first answer, the same key with other
        content raises Conflict. `lane` is `urgent` or `bulk`. `valid` is how long operators try to deliver (1 to 24
        hours, or `hh:mm`). `at` is the moment at which the gateway sends; a moment in the past is accepted only with
        a `key`, since the call may be a repeat. Nothing is sent later than `deadline_s` seconds from now.

        `on_doubt` says what follows if the outcome of a send is unknown. `ask` sends again once it is certain that
        the message did not arrive. `park` leaves that decision to a person. `resend` prefers two copies to none and
        needs a deadline: if the gateway does not show the first copy, a second one leaves once, a minute later, and
        the receipt says `may_double`.

        `files` go with a message by `mail` or `mms`: paths, or names with content, such as `("offer.pdf", data)`. They
        are on disk when the call returns, and go a day after the message has ended (`SMSQ_FILES`, `SMSQ_KEEP_TEXTS`).

        Nothing goes to a recipient who opted out of everything or of this sender, unless `even_opted_out` says so: for
        what a person must be told, such as a change of a contract. One-time codes go anyway.

        `template` is a saved text in place of `text`, such as `welcome` or `welcome@3`, and `values` fill its fields.

        `client` names who asked for an urgent message (an address, an account). The message then has to pass the
        pumping shield, as codes of `smsq.otp` do.

        A simulated number (docs/trying.md) is answered by smsq itself: nothing leaves, and it costs nothing. With
        `dry_run` nothing is written, and the gateway is not asked: it returns what would be enrolled, and raises the
        same.

        Raises BadPhone, BadAddress, NotAGuest, BadText, BadInput; OptedOut; TooMany, Held, Denied and OverBudget if the
        shield refuses; FilesTrouble if files cannot be kept. Raises LedgerUnreachable if it is not known whether the
        message was enrolled, another LedgerTrouble if not.
        """
        options = with_fields(options or Options(), sender=sender, valid=valid, time=moment(at))
        check_options(options)
        way = channel(options.channel)
        who = recipient_of(phone, way.recipients)
        self.settings.guests.check(who)
        check_key(key)
        check_client(client)
        text = way.read(self._text(text, template, values))
        check_carried(self.settings.transport, options, text=text)
        if at is not None and key is None and timestamp(at) < self.runtime.clock.now():
            raise BadInput(
                "that moment has passed: `at` says when to send, in this machine's time zone unless it names one"
            )
        check_message(text, options, is_alone=True, has_files=bool(files))
        options = named(self.settings, options, files) if dry_run else with_files(self.runtime, options, files)
        message = NewMessage(
            who,
            text,
            lane=lane,
            key=caller_key(key),
            options=accepted(options, self.runtime.clock.now()),
            said=options,
            on_doubt=on_doubt,
            deadline_s=deadline_s,
            parts=parts_of(text, options),
            even_opted_out=even_opted_out,
        )
        if dry_run:
            return self._would_send(message, client)
        if client is not None:
            self._pass_shield(message, client)
        enrolled = self.patiently(lambda: self.runtime.ledger.enrol(message))
        if enrolled.created and enrolled.is_hint_needed:
            self.runtime.hints.batches(lane, [Ref(MessageId.parse(enrolled.id).batch)])
        return enrolled

    def _text(self, text: str | bytes, template: str | None, values: Mapping[str, object] | None) -> str | bytes:
        """The text to send: the one that was given, or a saved template with its values."""
        if template is None:
            if values is not None:
                raise BadInput("values fill a saved template: name it, or write them into the text")
            return text
        if text:
            raise BadInput("a text is given, or the name of a saved template, and not both")
        found = self.templates.show(template)
        return rendered(found.text, values or {}, language=found.language or None, what=f"the template {found.called}")

    def _would_send(self, message: NewMessage, client: str | None) -> WouldSend:
        """What this message would be; raises what enrolling it would, and of the shield what it would say now."""
        is_known = not self.runtime.ledger.would_enrol(message)
        if client is not None and not is_known:
            phone = _phone_of(message)
            decision = self.shield.dry_run(phone, client=client, channel=message.options.channel)
            if not decision.allowed:
                raise Limited(f"the shield would refuse it now: {decision.why or decision.code}")
        return WouldSend(
            recipient=written(message.recipient),
            text=message.text,
            channel=message.options.channel,
            sender=message.options.sender,
            lane=message.lane,
            parts=message.parts,
            is_known=is_known,
        )

    def _pass_shield(self, message: NewMessage, client: str) -> None:
        """Ask the shield, which raises its refusal; a message whose key is known already has passed."""
        phone = _phone_of(message)
        if message.key is not None and self.runtime.ledger.knows(message.key):
            return
        told = {"client": client, "channel": message.options.channel, "token": message.key, "verifiable": False}
        self.patiently(lambda: self.runtime.shield.check(phone, **told))

    def status(self, message_id: str) -> Receipt:
        """The receipt of a message, by the id that `send` or a report gave. Raises BadInput for an unknown id."""
        try:
            parsed = MessageId.parse(message_id)
        except (ValueError, AttributeError):  # not even text
            raise BadInput(f"a message id looks like 4711.0, not {message_id!r}") from None
        receipt = self.runtime.views.receipt(parsed)
        if receipt is None:
            raise BadInput(f"there is no message {message_id}, or it is no longer kept")
        return receipt

    def why(self, receipt: Receipt) -> str:
        """Why a message is not sent, or not final, and until when, in a sentence; '' for one that is final."""
        return waits_of_one.why(self.runtime, receipt)


def _phone_of(message: NewMessage) -> int:
    """The phone that the shield judges; raises BadInput for a message that it has no rules for."""
    if message.lane != "urgent":
        raise BadInput(
            "client is for urgent messages, which alone pass the shield: leave it out, or send by the urgent lane"
        )
    if not isinstance(message.recipient, int):
        raise BadInput("client is for messages to phones: the shield counts prefixes, and an address has none")
    return message.recipient
