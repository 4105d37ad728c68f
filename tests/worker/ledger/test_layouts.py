"""Versions of smsq that lay the ledger out otherwise: none touches what it would misread."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.errors import LedgerForeign
from smsq.worker.ledger import Ledger, runs, store
from smsq.worker.ledger.layout import LAYOUT
from tests.worker.conftest import ACCOUNT


@pytest.fixture
def newer(desk: Any) -> Any:
    """A ledger that a newer version has changed."""
    desk.redis.hset(desk.ledger.key("run"), "layout", LAYOUT + 1)
    return desk


@pytest.fixture
def raised(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger of the version before, and the next version, which writes another layout."""
    for module in (runs, store):
        monkeypatch.setattr(module, "LAYOUT", LAYOUT + 1)
    return Ledger(desk.redis)


def test_the_layout_is_in_a_new_ledger(desk: Any) -> None:
    """So every version knows what it meets."""
    desk.redis.flushdb()
    desk.ledger.establish(ACCOUNT)

    assert desk.redis.hget(desk.ledger.key("run"), "layout") == str(LAYOUT).encode()


def test_a_ledger_without_the_number_is_of_layout_1(desk: Any) -> None:
    """Versions before it wrote none; they and this one share a ledger."""
    desk.redis.hdel(desk.ledger.key("run"), "layout")

    assert LAYOUT == 1
    assert Ledger(desk.redis).establish(ACCOUNT) == "known"
    assert Ledger(desk.redis).beat().in_force


def test_a_newer_ledger_is_refused_by_every_verb(newer: Any) -> None:
    """A process of an older version ends with a sentence at its first word, whatever it is, and changes nothing."""
    with pytest.raises(LedgerForeign, match=r"newer version of smsq \(layout 2, .*: upgrade smsq on this host"):
        Ledger(newer.redis).establish(ACCOUNT)
    with pytest.raises(LedgerForeign, match="newer version"):
        Ledger(newer.redis).advance([], next_ask_s=5.0)
    with pytest.raises(LedgerForeign, match="newer version"):
        Ledger(newer.redis).lead("a scheduler", 5.0)


def test_a_process_that_runs_on_learns_of_it_at_its_next_beat(newer: Any) -> None:
    """One that was frozen while all others were replaced claims nothing any more."""
    beat = newer.ledger.beat("bulk/host/1/a")

    assert (beat.is_newer, beat.in_force) == (True, False)


def test_a_layout_is_raised_only_if_nobody_of_the_old_one_works(desk: Any, raised: Ledger) -> None:
    """While a worker beats or a scheduler leads, the newer version does not start."""
    desk.redis.zadd(desk.ledger.key("owners"), {"bulk/host/1/a": raised.time() * 1000})
    with pytest.raises(LedgerForeign, match=r"older version .* still runs: stop all of them"):
        raised.establish(ACCOUNT)
    desk.redis.delete(desk.ledger.key("owners"))
    desk.redis.set(desk.ledger.key("lead"), "a scheduler")
    with pytest.raises(LedgerForeign, match="still runs"):
        raised.establish(ACCOUNT)
    desk.redis.delete(desk.ledger.key("lead"))

    assert raised.establish(ACCOUNT) == "known"
    assert desk.redis.hget(desk.ledger.key("run"), "layout") == str(LAYOUT + 1).encode()
