"""What becomes of a message."""

from __future__ import annotations

from collections import Counter

from worker.sandbox.handset import DELIVERED, EXPIRED, UNDELIVERABLE, WRONG_NUMBER, Handsets
from worker.sandbox.profile import Profile


def test_a_fate_follows_from_phone_and_seed_alone() -> None:
    """The same phone meets the same end in every run with the same seed."""
    profile = Profile(undeliverable=0.5)
    phones = [str(79990000000 + n) for n in range(200)]

    fates = [Handsets(profile).fate(phone) for phone in phones]

    assert fates == [Handsets(profile).fate(phone) for phone in phones]
    assert fates != [Handsets(Profile(undeliverable=0.5, seed=2)).fate(phone) for phone in phones]


def test_shares_are_kept_among_neighbouring_numbers() -> None:
    """Of ten thousand numbers in a row, about as many fail as was ordered."""
    handsets = Handsets(Profile(undeliverable=0.02, expire=0.01))

    ends = Counter(handsets.fate(str(79990000000 + n)).code for n in range(10_000))

    assert {DELIVERED, UNDELIVERABLE, EXPIRED} == set(ends)
    assert 150 < ends[UNDELIVERABLE] < 250
    assert 60 < ends[EXPIRED] < 140


def test_a_message_waits_is_handed_over_and_ends() -> None:
    """Statuses follow one another in time."""
    handsets = Handsets(Profile(handover_after_s=0.1, deliver_after_s=(1.0, 1.0)))

    assert [handsets.standing("79990000000", age).code for age in (0.0, 0.1, 1.0)] == [-1, 0, 1]


def test_what_is_no_number_ends_as_such() -> None:
    """A phone that is too short is status 22."""
    assert Handsets(Profile()).fate("12").code == WRONG_NUMBER
