"""Where numbers live: what is kept of what the gateway said, how long, and how much."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.ledger import places

OMSK, TOMSK, MOSCOW = "Asia/Omsk", "Asia/Tomsk", "Europe/Moscow"
DAY_S = 86_400


def test_a_block_has_the_zone_that_was_said(desk: Any) -> None:
    """Said again it stays; two that have the same time are one."""
    desk.ledger.learn_places({7923123: TOMSK, 7999000: MOSCOW})
    desk.ledger.learn_places({7923123: "Asia/Novosibirsk"})

    assert desk.ledger.places() == {7923123: TOMSK, 7999000: MOSCOW}


def test_a_block_with_several_zones_has_them_all(desk: Any) -> None:
    """A window is kept in each; of too many nothing is known, for good."""
    for zone in (OMSK, MOSCOW):
        desk.ledger.learn_places({7923123: zone})
    assert desk.ledger.places() == {7923123: f"{OMSK}&{MOSCOW}"}
    for zone in ("Asia/Irkutsk", "Asia/Chita", "Asia/Kamchatka", OMSK):
        desk.ledger.learn_places({7923123: zone})
    assert desk.ledger.places() == {}


def test_what_was_said_long_ago_is_forgotten(desk: Any) -> None:
    """It is not used, and upkeep removes it."""
    desk.ledger.learn_places({7923123: OMSK, 7999000: MOSCOW})
    desk.now += 300 * DAY_S
    desk.ledger.learn_places({7999000: MOSCOW})
    desk.now += 200 * DAY_S

    assert desk.ledger.places() == {7999000: MOSCOW}
    assert (desk.ledger.forget_places(), desk.ledger.forget_places()) == (1, 0)


def test_the_table_does_not_grow_for_ever(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full one takes no new block, but goes on with those it has."""
    monkeypatch.setattr(places, "MOST_PLACES", 2)
    desk.ledger.learn_places({7900001: OMSK, 7900002: OMSK, 7900003: OMSK})
    desk.ledger.learn_places({7900001: MOSCOW, 7900004: OMSK})

    assert desk.ledger.places() == {7900001: f"{OMSK}&{MOSCOW}", 7900002: OMSK}


def test_a_campaign_keeps_what_it_began_with(desk: Any) -> None:
    """However much is learned meanwhile."""
    assert desk.ledger.keep_places("abcde", {7900001: OMSK}) == {7900001: OMSK}
    assert desk.ledger.keep_places("abcde", {7900001: MOSCOW, 7900002: OMSK}) == {7900001: OMSK}
