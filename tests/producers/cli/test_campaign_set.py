"""`smsq campaign set` and `smsq limits`: what changes is said in a line, what will not do in a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsq.producers.api import Smsq
from smsq.producers.cli import main
from smsq.worker.domain.errors import BadInput


@pytest.fixture
def way_in(environ: dict[str, str]) -> Iterator[Smsq]:
    """A program's way in beside the command's."""
    with Smsq(environ=environ) as smsq:
        yield smsq


def smsq(environ: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(main, [*words], env=environ)


def campaign(way_in: Smsq, **how: Any) -> str:
    return way_in.campaigns.run([f"+{79990000000 + n}" for n in range(20)], text="Hi", name="spring", **how).id


def test_one_line_says_what_changed_from_what_to_what(environ: dict[str, str], way_in: Smsq) -> None:
    """And a repeat says that it is so already."""
    one = campaign(way_in, rate=5)
    words = ("--rate", "10", "--window", "0-24", "--weight", "2", "--stop-if-bad", "20%", "--name", "sale")
    said = [smsq(environ, "campaign", "set", one, *words).output.splitlines()[0] for _ in range(2)]
    off = smsq(environ, "campaign", "set", one, "--rate", "none", "--window", "none", "--stop-if-bad", "default")

    assert said == [
        f"campaign {one}: name 'spring' → 'sale', rate 5 parts a second → 10 parts a second, window none → 0-24, "
        "weight 1 → 2, stop if bad as the settings say → 20%",
        f"campaign {one}: nothing to change, it is so already",
    ]
    assert "rate 10 parts a second → none, window 0-24 → none, stop if bad 20% → as the settings say" in off.output


def test_for_machines(environ: dict[str, str], way_in: Smsq) -> None:
    """The campaign as `show` has it, and what changed."""
    one = campaign(way_in)
    told = json.loads(smsq(environ, "campaign", "set", one, "--rate", "2.5", "--auto-resume", "--json").stdout)

    assert (told["rate"], told["auto_resume"], told["weight"]) == (2.5, True, 1)
    assert [each["name"] for each in told["changed"]] == ["rate", "auto resume"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--weight", "0"), "a weight is a number from 0.01 to 1000, not '0'; `smsq campaign pause` stops it"),
        (("--weight", "nan"), "a weight is a number"),
        (("--rate", "fast"), "a rate is a number of parts per second, 0.01 to 1000000, or `none`, not 'fast'"),
        (("--rate", "0"), "a rate is a number"),
        (("--rate", "-1"), "a rate is a number"),
        (("--window", "9-9"), "never opens"),
        (("--budget", "much"), "a budget is an amount of money, not 'much'"),
        (("--stop-if-bad", "0"), "a share of failures is 1% to 100%, or `none`"),
        (("--stop-if-bad", "120%"), "a share of failures"),
        ((), "nothing to set"),
    ],
)
def test_nonsense_changes_nothing(environ: dict[str, str], way_in: Smsq, words: tuple[str, ...], said: str) -> None:
    """Not even what was said beside it."""
    one = campaign(way_in)
    more = ("--name", "other") if words else ()
    result = smsq(environ, "campaign", "set", one, *more, *words)

    assert (result.exit_code, said in result.output) == (2, True), result.output
    assert way_in.campaigns.show(one).name == "spring"


def test_a_budget_below_what_is_spent_is_named(environ: dict[str, str], way_in: Smsq) -> None:
    """With the least that would do."""
    one = campaign(way_in)
    key = way_in.runtime.ledger.keys.campaign(one)
    way_in.runtime.ledger.redis.hset(key, mapping={"cost": 90_000, "part_price": 10_000, "s:delivered": 9})
    result = smsq(environ, "campaign", "set", one, "--budget", "5")

    assert result.exit_code == 1
    assert "has spent 9, and a budget of 5 is not enough" in result.output
    assert f"`smsq campaign set {one} --budget 10`" in result.output


def test_what_was_set_stays_if_enrolment_goes_on(way_in: Smsq) -> None:
    """The same rows again, after an interruption, bring no old rate back."""
    rows = [f"+{79990000000 + n}" for n in range(1500)]

    def stop(enrolled: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        way_in.campaigns.run(rows, text="Hi", rate=5, enrolled=stop)
    one = way_in.campaigns.list()[0].id
    way_in.campaigns.set(one, rate=50, weight=4)
    view = way_in.campaigns.run(rows, text="Hi", rate=5)

    assert (view.id, view.rows, view.rate, view.weight) == (one, 1500, 50, 4)


def test_limits_are_shown_and_set(environ: dict[str, str], way_in: Smsq) -> None:
    """What was set is told from what the settings say."""
    assert "no limit, by SMSQ_RATE" in smsq(environ, "limits", "show").output
    told = smsq(environ, "limits", "set", "--rate", "100", "--sender", "Shop=20", "--sender", "=5", "--reserve", "50")
    assert "100 parts a second at most, set by `smsq limits`" in told.output
    assert "Shop: 20 parts a second" in told.output
    limits = way_in.limits.show()
    assert (limits.rate, limits.reserve, limits.was_set.senders) == (100, Decimal(50), {"Shop": 20, "": 5})
    smsq(environ, "limits", "set", "--rate", "none", "--sender", "Shop=none")
    smsq(environ, "limits", "set", "--sender", "=none", "--default")
    shown = json.loads(smsq(environ, "limits", "show", "--json").stdout)

    assert shown == {"rate": None, "reserve": None, "senders": {}, "set": {"rate": False, "reserve": False}}


@pytest.mark.parametrize("words", [("--rate", "x"), ("--sender", "Shop"), ("--reserve", "-1"), ()])
def test_nonsense_limits_set_nothing(environ: dict[str, str], way_in: Smsq, words: tuple[str, ...]) -> None:
    """All is checked first."""
    more = ("--sender", "Shop=20") if words else ()
    result = smsq(environ, "limits", "set", *more, *words)

    assert (result.exit_code, way_in.limits.show().was_set.senders) == (2, {})


def test_in_python_a_wrong_wish_is_bad_input(way_in: Smsq) -> None:
    """As from the command."""
    one = campaign(way_in)
    with pytest.raises(BadInput, match="a weight is"):
        way_in.campaigns.set(one, weight=0)
    with pytest.raises(BadInput, match="there is no campaign"):
        way_in.campaigns.set("nope", rate=1)
    assert way_in.campaigns.set(one, rate=None) == []
