"""Enrol requests of the front door: many in one round trip, each of them whole or not at all.

A request has one id for all of its recipients, a caller's own or one that is drawn. What the same content was answered
is kept for a while, so that the retry of a library gets the first answer, and is not a second message (decision 038).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from smsq.worker.domain import simulated
from smsq.worker.domain.batch import Options, Ref, pack_recipients, pack_texts, unpack_texts
from smsq.worker.domain.errors import LedgerHalted, LedgerTrouble, LedgerUnreachable, SmsqError, WrongKey
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.policy import policy_of
from smsq.worker.domain.recipient import Recipient
from smsq.worker.ledger.batches.enrolment import REPEAT_AFTER_S, WRONG_KEY, digests_of, sealed_as
from smsq.worker.ledger.batches.numbers import Numbers
from smsq.worker.ledger.batches.waking import BELL
from smsq.worker.ledger.layout import Meta, hint_again_ms, packed_meta
from smsq.worker.ledger.runs import GATEWAY_ID_LAST
from smsq.worker.ledger.scripts import Argument, Call, script
from smsq.worker.ledger.store import told, translated
from smsq.worker.sealing import VERSION

ANSWER_KEPT_S = 600.0  # a library tries five hosts, a minute each at most (PROTOCOL A.6)
NUMBERS_AHEAD = 1024  # batch numbers drawn in one go; unused ones are skipped
DRAWN_FROM, DRAWN_TO = 1_000_000_000, 1_400_000_000  # where drawn ids begin, at random: callers' own are small
TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One message of a request: to whom, how answers show that recipient, and the text with the caller's comment."""

    recipient: Recipient
    shown: str
    text: str = field(repr=False)
    parts: int = 1
    comment: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """One request to enrol: whose it is, its id ('' to have one drawn), and the host that it names.

    `content` is what makes two requests the same one; for `kept_s` its answer is kept. `day` is the caller's day,
    `2026-11-29`.
    """

    caller: str
    id: str
    host: str
    content: bytes = field(repr=False)
    lane: str
    options: Options
    messages: Sequence[Asked]
    bad: Sequence[str] = ()  # recipients that are none, as answers show them
    day: str
    kept_s: float = ANSWER_KEPT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A request that was enrolled, or that was enrolled earlier: then `refs` is empty."""

    id: str
    parts: int
    said: str  # the name of what was said to this content, for `told`
    host: str
    refs: Sequence[Ref] = ()
    first: Ref | None = None  # its first message, whenever that was enrolled
    lane: str = "urgent"
    is_hint_needed: bool = False


@dataclass(frozen=True, slots=True)
class Guarded:
    """A request that repeats one within the gateway's minute, and whose answer had reached its caller."""


Reply = Taken | Guarded | LedgerTrouble


class DoorRequests(Numbers):
    """The verbs of the front door's requests."""

    _ahead: range = range(0)

    def enrol_requests(
        self, requests: Sequence[NewRequest], reached: Sequence[Taken] = (), *, guard_s: float, keep_s: float
    ) -> list[Reply]:
        """Enrol each of these; a reply for each, in order, errors among them. Give hints for their `refs` afterwards.

        `reached` are answers that have reached their callers; they are noted first. Within `guard_s` a repeat is
        refused if an answer to the same content has reached its caller; ids are kept for `keep_s`. Raises nothing:
        LedgerUnreachable among the replies means that it is not known whether that request was enrolled.
        """
        replies: list[Reply | None] = [None] * len(requests)
        left = list(range(len(requests)))
        for _ in range(TRIES):
            try:
                calls = [self._call(requests[place], guard_s, keep_s) for place in left]
            except LedgerTrouble as trouble:
                return _filled(replies, left, trouble)
            answers = self._repeat_group([call for call, *_ in calls], reached)
            reached = ()
            again: list[int] = []
            for place, (_, ref, said), answer in zip(left, calls, answers, strict=True):
                reply = self._read(requests[place], ref, said, answer)
                replies[place] = reply
                if reply is None:
                    again.append(place)
            left = again
            if not left:
                break
            self._ahead = range(0)
        refusal = LedgerHalted("the ledger keeps refusing new batch numbers; see `smsq doctor`")
        return [reply if reply is not None else refusal for reply in replies]

    def note_reached(self, reached: Sequence[Taken]) -> None:
        """Note that these answers reached their callers, if no request comes along that takes the note with it."""
        with translated(), self._connection() as client:
            self.way.run_all(client.connection, [self._note(reached)])

    def was_asked(self, request: NewRequest) -> bool:
        """Whether an answer to the same content is kept."""
        with translated():
            return bool(self.redis.exists(self._said_of(request)))

    def _said_of(self, request: NewRequest) -> str:
        """The name of what is said to this content."""
        digest = self.sealing().key().digest("door", request.caller.encode(), request.content)
        return self.key(f"door:said:{digest.hex()[:32]}")

    def _note(self, reached: Sequence[Taken]) -> Call:
        return Call(script("note_told"), [each.said for each in reached], ("", *(each.host for each in reached)))

    def _call(self, request: NewRequest, guard_s: float, keep_s: float) -> tuple[Call, Ref, str]:
        """The verb's call for a request, its first batch, and the name of what is said to its content."""
        sealer = self.sealing()
        messages = request.messages
        first = Ref(self._next_of(len(messages)))
        said = self._said_of(request)
        is_sealed = request.lane == "urgent"
        each: list[Argument] = []
        for number, message in enumerate(messages, first.number):
            meta: dict[Meta, int | str] = {
                Meta.LANE: SENDING[request.lane].number,
                Meta.COUNT: 1,
                Meta.POLICY: policy_of("ask", [message.recipient]),
                Meta.PARTS: message.parts,
                Meta.CHANNEL: simulated.CHANNEL
                if simulated.is_simulated(message.recipient)
                else request.options.channel,
                Meta.OPTIONS: _options_of(request, message),
            }
            texts = pack_texts([message.text])
            each += (
                message.shown,
                packed_meta(meta),
                pack_recipients([message.recipient]),
                sealer.seal(texts, sealed_as(Ref(number))) if is_sealed else texts,
            )
        keys = [
            *self.keys.batch_verb(first),
            self.key(BELL),
            self.key("files"),
            self.keys.shard(first.number + len(messages) - 1),
            self.key("stamp"),
            said,
            self.key("n:door"),
            self.keys.ids_of(request.caller),
            self.key(f"door:past:{request.caller}:{request.day}"),
        ]
        arguments: tuple[Argument, ...] = (
            self.now_ms(),
            first.number,
            str(first),
            request.id,
            request.host,
            int(guard_s * 1000),
            int(request.kept_s * 1000),
            int(keep_s * 1000),
            hint_again_ms(request.lane),
            " ".join(sealer.names) if is_sealed else "",
            sum(message.parts for message in messages),
            DRAWN_FROM + int.from_bytes(sealer.key().digest("door", b"first")[:4], "big") % (DRAWN_TO - DRAWN_FROM),
            len(messages),
            msgspec.msgpack.encode(request.bad) if request.bad else "",
            digests_of(request.options),
            *each,
        )
        return Call(script("enrol_request"), keys, arguments), first, said

    def draw_id(self, caller: str) -> int | None:
        """An id for a request that is refused, of which nothing is kept.

        None if none was ever drawn for a request that was taken, or if the next one would not be new to the caller.
        """
        counter = self.key("n:door")
        with translated():
            if not self.redis.exists(counter):
                return None
            drawn = int(self.redis.incrby(counter, 1))
            is_new = drawn <= GATEWAY_ID_LAST and not self.redis.exists(f"{self.keys.ids_of(caller)}{drawn}")
        return drawn if is_new else None

    def _next_of(self, many: int) -> int:
        """The first of `many` batch numbers that follow one another."""
        if len(self._ahead) < many:
            self._ahead = self._draw(max(NUMBERS_AHEAD, many))
        first, self._ahead = self._ahead[0], self._ahead[many:]
        return first

    def _repeat_group(self, calls: Sequence[Call], reached: Sequence[Taken]) -> list[object]:
        """Run these calls in one round trip, again if the replies were lost: each call knows itself again."""
        first = [self._note(reached)] if reached else []
        trouble = LedgerUnreachable("Redis does not answer")
        for pause_s in REPEAT_AFTER_S:
            try:
                with translated(), self._connection() as client:
                    return list(self.way.run_each(client.connection, [*first, *calls]))[len(first) :]
            except LedgerUnreachable as error:
                trouble = error
                self.clock.wait(pause_s)
            except LedgerTrouble as error:
                return [error] * len(calls)
        return [trouble] * len(calls)

    def _read(self, request: NewRequest, ref: Ref, said: str, answer: object) -> Reply | None:
        """What a reply means; None if the call has to be made again with other numbers."""
        reply = told(answer)
        if isinstance(reply, LedgerTrouble):
            return reply
        word = reply[0].decode()
        if word in ("created", "same"):
            taken = Taken(id=reply[1].decode(), parts=int(reply[2]), said=said, host=request.host)
            if word == "same":
                return dataclasses.replace(taken, first=Ref(int(reply[3])))
            many = len(request.messages)
            refs = [Ref(number) for number in range(ref.number, ref.number + many)]
            if self.witness is not None:
                for n, each in enumerate(refs, int(reply[4]) - many + 1):
                    self.witness(reply[3].decode(), n, each.number, "")
            return Taken(
                id=taken.id,
                parts=taken.parts,
                said=said,
                host=request.host,
                refs=refs,
                first=ref,
                lane=request.lane,
                is_hint_needed=reply[5] != b"1",
            )
        if word == "guarded":
            return Guarded()
        if word == "halted":
            try:
                return self.halted(reply[1].decode())
            except LedgerTrouble as trouble:
                return trouble
        if word == "sealed":
            return WrongKey(WRONG_KEY)
        if word == "ids":
            return LedgerHalted("the front door has no more ids to draw")
        return None

    # --- what callers ask afterwards ---------------------------------------------------------------------------

    def numbers_of(self, caller: str, pairs: Sequence[tuple[str, str]]) -> list[int | None]:
        """The newest batch under each (id, recipient) of a caller.

        0 for a recipient that was none, None for one that is unknown or no longer kept.
        """
        names = self.keys.ids_of(caller)
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for given, shown in pairs:
                pipe.hget(f"{names}{given}", shown)
            found = pipe.execute() if pairs else []
        return [int(number) if number is not None else None for number in found]

    def texts_of(self, numbers: Sequence[int]) -> list[str]:
        """The texts of single messages; '' for one that is no longer kept: an urgent one is gone once it is settled."""
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for number in numbers:
                pipe.hget(self.keys.shard(number), f"{number}t")
            found = pipe.execute() if numbers else []
        return [self._text(number, packed) for number, packed in zip(numbers, found, strict=True)]

    def _text(self, number: int, packed: bytes | None) -> str:
        if not packed:
            return ""
        try:
            opened = self.sealing().open(packed, sealed_as(Ref(number))) if packed.startswith(VERSION) else packed
        except SmsqError:  # sealed with another key
            return ""
        return unpack_texts(opened)[0]

    def past(self, caller: str, day: str) -> list[tuple[int, str]]:
        """What a caller enrolled on a day, in order: batch numbers and ids."""
        with translated():
            found = self.redis.lrange(self.key(f"door:past:{caller}:{day}"), 0, -1)
        pairs = (entry.decode().split(" ", 1) for entry in found)
        return [(int(number), given) for number, given in pairs]


def _options_of(request: NewRequest, message: Asked) -> str:
    """A message's options as it keeps them: those of its request, with its own comment."""
    options = request.options
    if message.comment is not None:
        options = msgspec.structs.replace(options, comment=message.comment)
    return options.written().decode()


def day_of(moment: datetime) -> str:
    """The name of a day."""
    return f"{moment:%Y-%m-%d}"


def _filled(replies: Sequence[Reply | None], left: Sequence[int], trouble: LedgerTrouble) -> list[Reply]:
    return [reply if reply is not None and place not in left else trouble for place, reply in enumerate(replies)]
