"""Enrol a campaign, range by range."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from smsq.worker.domain import simulated
from smsq.worker.domain.batch import PLAIN_CHANNEL, Packed, addresses_of, unpack_recipients
from smsq.worker.domain.campaign import LeftOut, Reject
from smsq.worker.domain.errors import BadInput, Conflict, LedgerHalted
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.money import UNITS
from smsq.worker.domain.policy import policy_of
from smsq.worker.domain.recurrence import Series
from smsq.worker.ledger.batches.enrolment import SAYABLE, digests_of
from smsq.worker.ledger.batches.numbers import Numbers
from smsq.worker.ledger.campaigns.control import begun
from smsq.worker.ledger.campaigns.kin import Compared, Kin, OthersMeanwhile, RetriedMeanwhile, copied, replaced
from smsq.worker.ledger.campaigns.log import Change, written_changes
from smsq.worker.ledger.layout import OF_ROWS, Meta, packed_meta
from smsq.worker.ledger.orders import orderer
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.values import POLICIES, Opened, Plan


class CampaignEnrolment(Numbers):
    """The verbs that enrol the rows of a campaign."""

    def open_campaign(
        self,
        plan: Plan,
        *,
        again: bool = False,
        left_out: LeftOut | None = None,
        overtakes: Sequence[str] = (),
        kin: Kin | None = None,
        compared: Compared | None = None,
    ) -> Opened:
        """Begin a campaign, or find the unfinished one of the same file, text and options.

        `left_out` is kept with a campaign that is begun. Those that it `overtakes` take no rows until their producers
        have compared them with it. `compared` is what its rows were compared with: raises OthersMeanwhile if that has
        changed. `kin` says of which campaign's messages it is made. With `again` a finished campaign
        is begun anew, an unfinished one goes on. Raises Conflict with the old id if the campaign is finished and
        `again` is not set, and if its origin is no longer kept; RetriedMeanwhile if another retry of that was begun. An
        edit needs its origin paused: raises Conflict if it is not, if anything of it was handed out, or if another
        campaign is in its place, be it done.
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
            "rate": float(plan.rate or 0),
            "budget": int(plan.budget * UNITS) if plan.budget is not None else 0,
            "part_price": str(plan.part_price * UNITS),
            "file": plan.file,
            "read_as": plan.read_as,
            "start_at": int(plan.start_at * 1000) if plan.start_at else 0,
            "window": plan.window or "",
            "weight": float(plan.weight),
            "stop_if_bad": "" if plan.stop_if_bad is None else float(plan.stop_if_bad),
            "auto_resume": "1" if plan.auto_resume else "",
            "policy": POLICIES[plan.on_doubt],
            "why": "",
            "repeats": plan.repeats,
            **({"words": "\n".join(plan.words)} if plan.words else {}),
            **({"topic": plan.topic} if plan.topic else {}),
            **({"cap": plan.cap} if plan.cap else {}),
            **({"screened": plan.screened} if plan.screened else {}),
            "saved_as": plan.saved_as,
            "language": plan.language,
            "plain_chars": int(plan.plain_chars),
        }
        if plan.series is not None:
            fields |= _recurs(plan.series)
        if kin is not None:
            fields |= {"origin": kin.origin, "kin": kin.word}
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
                heir = self.redis.hget(self.keys.campaign(kin.origin), "replaced_by") if kin is not None else None
            keys += [self.keys.campaign(known.decode() if known is not None else campaign_id)]
            keys += [self.key("live"), self.key("stubs"), self.keys.campaign(campaign_id, "l"), self.key("files")]
            origin = kin.origin if kin is not None else campaign_id
            keys += [self.keys.campaign(campaign_id, "a"), self.keys.campaign(origin, "y"), self.keys.campaign(origin)]
            in_place = (heir or b"").decode()
            keys += [self.keys.campaign(origin, "a"), self.keys.campaign(in_place or campaign_id)]
            keys += [self.keys.campaign(each) for each in overtakes]
            seen: bytes | str = ""
            if compared is not None:
                keys += [self.keys.campaign(each) for each, _ in compared.rows]
                rows = [rows for _, rows in compared.rows]
                seen = msgspec.msgpack.encode((len(overtakes), compared.kept, rows))
            before = (known or b"").decode()
            told: tuple[Argument, ...] = (before, plan.digest, plan.batch_size, marks, digests_of(plan.options))
            told += (orderer(), written_changes(_begun_with(plan)))
            told += (*(kin.told if kin is not None else ("", "", "")), in_place, seen)
            reply = self.call("open_campaign", keys, campaign_id, int(again), *told, *flat)
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
            if word == "others":
                raise OthersMeanwhile
            if word == "retried":
                raise RetriedMeanwhile(origin)
            if word == "orphan":
                raise Conflict(f"campaign {origin} is no longer kept: its messages cannot be sent again")
            if word == "replaced":
                raise Conflict(replaced(origin, reply[1].decode()))
            if word == "begun":
                raise Conflict(begun(origin, reply[1].decode()))
            if word == "unheld":
                raise Conflict(
                    f"campaign {origin} was resumed meanwhile: nothing was enrolled; run the same command again"
                )
            if word == "known":
                return self._continue(reply[1].decode(), kin)
            # taken: the drawn id is in use; moved: another producer opened the campaign in between. Look again.
        raise LedgerHalted("no free campaign id was found")

    def _continue(self, campaign_id: str, kin: Kin | None) -> Opened:
        with translated():
            state, ranges, size = self.redis.hmget(self.keys.campaign(campaign_id), ["state", "ranges", "batch_size"])
        if state is None:
            raise Conflict(
                f"this file was sent as campaign {campaign_id}, which is no longer kept; --again sends it once more"
            )
        if state in (b"done", b"cancelled"):
            if kin is not None and kin.word == "copy":
                raise Conflict(copied(kin.origin, campaign_id, state.decode()))
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
        """Let an unfinished campaign go on: its other rows were compared, and `left_out` of them stay out."""
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
        channel: str = PLAIN_CHANNEL,
        on_doubt: str = "ask",
        behind: Packed | None = None,
        zones: Sequence[str] = (),
    ) -> bool:
        """Enrol range `n` of a campaign; `rows` is how many data rows the file has up to its end.

        `behind` are rows that are not sent since they were sent already; they are kept packed, as messages are.
        `zones` is the campaign's table of time zones so far, if its batches have one each.
        Returns False if the range was enrolled already, as when a producer that was killed runs again. Raises as
        `enrol` does.
        """
        now = int(self.time() * 1000)
        tail: list[Argument] = [0, ""]
        if behind is not None:
            kept = (behind.first_row, behind.count, behind.recipients, behind.rows)
            tail = [behind.count, msgspec.msgpack.encode(kept)]
        tail += ["\n".join(zones), len(zones)]
        for reject in rejects:
            tail += [reject.row, f"{reject.status}\0{reject.value}\0{reject.reason}"]
        for batch in batches:
            if self.guests.is_limited:
                for recipient in unpack_recipients(batch.recipients):
                    self.guests.check(recipient)
            meta: dict[Meta, int | str] = {
                Meta.LANE: SENDING["bulk"].number,
                Meta.COUNT: batch.count,
                Meta.FIRST_ROW: batch.first_row,
                Meta.POLICY: policy_of(on_doubt, addresses_of(batch.recipients)),
                Meta.ENROLLED: now,
                Meta.PARTS: batch.parts,
                Meta.CHANNEL: simulated.CHANNEL if batch.is_simulated else _channel_of(batch, channel),
            }
            if batch.options is not None:
                meta[Meta.OPTIONS] = OF_ROWS + batch.options.written().decode()
            tail += [
                packed_meta(meta),
                batch.recipients,
                batch.texts,
                batch.rows,
                batch.words,
                "" if batch.zone is None else batch.zone,
                "" if batch.moment is None else int(batch.moment * 1000),
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
            keys += [campaign(campaign_id, "m"), *self.keys.zones(campaign_id, range(len(zones)))]
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
                    if self.witness is not None and int(reply[3]):  # perhaps it was enrolled and the reply was lost
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
                    "command again, so that the remaining rows are compared with it"
                )
            if word == "gone":
                raise Conflict(f"there is no campaign {campaign_id}")
            if word == "zones":
                raise Conflict(
                    f"campaign {campaign_id} was begun with other time zones, perhaps by another version of smsq: "
                    "what is in is sent; put the remaining rows into a file of their own"
                )
        raise LedgerHalted("the ledger keeps refusing new batch numbers; see `smsq doctor`")


def _channel_of(batch: Packed, channel: str) -> str:
    """The channel of a batch, whose rows may have one of their own."""
    return batch.options.channel if batch.options is not None else channel


def _recurs(series: Series) -> dict[str, Argument]:
    """The fields of a campaign that recurs."""
    return {
        "every": series.calendar.written,
        "every_zone": series.calendar.zone,
        "next_at": round(series.next_at * 1000),
        "until_at": round((series.until or 0) * 1000),
        "most": series.most or 0,
    }


def _begun_with(plan: Plan) -> list[Change]:
    """What a campaign begins with, for its log; what is left out has no limit."""
    told: dict[str, object] = {
        "channel": plan.options.channel,
        "rate": plan.rate,
        "budget": plan.budget,
        "start_at": plan.start_at,
        "window": plan.window,
        "on_doubt": plan.on_doubt,
        "repeats": plan.repeats,
    }
    if plan.series is not None:
        told |= {"every": plan.series.calendar.written, "next_at": plan.series.next_at}
    return [
        Change(name, "", f"{value:f}" if isinstance(value, Decimal) else str(value))
        for name, value in told.items()
        if value
    ]
