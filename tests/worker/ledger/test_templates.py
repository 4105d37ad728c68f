"""Saved templates in the ledger: versions that never change and never come again."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.errors import BadInput, LedgerFull
from smsq.worker.ledger import templates
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

BY = "user anna"


def test_each_text_is_a_version(desk: Any) -> None:
    """The same text again, as after a lost reply, is the version that there is; another language is another text."""
    add = desk.ledger.add_template
    said = [add("welcome", *each, BY) for each in (("Hi", ""), ("Hi", ""), ("Hello", ""), ("Hello", "kk"), ("Hi", ""))]

    assert said == [(1, True), (1, False), (2, True), (3, True), (4, True)]
    first, newest = desk.ledger.template("welcome", 1), desk.ledger.template("welcome")
    assert (first.text, first.called, first.is_newest, first.added_by) == ("Hi", "welcome@1", False, BY)
    assert (newest.text, newest.version, newest.is_newest) == ("Hi", 4, True)
    assert desk.ledger.template("welcome", 3).language == "kk"
    assert [desk.ledger.template(*each) for each in (("welcome", 5), ("welcome", 0), ("other",))] == [None] * 3


def test_a_number_does_not_come_again(desk: Any) -> None:
    """Also not behind a removal, which may be repeated."""
    desk.ledger.add_template("b", "one", "", BY)
    desk.ledger.add_template("B", "two", "", BY)
    desk.ledger.add_template("a", "three", "", BY)
    assert [each.called for each in desk.ledger.templates()] == ["a@1", "b@1", "B@1"]

    assert [desk.ledger.remove_template("b") for _ in range(2)] == [1, 0]
    assert [each.called for each in desk.ledger.templates()] == ["a@1", "B@1"]
    assert desk.ledger.template("b") is None
    assert desk.ledger.add_template("b", "one", "", BY) == (2, True)


def test_a_name_has_so_many_versions(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that adds in a loop is told."""
    monkeypatch.setattr(templates, "MOST_VERSIONS", 3)
    for number in range(3):
        desk.ledger.add_template("loop", f"text {number}", "", BY)
    with pytest.raises(BadInput, match="loop has 3 versions already; take a new name"):
        desk.ledger.add_template("loop", "one more", "", BY)

    assert desk.ledger.add_template("loop", "text 2", "", BY) == (3, False)
    assert desk.ledger.remove_template("loop") == 3


def test_a_full_redis_takes_none_and_removes_one(desk: Any) -> None:
    """Nothing is half kept."""
    desk.ledger.add_template("welcome", "Hi", "", BY)
    desk.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(LedgerFull):
            desk.ledger.add_template("welcome", "Hello", "", BY)
        assert desk.ledger.remove_template("welcome") == 1
    finally:
        desk.redis.config_set("maxmemory", 0)
    assert desk.ledger.template("welcome") is None
