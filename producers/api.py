"""The Python API: `Smsq`.

    from smsq import Smsq

    with Smsq() as smsq:
        sent = smsq.send("+79991234567", "Hi", key="order-17")
        print(smsq.status(sent.id).status)

A message is written to the ledger first, then workers are hinted. Once a call has returned, the message is durable,
whatever happens to hints, workers or this process. Nothing here speaks to the gateway; workers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from smsq.producers.campaigns import Campaigns
from smsq.producers.doubts import Doubts
from smsq.producers.fields import caller_key, check_client, check_key, moment, phone_of, timestamp, with_fields
from smsq.producers.installation import Installation
from smsq.producers.otp import Otp
from smsq.producers.shield import ShieldControl
from smsq.worker.domain.batch import MessageId, Options, Ref
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.text import tidied
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.options import check_options
from smsq.worker.ledger import Enrolled, NewMessage
from smsq.worker.settings import Settings


class Smsq(Installation):
    """One installation: send and look up messages; `campaigns`, `doubts`, `otp` and `shield` have the rest.

    Settings are `settings`, else those that `environ` gives, by default this process's environment. Raises
    LedgerUnreachable if no Redis is named and no `smsq up` runs here, BadSettings for a setting that will not do.
    """

    def __init__(self, settings: Settings | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, environ=environ)
        self.campaigns = Campaigns(self)
        self.doubts = Doubts(self)
        self.shield = ShieldControl(self)
        self.otp = Otp(self)

    def send(
        self,
        phone: str | int,
        text: str,
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
    ) -> Enrolled:
        """Enrol one message; return its id, and whether this call created it.

        `key` makes a repeat harmless: the same key and content give the first answer, the same key with other
        content raises Conflict. `lane` is `urgent` or `bulk`. `valid` is how long operators try to deliver (1 to 24
        hours, or `hh:mm`). `at` is the moment at which the gateway sends; a moment in the past is accepted only with
        a `key`, since the call may be a repeat. Nothing is sent later than `deadline_s` seconds from now.

        `on_doubt` says what follows if the outcome of a send is unknown. `ask` sends again once it is certain that
        the message did not arrive. `park` leaves that decision to a person. `resend` prefers two copies to none and
        needs a deadline: if the gateway does not show the first copy, a second one leaves once, a minute later, and
        the receipt says `may_double`.

        `client` names who asked for an urgent message (an address, an account). The message then has to pass the
        pumping shield, as codes of `smsq.otp` do.

        Raises BadPhone, BadText, BadInput; TooMany, Held, Denied and OverBudget if the shield refuses. Raises
        LedgerUnreachable if it is not known whether the message was enrolled, another LedgerTrouble if it was not.
        """
        number = phone_of(phone)
        check_key(key)
        check_client(client)
        if not isinstance(text, str):
            raise BadText(f"the text must be a str, not {type(text).__name__}")
        text = tidied(text)
        if at is not None and key is None and timestamp(at) < self.runtime.clock.now():
            raise BadInput(
                "that moment has passed: `at` says when to send, in this machine's time zone unless it names one"
            )
        options = with_fields(options or Options(), sender=sender, valid=valid, time=moment(at))
        check_options(options)
        way = channel(options.channel)
        way.check(text)
        message = NewMessage(
            number,
            text,
            lane=lane,
            key=caller_key(key),
            options=options,
            on_doubt=on_doubt,
            deadline_s=deadline_s,
            parts=way.parts(text),
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
        if message.key is not None and self.runtime.ledger.knows(message.key):
            return
        told = {"client": client, "channel": message.options.channel, "token": message.key, "verifiable": False}
        self.patiently(lambda: self.runtime.shield.check(message.phone, **told))

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
