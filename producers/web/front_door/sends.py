"""send.php and /rest/send/: a request becomes messages in the ledger, and is answered at once.

What the gateway would refuse is refused here with the gateway's own code; what it would accept is accepted once it is
durable. Cost and balance are what is known of them (`prices.py`).
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from smsq.producers.files import GivenFile
from smsq.producers.web.front_door.callers import Caller
from smsq.producers.web.front_door.connection import Answer
from smsq.producers.web.front_door.gatherer import Gatherer
from smsq.producers.web.front_door.kept_back import KeptBack
from smsq.producers.web.front_door.prices import Prices
from smsq.worker.domain import recipient as recipients
from smsq.worker.domain.batch import MAX_MESSAGES, Options, Ref
from smsq.worker.domain.errors import BadInput, BadPhone, BadText, LedgerTrouble
from smsq.worker.domain.recipient import Recipient
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
from smsq.worker.gateway.options import accepted, check_message, check_options, parts_of
from smsq.worker.gateway.times import is_stamp
from smsq.worker.ledger.front_door.requests import Asked, Guarded, NewRequest, Taken, day_of

BAD_PHONE, DENIED, REPEATED = 7, 6, 9
WRONG_NUMBER = 249  # a delivery error (PROTOCOL D.9), for a list of what is wrong
CODE_PATIENCE_S = 15.0  # that an answer waits for the code that a call says
CODE_LOOK_S = 0.1
FEW = 3  # recipients: more of them go by the bulk lane, unless the key names a lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A request as messages: those that can be sent, and recipients that cannot be."""

    messages: list[Asked]
    said: Options  # as the caller gave them: a repeat says them again
    options: Options
    bad: list[str]

    @property
    def parts(self) -> int:
        """Of all messages."""
        return sum(message.parts for message in self.messages)


# Keeps the files of a request on disk, and adds what names them to the options; blocks, and raises BadInput.
Keep = Callable[[Options, Sequence[GivenFile]], Options]
CodeOf = Callable[[Ref], str]  # the code that a call says, as `DoorViews.code_of_call` tells; blocks


class Sends:
    """Answers sends and price requests."""

    def __init__(
        self,
        gatherer: Gatherer,
        prices: Prices,
        now: Callable[[], float],
        may_be_carried: Callable[..., None],
        *,
        keep: Keep,
        code_of: CodeOf,
        draw: Callable[[str], int | None],
        was_asked: Callable[[NewRequest], bool],
        kept_back: KeptBack,
    ) -> None:
        self._gatherer = gatherer
        self._prices = prices
        self._now = now
        self._may_be_carried = may_be_carried  # raises BadInput for what the transport cannot carry
        self._keep = keep
        self._code_of = code_of
        self._draw = draw  # an id for a caller's refused message; blocks
        self._kept_back = kept_back
        self._was_asked = was_asked  # whether an answer to the same is kept; blocks

    async def answer(self, form: Form, caller: Caller, host: str) -> Answer:
        """Answer one request. Raises FormError for what is refused, LedgerTrouble if nothing can be enrolled."""
        request = SendRequest.read(form)
        fmt, charset = request.fmt, form.charset
        if not caller.may("price" if request.is_price else "send"):
            raise FormError(2, f"the key {caller.name} may not do this")
        try:
            asked = understood(request, caller, self._now())
            if not asked.messages:
                raise FormError(BAD_PHONE, "there is no recipient that a message can be sent to")
        except FormError as error:
            if error.error in (DENIED, BAD_PHONE):
                error.gateway_id = request.id if request.id is not None else await self._id_of_refused(request, caller)
            raise
        _check_few(asked)
        if request.is_price:
            cost = await self._prices.quote(asked.messages, asked.options)
            if cost is None:
                raise Busy("the price is not known yet")
            return _answer(write_price(cost, asked.parts, fmt, charset), fmt, charset)
        if not caller.pass_rate(len(asked.messages)) and not await self._is_repeat(request, asked, caller, host):
            raise Busy("more messages a second than this key may send")
        recipients = [message.recipient for message in asked.messages]
        if await self._kept_back.all_of(recipients, asked.options.sender) and not await self._is_repeat(
            request, asked, caller, host
        ):
            raise FormError(DENIED, "the recipient has opted out, or a rule blocks messages there")
        if request.uploads and channel(asked.options.channel).files:
            asked = await self._with_files(request, asked)
        taken = await self._gatherer.enrol(self._request(request, asked, caller, host))
        if isinstance(taken, Guarded):
            return _answer(shapes.write_error(REPEATED, None, None, fmt, charset), fmt, charset)
        costs, balance = await self._money(request, asked, is_new=bool(taken.refs))
        told = Accepted(
            id=request.id if request.id is not None else int(taken.id),
            parts=taken.parts,
            code=await self._code(asked, taken),
            cost=sum(costs, Decimal(0)) if request.cost >= 2 else None,
            balance=balance,
            lacks_balance=request.cost == 3 and balance is None,
            each=_each(asked, costs) if request.wants_each else None,
            bad=_bad(asked) if request.wants_bad else None,
        )
        answer = _answer(write_accepted(told, fmt, charset), fmt, charset)
        answer.reached = lambda: self._gatherer.reached(taken)
        return answer

    def prepared(self, request: SendRequest, caller: Caller, host: str) -> tuple[NewRequest, int]:
        """What a request asks for, ready to enrol, and how many recipients of it are none. Raises FormError."""
        asked = understood(request, caller, self._now())
        _check_few(asked)
        if not caller.pass_rate(len(asked.messages)):
            raise Busy("more messages a second than this key may send")
        return self._request(request, asked, caller, host), len(asked.bad)

    async def cost_of(self, request: SendRequest, caller: Caller) -> Decimal:
        """What the messages of a mailing would cost, as far as it is known; raises FormError."""
        asked = understood(request, caller, self._now())
        known = None
        if len(asked.messages) <= MAX_MESSAGES:  # more than one question to the gateway may have
            known = await self._prices.quote(asked.messages, asked.options)
        return known if known is not None else sum(await self._prices.each(asked.messages, asked.options), Decimal(0))

    async def _id_of_refused(self, request: SendRequest, caller: Caller) -> int | None:
        """An id under which nothing was sent, as the gateway gives one; a price has none."""
        if request.is_price:
            return None
        try:
            return await asyncio.to_thread(self._draw, caller.name)
        except LedgerTrouble:  # it is refused all the same
            return None

    async def _is_repeat(self, request: SendRequest, asked: Understood, caller: Caller, host: str) -> bool:
        """Whether it was asked lately: a library that comes back for a lost answer sends nothing more."""
        return await asyncio.to_thread(self._was_asked, self._request(request, asked, caller, host))

    async def _with_files(self, request: SendRequest, asked: Understood) -> Understood:
        """The same with its files, which are on disk before anything is enrolled."""
        given = [(upload.name, upload.content) for upload in request.uploads]
        try:
            said = await asyncio.to_thread(self._keep, asked.said, given)
        except BadInput as wrong:
            raise FormError(1, wrong.sentence) from None
        options = msgspec.structs.replace(asked.options, files=said.files)
        return dataclasses.replace(asked, said=said, options=options)

    async def _code(self, asked: Understood, taken: Taken) -> str:
        """The code that a call says, which the gateway makes up; '' for any other message, or if it takes too long."""
        word = channel(asked.options.channel).alone
        if word is None or taken.first is None or [message.text for message in asked.messages] != [word]:
            return ""
        loop = asyncio.get_running_loop()
        until = loop.time() + CODE_PATIENCE_S
        while loop.time() < until:
            try:
                if code := await asyncio.to_thread(self._code_of, taken.first):
                    return code
            except LookupError:
                return ""
            except LedgerTrouble:  # it is taken, whatever becomes of this look
                pass
            await asyncio.sleep(CODE_LOOK_S)
        return ""

    async def _money(
        self, request: SendRequest, asked: Understood, *, is_new: bool
    ) -> tuple[list[Decimal], Decimal | None]:
        """What each message costs and what is left, as far as the request wants to know."""
        if request.cost < 2 and not request.wants_each:
            return [], None
        costs = await self._prices.each(asked.messages, asked.options)
        if is_new:
            self._prices.spend(sum(costs, Decimal(0)))
        return costs, (await self._prices.balance() if request.cost == 3 else None)

    def _request(self, request: SendRequest, asked: Understood, caller: Caller, host: str) -> NewRequest:
        try:
            alone = asked.messages[0].text if len(asked.messages) == 1 else None
            self._may_be_carried(asked.options, text=alone)
        except BadInput as wrong:
            raise FormError(1, wrong.sentence) from None
        lane = caller.key.lane or ("urgent" if len(asked.messages) <= FEW else "bulk")
        texts = [(message.shown, message.text, message.comment) for message in asked.messages]
        return NewRequest(
            caller=caller.name,
            id="" if request.id is None else str(request.id),
            host=host,
            content=msgspec.msgpack.encode((asked.said.written(), texts)),
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
    said = options_of(request, caller)
    messages: dict[tuple[str, str], Asked] = {}
    bad: list[str] = []
    is_alone = len(request.messages) == 1
    for written, (shown, text) in zip(request.written, request.messages, strict=True):
        asked = _asked(written, text, said, is_alone=is_alone, has_files=bool(request.uploads))
        if asked is None:
            bad.append(shown)
        else:
            messages.setdefault((asked.shown, asked.text), asked)
    check_guests([message.recipient for message in messages.values()], caller)
    return Understood(messages=list(messages.values()), said=said, options=accepted(said, now), bad=bad)


def check_guests(some: Sequence[Recipient], caller: Caller) -> None:
    """Raise FormError if one of them is somebody whom this key cannot reach: then nothing of the request leaves."""
    guests = caller.key.guests
    if outside := guests.outside(some):
        raise FormError(DENIED, guests.why(outside[0]))


def _check_few(asked: Understood) -> None:
    """Raise FormError for more messages than one request has; the ledger has room for so many in one call."""
    if len(asked.messages) > MAX_MESSAGES:
        raise FormError(1, f"a request has at most {MAX_MESSAGES} messages; jobs.php takes more")


def _asked(written: str, text: str, options: Options, *, is_alone: bool, has_files: bool) -> Asked | None:
    """One message; None if it is to no recipient of its kind."""
    row = channel(options.channel)
    try:
        recipient = recipients.parse(written, row.recipients)
    except BadPhone:
        return None
    text, comment = parted(row, text)
    if comment is not None:
        options = msgspec.structs.replace(options, comment=comment)
    try:
        check_message(text, options, is_alone=is_alone, has_files=has_files)
    except BadText as wrong:
        raise FormError(1 if not text.strip() else DENIED, wrong.sentence) from None
    return Asked(
        recipient=recipient,
        shown=recipients.written(recipient).removeprefix("+"),
        text=text,
        parts=parts_of(text, options),
        comment=comment,
    )


def parted(row: Channel, text: str) -> tuple[str, str | None]:
    """A text as it is kept, and the comment behind it, which is not sent."""
    text = row.read(text)
    if "comment" not in row.takes:
        return text, None
    text, comment = without_comment(text)
    return text, comment or None


def options_of(request: SendRequest, caller: Caller) -> Options:
    """The options of all messages as the caller says them; raises FormError.

    A field that no kind of message has is passed over, as at the gateway.
    """
    options = request.options()
    row = channel(options.channel)
    if options.sender == ".":
        options = msgspec.structs.replace(options, sender="")
    elif options.sender is None and caller.key.sender and "sender" in row.takes and not row.sender(caller.key.sender):
        options = msgspec.structs.replace(options, sender=caller.key.sender)
    if options.time == "0":
        options = msgspec.structs.replace(options, time=None)
    try:
        check_options(options)
    except BadInput as wrong:
        raise FormError(1, wrong.sentence) from None
    return options


def when(options: Options, now: float) -> tuple[int, Options]:
    """The moment at which a mailing begins, 0 for at once, and its options without that."""
    options = accepted(options, now)
    if options.time is not None and is_stamp(options.time):
        return int(options.time), msgspec.structs.replace(options, time=None, tz=None)
    return 0, options


def _each(asked: Understood, costs: Sequence[Decimal]) -> list[Each]:
    sent = zip(asked.messages, costs, strict=True)
    return [*(Each(phone=message.shown, cost=cost) for message, cost in sent), *_bad(asked)]


def _bad(asked: Understood) -> list[Each]:
    return [Each(phone=phone, status=22, error=WRONG_NUMBER) for phone in asked.bad]


def busy(fmt: int, charset: str) -> bytes:
    """The answer if nothing can be taken now."""
    return shapes.write_error(REPEATED, CONCURRENT_TEXT, None, fmt, charset)


def _answer(body: bytes, fmt: int, charset: str) -> Answer:
    return Answer(body=body, content_type=shapes.content_type(fmt, charset))
