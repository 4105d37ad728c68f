"""Enrol one message; the caller gives a hint of it afterwards, unless the ledger has woken a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from smsq.worker.domain import simulated
from smsq.worker.domain.batch import Options, Ref, pack_recipients, pack_texts
from smsq.worker.domain.errors import BadInput, Conflict, Denied, LedgerHalted, LedgerUnreachable, OptedOut, WrongKey
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.money import to_units
from smsq.worker.domain.optout import names_for, plain_key, sender_of
from smsq.worker.domain.policy import policy_of
from smsq.worker.domain.recipient import key_of, masked
from smsq.worker.domain.region import region_of
from smsq.worker.ledger.batches.numbers import Numbers
from smsq.worker.ledger.batches.waking import BELL
from smsq.worker.ledger.layout import EXEMPT, Meta, hint_again_ms, packed_meta
from smsq.worker.ledger.optouts.screening import Screening
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.values import POLICIES, Enrolled, NewMessage

REPEAT_AFTER_S = (0.05, 0.4, 0.0)  # between tries while Redis does not answer
MOST_DEADLINE_S = 366 * 86_400.0
WRONG_KEY = (
    "this ledger's texts are sealed with another secret key than this host has: set SMSQ_SECRET_KEY to that of the "
    "hosts with workers, or to the content of secret.key in their SMSQ_HOME"
)
SAYABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # of ids that people say: no letter that is mistaken for a digit


class Enrolment(Numbers, Screening):
    """The verbs that bring messages in."""

    def enrol(self, message: NewMessage) -> Enrolled:
        """Accept one message durably; hint it afterwards.

        The text of an urgent message is sealed until it is claimed. Raises Conflict if the key was used with other
        content, OptedOut if its recipient has opted out, Denied by a rule for its country, LedgerHalted while a
        restarted ledger is not cleared, WrongKey if workers could not open the text, LedgerFull if nothing could be
        written, LedgerUnreachable if it is not known whether something was.
        """
        self._check(message)
        options = message.options.written()
        wished = message.said.written() if message.said is not None else options
        sealer = self.sealing() if message.lane == "urgent" else None
        said = b"%s\0%s\0%s\0%s" % (key_of(message.recipient), message.text.encode(), wished, message.on_doubt.encode())
        # A code has few possible values: from a plain hash of its text anybody could find it by trying them all.
        contents = sealer.digests("content", said) if sealer else [hashlib.sha256(said).hexdigest()]
        key_hash = hash_of(message.key) if message.key is not None else ""
        deadline_at = message.deadline_at or (
            self.time() + message.deadline_s if message.deadline_s is not None else 0.0
        )
        meta: dict[Meta, int | str] = {
            Meta.LANE: SENDING[message.lane].number,
            Meta.COUNT: 1,
            Meta.POLICY: policy_of(message.on_doubt, [message.recipient]),
            Meta.DEADLINE: int(deadline_at * 1000),
            Meta.PARTS: message.parts,
            Meta.CHANNEL: simulated.CHANNEL if simulated.is_simulated(message.recipient) else message.options.channel,
            Meta.OPTIONS: options.decode(),
        }
        for _ in range(8):
            ref = Ref(self._next_number())
            texts = pack_texts([message.text])
            reply = self._repeat(
                "enrol",
                ref,
                " ".join(contents),
                packed_meta(meta),
                pack_recipients([message.recipient]),
                sealer.seal(texts, sealed_as(ref)) if sealer else texts,
                key_hash,
                hint_again_ms(message.lane),
                " ".join(sealer.names) if sealer else "",
                message.otp_id,
                int(message.waited_for_s * 1000),
                message.why,
                digests_of(message.options),
                self._kept_back_by(message),
                region_of(message.recipient),
                more_keys=[
                    *(self.key(name) for name in ("shield:rules", "optouts", BELL, "files")),
                    self.key(f"idem:{key_hash or '-'}"),
                    self.key("stamp"),
                ],
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
            if word == "blocked":
                region = region_of(message.recipient)
                raise Denied(f"a rule blocks all messages to {region} (`smsq countries`): nothing was enrolled")
            if word == "optout":
                raise _opted_out(message)
            self._numbers = range(0)
        raise LedgerHalted("the ledger keeps refusing new batch numbers; see `smsq doctor`")

    def would_enrol(self, message: NewMessage) -> bool:
        """Whether `enrol` would add this message, False if its key was used already; nothing is written.

        Raises what `enrol` would, except Conflict and what is about the ledger's state.
        """
        self._check(message)
        if message.key is not None and self.knows(message.key):
            return False
        if not message.even_opted_out:
            found = self.screened([message.recipient], sender=message.options.sender, topic="")
            if found.statuses:
                raise _opted_out(message)
        return True

    def _check(self, message: NewMessage) -> None:
        """Raise what can be told of a message by itself."""
        self.guests.check(message.recipient)
        if message.on_doubt not in POLICIES:
            raise BadInput(f"on_doubt is one of {', '.join(POLICIES)}, not {message.on_doubt!r}")
        if message.lane not in SENDING:
            raise BadInput(f"a message goes by the urgent or the bulk lane, not {message.lane!r}")
        if message.on_doubt == "resend" and message.deadline_s is None and not message.deadline_at:
            raise BadInput("on_doubt resend needs a deadline: say for how long a second copy is better than none")
        if message.deadline_s is not None and not _is_deadline(message.deadline_s):
            raise BadInput(
                f"a deadline is a number of seconds, more than 0 and at most a year, not {message.deadline_s!r}"
            )

    def _kept_back_by(self, message: NewMessage) -> str:
        """The names of the opt-outs that keep a message back."""
        if message.otp_id or message.why:
            return ""
        if message.even_opted_out:
            return EXEMPT
        keys = [plain_key(message.recipient)]
        if self.sealer is not None or self.make_sealer is not None or message.lane == "urgent":
            keys += self.forgotten_keys(message.recipient)
        sender = sender_of(message.options.sender)
        return "\n".join(name for key in keys for name in names_for(key, sender, ""))

    def _repeat(self, verb: str, ref: Ref, *arguments: Argument, more_keys: Sequence[str]) -> list[bytes]:
        """Run an enrolment, again if its reply was lost: the batch number is this call's, so it is enrolled once."""
        for pause_s in REPEAT_AFTER_S:
            try:
                return self.call_on(verb, ref, *arguments, int(pause_s != REPEAT_AFTER_S[0]), more_keys=more_keys)
            except LedgerUnreachable as error:
                trouble = error
                self.clock.wait(pause_s)
        raise LedgerUnreachable(
            f"{trouble.sentence}; the message may or may not be enrolled: with a key it is safe to repeat"
        )

    def knows(self, key: str) -> bool:
        """Whether a message was enrolled with this key."""
        with translated():
            return bool(self.redis.exists(self.key(f"idem:{hash_of(key)}")))


def _opted_out(message: NewMessage) -> OptedOut:
    return OptedOut(
        f"{masked(message.recipient)} has opted out: nothing was enrolled; a message that must go all the same needs "
        "--even-opted-out (`even_opted_out=True`)"
    )


def _is_deadline(seconds: object) -> bool:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return False
    return 0 < seconds <= MOST_DEADLINE_S  # NaN is neither


def hash_of(key: str) -> str:
    """The hash under which ledger and journals keep an enrolment key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def digests_of(options: Options) -> str:
    """The digests of the files that go with a message, each once."""
    return " ".join(dict.fromkeys(file.digest for file in options.files))


def sealed_as(ref: Ref) -> str:
    """The associated data of a batch's sealed text: it opens for this batch only."""
    return f"text/{ref.number}"


def cost_units(cost: Decimal | None) -> int:
    """Money in the ledger's units; -1 if it is unknown."""
    return -1 if cost is None else to_units(cost)


__all__ = ["Enrolment", "Options", "cost_units"]
