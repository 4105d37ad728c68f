"""send.php and /rest/send/: a request becomes messages in the ledger, and is answered at once.

What the gateway would refuse is refused here with the gateway's own code; what it would accept is accepted once it is
durable. Cost and balance are what is known of them (`prices.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from smsq.producers.web.front_door.callers import Caller
from smsq.producers.web.front_door.connection import Answer
from smsq.producers.web.front_door.gatherer import Gatherer
from smsq.producers.web.front_door.prices import Prices
from smsq.worker.domain import phone as phones
from smsq.worker.domain.batch import MAX_MESSAGES, Options
from smsq.worker.domain.errors import BadInput, BadPhone, BadText
from smsq.worker.domain.text import tidied
from smsq.worker.gateway import extras
from smsq.worker.gateway.channels import Channel, channel
from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.http.server import shapes
from smsq.worker.gateway.http.server.form import Form, FormError
from smsq.worker.gateway.http.server.send import (
    Accepted,
    Each,
    SendRequest,
    without_comment,
    write_accepted,
    write_price,
)
from smsq.worker.gateway.numbers import CONCURRENT_TEXT
from smsq.worker.gateway.options import check_options
from smsq.worker.ledger.front_door.requests import Asked, Guarded, NewRequest, day_of

BAD_PHONE, DENIED, REPEATED = 7, 6, 9
WRONG_NUMBER = 249  # a delivery error (PROTOCOL D.9), for a list of what is wrong
# Fields that choose a kind of message: if no channel has one, the request asks for what smsq does not send.
KINDS = frozenset("hlr ping flash bin push mms mail soc viber whatsapp wap bot tgbot max tg call".split())
FEW = 3  # recipients: more of them go by the bulk lane, unless the key names a lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A request as messages: those that can be sent, and recipients that cannot be."""

    messages: list[Asked]
    options: Options
    bad: list[str]

    @property
    def parts(self) -> int:
        """Of all messages."""
        return sum(message.parts for message in self.messages)


class Sends:
    """Answers sends and price requests."""

    def __init__(
        self, gatherer: Gatherer, prices: Prices, now: Callable[[], float], may_be_carried: Callable[[Options], None]
    ) -> None:
        self._gatherer = gatherer
        self._prices = prices
        self._now = now
        self._may_be_carried = may_be_carried  # raises BadInput for what the transport cannot carry

    async def answer(self, form: Form, caller: Caller, host: str) -> Answer:
        """Answer one request. Raises FormError for what is refused, LedgerTrouble if nothing can be enrolled."""
        request = SendRequest.read(form)
        fmt, charset = request.fmt, form.charset
        if not caller.may("price" if request.is_price else "send"):
            raise FormError(2, f"the key {caller.name} may not do this")
        asked = understood(request, caller, self._now())
        if not asked.messages:
            return _answer(shapes.write_error(BAD_PHONE, None, request.id, fmt, charset), fmt, charset)
        if request.is_price:
            cost = await self._prices.of(asked.messages, asked.options)
            if cost is None:
                raise Busy("the price is not known yet")
            return _answer(write_price(cost, asked.parts, fmt, charset), fmt, charset)
        if not caller.pass_rate(len(asked.messages)):
            raise Busy("more messages a second than this key may send")
        taken = await self._gatherer.enrol(self._request(request, asked, caller, host))
        if isinstance(taken, Guarded):
            return _answer(shapes.write_error(REPEATED, None, None, fmt, charset), fmt, charset)
        cost, balance = await self._money(request, asked, is_new=bool(taken.refs))
        told = Accepted(
            id=request.id if request.id is not None else int(taken.id),
            parts=taken.parts,
            cost=cost,
            balance=balance,
            each=_each(asked) if request.wants_each else None,
            bad=_bad(asked) if request.wants_bad else None,
        )
        answer = _answer(write_accepted(told, fmt, charset), fmt, charset)
        answer.reached = lambda: self._gatherer.reached(taken)
        return answer

    def prepared(self, request: SendRequest, caller: Caller, host: str) -> tuple[NewRequest, int]:
        """What a request asks for, ready to enrol, and how many recipients of it are none. Raises FormError."""
        asked = understood(request, caller, self._now())
        if not caller.pass_rate(len(asked.messages)):
            raise Busy("more messages a second than this key may send")
        return self._request(request, asked, caller, host), len(asked.bad)

    async def _money(
        self, request: SendRequest, asked: Understood, *, is_new: bool
    ) -> tuple[Decimal | None, Decimal | None]:
        """What it costs and what is left, as far as the request wants to know."""
        if request.cost < 2:
            return None, None
        cost = await self._prices.of(asked.messages, asked.options) or Decimal(0)
        if is_new:
            self._prices.spend(cost)
        return cost, (await self._prices.balance() if request.cost == 3 else None)

    def _request(self, request: SendRequest, asked: Understood, caller: Caller, host: str) -> NewRequest:
        try:
            self._may_be_carried(asked.options)
        except BadInput as wrong:
            raise FormError(1, wrong.sentence) from None
        lane = caller.key.lane or ("urgent" if len(asked.messages) <= FEW else "bulk")
        said = [(message.shown, message.text) for message in asked.messages]
        return NewRequest(
            caller=caller.name,
            id="" if request.id is None else str(request.id),
            host=host,
            content=msgspec.msgpack.encode((asked.options.written(), said)),
            lane=lane,
            options=asked.options,
            messages=asked.messages,
            bad=asked.bad,
            day=day_of(datetime.fromtimestamp(self._now(), MOSCOW)),
        )


class Busy(FormError):
    """Nothing was taken, and the same may be tried again: the gateway's words for that."""

    def __init__(self, sentence: str) -> None:
        super().__init__(REPEATED, sentence)


def understood(request: SendRequest, caller: Caller, now: float) -> Understood:
    """What a request asks for, checked; raises FormError."""
    row, options = channel(request.channel), options_of(request, caller, now)
    messages: dict[tuple[str, str], Asked] = {}
    bad: list[str] = []
    for written, (shown, text) in zip(request.written, request.messages, strict=True):
        asked = _asked(written, shown, text, row, bad)
        if asked is not None:
            messages.setdefault((asked.shown, asked.text), asked)
    if len(messages) > MAX_MESSAGES:
        raise FormError(1, f"a request has at most {MAX_MESSAGES} messages; jobs.php takes more")
    return Understood(messages=list(messages.values()), options=options, bad=bad)


def _asked(written: str, shown: str, text: str, row: Channel, bad: list[str]) -> Asked | None:
    try:
        phone = phones.parse(written)
    except BadPhone:
        bad.append(shown)
        return None
    text = without_comment(tidied(text))[0]
    try:
        row.check(text)
    except BadText as wrong:
        raise FormError(1 if not text.strip() else DENIED, wrong.sentence) from None
    return Asked(phone=phone, shown=str(phone), text=text, parts=row.parts(text))


def options_of(request: SendRequest, caller: Caller, now: float) -> Options:
    """The options of all messages; raises FormError. A field that no kind of message has is passed over, as there."""
    row = channel(request.channel)
    sender = caller.key.sender if request.sender is None else request.sender.replace(".", "", request.sender == ".")
    options = Options(
        channel=row.name,
        sender=sender,
        valid=request.valid or None,
        time=_moment(request.time or "", now),
        translit=request.translit,
        extra=dict(_extra(request.extra, row)),
    )
    try:
        check_options(options)
    except BadInput as wrong:
        raise FormError(1, wrong.sentence) from None
    return options


def _moment(time: str, now: float) -> str | None:
    """When to send: minutes from now count from this moment, however long the message may wait here."""
    if time in ("", "0"):
        return None
    return f"0{int(now) + 60 * int(time[1:])}" if time.startswith("+") else time


def when(time: str | None) -> tuple[int, str | None]:
    """A time as a moment in Unix seconds, 0 if it is none, and what is left to the gateway."""
    if time is None:
        return 0, None
    if time.startswith("0") and len(time) >= 11 and time.isdigit():
        return int(time), None
    return 0, time


def _extra(told: dict[str, str], row: Channel) -> Iterable[tuple[str, str]]:
    for name, value in told.items():
        if value in ("", "0"):
            continue
        if name in extras.ALLOWED or name in extras.ONCE_BESIDE_ANY or name in row.takes & extras.ONCE_EXTRA:
            yield name, value
        elif name in KINDS and name not in row.fields:
            raise FormError(1, f"{name} is not served")


def _each(asked: Understood) -> list[Each]:
    return [*(Each(phone=message.shown) for message in asked.messages), *_bad(asked)]


def _bad(asked: Understood) -> list[Each]:
    return [Each(phone=phone, status=22, error=WRONG_NUMBER) for phone in asked.bad]


def busy(fmt: int, charset: str) -> bytes:
    """The answer if nothing can be taken now."""
    return shapes.write_error(REPEATED, CONCURRENT_TEXT, None, fmt, charset)


def _answer(body: bytes, fmt: int, charset: str) -> Answer:
    return Answer(body=body, content_type=shapes.content_type(fmt, charset))
