"""Prices of the front door: told in the loop, learned in threads."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from smsq.producers.web.front_door.prices import NUMBERS_IN_A_PREFIX, Prices
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import Unreachable
from smsq.worker.ledger.front_door.requests import Asked


@pytest.fixture
def hurry() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_price_is_guessed_while_others_are_learned(hurry: None) -> None:
    """A message is enrolled by then: its answer must not fail because a status told a price at that moment."""

    def ask(job: object) -> dict[str, object]:
        raise Unreachable("there is no worker")

    prices = Prices(ask, lambda: None, lambda: 0.0, Decimal(5))
    enough = threading.Event()

    def learn() -> None:
        prefix = 1
        while not enough.is_set():
            prefix += 1
            prices.learn("sms", prefix * NUMBERS_IN_A_PREFIX, Decimal(3), 1)
            if prefix % 5000 == 0:
                prices._parts.clear()

    async def guess() -> list[list[Decimal]]:
        message = Asked(recipient=7, shown="7", text="Hi")
        return [await prices.each([message], Options()) for _ in range(2000)]

    thread = threading.Thread(target=learn)
    thread.start()
    try:
        told = asyncio.run(guess())
    finally:
        enough.set()
        thread.join()

    assert {cost for (cost,) in told} <= {Decimal(3), Decimal(5)}
