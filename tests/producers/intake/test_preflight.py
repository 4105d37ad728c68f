"""A look at a whole campaign: what is counted, what is suggested, and how a price is found by few requests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.producers.cli.campaign_check import found_lines
from smsq.producers.intake import preflight
from smsq.producers.intake.drafts import draft
from smsq.producers.intake.in_memory import RowsInMemory
from smsq.producers.intake.preflight import look, price, require_some
from smsq.producers.intake.templates import Template
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.runtime import Runtime
from tests.conftest import Plant

PRICES = {"7": Decimal(4), "1": Decimal(1), "49": Decimal(10), "33": Decimal(8)}


def found_in(phones: Sequence[str], text: str = "Hi") -> tuple[preflight.Preflight, Template]:
    """A look at these phones with this text."""
    source = RowsInMemory.of([{"phone": phone, "name": "Ann"} for phone in phones], None, "phone")
    template = Template.compile(text, source.columns)
    return look(source.rows(), template), template


class Counter:
    """A gateway's price list that counts its requests."""

    def __init__(self) -> None:
        self.requests: list[int] = []

    def __call__(self, payload: dict[str, Any]) -> tuple[Decimal, int]:
        phones = payload.get("recipients") or [phone for phone, _ in payload["messages"]]
        self.requests.append(len(phones))
        return sum((PRICES[preflight.country(phone)] for phone in phones), Decimal(0)), len(phones)


def test_rows_are_counted_by_what_becomes_of_them() -> None:
    """Valid, invalid by reason, duplicates, parts."""
    found, _ = found_in(["+79991234567", "+79991234567", "12", "13", ""], "Привет " * 12)

    assert (found.rows, found.messages, found.invalid, found.duplicates) == (5, 1, 3, 1)
    assert (found.parts, found.longest, found.unicode_texts) == (2, 2, 1)
    assert sum(found.reasons.values()) == len(found.rejects) == 4


def test_rows_with_two_numbers_have_one_reason() -> None:
    """Each names its own; together they are counted as what they are."""
    found, _ = found_in([f"7999{n:07};7998{n:07}" for n in range(30)])

    assert found.reasons == {("invalid", "there are two numbers here, give one"): 30}
    assert found.rejects[1].reason == "there are two numbers here, give one: 7999***0001 and 7998***0001"


def test_dear_characters_have_a_cheap_stand_in() -> None:
    """One typographic quote makes every text three times as dear; its dash does too, and both are named."""
    found, _ = found_in(["+79991234567", "+79991234568"], "It’s {name}’s — ok" + "." * 120)

    assert found.characters.replaceable == {"’": (2, 1), "—": (2, 1)}
    assert (found.characters.improved, found.characters.savings) == (2, 4)


NOT_DEAR = {
    "Cyrillic is the cause": "Привет, “друг” — ждём…" + "." * 120,
    "one part either way": "It’s ok",
    "an emoji is the cause": "It’s ok 😀" + "." * 120,
    "as many parts with the stand-in": "It’s ok" + "." * 60 + "€" * 60,
}


@pytest.mark.parametrize("text", NOT_DEAR.values(), ids=NOT_DEAR.keys())
def test_a_stand_in_that_saves_nothing_is_not_advised(text: str) -> None:
    """Nobody rewrites a text for nothing."""
    found, _ = found_in(["+79991234567"], text)

    assert (found.unicode_texts, found.characters.replaceable) == (1, {})


def test_what_nobody_sees_is_dear_in_any_alphabet() -> None:
    """A soft hyphen in a Cyrillic text of seventy letters makes a second part."""
    found, _ = found_in(["+79991234567"], "я" * 70 + "\u00ad" + "\u200b")

    assert found.characters.replaceable == {"\u00ad": (1, 1), "\u200b": (1, 1)}


def test_dear_texts_are_all_counted() -> None:
    """However many there are, and only those that have the character."""
    rows = [{"phone": f"+7999{n:07}", "name": "O’Neil" if n % 2 else "Ann"} for n in range(6000)]
    source = RowsInMemory.of(rows, None, "phone")
    found = look(source.rows(), Template.compile("Hi {name}" + "." * 100, source.columns))

    assert (found.unicode_texts, found.characters.replaceable) == (3000, {"’": (3000, 2)})


def test_landlines_and_premium_numbers_are_counted() -> None:
    """A text to them is charged and reaches hardly anybody, or pays somebody."""
    found, _ = found_in(
        ["+79991234567", "+74951234567", "88001234567", "+78091234567", "+19005550123", "+449012345678"]
    )

    assert found.kinds == {"mobile": 1, "landline": 2, "premium": 3}


def test_a_small_campaign_is_priced_exactly() -> None:
    """Every message is in some request of at most a hundred."""
    found, template = found_in([f"+7999{n:07d}" for n in range(150)])
    ask = Counter()

    assert price(found, template, Options(), ask) == preflight.Price(cost=Decimal(600), is_exact=True)
    assert ask.requests == [100, 50]


def test_a_large_one_by_three_requests_and_says_so() -> None:
    """Spread over countries; where each has one price the estimate is right."""
    phones = [f"+7999{n:07d}" for n in range(2000)]
    phones += [f"+4915112{n:06d}" for n in range(300)] + [f"+3361234{n:04d}" for n in range(50)]
    found, template = found_in(phones, "Hi {name}")
    ask = Counter()
    quoted = price(found, template, Options(), ask)

    assert (quoted.cost, quoted.is_exact) == (Decimal(2000 * 4 + 300 * 10 + 50 * 8), False)
    assert str(quoted).startswith("≈ 11400")
    assert (len(ask.requests) <= 3, max(ask.requests) <= 100) == (True, True)


def test_one_country_may_have_all_three_requests() -> None:
    """More of the sample goes where more is spent."""
    found, template = found_in([f"+7999{n:07d}" for n in range(1000)])
    ask = Counter()
    price(found, template, Options(), ask)

    assert ask.requests == [100, 100, 100]


def test_a_file_without_a_good_row_is_refused() -> None:
    """With the commonest reason."""
    found, _ = found_in(["1", "2"])

    with pytest.raises(BadInput, match=r"no row can be sent; 2 of 2 because: this is not a phone"):
        require_some(found)


def test_a_price_comes_from_the_gateway(
    plant: Plant, chores: Callable[[Runtime], contextlib.AbstractContextManager[None]]
) -> None:
    """Through the chores lane, as does the balance; nothing is sent for it."""
    found, template = found_in(["+79991234567", "+79991234568"], "Hi {name}")
    with chores(plant.runtime), Smsq(plant.runtime.settings) as smsq:
        quoted = price(found, template, Options(), smsq.price)
        balance, currency = smsq.balance()

    assert (quoted.cost, balance, currency) == (Decimal("7.6"), plant.sandbox.profile.balance, "RUR")
    assert plant.sandbox.report()["accepted"] == 0


def test_rows_with_options_of_their_own_have_a_price(
    plant: Plant, chores: Callable[[Runtime], contextlib.AbstractContextManager[None]]
) -> None:
    """What a channel needs stands in the rows; with cut texts the price is for the parts that are left."""
    mails = [{"email": f"anna{n}@example.ru", "subj": f"Hello {n}"} for n in range(3)]
    cut = [{"phone": f"+7999123456{n}", "maxsms": "1"} for n in range(2)]
    mail, short = Options(channel="mail", sender="me@example.ru"), Options()
    with chores(plant.runtime), Smsq(plant.runtime.settings) as smsq:
        quoted = []
        for rows, options, own in ((mails, mail, "subj"), (cut, short, "maxsms")):
            drafted = draft(rows, text="a" * 161, options=options, per_row=[own])
            found = smsq.campaigns.look(drafted)
            quoted.append(price(found, drafted.template, drafted.options, smsq.price))

    assert [(str(each), each.is_exact) for each in quoted] == [("≈ 0.45", False), ("≈ 7.60", False)]


def test_channels_of_rows_are_counted_and_priced_apart() -> None:
    """A row costs what its own channel costs; how many go by which is said."""
    ways = ["viber"] * 40 + [""] * 30 + ["call"] * 30
    rows = [
        {"phone": f"+7999{n:07d}", "way": way, "from": "Shop" if n % 2 else "", "n": str(n)}
        for n, way in enumerate(ways)
    ]
    drafted = draft(rows, text="Hello {n}", per_row={"channel": "way", "sender": "from"})
    found = look(drafted.source.rows(), drafted.template, options=drafted.options, per_row=drafted.per_row)
    each = {"viber": 2, "sms": 4, "call": 10}

    def ask(payload: dict[str, Any]) -> tuple[Decimal, int]:
        many = len(payload["messages"])
        return Decimal(each[payload["options"].channel] * many), many

    assert price(found, drafted.template, drafted.options, ask).cost == 40 * 2 + 30 * 4 + 30 * 10
    assert (found.by_channel, found.by_sender) == ({"viber": 40, "sms": 30, "call": 30}, {"Shop": 50, "": 50})
    assert [line.strip() for line in found_lines(drafted, found) if line.startswith("  by ")] == [
        "by sender: 50 the account's own, 50 Shop",
        "by channel: 40 viber, 30 sms, 30 call",
    ]
