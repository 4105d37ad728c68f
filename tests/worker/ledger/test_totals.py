"""Whatever happens in whatever order, the totals add up and every batch is where its state says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.receipt import unpack
from smsq.worker.domain.status import BATCH_MOVES, STATUS_TABLE, BatchState, IdState, Status
from smsq.worker.ledger import Claim
from tests.worker.ledger.conftest import Desk

REPORTED = [Status.ACCEPTED, Status.DELIVERED, Status.READ, Status.EXPIRED, Status.UNDELIVERABLE]
OURS = {Status.CANCELLED, Status.LATE}
MOVES = {(move.source, move.verb, move.target) for move in BATCH_MOVES}
some = st.integers(0, 10**6)


class Installation(RuleBasedStateMachine):
    """Two campaigns and single messages under random verbs."""

    client: redis_py.Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.desk = Desk(self.client)
        self.campaigns: list[str] = []
        self.refs: list[Ref] = []
        for sizes in ((2, 1), (3,)):
            campaign, refs = self.desk.campaign(*sizes, close=False)
            self.campaigns.append(campaign)
            self.refs += refs
        self.claims: list[Claim] = []
        self.seen: dict[Ref, tuple[BatchState, int, list[int]]] = {}
        self.dropped: set[Ref] = set()
        self.verb = ""

    def any_of(self, values: list[Any], n: int) -> Any:
        return values[n % len(values)]

    @rule(
        lane=st.sampled_from(["urgent", "bulk"]), policy=st.sampled_from(["ask", "park", "resend"]), late=st.booleans()
    )
    @precondition(lambda self: len(self.refs) < 7)
    def enrol(self, lane: str, policy: str, late: bool) -> None:
        self.verb = "enrol"
        deadline = 100.0 if late else 2000.0 if policy == "resend" else None
        self.refs.append(self.desk.single(lane=lane, on_doubt=policy, deadline_s=deadline))

    @rule(n=some, many=st.integers(1, 3))
    def claim(self, n: int, many: int) -> None:
        self.verb = "claim"
        for step in range(many):
            claim = self.desk.try_claim(self.any_of(self.refs, n + step), parallel=50)
            if isinstance(claim, Claim):
                self.claims.append(claim)

    @rule(n=some)
    @precondition(lambda self: self.claims)
    def accept(self, n: int) -> None:
        self.verb = "settle"
        self.desk.accept(self.any_of(self.claims, n), "3")

    @rule(n=some)
    @precondition(lambda self: self.claims)
    def refuse(self, n: int) -> None:
        self.verb = "settle"
        self.desk.ledger.settle_refused(self.any_of(self.claims, n), 6)

    @rule(n=some)
    @precondition(lambda self: self.claims)
    def release(self, n: int) -> None:
        self.verb = "release"
        self.desk.ledger.release(self.any_of(self.claims, n), unwritten=True)

    @rule(n=some, alone=st.booleans())
    @precondition(lambda self: self.claims)
    def doubt(self, n: int, alone: bool) -> None:
        self.verb = "doubt"
        self.desk.ledger.doubt(self.any_of(self.claims, n), "no_answer", 1.0, alone=alone)

    @rule(n=some)
    @precondition(lambda self: self.claims)
    def expire(self, n: int) -> None:
        self.verb = "expire"
        self.desk.ledger.expire(self.any_of(self.claims, n).ref, 1.0, 3.0)

    @rule(
        n=some, place=some, status=st.sampled_from(REPORTED), cost=st.sampled_from([None, Decimal(1), Decimal("2.5")])
    )
    @precondition(lambda self: self.claims)
    def advance(self, n: int, place: int, status: Status, cost: Decimal | None) -> None:
        self.verb = "advance"
        claim = self.any_of(self.claims, n)
        phones = list(self.desk.view(claim.ref).recipients)
        self.desk.fact(claim.gateway_id, self.any_of(phones, place), status, cost=cost)

    @rule(n=some, place=some, status=st.sampled_from(REPORTED), cost=st.sampled_from([None, "0", "1", "399999"]))
    @precondition(lambda self: self.claims)
    def call(self, n: int, place: int, status: Status, cost: str | None) -> None:
        self.verb = "advance"
        claim = self.any_of(self.claims, n)
        phone = self.any_of(list(self.desk.view(claim.ref).recipients), place)
        self.desk.call(claim.gateway_id, phone, status, cost=None if cost is None else Decimal(cost))

    @rule(n=some, whole=st.booleans(), soon=st.sampled_from([None, None, 61.0]))
    @precondition(lambda self: any(self.desk.state(ref) == BatchState.DOUBTFUL for ref in self.refs))
    def probe(self, n: int, whole: bool, soon: float | None) -> None:
        self.verb = "probe"
        doubtful = [ref for ref in self.refs if self.desk.state(ref) == BatchState.DOUBTFUL]
        ref = self.any_of(doubtful, n)
        view = self.desk.view(ref)
        ids = [known.gateway_id for known in view.ids if known.state == IdState.OPEN]
        absent = range(view.count) if whole else range(1)
        seen_s = 300.0 if soon is None else soon
        self.desk.probe(ref, dict.fromkeys(ids, absent), asked_s=seen_s, unseen=ids, patience_s=2000.0)

    @rule(n=some, decision=st.sampled_from(["settle", "drop", "release"]))
    def resolve(self, n: int, decision: str) -> None:
        self.verb = "resolve"
        ref = self.any_of(self.refs, n)
        word = self.desk.ledger.resolve(ref, self.desk.view(ref).fence, decision)
        if decision == "drop" and word == "settled":
            self.dropped.add(ref)

    @rule(n=some, why=st.sampled_from(["cancelled", "late"]))
    def drop(self, n: int, why: str) -> None:
        self.verb = "drop"
        self.desk.ledger.drop(self.any_of(self.refs, n), why)

    @rule(n=some, verb=st.sampled_from(["pause", "pause", "resume", "resume", "cancel", "close"]))
    def control(self, n: int, verb: str) -> None:
        self.verb = "control"
        self.desk.ledger.control(self.any_of(self.campaigns, n), verb)

    @rule(n=some, batches=st.integers(1, 3))
    def wind_up(self, n: int, batches: int) -> None:
        self.verb = "drop"
        self.desk.ledger.wind_up(self.any_of(self.campaigns, n), batches, 100)

    @rule(n=some)
    def ask(self, n: int) -> None:
        self.verb = "ask"
        ref = self.any_of(self.refs, n)
        self.desk.ledger.asked(ref, (5.0, 60.0))
        self.desk.ledger.watched(ref, 60.0)

    @rule(seconds=st.sampled_from([1.0, 50.0, 400.0, 3000.0]))
    def wait(self, seconds: float) -> None:
        self.verb = "wait"
        self.desk.now += seconds

    @invariant()
    def statuses_add_up(self) -> None:
        for campaign in self.campaigns:
            view = self.desk.views.campaign(campaign)
            shown: dict[str, int] = {}
            for row in self.desk.views.report(campaign):
                shown[row.status] = shown.get(row.status, 0) + 1
            assert dict(view.statuses) == shown
            assert sum(shown.values()) == view.rows
            assert view.cost == sum(row.cost for row in self.desk.views.report(campaign))

    @invariant()
    def what_was_not_told_is_counted(self) -> None:
        for campaign in self.campaigns:
            parts = 0
            for view in self.desk.ledger.read(self.desk.views.batch_refs(campaign)):
                each = -(-view.parts // view.count)
                for place in range(view.count):
                    stored = unpack(view.receipts, place)
                    left = STATUS_TABLE[stored.status].proves_acceptance and stored.status is not Status.REFUSED
                    parts += (stored.parts or each) if left and not stored.cost else 0
            assert self.desk.views.campaign(campaign).unpriced == parts

    @invariant()
    def gauges_are_true(self) -> None:
        actual: dict[str, int] = {}
        for view in self.desk.ledger.read(self.refs):
            name = f"batches:{view.lane}:{view.state}"
            actual[name] = actual.get(name, 0) + 1
        told = {name: n for name, n in self.desk.totals().items() if name.startswith("batches:") and n}
        assert told == actual

    @invariant()
    def second_copies_leave_once(self) -> None:
        chosen = [view for view in self.desk.ledger.read(self.refs) if view.resent_by == "sender"]
        assert all(view.on_doubt == "resend" for view in chosen)
        assert self.desk.views.depth().by("smsq_resends_total")["sender"] <= sum(
            view.on_doubt == "resend" for view in self.desk.ledger.read(self.refs)
        )

    @invariant()
    def every_batch_is_where_its_state_says(self) -> None:
        apart = {"doubt": "doubt:urgent", "asks": "asks:urgent"}  # codes have sets of their own
        members = {
            name: {
                raw.decode()
                for key in (name, apart.get(name, name))
                for raw in self.client.zrange(f"{{smsq}}:{key}", 0, -1)
            }
            for name in ("ready:urgent", "ready:bulk", "lease", "doubt", "blind", "parked", "asks", "watch")
        }
        held = {raw.decode() for campaign in self.campaigns for raw in self.client.smembers(f"{{smsq}}:c:{campaign}:h")}
        for view in self.desk.ledger.read(self.refs):
            ref = str(view.ref)
            finals = [STATUS_TABLE[Status(view.status(place))].is_final for place in range(view.count)]
            expected = {
                BatchState.READY: "held" if ref in held else f"ready:{view.lane}",
                BatchState.SENDING: "lease",
                BatchState.DOUBTFUL: "doubt",
                BatchState.PARKED: "parked",
                BatchState.SETTLED: "" if all(finals) else "asks",
            }[BatchState(view.state)]
            found = {name for name, inside in members.items() if ref in inside} | ({"held"} if ref in held else set())
            if view.state == BatchState.SETTLED and all(finals) and "1" in view.untold:
                found -= {"asks"}  # for as long as it is asked what they cost
            assert found - {"blind", "watch"} == ({expected} if expected else set()), (ref, view.state, found)
            assert "blind" not in found or view.state == BatchState.DOUBTFUL

    @invariant()
    def nothing_goes_back(self) -> None:
        for view in self.desk.ledger.read(self.refs):
            state, ranks = (
                BatchState(view.state),
                [STATUS_TABLE[Status(view.status(n))].rank for n in range(view.count)],
            )
            if view.ref in self.seen:
                before, fence, known = self.seen[view.ref]
                assert view.fence >= fence
                assert all(new >= old for new, old in zip(ranks, known, strict=True))
                assert state == before or (before, self.verb, state) in MOVES, (before, self.verb, state)
            self.seen[view.ref] = (state, view.fence, ranks)

    @invariant()
    def nothing_is_ended_while_it_may_live(self) -> None:
        for view in self.desk.ledger.read(self.refs):
            for place in range(view.count):
                status = Status(view.status(place))
                if status in OURS and view.ref not in self.dropped:
                    open_ids = [i for i in view.ids if i.state == IdState.OPEN and i.holds(place)]
                    assert not [i for i in open_ids if not (i.absents and i.absents[place + 1] == "1")]
            if view.state == BatchState.SETTLED:
                assert all(view.status(place) for place in range(view.count))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stories", [35, pytest.param(500, marks=pytest.mark.slow)])
def test_the_ledger_keeps_its_promises_in_any_order(redis: redis_py.Redis, stories: int) -> None:
    """Invariants after every verb of so many random stories: always the same few, and many that are new each time."""
    Installation.client = redis
    run_state_machine_as_test(
        Installation,
        settings=settings(
            max_examples=stories,
            stateful_step_count=25,
            deadline=None,
            database=None,
            derandomize=stories < 100,
            suppress_health_check=list(HealthCheck),
        ),
    )
