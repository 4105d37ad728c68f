"""Enrolling: one message, or a campaign range by range. The ledger first, the hint after."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from smsq.worker.domain.batch import Options, Packed, Ref, pack_phones, pack_texts
from smsq.worker.domain.campaign import LeftOut, Reject
from smsq.worker.domain.errors import BadInput, BudgetSpent, Conflict, LedgerHalted, LedgerUnreachable, WrongKey
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.money import UNITS, of_units, to_units
from smsq.worker.ledger.layout import Meta, hint_again_ms, packed_meta
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import Store, translated
from smsq.worker.ledger.values import POLICIES, Enrolled, Opened, Order, Plan

REPEAT_AFTER_S = (0.05, 0.4, 0.0)  # while Redis does not answer: three tries
MOST_DEADLINE_S = 366 * 86_400.0
NUMBERS_AT_ONCE = 32  # batch numbers a producer draws in one go; unused ones are simply skipped
WRONG_KEY = (
    "this ledger's texts are sealed with another secret key than this host has: set SMSQ_SECRET_KEY to that of the "
    "hosts with workers, or to what is in secret.key of their SMSQ_HOME"
)
SAYABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # no letter that is mistaken for a digit

# What a journal is told before enrolment returns: run, n, batch number, hash of the key.
EnrolmentWitness = Callable[[str, int, int, str], None]
OrderWitness = Callable[[str, int, str], None]  # and of a person's order: run, n, verb and what it is about


class Enrolment(Store):
    """The verbs that bring messages in."""

    witness: EnrolmentWitness | None = None
    order_witness: OrderWitness | None = None
    _numbers: range = range(0)

    def enrol(self, order: Order) -> Enrolled:
        """Accept one message durably; hint it afterwards.

        The text of an urgent one is sealed until it is claimed. Raises Conflict where the key was used
        with other content, LedgerHalted while a restarted ledger is not cleared, WrongKey where workers
        could not open it, LedgerFull where nothing could be written, LedgerUnreachable where that is not known.
        """
        if order.on_doubt not in POLICIES:
            raise BadInput(f"on_doubt is one of {', '.join(POLICIES)}, not {order.on_doubt!r}")
        if order.lane not in SENDING:
            raise BadInput(f"a message goes by the urgent or the bulk lane, not {order.lane!r}")
        if order.on_doubt == "resend" and order.deadline_s is None and not order.deadline_at:
            raise BadInput("on_doubt resend needs a deadline: for how long is a second copy better than none?")
        if order.deadline_s is not None and not _is_deadline(order.deadline_s):
            raise BadInput(
                f"a deadline is a number of seconds, more than 0 and at most a year, not {order.deadline_s!r}"
            )
        options = order.options.written()
        sealer = self.sealing() if order.lane == "urgent" else None
        said = b"%d\0%s\0%s\0%s" % (order.phone, order.text.encode(), options, order.on_doubt.encode())
        # A code has few possible values: a plain hash of its text would tell it to whoever tries them all.
        contents = sealer.digests("content", said) if sealer else [hashlib.sha256(said).hexdigest()]
        key_hash = hash_of(order.key) if order.key is not None else ""
        deadline_at = order.deadline_at or (self.time() + order.deadline_s if order.deadline_s is not None else 0.0)
        meta: dict[Meta, int | str] = {
            Meta.LANE: SENDING[order.lane].number,
            Meta.COUNT: 1,
            Meta.POLICY: POLICIES[order.on_doubt],
            Meta.DEADLINE: int(deadline_at * 1000),
            Meta.PARTS: order.parts,
            Meta.CHANNEL: order.options.channel,
            Meta.OPTIONS: options.decode(),
        }
        for _ in range(8):
            ref = Ref(self._next_number())
            texts = pack_texts([order.text])
            reply = self._repeat(
                "enrol",
                ref,
                " ".join(contents),
                packed_meta(meta),
                pack_phones([order.phone]),
                sealer.seal(texts, sealed_as(ref)) if sealer else texts,
                key_hash,
                hint_again_ms(order.lane),
                " ".join(sealer.names) if sealer else "",
                order.code_id,
                int(order.waited_for_s * 1000),
                order.why,
                more_keys=[self.key(f"idem:{key_hash or '-'}"), self.key("stamp")],
            )
            word = reply[0].decode()
            if word in ("created", "same"):
                if word == "created" and self.witness is not None:
                    self.witness(reply[2].decode(), int(reply[3]), ref.number, key_hash)
                return Enrolled(
                    reply[1].decode(),
                    created=word == "created",
                    is_hint_needed=word != "created" or len(reply) < 5 or reply[4] != b"1",
                )
            if word == "conflict":
                raise Conflict(f"this key was used with other content: message {reply[1].decode()}")
            if word == "halted":
                raise self.halted(reply[1].decode())
            if word == "sealed":
                raise WrongKey(WRONG_KEY)
            self._numbers = range(0)
        raise LedgerHalted("the ledger keeps refusing new batch numbers; see `smsq doctor`")

    def _repeat(self, verb: str, ref: Ref, *arguments: Argument, more_keys: Sequence[str]) -> list[bytes]:
        """Run an enrolment, and again where its reply was lost: its number is this call's alone, so it goes in once."""
        for pause_s in REPEAT_AFTER_S:
            try:
                return self.call_on(verb, ref, *arguments, int(pause_s != REPEAT_AFTER_S[0]), more_keys=more_keys)
            except LedgerUnreachable as error:
                trouble = error
                self.clock.wait(pause_s)
        raise LedgerUnreachable(
            f"{trouble.sentence}; whether the message was enrolled is not known: with a key it is harmless to repeat"
        )

    def knows(self, key: str) -> bool:
        """Whether a message was enrolled with this key."""
        with translated():
            return bool(self.redis.exists(self.key(f"idem:{hash_of(key)}")))

    def _next_number(self) -> int:
        if not self._numbers:
            self._numbers = self._draw(NUMBERS_AT_ONCE)
        first, self._numbers = self._numbers[0], self._numbers[1:]
        return first

    def _draw(self, many: int) -> range:
        with translated():
            last = int(self.redis.incrby(self.key("n:batch"), many))
        return range(last - many + 1, last + 1)

    def open_campaign(
        self, plan: Plan, *, again: bool = False, left_out: LeftOut | None = None, overtakes: Sequence[str] = ()
    ) -> Opened:
        """Begin a campaign, or find the unfinished one of the same file, text and options.

        `left_out` is kept with one that is begun; campaigns that it `overtakes` take no rows until they were compared.
        Raises Conflict with the old id where it finished already and `again` is not set; with it, a finished
        one is begun anew, an unfinished one still goes on.
        """
        if plan.on_doubt not in POLICIES or plan.on_doubt == "resend":
            raise BadInput(f"on_doubt of a campaign is ask or park, not {plan.on_doubt!r}")
        digest_key = self.key(f"digest:{plan.digest}")
        fields: dict[str, Argument] = {
            "name": plan.name,
            "text": plan.text or "",
            "personal": int(plan.text is None),
            "template": plan.template,
            "options": plan.options.written().decode(),
            "channel": plan.options.channel,
            "rate": plan.rate or 0,
            "budget": int(plan.budget * UNITS) if plan.budget is not None else 0,
            "part_price": str(plan.part_price * UNITS),
            "file": plan.file,
            "start_at": int(plan.start_at * 1000) if plan.start_at else 0,
            "window": plan.window or "",
            "policy": POLICIES[plan.on_doubt],
            "why": "",
            "repeats": plan.repeats,
        }
        marks = left_out.written() if left_out is not None else b""
        flat: list[Argument] = [item for pair in fields.items() for item in pair]
        for _ in range(20):
            campaign_id = "".join(secrets.choice(SAYABLE) for _ in range(5))
            keys = [
                digest_key,
                self.keys.campaign(campaign_id),
                self.key("campaigns"),
                self.key("run"),
                self.key("ctl"),
            ]
            with translated():
                known = self.redis.get(digest_key)
            keys += [self.keys.campaign(known.decode() if known is not None else campaign_id)]
            keys += [self.key("live"), self.key("stubs"), self.keys.campaign(campaign_id, "l")]
            keys += [self.keys.campaign(each) for each in overtakes]
            before = (known or b"").decode()
            size = plan.batch_size
            reply = self.call("open_campaign", keys, campaign_id, int(again), before, plan.digest, size, marks, *flat)
            word = reply[0].decode()
            if word == "created":
                return Opened(
                    id=campaign_id,
                    created=True,
                    ranges=0,
                    batch_size=int(reply[1]),
                    state="enrolling",
                )
            if word == "mixed":
                raise Conflict(
                    "before the ledger fell back this file was sent in batches of different sizes, so nobody can tell "
                    "which of its rows are sent; put the rows to send into a file of their own"
                )
            if word == "halted":
                raise self.halted(reply[1].decode())
            if word == "known":
                return self._continue(reply[1].decode())
            # taken: the id drawn is in use; moved: another producer opened it in between. Look again.
        raise LedgerHalted("no free campaign id was found")

    def _continue(self, campaign_id: str) -> Opened:
        with translated():
            state, ranges, size = self.redis.hmget(self.keys.campaign(campaign_id), ["state", "ranges", "batch_size"])
        if state is None:
            raise Conflict(
                f"this file was sent as campaign {campaign_id}, which is no longer kept; --again sends it anew"
            )
        if state in (b"done", b"cancelled"):
            raise Conflict(
                f"this file was sent already as campaign {campaign_id} ({state.decode()}); "
                f"see `smsq campaign show {campaign_id}`, or add --again to send it once more"
            )
        return Opened(
            id=campaign_id,
            created=False,
            ranges=int(ranges),
            batch_size=int(size),
            state=state.decode(),
        )

    def left_out(self, campaign_id: str) -> LeftOut | None:
        """The rows that a campaign leaves out since they were sent already."""
        with translated():
            written = self.redis.get(self.keys.campaign(campaign_id, "l"))
        return LeftOut.read(written) if written is not None else None

    def go_on(self, campaign_id: str, left_out: LeftOut | None) -> None:
        """An unfinished campaign's rows that are not in were compared with what left: which of them stay behind now."""
        with translated(), self.redis.pipeline() as pipe:
            if left_out is not None:
                pipe.set(self.keys.campaign(campaign_id, "l"), left_out.written())
            pipe.hdel(self.keys.campaign(campaign_id), "overtaken")
            pipe.execute()

    def enrol_range(
        self,
        campaign_id: str,
        n: int,
        batches: Sequence[Packed],
        rejects: Sequence[Reject],
        rows: int,
        *,
        channel: str = "sms",
        on_doubt: str = "ask",
        behind: Packed | None = None,
    ) -> bool:
        """Put range `n` of a campaign in; `rows` is how many data rows the file has had with it.

        `behind` are rows that stay behind since they were sent already: they are kept packed, as messages are.

        False where this range was in already (a producer that was killed runs again). Raises as `enrol` does.
        """
        now = int(self.time() * 1000)
        tail: list[Argument] = [0, ""]
        if behind is not None:
            kept = (behind.first_row, behind.count, behind.phones, behind.rows)
            tail = [behind.count, msgspec.msgpack.encode(kept)]
        for reject in rejects:
            tail += [reject.row, f"{reject.status}\0{reject.value}\0{reject.reason}"]
        for batch in batches:
            meta: dict[Meta, int | str] = {
                Meta.LANE: SENDING["bulk"].number,
                Meta.COUNT: batch.count,
                Meta.FIRST_ROW: batch.first_row,
                Meta.POLICY: POLICIES[on_doubt],
                Meta.ENROLLED: now,
                Meta.PARTS: batch.parts,
                Meta.CHANNEL: channel,
            }
            tail += [
                packed_meta(meta),
                batch.phones,
                batch.texts,
                batch.rows,
            ]
        campaign = self.keys.campaign
        for _ in range(8):
            numbers = self._draw(len(batches)) if batches else range(1, 1)
            keys = [
                campaign(campaign_id),
                campaign(campaign_id, "b"),
                campaign(campaign_id, "x"),
            ]
            keys += [self.key(name) for name in ("run", "ctl", "totals", "n:batch")]
            keys += [self.keys.shard(number) for number in numbers]
            first = numbers[0] if numbers else 0
            reply = self.call("enrol_range", keys, n, first, rows, len(rejects), *tail)
            word = reply[0].decode()
            if word == "in":
                if self.witness is not None and numbers:
                    self.witness(reply[1].decode(), int(reply[2]), numbers[-1], f"{campaign_id}/{n}")
                return True
            if word == "again":
                expected = int(reply[1])
                if expected > n:
                    if self.witness is not None and int(reply[3]):  # perhaps the reply of the one that went in was lost
                        self.witness(reply[2].decode(), int(reply[3]), 0, f"{campaign_id}/{n}")
                    return False
                raise LedgerHalted(
                    f"campaign {campaign_id} expects range {expected}, not {n}: run the same command again"
                )
            if word == "halted":
                raise self.halted(reply[1].decode())
            if word == "closed":
                raise Conflict(f"campaign {campaign_id} takes no more rows: it is {reply[1].decode()}")
            if word == "overtaken":
                raise Conflict(
                    f"campaign {reply[1].decode()} has left out rows that campaign {campaign_id} sends: run the same "
                    "command again, so that the rows which are not in yet are compared with it"
                )
            if word == "gone":
                raise Conflict(f"there is no campaign {campaign_id}")
        raise LedgerHalted("the ledger keeps refusing new batch numbers; see `smsq doctor`")

    def control(
        self,
        campaign_id: str,
        verb: str,
        why: str = "",
        *,
        budget: Decimal | None = None,
        part_price: Decimal | None = None,
    ) -> str:
        """`close`, `pause`, `resume` or `cancel` a campaign; the state it is in afterwards.

        `budget` goes with `resume` alone and holds from then on, `part_price` with a budget for a campaign that was
        begun without a price. Raises BudgetSpent, and changes nothing, where one batch more would cost too much.
        """
        keys = [
            self.keys.campaign(campaign_id),
            self.keys.campaign(campaign_id, "h"),
            self.key("ready:bulk"),
            self.key("run"),
        ]
        most = "" if budget is None else int(budget * UNITS)
        each = "" if part_price is None else str(part_price * UNITS)
        reply = self.call("control", keys, verb, why, most, each)
        state = reply[0].decode()
        if state == "gone":
            raise BadInput(f"there is no campaign {campaign_id}; `smsq campaign list` shows what there is")
        if state == "short":
            raise BudgetSpent(campaign_id, of_units(int(reply[1])))
        raised = "" if budget is None else f"/--budget/{budget:f}"
        self._note_order(reply, f"{verb}/{campaign_id}{raised}")
        return state

    def resolve(self, ref: Ref, fence: int, decision: str, reason: str = "") -> str:
        """An operator's `settle`, `drop` or `release` of a parked or doubtful batch, with the fence that was shown.

        `settled`, `ready`, or `stale` where it has moved on since; `never` and `gone` where there is no such batch.
        Raises LedgerHalted while the run is not in force.
        """
        reply = self.call_on("resolve", ref, fence, decision, " ".join(reason.split()))
        word = reply[0].decode()
        if word == "halted":
            raise self.halted(reply[1].decode())
        self._note_order(reply, f"{decision}/{ref}")
        return word

    def _note_order(self, reply: Sequence[bytes], what: str) -> None:
        """A ledger that fell back has forgotten orders too: the journal knows that there was one."""
        if self.order_witness is not None and len(reply) > 2:
            self.order_witness(reply[1].decode(), int(reply[2]), what)

    def close_campaign(self, campaign_id: str) -> str:
        """Say that every row is in; the state afterwards."""
        return self.control(campaign_id, "close")


def _is_deadline(seconds: object) -> bool:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return False
    return 0 < seconds <= MOST_DEADLINE_S  # NaN is neither


def hash_of(key: str) -> str:
    """What the ledger and journals know an enrolment key by."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def sealed_as(ref: Ref) -> str:
    """What the sealed text of a batch belongs to."""
    return f"text/{ref.number}"


def cost_units(cost: Decimal | None) -> int:
    """Money as the ledger counts it, -1 where it is unknown."""
    return -1 if cost is None else to_units(cost)


__all__ = ["Enrolment", "Options", "cost_units"]
