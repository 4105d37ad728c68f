"""The verbs around one request: claim, settle, release, doubt, expire; and what halts a login."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from smsq.worker.domain.batch import Options, Ref, unpack_recipients, unpack_texts
from smsq.worker.domain.errors import LedgerTrouble, SmsqError, WrongKey
from smsq.worker.domain.lane import SENDING_BY_NUMBER
from smsq.worker.domain.piece import Fate
from smsq.worker.ledger.batches.enrolment import cost_units, sealed_as
from smsq.worker.ledger.batches.names import NAMES_DAYS, unpacked
from smsq.worker.ledger.beside import code_of
from smsq.worker.ledger.layout import Meta
from smsq.worker.ledger.optouts.screening import Screening
from smsq.worker.ledger.scripts import Argument, Call, script
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.values import Claim, ClaimCall, ClaimRefusal, NoClaim, Settled, Settling, Terms
from smsq.worker.sealing import VERSION, Unsealable

log = logging.getLogger(__name__)

_OPTIONS = msgspec.json.Decoder(Options)
UNSEALABLE_PAUSE_S = 30.0  # until a text that did not open is tried again, by a process that has its key
UNREACHED_S = 8.0  # longer than the sweep takes to have it tried again


class Sending(Screening):
    """What an actor does to a batch while it sends it."""

    def claim(
        self,
        ref: Ref,
        nonce: str,
        *,
        owner: str,
        mirror: str,
        lease_s: float,
        parallel: int,
        urgent_slots: int,
        slot_kept_s: float,
        credentials: str,
        rate: float | None = None,
        call: ClaimCall | None = None,
    ) -> Claim | NoClaim:
        """Claim a ready batch under a fresh gateway id; repeating with the same nonce gives the same claim.

        `credentials` is a fingerprint: a login halted for bad credentials stays halted for these only. Raises
        LedgerTrouble.
        """
        terms = Terms(
            owner=owner,
            mirror=mirror,
            lease_s=lease_s,
            parallel=parallel,
            urgent_slots=urgent_slots,
            slot_kept_s=slot_kept_s,
            credentials=credentials,
            rate=rate,
        )
        return self._claimed(self._run(self._claim_call(ref, nonce, terms, call)), ref, nonce)

    def claim_next(self, nonce: str, terms: Terms, call: ClaimCall) -> Claim | NoClaim:
        """Claim the next ready batch of a lane; repeating with the same nonce gives the same claim.

        Batches that may not go now are passed over; `left` says how many more are ready. Raises LedgerTrouble.
        """
        return self._claimed(self._run(self._claim_call(None, nonce, terms, call)), None, nonce)

    def settle_and_claim_next(
        self, settling: Settling, nonce: str, terms: Terms, call: ClaimCall
    ) -> tuple[Settled | LedgerTrouble, Claim | NoClaim | LedgerTrouble]:
        """Settle a claim and claim the next batch in one round trip; return the result or the failure of each.

        Neither depends on the other. Raises LedgerTrouble if neither result is known.
        """
        settled, claimed = self.run_both(self._settle_call(settling), self._claim_call(None, nonce, terms, call))
        return (
            settled if isinstance(settled, LedgerTrouble) else _settled(settled),
            claimed if isinstance(claimed, LedgerTrouble) else self._claimed(claimed, None, nonce),
        )

    def _claim_call(self, ref: Ref | None, nonce: str, terms: Terms, call: ClaimCall | None) -> Call:
        arguments: list[Argument] = [
            self.now_ms(),
            "" if ref is None else ref.number,
            "" if ref is None else str(ref),
            nonce,
            terms.owner,
            terms.mirror,
            int(terms.lease_s * 1000),
            terms.parallel,
            terms.urgent_slots,
            int(terms.slot_kept_s * 1000),
            terms.credentials,
            "" if terms.rate is None else terms.rate,
        ]
        if call is None:
            arguments += ["", 0, "", ""]
        else:
            arguments += [call.who, call.number, "1" if call.is_repeated else "", SENDING_BY_NUMBER.index(call.lane)]
        return Call(script("claim_next" if ref is None else "claim"), self.keys.claim(ref), arguments)

    def _claimed(self, reply: list[bytes], ref: Ref | None, nonce: str) -> Claim | NoClaim:
        word = reply[0].decode()
        if word != "claimed":
            wait = int(reply[1]) / 1000 if word in ("later", "paced", "closed") else 0.0
            why = reply[1].decode() if word == "halted" else ""
            left = int(reply[2]) if len(reply) > 2 else 0
            if word == "unscreened":
                return self._screened(Ref.parse(reply[1]), left)
            return NoClaim(refusal=ClaimRefusal(word), why=why, wait_s=wait, left=left)
        ref = ref or Ref.parse(reply[13])
        try:
            return _claim(ref, nonce, [*reply[:8], self._opened(ref, reply[8]), *reply[9:]])
        except (Unsealable, WrongKey):
            fence, gateway_id = int(reply[2]), int(reply[1])
            pause_s = UNSEALABLE_PAUSE_S if self._has_the_key() else 0.0
            self.call_on("release", ref, fence, gateway_id, "unwritten", int(pause_s * 1000), nonce)
            self.call("note", [self.key("ctl")], "unsealable_at", int(self.time() * 1000))
            return NoClaim(refusal=ClaimRefusal.SEALED, why=str(ref), wait_s=pause_s)

    def _screened(self, ref: Ref, left: int) -> NoClaim:
        """The list of opt-outs has grown since a batch was enrolled: screen it, so that it can be claimed."""
        try:
            self.screen(ref)
        except WrongKey as error:
            log.error("batch cannot be screened batch=%s why=%s", ref, error.sentence)
            return NoClaim(refusal=ClaimRefusal.SEALED, why=str(ref))
        return NoClaim(refusal=ClaimRefusal.MORE, left=max(1, left))

    def _has_the_key(self) -> bool:
        """Whether we have the key that seals now: if a text does not open even so, it opens nowhere."""
        with translated():
            name = self.redis.hget(self.key("stamp"), "secret")
        try:
            return name is None or name.decode() in self.sealing().names
        except WrongKey:
            return False

    def _opened(self, ref: Ref, texts: bytes) -> bytes:
        """The texts of a batch; only those of urgent messages are sealed."""
        return self.sealing().open(texts, sealed_as(ref)) if texts.startswith(VERSION) else texts

    def prepare_to_send(self) -> None:
        """Read the scripts of the send path, so that the first code does not wait for that."""
        for verb in ("claim", "claim_next", "settle", "release", "doubt"):
            script(verb)

    def await_slot(self, lane: str, seconds: float) -> None:
        """Wait until a request may have ended and left its slot, at most `seconds` (two or less)."""
        with translated(), self._connection() as client:
            client.blpop([self.key(f"bell:slots:{lane}")], timeout=seconds)

    def settle_accepted(
        self, claim: Claim, parts: bytes | int, cost: Decimal | None, first_ask_s: float, spoken: str = ""
    ) -> Settled:
        """Settle a claim: the gateway accepted every message of it.

        `parts` is one number for all or a byte for each message of the claim; `cost` is that of the whole request.
        `first_ask_s` is the time to the first question about its statuses; `spoken` is the code that a call says.
        """
        return _settled(self._run(self._settle_call(Settling(claim, "accepted", 0, parts, cost, first_ask_s, spoken))))

    def settle_refused(self, claim: Claim, code: int) -> Settled:
        """Settle a claim: the gateway refused every message of it with this error code of `send.php`."""
        return _settled(self._run(self._settle_call(Settling(claim, "refused", code, 0, None, 0.0))))

    def settle_each(self, settling: Settling, again_s: float = 0.0) -> Settled:
        """Settle a claim whose messages were answered one by one; what was not taken may go again after `again_s`."""
        return _settled(self._run(self._settle_each_call(settling, again_s)))

    def _settle_each_call(self, settling: Settling, again_s: float) -> Call:
        claim, pieces = settling.claim, settling.pieces
        at = self.time_here()
        arguments: list[Argument] = [
            self.now_ms(),
            claim.ref.number,
            str(claim.ref),
            claim.fence,
            claim.gateway_id,
            "".join(piece.fate for piece in pieces),
            settling.parts,
            int(settling.first_ask_s * 1000),
            ",".join(str(piece.code) for piece in pieces if piece.fate is Fate.REFUSED),
            "1" if settling.is_over else "",
            NAMES_DAYS * 86_400_000,
            int(again_s * 1000),
            int(settling.first_doubt_s * 1000),
            *[" ".join(piece.names) for piece in pieces],
        ]
        return Call(script("settle_each"), self.keys.settle_each(claim.ref, at), arguments)

    def _settle_call(self, settling: Settling) -> Call:
        if settling.pieces:
            return self._settle_each_call(settling, 0.0)
        claim = settling.claim
        arguments: list[Argument] = [
            self.now_ms(),
            claim.ref.number,
            str(claim.ref),
            claim.fence,
            claim.gateway_id,
            settling.how,
            settling.code,
            settling.parts,
            cost_units(settling.cost),
            int(settling.first_ask_s * 1000),
        ]
        arguments.append(self._sealed_code(settling))
        return Call(script("settle"), self.keys.batch_verb(claim.ref), arguments)

    def _sealed_code(self, settling: Settling) -> bytes:
        """The code that a call says, sealed; nothing if there is none, or if nothing can be sealed here."""
        claim = settling.claim
        if not settling.spoken or len(claim.recipients) != 1:
            return b""
        try:
            return self.sealing().seal(settling.spoken.encode(), code_of(claim.ref))
        except SmsqError as error:
            log.error("code of a call not kept batch=%s why=%s", claim.ref, error.sentence)
            return b""

    def release(self, claim: Claim, *, unwritten: bool, delay_s: float = 0.0) -> str:
        """Make a claim ready again, after `delay_s`: nothing was written (`unwritten`), or the gateway said later."""
        how = "unwritten" if unwritten else "unwanted"
        return self.call_on(
            "release",
            claim.ref,
            claim.fence,
            claim.gateway_id,
            how,
            int(delay_s * 1000),
            claim.nonce,
        )[0].decode()

    def release_unsaid(self, ref: Ref, fence: int, gateway_id: int) -> str:
        """Make a claim ready again that no journal knows, after a roll call: it was never sent."""
        return self.call_on("release", ref, fence, gateway_id, "unsaid", 0, "")[0].decode()

    def doubt(
        self,
        claim: Claim,
        why: str,
        first_ask_s: float,
        *,
        alone: bool = False,
        money: bool = False,
        over: bool = False,
    ) -> str:
        """Make a claim doubtful: its outcome is unknown, for the reason `why`.

        With `alone`, messages that turn out absent are sent one by one; with `money`, after a top-up. `over` says that
        nothing of the request runs any more, so that its slot is free: the gateway gave a complete answer, or closed
        the connection.
        """
        marks: list[Argument] = ["1" if alone else "", "1" if money else "", 0, "1" if over else ""]
        return self.call_on(
            "doubt",
            claim.ref,
            claim.fence,
            claim.gateway_id,
            why,
            int(first_ask_s * 1000),
            *marks,
        )[0].decode()

    def expire(self, ref: Ref, first_ask_s: float, silence_s: float) -> str:
        """Make a claim doubtful if its lease is over or its owner was silent for `silence_s`; else return `alive`."""
        return self.call_on(
            "doubt",
            ref,
            "",
            "",
            "expired",
            int(first_ask_s * 1000),
            "",
            "",
            int(silence_s * 1000),
            "",
        )[0].decode()

    def drop(self, ref: Ref, why: str) -> str:
        """End a ready batch: `cancelled` (its campaign is), `late` (its deadline passed), `over` (its code is)."""
        return self.call_on("drop", ref, why)[0].decode()

    def drop_all(self, refs: Sequence[Ref], why: str) -> int:
        """Drop several batches in one round trip; return how many ended."""
        calls: list[tuple[list[str], list[Argument]]] = [
            (self.keys.batch_verb(ref), [self.now_ms(), ref.number, str(ref), why]) for ref in refs
        ]
        return sum(reply[0] == b"settled" for reply in self.call_on_each("drop", calls))

    def forget(self, refs: Sequence[Ref]) -> None:
        """Remove batches that were kept long enough, with all that the ledger knows of them."""
        calls: list[tuple[list[str], list[Argument]]] = [
            (self.keys.batch_verb(ref), [self.now_ms(), ref.number, str(ref)]) for ref in refs
        ]
        self.call_on_each("forget", calls)

    def throttled(self, base_s: float) -> float:
        """The gateway said that requests come too often: the whole login backs off. Returns for how many seconds."""
        return int(self.call("halt", [self.key("ctl")], "throttled", int(base_s * 1000))[0]) / 1000

    def ask_later(self, back_off_s: float) -> None:
        """Pause all questions for `rest_s`, since the gateway said that they come too often."""
        self.call("halt", [self.key("ctl")], "ask_later", int(back_off_s * 1000))

    def questions_back_off_s(self, credentials: str) -> float:
        """Seconds for which no question may be put; infinite if these credentials were refused."""
        with translated():
            refused, quiet, again = self.redis.hmget(self.key("ctl"), ["bad_login", "quiet_until", "ask_again_at"])
        if refused is not None and refused.decode() == credentials:
            return float("inf")
        until = max(float(quiet or 0), float(again or 0)) / 1000
        return max(0.0, until - self.time()) if until else 0.0

    def answered(self) -> None:
        """Note that the gateway works normally again: the next pause is the shortest again."""
        self.call("halt", [self.key("ctl")], "answered")

    def erred(self, span_s: float) -> None:
        """Count an error answer to a send: within `span_s` the gateway blocks an address for too many."""
        self.call("halt", [self.key("ctl")], "erred", int(span_s * 1000))

    def login_works(self) -> None:
        """Note that the gateway accepted our credentials: a halt for bad ones is over."""
        self.call("halt", [self.key("ctl")], "logged_in")

    def is_login_halted(self, credentials: str) -> bool:
        """Whether these credentials were refused and nothing has changed since."""
        with translated():
            refused = self.redis.hget(self.key("ctl"), "bad_login")
        return bool(refused is not None and refused.decode() == credentials)

    def unreached(self) -> None:
        """Note that no mirror could be reached; the note counts for `UNREACHED_S` and needs no end."""
        self.call("note", [self.key("ctl")], "unreached_until", int((self.time() + UNREACHED_S) * 1000))

    def halt_login(self, credentials: str) -> None:
        """Note that these credentials were refused: no batch is claimed with them again."""
        self.call("halt", [self.key("ctl")], "login", credentials)

    def halt_money(self) -> None:
        """Note that the account is empty: the bulk lane waits for a top-up."""
        self.call("halt", [self.key("ctl")], "money")

    def topped_up(self) -> None:
        """Note that there is money again; doubts about money count their window from now."""
        self.call("halt", [self.key("ctl")], "topped_up")


def _settled(reply: list[bytes]) -> Settled:
    enrolled_at = int(reply[1]) / 1000 if len(reply) > 1 else 0.0
    left = int(reply[2]) if len(reply) > 2 else 0
    early = tuple(unpacked(*pair) for pair in zip(reply[3::2], reply[4::2], strict=True))
    return Settled(reply[0].decode(), enrolled_at, left, early)


def _claim(ref: Ref, nonce: str, reply: list[bytes]) -> Claim:
    m = msgspec.msgpack.decode(reply[6])
    recipients = unpack_recipients(reply[7])
    members = reply[9]
    texts = unpack_texts(reply[8]) if reply[8] else []
    if members:
        marks = members[1:]
        chosen = [index for index in range(len(recipients)) if marks[index] == 49]
        recipients = [recipients[index] for index in chosen]
        texts = [texts[index] for index in chosen] if texts else texts
    options = _OPTIONS.decode(reply[11]) if reply[11] else Options()
    text = None if texts else reply[10].decode()
    if len(texts) == 1 and len(recipients) == 1:
        text, texts = texts[0], []
    return Claim(
        ref=ref,
        gateway_id=int(reply[1]),
        fence=int(reply[2]),
        lease_until=int(reply[3]) / 1000,
        run=reply[4].decode(),
        n=int(reply[5]),
        lane=SENDING_BY_NUMBER[int(m[Meta.LANE])],
        recipients=recipients,
        text=text,
        texts=texts,
        options=options,
        deadline=int(m[Meta.DEADLINE]) / 1000,
        enrolled_at=int(m[Meta.ENROLLED]) / 1000,
        attempt=int(m[Meta.CLAIMS]),
        nonce=nonce,
        known_as=reply[12].decode(),
        left=int(reply[14]) if len(reply) > 14 else 0,
        channel=m[Meta.CHANNEL],
    )
