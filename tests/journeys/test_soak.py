"""A soak's faults are chosen by its seed, all of them, and never two of one group at once."""

from __future__ import annotations

from collections import Counter

from smsq.worker.sandbox import KINDS as MISFORTUNES
from tests.journeys.faults import KINDS, SECONDS, STROKES, plan

TEN_MINUTES = 600.0


def test_the_same_seed_chooses_the_same_faults() -> None:
    """And another one others."""
    assert plan(7, TEN_MINUTES) == plan(7, TEN_MINUTES)
    assert plan(7, TEN_MINUTES) != plan(8, TEN_MINUTES)


def test_ten_minutes_have_every_kind_of_fault() -> None:
    """Whatever the seed, nearly: nothing in the table is there for show."""
    met = Counter(fault.kind for seed in range(5) for fault in plan(seed, TEN_MINUTES))

    assert set(met) == {kind.name for kind in KINDS}
    assert min(len(plan(seed, TEN_MINUTES)) for seed in range(5)) > 100


def test_faults_of_one_group_do_not_overlap() -> None:
    """A server cannot be killed while it is frozen; and everything is over by the end."""
    group_of = {kind.name: kind.group for kind in KINDS}
    for seed in range(20):
        over: dict[str, float] = {}
        for fault in plan(seed, TEN_MINUTES):
            group = group_of[fault.kind]
            assert over.get(group, 0.0) <= fault.at_s
            over[group] = fault.at_s + fault.lasts_s
        assert max(over.values()) < TEN_MINUTES


def test_the_gateways_misfortunes_are_real_ones() -> None:
    """Each is a row of the sandbox's table."""
    assert set(STROKES) | set(SECONDS) <= set(MISFORTUNES)
