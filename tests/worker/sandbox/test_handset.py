"""What becomes of a message."""

from __future__ import annotations

from collections import Counter

import pytest

from smsq.worker.domain.errors import BadSettings
from smsq.worker.sandbox.handset import DELIVERED, EXPIRED, UNDELIVERABLE, WRONG_NUMBER, Handsets
from smsq.worker.sandbox.profile import Profile


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


def test_who_has_no_telegram_may_have_an_sms() -> None:
    """A share of failures strikes other people by each channel, with an error of its own."""
    handsets = Handsets(Profile(undeliverable=0.5))
    fates = {way: [handsets.fate(str(79990000000 + n), way) for n in range(100)] for way in ("sms", "tg", "call")}

    failed = {way: {n for n, fate in enumerate(ends) if fate.code == UNDELIVERABLE} for way, ends in fates.items()}

    assert len({frozenset(people) for people in failed.values()}) == 3
    assert {"sms": {1}, "tg": {21}, "call": {237}} == {
        way: {fate.err for fate in ends if fate.code == UNDELIVERABLE} for way, ends in fates.items()
    }


@pytest.mark.parametrize("scripted", [{"sms:7": "eaten"}, {"7": "delivered"}], ids=["no such end", "no channel"])
def test_a_script_that_is_none_stops_the_start(scripted: dict[str, str]) -> None:
    """Before a test waits for what will never happen."""
    with pytest.raises(BadSettings, match="ends as one of"):
        Handsets(Profile(scripted=scripted))
