"""The verbs around questions: what is due, what was found, and which absence may be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from smsq.worker.domain.batch import PLAIN_CHANNEL, Options, Ref
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.result import packed_values
from smsq.worker.ledger.batches.enrolment import cost_units
from smsq.worker.ledger.layout import Meta
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import Store, translated

_OPTIONS = msgspec.json.Decoder(Options)
DAYS_WATCHED = 3  # for so long ids taken for absent are still asked about


def _packed(fact: Fact) -> bytes:
    """The values of a probe in the form of the ledger; nothing for most facts."""
    values = packed_values(fact.result)
    return msgspec.msgpack.encode(values) if values else b""


def _lacks(fact: Fact) -> str:
    """What its wire does not tell and a probe needs before it is over: `e` the error, `r` the result."""
    return "e" * (not fact.has_error) + "r" * (fact.result is None)


class Control(NamedTuple):
    """A known accepted message: proof that a mirror shows what it accepted."""

    gateway_id: int
    phone: int
    accepted_at: float  # Unix seconds


class Probe(NamedTuple):
    """What the questions about one doubtful batch showed."""

    asked_at: float  # Redis' time before the question
    known_s: float  # for so long the asker has known the newest attempt, by its own monotonic clock
    mirrors: Sequence[str]  # those that answered well and showed a control
    control_at: float  # when the oldest of those controls was accepted; 0 for none
    another_wanting: bool  # another mirror is up and was not asked
    absent: Mapping[int, Sequence[int]]  # gateway id: indices of messages it answered -3 for
    unseen: Sequence[int] = ()  # gateway ids of which a mirror answered -3 just now, trusted or not
    without_money: bool = False  # the gateway shows that the account had no money for the newest attempt


# Called with messages that became final: lane, channel, seconds since they were sent, how many.
FinalWitness = Callable[[str, str, float, int], None]


class Asking(Store):
    """The verbs of the status lane."""

    on_final: FinalWitness | None = None

    def due(self, which: str, many: int, again_s: float) -> list[Ref]:
        """References that are due in a set; each is due again after `again_s` seconds.

        Sets are `doubt`, `asks`, for codes `doubt:urgent` and `asks:urgent`, `watch` and `ready:<lane>`.
        """
        again_ms = int(again_s * 1000) - (0.5 if which.startswith("ready:") else 0)  # as `hint_again_ms` has it
        reply = self.call("due", [self.key(which)], many, again_ms)
        return [Ref.parse(ref) for ref in reply[1:]]

    def put_off(self, which: str, ref: Ref, seconds: float) -> None:
        """Make a batch due in `seconds` instead; if it has left the set meanwhile it stays out."""
        at_ms = int((self.time() + seconds) * 1000)
        with translated():
            self.redis.zadd(self.key(which), {str(ref): at_ms}, xx=True)

    def take(
        self,
        kind: str,
        token: str,
        most: int,
        lasts_s: float,
        limits: Mapping[str, tuple[int, float]] | None = None,
    ) -> float:
        """Take a permit for one counted request: 0 if it is given, else the seconds to wait before the next try.

        At most `most` requests of a kind run at once; a permit ends by itself after `lasts_s`. `limits` names each
        limit per time with its count and its span in seconds.
        """
        limits = limits or {}
        keys = [
            self.key(f"slots:{kind}"),
            *(self.key(f"limit:{name}") for name in limits),
        ]
        spans: list[Argument] = [value for most_of, span in limits.values() for value in (most_of, int(span * 1000))]
        reply = self.call("take", keys, token, most, int(lasts_s * 1000), *spans)
        return 0.0 if reply[0] == b"taken" else int(reply[1]) / 1000

    def give_back(self, kind: str, token: str, limits: Mapping[str, tuple[int, float]] | None = None) -> None:
        """Give a permit back: its slot is free, and its `limits` count from now."""
        limits = limits or {}
        keys = [self.key(f"slots:{kind}"), *(self.key(f"limit:{name}") for name in limits)]
        self.call("give_back", keys, token, *(int(span * 1000) for _, span in limits.values()))

    def leaves_at_once(self, ref: Ref) -> bool:
        """Whether a batch is plain SMS without a moment to send at: the gateway may list others later, or elsewhere."""
        with translated():
            meta = self.redis.hget(self.keys.shard(ref.number), f"{ref.number}m")
            if meta is None:
                return False
            told = msgspec.msgpack.decode(meta)[Meta.OPTIONS : Meta.OPTIONS + 1]
            if ref.campaign and not (told and told[0]):
                told = [self.redis.hget(self.keys.campaign(ref.campaign), "options")]
        if not told or told[0] is None:
            return False
        told = told[0]
        options = _OPTIONS.decode(told) if told else Options()
        is_plain = options.channel == PLAIN_CHANNEL and not options.extra
        return is_plain and options.time is None and options.period is None

    def has_urgent_doubt(self) -> bool:
        """Whether a question about a code is due: then no question for many goes first."""
        now_ms = int(self.time() * 1000)
        with translated():
            return int(self.redis.zcount(self.key("doubt:urgent"), "-inf", now_ms)) > 0

    def batches_of(self, gateway_ids: Sequence[int]) -> list[Ref | None]:
        """The batch of each gateway id; None if the ledger never gave that id."""
        if not gateway_ids:
            return []
        with translated():
            found = self.redis.hmget(self.key("g"), [str(gateway_id) for gateway_id in gateway_ids])
        return [Ref.parse(ref) if ref is not None else None for ref in found]

    def advance(self, facts: Sequence[Fact], next_ask_s: float = 60.0) -> int:
        """Merge facts into the receipts of their batches; return how many messages changed.

        Facts under ids that the ledger never gave are counted and otherwise ignored. `next_ask_s` is the time to the
        next question about a batch whose doubt goes on.
        """
        refs = self.batches_of([fact.gateway_id for fact in facts])
        by_batch: dict[Ref, list[Fact]] = {}
        strangers = 0
        for fact, ref in zip(facts, refs, strict=True):
            if ref is None:
                strangers += 1
            else:
                by_batch.setdefault(ref, []).append(fact)
        calls = [self._advance_call(ref, group, next_ask_s) for ref, group in by_batch.items()]
        replies = self.call_on_each("advance", calls)
        if strangers:
            with translated():
                self.redis.hincrby(self.key("totals"), "alarm:stranger-id", strangers)
        merged = [reply for reply in replies if reply[0] == b"merged"]
        if self.on_final is not None:
            now = self.clock.now()
            for _, _, finals, sent_at, lane, channel in merged:
                if int(finals):
                    self.on_final(lane.decode(), channel.decode(), max(0.0, now - int(sent_at) / 1000), int(finals))
        return sum(int(reply[1]) for reply in merged)

    def _advance_call(self, ref: Ref, facts: Sequence[Fact], next_ask_s: float) -> tuple[list[str], list[Argument]]:
        arguments: list[Argument] = [self.now_ms(), ref.number, str(ref), int(next_ask_s * 1000)]
        for fact in facts:
            arguments += [fact.gateway_id, fact.recipient, int(fact.status), fact.error_code]
            arguments += [fact.parts, cost_units(fact.cost), fact.at or int(self.clock.now())]
            arguments += [int(fact.heard), _packed(fact), fact.network, _lacks(fact)]
        return self.keys.batch_verb(ref), arguments

    def probe(
        self,
        ref: Ref,
        probe: Probe,
        *,
        window_s: float,
        arrival_s: float,
        next_ask_s: float,
        patience_s: float,
        blind_patience_s: float,
        resend_after_s: float = 61.0,
    ) -> tuple[str, str]:
        """Record what the questions showed; return the state afterwards (`doubtful ready settled parked`) and why.

        `arrival_s` is the peer's close and the latest arrival together; `resend_after_s` counts from the newest claim.
        """
        arguments: list[Argument] = [
            int(probe.asked_at * 1000),
            int(probe.known_s * 1000),
            int(window_s * 1000),
        ]
        arguments += [
            int(arrival_s * 1000),
            " ".join(probe.mirrors),
            int(probe.control_at * 1000),
        ]
        arguments += ["1" if probe.another_wanting else "", int(next_ask_s * 1000)]
        arguments += [int(patience_s * 1000), int(blind_patience_s * 1000)]
        arguments += [" ".join(map(str, probe.unseen)), int(resend_after_s * 1000)]
        arguments += ["1" if probe.without_money else ""]
        for gateway_id, indices in probe.absent.items():
            arguments += [gateway_id, ",".join(map(str, indices))]
        reply = self.call_on("probe", ref, *arguments)
        return reply[0].decode(), reply[1].decode() if len(reply) > 1 else ""

    def asked(self, ref: Ref, every_s: Sequence[float]) -> float:
        """Plan the next question about an accepted batch; return the seconds until then, 0 if all is final."""
        reply = self.call_on("asked", ref, *[int(step * 1000) for step in every_s])
        return int(reply[1]) / 1000 if reply[0] == b"next" else 0.0

    def watched(self, ref: Ref, next_s: float) -> bool:
        """Ids taken for absent were asked about; they are due again in `next_s`. False once their watch is over."""
        return self.call_on("watched", ref, int(next_s * 1000), DAYS_WATCHED * 86_400_000)[0] == b"next"

    def control_message(self, visible_s: float) -> Control | None:
        """The youngest accepted message that has had `visible_s` to become visible; None if there is none."""
        with translated():
            young, young_at, ripe, ripe_at, noted = self.redis.hmget(
                self.key("control"), ["young", "young_at", "ripe", "ripe_at", "visible_ms"]
            )
        if noted is None or int(noted) != int(visible_s * 1000):
            self.call("note", [self.key("control")], "visible_ms", int(visible_s * 1000))
        for named, at in ((young, young_at), (ripe, ripe_at)):
            if named is not None and self.time() - int(at) / 1000 >= visible_s:
                gateway_id, _, phone = named.decode().partition(":")
                return Control(int(gateway_id), int(phone), int(at) / 1000)
        return None

    def note_visible(self, after_s: float) -> None:
        """An accepted message was first missing and then shown, so long after it was sent: the longest is kept."""
        with translated():
            known = self.redis.hget(self.key("ctl"), "visible_after")
        if known is None or float(known) < after_s:
            self.call("note", [self.key("ctl")], "visible_after", f"{after_s:.3f}")

    def visible_after(self) -> float:
        """The longest time from a send to its message being shown that was seen; 0 if none was."""
        with translated():
            return float(self.redis.hget(self.key("ctl"), "visible_after") or 0.0)

    def control_seen(self, mirror: str, asked_at: float, control: Control) -> None:
        """A mirror showed the control; shared by every doubt for a minute."""
        self.call("note", [self.key("control")], f"seen:{mirror}", f"{asked_at}:{control.accepted_at}")

    def control_of(self, mirror: str, within_s: float) -> float:
        """When the control was accepted that this mirror showed within the last `within_s`; 0 for none."""
        with translated():
            seen = self.redis.hget(self.key("control"), f"seen:{mirror}")
        if seen is None:
            return 0.0
        asked_at, _, accepted_at = seen.decode().partition(":")
        return float(accepted_at) if self.time() - float(asked_at) <= within_s else 0.0
