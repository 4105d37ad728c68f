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
from datetime import datetime

from smsq.producers.campaigns import Campaigns
from smsq.producers.caps import CapControl
from smsq.producers.countries import CountryControl
from smsq.producers.doubts import Doubts
from smsq.producers.fields import caller_key, check_client, check_key, moment, recipient_of, timestamp, with_fields
from smsq.producers.files import GivenFile, with_files
from smsq.producers.installation import Installation
from smsq.producers.optouts import OptOutList
from smsq.producers.otp import Otp
from smsq.producers.shield import ShieldControl
from smsq.worker.domain.batch import MessageId, Options, Ref
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.receipt import Receipt
from smsq.worker.gateway.carried import check_carried
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.options import accepted, check_message, check_options, parts_of
from smsq.worker.ledger import Enrolled, NewMessage
from smsq.worker.settings import Settings


class Smsq(Installation):
    """One installation: send and look up messages.

    `campaigns`, `caps`, `countries`, `doubts`, `optouts`, `otp` and `shield` have the rest.

    Settings are `settings`, else those that `environ` gives, by default this process's environment. Raises
    LedgerUnreachable if no Redis is named and no `smsq up` runs here, BadSettings for a setting that will not do.
    """

    def __init__(self, settings: Settings | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, environ=environ)
        self.campaigns = Campaigns(self)
        self.doubts = Doubts(self)
        self.shield = ShieldControl(self)
        self.otp = Otp(self)
        self.optouts = OptOutList(self)
        self.countries = CountryControl(self)
        self.caps = CapControl(self)

    def send(
        self,
        phone: str | int,
        text: str | bytes = "",
        *,
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
        even_opted_out: bool = False,
    ) -> Enrolled:
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

        `client` names who asked for an urgent message (an address, an account). The message then has to pass the
        pumping shield, as codes of `smsq.otp` do.

        A simulated number (docs/trying.md) is answered by smsq itself: nothing leaves, and it costs nothing.

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
        text = way.read(text)
        check_carried(self.settings.transport, options, text=text)
        if at is not None and key is None and timestamp(at) < self.runtime.clock.now():
            raise BadInput(
                "that moment has passed: `at` says when to send, in this machine's time zone unless it names one"
            )
        check_message(text, options, is_alone=True, has_files=bool(files))
        options = with_files(self.runtime, options, files)
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
        if client is not None:
            self._pass_shield(message, client)
        enrolled = self.patiently(lambda: self.runtime.ledger.enrol(message))
        if enrolled.created and enrolled.is_hint_needed:
            self.runtime.hints.batches(lane, [Ref(MessageId.parse(enrolled.id).batch)])
        return enrolled

    def _pass_shield(self, message: NewMessage, client: str) -> None:
        """Ask the shield, which raises its refusal; a message whose key is known already has passed."""
        if message.lane != "urgent":
            raise BadInput(
                "client is for urgent messages, which alone pass the shield: leave it out, or send by the urgent lane"
            )
        if not isinstance(message.recipient, int):
            raise BadInput("client is for messages to phones: the shield counts prefixes, and an address has none")
        if message.key is not None and self.runtime.ledger.knows(message.key):
            return
        phone = message.recipient
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
