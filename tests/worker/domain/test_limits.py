"""Limits of the shield: what is written is what is read, and what will not do is said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.limits import READINGS, Limits, read, with_written, written


def test_the_defaults_survive_writing() -> None:
    """Settings, the command and the ledger pass limits on in writing."""
    assert with_written(Limits(), written(Limits())) == Limits()


@pytest.mark.parametrize(
    ("name", "said", "value"),
    [
        ("phone", "10/d,5/10min", ((5, 600), (10, 86400))),
        ("client", "none", ()),
        ("wide", "7/90s", ((7, 90),)),
        ("daily", "1000", 1000),
        ("daily", "none", 0),
        ("daily_cost", "99.50", Decimal("99.50")),
        ("countries", "ru, kz", frozenset({"RU", "KZ"})),
        ("deny", "none", frozenset()),
        ("hold_after", "10,0,500", (10, 0, 500)),
        ("hold_below", "0.2", 0.2),
        ("hold_for", "2h", 7200),
        ("mode", "Watch", "watch"),
    ],
)
def test_limits_are_read(name: str, said: str, value: object) -> None:
    """And written so that they read the same again."""
    assert read(name, said) == value
    assert read(name, READINGS[name].write(value)) == value


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("phone", "5 a minute"), ("phone", "0/h"), ("phone", "5/2d"), ("daily", "-1"), ("daily", "x"),
        ("daily_cost", "NaN"), ("daily_cost", "-5"), ("countries", "Russia"), ("hold_after", "10,20"),
        ("hold_after", "1,2,x"), ("hold_below", "2"), ("hold_below", "x"), ("hold_for", "0s"), ("hold_for", "2d"),
        ("mode", "maybe"), ("speed", "5"),
    ],
)  # fmt: skip
def test_what_will_not_do_is_said(name: str, said: str) -> None:
    """With the limit's name, or the names there are."""
    with pytest.raises(BadInput, match=f"^{name}: .* is not valid; give |no limit is called '{name}'"):
        read(name, said)


def test_lists_of_countries_decide_together() -> None:
    """A list of those served leaves out all others; a denied one is denied though listed."""
    limits = Limits(countries=frozenset({"RU", "KZ"}), deny=frozenset({"KZ"}))

    assert [limits.serves(region) for region in ("RU", "KZ", "US")] == [True, False, False]
    assert [Limits().serves(region) for region in ("RU", "US", "001")] == [True, True, False]
