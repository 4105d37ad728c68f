"""Claims for the sender: over an open line, each call with its own nonce, and repeated unchanged until it is answered.

A call names the batch that was hinted, or lets the ledger choose the next one. The ledger knows what a call was granted
by its nonce and number, so that a lost reply loses no claim and a late copy of a call gets none.
"""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.files import Attached
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.options import parts_of
from smsq.worker.gateway.outcomes import SendAnswer
from smsq.worker.ledger import Claim, ClaimCall, ClaimRefusal, NoClaim, Settled, Settling, Terms
from smsq.worker.runtime import Runtime
from smsq.worker.transports import Line

TRIES = 3  # with one nonce; after that the lease ends a claim that may have been granted
SLOT_PATIENCE_S = 2.5  # a batch that finds no slot free waits here, not for the sweep
SLOT_SLICE_S = 0.25  # of that wait: between looks whether the line is open and whether a slot ran out
SLOT_LOOK_S = 0.01  # the same if the bell cannot be heard


class Claims:
    """The claims of one worker process, in one lane."""

    def __init__(self, runtime: Runtime, owner: str, lane: str) -> None:
        self._rt = runtime
        self._owner = owner
        self._lane = lane
        self._numbers = itertools.count(1)  # of calls

    def over(self, line: Line, ref: Ref | None, patience: float) -> Claim | NoClaim:
        """Claim the batch `ref`, or the next one, over an open line. Raises LedgerTrouble, and then the line is closed.

        If no slot is free, wait for one beside the line while it stays silent, until `patience` is over.
        """
        give_up = min(patience, self._rt.clock.monotonic() + self._rt.settings.keep_idle_s)
        while True:
            if self._rt.send_mirrors.has_better(line.mirror):  # it fell silent since the line was opened
                return NoClaim(refusal=ClaimRefusal.SLOT, left=1)
            claim = self._until_heard(line, ref, self._new_nonce(), self._terms(line.mirror), self._new_call())
            if not isinstance(claim, NoClaim) or claim.refusal is not ClaimRefusal.SLOT:
                return claim
            left = give_up - self._rt.clock.monotonic()
            if left <= 0 or self._rt.stopping.is_set() or not line.is_quiet():
                return claim
            self._await_slot(min(left, SLOT_SLICE_S))

    def along(
        self, settling: Settling, line: Line
    ) -> tuple[Settled | LedgerTrouble, Claim | NoClaim | Callable[[], Claim | NoClaim]]:
        """Settle and claim the next over the same line in one round trip.

        If the settling failed, the caller must repeat it first. If the claim got no answer, a function that repeats the
        call, as `over` does, is returned in its place.
        """
        nonce, terms, call = self._new_nonce(), self._terms(line.mirror), self._new_call()
        settled: Settled | LedgerTrouble
        claim: Claim | NoClaim | LedgerTrouble
        try:
            settled, claim = self._rt.ledger.settle_and_claim_next(settling, nonce, terms, call)
        except LedgerTrouble as trouble:
            settled = claim = trouble
        if isinstance(claim, LedgerTrouble):
            return settled, lambda: self._until_heard(line, None, nonce, terms, replace(call, is_repeated=True))
        return settled, claim

    def _until_heard(self, line: Line, ref: Ref | None, nonce: str, terms: Terms, call: ClaimCall) -> Claim | NoClaim:
        for left in reversed(range(TRIES - call.is_repeated)):
            try:
                if ref is None:
                    return self._rt.ledger.claim_next(nonce, terms, call)
                return self._rt.ledger.claim(ref, nonce, **vars(terms), call=call)
            except LedgerTrouble:
                if not left:
                    line.done(keep=False)
                    raise
                call = replace(call, is_repeated=True)
        raise AssertionError("unreachable")

    def _await_slot(self, seconds: float) -> None:
        """Wait until a request of either lane has ended; another worker may take its slot before we do."""
        try:
            self._rt.ledger.await_slot(self._lane, max(0.01, seconds))
        except LedgerTrouble:  # if more than the bell is wrong, the claim that follows will raise it
            self._rt.clock.wait(SLOT_LOOK_S, self._rt.stopping)

    def _new_nonce(self) -> str:
        return secrets.token_hex(16)  # for this run of the actor alone

    def _new_call(self) -> ClaimCall:
        return ClaimCall(f"{self._owner}/{threading.get_ident()}", next(self._numbers), self._lane)

    def _terms(self, mirror: str) -> Terms:
        settings = self._rt.settings
        return Terms(
            owner=self._owner,
            mirror=mirror,
            lease_s=settings.lease_s,
            parallel=settings.parallel_sends,
            urgent_slots=settings.urgent_slots,
            slot_kept_s=settings.peer_close_s,
            credentials=self._rt.credentials,
            rate=settings.rate,
        )


def parts_each(claim: Claim) -> int | bytes:
    """The parts of each message as a settling takes them: one number for all, or a byte for each."""
    if claim.text is not None:
        return parts_of(claim.text, claim.options)
    counted = bytes(min(255, parts_of(text, claim.options)) for text in claim.texts)
    return counted[0] if len(set(counted)) == 1 else counted


def outgoing_of(claim: Claim, files: Sequence[Attached]) -> Outgoing:
    """What a claim brings to the gateway, with its files at hand."""
    return Outgoing(
        gateway_id=claim.gateway_id,
        recipients=claim.recipients,
        text=claim.text,
        texts=claim.texts,
        options=claim.options,
        files=files,
    )


def settling_of(claim: Claim, answer: SendAnswer, first_ask_s: float) -> Settling:
    """What the ledger is told of an accepted claim; `first_ask_s` is the time to the first question about it."""
    how = answer.spoken, answer.pieces, answer.is_over, SENDING[claim.lane].first_ask_s
    return Settling(claim, "accepted", 0, parts_each(claim), answer.cost, first_ask_s, *how)
