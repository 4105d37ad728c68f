"""Rows with a caller's own key: never sent twice, whatever file, text or campaign they are in."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import Conflict


def orders(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["phone,order", *rows]) + "\n")
    return path


def test_a_key_of_an_earlier_campaign_is_not_sent_again(smsq: Smsq, tmp_path: Path) -> None:
    """With another phone and another text, and with --again too."""
    first = smsq.campaigns.run(
        orders(tmp_path / "a.csv", "+79990000001,a", "+79990000002,b"), text="Hi", per_row={"key": "order"}
    )
    other = orders(tmp_path / "b.csv", "+79990000003,b", "+79990000004,c", "+79990000005,")
    second = smsq.campaigns.run(other, text="Hello", per_row={"key": "order"}, again=True)
    rows = list(smsq.campaigns.report(second.id))

    assert [(receipt.status, receipt.key) for receipt in rows] == [("duplicate", ""), ("queued", "c"), ("queued", "")]
    assert f"sent already by campaign {first.id}" in rows[0].error


def test_a_key_that_was_never_sent_is_free(smsq: Smsq, tmp_path: Path) -> None:
    """Its campaign was cancelled before it left."""
    first = smsq.campaigns.run(orders(tmp_path / "a.csv", "+79990000001,a"), text="Hi", per_row={"key": "order"})
    smsq.campaigns.cancel(first.id)
    second = smsq.campaigns.run(orders(tmp_path / "b.csv", "+79990000002,a"), text="Hi", per_row={"key": "order"})

    assert dict(second.statuses) == {"queued": 1}


def test_a_file_of_known_keys_alone_begins_nothing(smsq: Smsq, tmp_path: Path) -> None:
    """And says whose they are."""
    first = smsq.campaigns.run(orders(tmp_path / "a.csv", "+79990000001,a"), text="Hi", per_row={"key": "order"})
    with pytest.raises(Conflict, match=f"sent already by campaign {first.id}"):
        smsq.campaigns.run(orders(tmp_path / "b.csv", "+79990000002,a"), text="Hi", per_row={"key": "order"})
    assert len(smsq.campaigns.list()) == 1


def test_words_come_back(smsq: Smsq, tmp_path: Path) -> None:
    """With the receipt of a message, and in the columns of its campaign."""
    path = tmp_path / "a.csv"
    path.write_text("phone,order,city\n+79990000001,a-1,Omsk\n+79990000002,,\n")
    view = smsq.campaigns.run(path, text="Hi", per_row={"reference": "order", "tags": "city"})
    one, two = smsq.campaigns.report(view.id)

    assert (one.reference, one.tags, two.reference, two.tags) == ("a-1", {"city": "Omsk"}, "", {})
    assert smsq.status(one.id) == one
    assert view.words == ("reference", "tag_city")
