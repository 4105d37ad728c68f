"""Every pair of state and verb on a real ledger: the moves of the table happen, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.status import BATCH_MOVES, BatchState, Status, merge
from smsq.worker.ledger import Claim

PHONE = 79990000000


class Stood(NamedTuple):
    """A batch brought into a state, its latest claim and what its campaign is called."""

    ref: Ref
    claim: Claim | None
    campaign: str


def ready(desk: Any, **options: Any) -> Stood:
    campaign, (ref,) = desk.campaign(2, **options)
    return Stood(ref, None, campaign)


def ready_again(desk: Any) -> Stood:
    stood = doubtful(desk)
    desk.probe(stood.ref, {stood.claim.gateway_id: [0, 1]})
    return stood


def released(desk: Any) -> Stood:
    stood = doubtful(desk)
    desk.ledger.resolve(stood.ref, stood.claim.fence, "release")
    return stood


def sending(desk: Any) -> Stood:
    stood = ready(desk)
    return stood._replace(claim=desk.claim(stood.ref))


def sending_after_release(desk: Any) -> Stood:
    stood = released(desk)
    return stood._replace(claim=desk.claim(stood.ref))


def sending_alone(desk: Any) -> Stood:
    stood = ready(desk)
    claim = desk.doubted(stood.ref, alone=True)
    desk.probe(stood.ref, {claim.gateway_id: [0, 1]})
    return stood._replace(claim=desk.claim(stood.ref))


def sending_and_found(desk: Any) -> Stood:
    stood = sending(desk)
    facts(desk, stood)
    return stood


def doubtful(desk: Any) -> Stood:
    stood = ready(desk)
    return stood._replace(claim=desk.doubted(stood.ref))


def doubtful_by_policy(desk: Any) -> Stood:
    stood = ready(desk, on_doubt="park")
    return stood._replace(claim=desk.doubted(stood.ref))


def parked(desk: Any) -> Stood:
    stood = doubtful_by_policy(desk)
    desk.probe(stood.ref, {stood.claim.gateway_id: [0, 1]})
    return stood


def settled(desk: Any) -> Stood:
    stood = ready(desk)
    return stood._replace(claim=desk.settled(stood.ref))


def facts(desk: Any, stood: Stood) -> None:
    if stood.claim:
        for n in (1, 2):
            desk.fact(stood.claim.gateway_id, PHONE + n, Status.ACCEPTED)


def cancelled(verb: Callable[[Any, Stood], Any]) -> Callable[[Any, Stood], Any]:
    def first(desk: Any, stood: Stood) -> None:
        desk.ledger.control(stood.campaign, "cancel")
        verb(desk, stood)

    return first


def expire(desk: Any, stood: Stood) -> None:
    desk.now += 46
    desk.ledger.expire(stood.ref, 1.0, 3.0)


def probe(desk: Any, stood: Stood) -> None:
    if stood.claim:
        desk.probe(stood.ref, {known.gateway_id: [0, 1] for known in desk.view(stood.ref).ids}, asked_s=500.0)


def resolve(decision: str) -> Callable[[Any, Stood], Any]:
    return lambda desk, stood: desk.ledger.resolve(stood.ref, desk.view(stood.ref).fence, decision)


def adopt(desk: Any, stood: Stood) -> None:
    desk.redis.hset("{smsq}:ctl", "fell", "an old copy was restored")
    desk.ledger.adopt(stood.ref, 1_999_999_999, "https://one")


def by_claim(verb: Callable[[Any, Claim], Any]) -> Callable[[Any, Stood], Any]:
    return lambda desk, stood: stood.claim and verb(desk, stood.claim)


STANDS: tuple[Callable[[Any], Stood], ...] = (
    ready, ready_again, released, sending, sending_after_release, sending_alone, sending_and_found, doubtful,
    doubtful_by_policy, parked, settled,
)  # fmt: skip
VERBS: tuple[tuple[str, Callable[[Any, Stood], Any]], ...] = (
    ("claim", lambda desk, stood: desk.try_claim(stood.ref)),
    ("claim", cancelled(lambda desk, stood: desk.try_claim(stood.ref))),
    ("drop", cancelled(lambda desk, stood: desk.ledger.drop(stood.ref, "cancelled"))),
    ("drop", lambda desk, stood: desk.ledger.drop(stood.ref, "late")),
    ("settle", by_claim(lambda desk, claim: desk.accept(claim))),
    ("settle", by_claim(lambda desk, claim: desk.ledger.settle_refused(claim, 7))),
    ("release", by_claim(lambda desk, claim: desk.ledger.release(claim, unwritten=True))),
    ("doubt", by_claim(lambda desk, claim: desk.ledger.doubt(claim, "x", 1.0))),
    ("expire", expire),
    ("advance", facts),
    ("probe", probe),
    ("probe", cancelled(probe)),
    ("resolve", resolve("settle")),
    ("resolve", resolve("drop")),
    ("resolve", resolve("release")),
    ("asked", lambda desk, stood: desk.ledger.asked(stood.ref, (5.0,))),
    ("watched", lambda desk, stood: desk.ledger.watched(stood.ref, 5.0)),
    ("feed", lambda desk, stood: desk.ledger.feed(stood.campaign, 5, 100)),
    ("adopt", adopt),
    ("control", lambda desk, stood: desk.ledger.control(stood.campaign, "pause")),
)


def moves(desk: Any) -> Iterator[tuple[BatchState, str, BatchState]]:
    for stand in STANDS:
        for name, verb in VERBS:
            desk.start_anew()
            stood = stand(desk)
            before = desk.state(stood.ref)
            verb(desk, stood)
            if desk.state(stood.ref) != before:
                yield before, name, desk.state(stood.ref)


def test_the_table_of_moves_is_what_happens(desk: Any) -> None:
    """Each row by a verb, and nothing beside the rows."""
    happened = set(moves(desk))
    table = {(move.source, move.verb, move.target) for move in BATCH_MOVES}

    assert happened - table == set()
    assert table - happened == set()


REPORTED = [s for s in Status if s not in (Status.UNDECIDED, Status.CANCELLED, Status.LATE, Status.OPTOUT)]


@pytest.mark.parametrize("known", [*REPORTED, Status.CANCELLED], ids=lambda status: status.name.lower())
def test_the_ledger_merges_as_the_domain_does(desk: Any, known: Status) -> None:
    """Every status that can be known against every one that can be reported."""
    for reported in REPORTED:
        ref = desk.single()
        claim = desk.doubted(ref)
        if known is Status.CANCELLED:
            desk.ledger.resolve(ref, claim.fence, "drop")
        else:
            desk.fact(claim.gateway_id, PHONE, known)
        desk.fact(claim.gateway_id, PHONE, reported)
        assert Status(desk.view(ref).status(0)) is merge(known, reported)
