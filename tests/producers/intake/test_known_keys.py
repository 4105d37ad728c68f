"""Rows with a caller's own key: never sent twice, whatever file, text or campaign they are in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.producers.intake.drafts import draft
from smsq.worker.domain.errors import Conflict
from smsq.worker.ledger import Plan
from smsq.worker.ledger.campaigns.kin import Kin
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


@pytest.mark.parametrize("cut_at", ["before a row", "between ranges"])
def test_two_at_once_with_the_same_keys_send_them_once(
    smsq: Smsq, tmp_path: Path, environ: dict[str, str], cut_at: str
) -> None:
    """One is begun while the other has no row in yet, or none with these keys: that one stops, and compares again."""
    rows = [f"+7999{n:07},k{n}" for n in range(1500)]
    one, two = orders(tmp_path / "a.csv", *rows), orders(tmp_path / "b.csv", *rows[-2:])
    real, overtook = smsq.runtime.ledger.enrol_range, list[str]()

    def slowly(campaign_id: str, n: int, *rest: Any, **how: Any) -> bool:
        if not overtook and n == (1 if cut_at == "before a row" else 2):
            with Smsq(environ=environ) as other:
                overtook.append(other.campaigns.run(two, text="Second", per_row={"key": "order"}).id)
        return real(campaign_id, n, *rest, **how)

    smsq.runtime.ledger.enrol_range = slowly  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="run the same command again"):
        smsq.campaigns.run(one, text="First", per_row={"key": "order"})
    again = smsq.campaigns.run(one, text="First", per_row={"key": "order"})

    assert dict(smsq.campaigns.show(overtook[0]).statuses) == {"queued": 2}
    assert dict(again.statuses) == {"queued": 1498, "duplicate": 2}


def test_a_campaign_that_is_begun_while_a_question_stands_is_overtaken(
    smsq: Smsq, tmp_path: Path, environ: dict[str, str]
) -> None:
    """It has no row in yet when the answer comes."""
    drafted = draft(orders(tmp_path / "a.csv", "+79990000001,a"), text="First", per_row={"key": "order"})
    drafted, _, _ = smsq.campaigns.compared(drafted, None)
    other = draft(orders(tmp_path / "b.csv", "+79990000001,a"), text="Second", per_row={"key": "order"})
    opened = smsq.runtime.ledger.open_campaign(other.plan(100, 0.0))
    first = smsq.campaigns.enrol(drafted)

    with pytest.raises(Conflict, match=f"campaign {first.id} has left out rows"):
        smsq.runtime.ledger.enrol_range(opened.id, 1, [], [], 0)


def test_an_occurrence_is_not_overtaken(smsq: Smsq, tmp_path: Path) -> None:
    """It has no producer that could compare its rows; those of its origin are compared."""
    every = {"every": "day 10:00", "every_zone": "Europe/Moscow"}
    first = smsq.campaigns.run(
        orders(tmp_path / "a.csv", "+79990000001,a"), text="First", per_row={"key": "order"}, **every
    )
    plan = Plan(name="x", digest="d", text="First", template="First", words=first.words)
    begun = smsq.runtime.ledger.open_campaign(plan, kin=Kin(origin=first.id, word="every"))
    file = orders(tmp_path / "b.csv", "+79990000002,a", "+79990000003,b")
    second = smsq.campaigns.run(file, text="Second", per_row={"key": "order"})

    assert dict(second.statuses) == {"queued": 1, "duplicate": 1}
    assert smsq.runtime.ledger.enrol_range(begun.id, 1, [], [], 0)
