"""Rows with a caller's own key: never sent twice, whatever file, text or campaign they are in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import Conflict
from smsq.worker.ledger.views import CampaignView


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


def test_an_enrolment_that_was_cut_off_goes_on_as_it_was_begun(smsq: Smsq, tmp_path: Path) -> None:
    """With what was known of time zones then, whatever the gateway has said since."""
    path, ledger = tmp_path / "a.csv", smsq.runtime.ledger
    path.write_text("phone\n" + "".join(f"+7999{n % 2 * 1000000 + n:07}\n" for n in range(9000)))
    ledger.learn_places({7999100: "Asia/Omsk"})

    def cut_off(rows: int) -> None:
        raise KeyboardInterrupt

    def run(**how: Any) -> CampaignView:
        return smsq.campaigns.run(path, text="Hi", window="9-21", zone_unknown="all", **how)

    with pytest.raises(KeyboardInterrupt):
        run(enrolled=cut_off)
    ledger.learn_places({7999000: "Europe/Moscow"})
    view = run()

    assert (view.rows, view.zones, sum(view.zone_waiting)) == (9000, ("all:RU", "Asia/Omsk"), view.batches)
    assert [receipt.row for receipt in smsq.campaigns.report(view.id)] == list(range(1, 9001))
    again = run(again=True)
    assert again.id == view.id  # all is in: it is the same campaign


def test_a_retry_keeps_words(smsq: Smsq, tmp_path: Path) -> None:
    """And the columns of its report."""
    path = tmp_path / "a.csv"
    path.write_text("phone,order,tz\n+79990000001,a-1,Asia/Omsk\n")
    first = smsq.campaigns.run(path, text="Hi", window="9-21", per_row={"reference": "order", "zone": "tz"})
    copy = smsq.campaigns.copy(first.id, again=True)

    assert (copy.words, copy.zones, copy.window) == (first.words, ("Asia/Omsk",), "9-21")
    assert [receipt.reference for receipt in smsq.campaigns.report(copy.id)] == ["a-1"]
