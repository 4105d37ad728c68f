"""Receipts of one worker process: stored, then answered; what cannot be stored stops nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.gateway.smpp.pdus import Short
from smsq.worker.processes.receipts import Receipts
from smsq.worker.transports.smpp.session import Delivery
from tests.conftest import Plant


def delivery(text: bytes, answered: list[bytes]) -> Delivery:
    """A receipt that notes when it is answered."""
    short = Short(source="79991234567", esm_class=4, octets=text)
    return Delivery(short, lambda: answered.append(text))


def test_a_receipt_that_cannot_be_stored_is_answered_and_stops_nobody(
    make_plant: Callable[..., Plant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with it: the gateway would deliver it for ever, and the others behind it."""
    plant = make_plant()
    ledger: Any = plant.runtime.ledger
    store, stored = ledger.advance_named, []

    def refuses(named: Any, *more: Any) -> int:
        if any(each.name == "bad" for each in named):
            raise OverflowError("a number that does not fit")
        stored.extend(each.name for each in named)
        return int(store(named, *more))

    monkeypatch.setattr(ledger, "advance_named", refuses)
    receipts, answered = Receipts(plant.runtime), list[bytes]()
    group = [delivery(b"id:%b stat:DELIVRD err:000" % name, answered) for name in (b"one", b"bad", b"two")]

    receipts._store(group)

    assert stored == ["one", "two"]
    assert [each.split()[0] for each in answered] == [b"id:one", b"id:bad", b"id:two"]
