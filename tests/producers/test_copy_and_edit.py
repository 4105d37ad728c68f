"""Copies, and campaigns that are changed before they begin: from the ledger, without their file."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import BadInput, Conflict
from tests.producers.campaigns_over import end, phones, waiting
from tests.producers.test_again import people

LATER, LATEST = "2099-01-01T09:00+00:00", "2099-02-01T09:00+00:00"


def test_a_copy_is_the_same_campaign_once_more(smsq: Smsq) -> None:
    """Texts, sender and rate as they were; the same call adds nothing until it is over and said again."""
    rows = [*people(3), {"phone": "none", "name": "Nobody"}]
    origin = smsq.campaigns.run(rows, text="Hi {name}", name="spring", sender="shop", rate=50).id
    end(smsq, origin)
    copy = smsq.campaigns.copy(origin)

    assert (copy.origin, copy.kin, copy.rows, copy.rate) == (origin, "copy", 3, 50)
    assert (copy.options.sender, copy.template, copy.name) == ("shop", "Hi {name}", "spring (again)")
    assert smsq.campaigns.copy(origin).id == copy.id
    assert waiting(smsq, copy.id) == {phone: f"Hi Anna {n}" for n, phone in enumerate(phones(3), 1)}
    smsq.campaigns.cancel(copy.id)
    with pytest.raises(Conflict, match=f"copied already as campaign {copy.id}"):
        smsq.campaigns.copy(origin)
    assert smsq.campaigns.copy(origin, again=True).id != copy.id


def test_a_copy_may_have_another_text_and_moment(smsq: Smsq) -> None:
    """Parts are those of the new text; a text with fields is refused, since columns are not kept."""
    origin = smsq.campaigns.run(people(3), text="Hi {name}", name="spring").id
    copy = smsq.campaigns.copy(origin, text="Hi " * 60, sender="shop", at=LATER, name="summer")

    assert (copy.parts, copy.standing, copy.name, copy.options.sender) == (6, "scheduled", "summer", "shop")
    assert copy.template == "Hi " * 60
    with pytest.raises(BadInput, match=r"\{name\}, and the columns of a file are not kept: give the file"):
        smsq.campaigns.copy(origin, text="Bye {name}")
    with pytest.raises(BadInput, match="moment has passed"):
        smsq.campaigns.copy(origin, at="2001-01-01T09:00+00:00")


def test_an_edit_changes_moment_name_rate_and_window_in_place(smsq: Smsq) -> None:
    """With before and after in the log; the same edit again notes nothing."""
    campaign = smsq.campaigns.run(people(2), text="Hi", name="spring", at=LATER, rate=5).id
    for _ in range(2):
        view = smsq.campaigns.edit(campaign, at=LATEST, name="May", rate=7.5, window="10-20")

    assert (view.id, view.name, view.rate, view.window, view.start_at) == (campaign, "May", 7.5, "10-20", 4073619600.0)
    (entry,) = [entry for entry in smsq.campaigns.log(campaign) if entry.what == "edit"]
    assert {(each.name, each.before, each.after) for each in entry.changes} == {
        ("name", "spring", "May"), ("rate", "5", "7.5"), ("window", "", "10-20"),
        ("start_at", "4070941200", "4073619600"),
    }  # fmt: skip


def test_wrong_edits_change_nothing(smsq: Smsq) -> None:
    """A moment that has passed, no change at all, what is not kept with the campaign."""
    campaign = smsq.campaigns.run(people(2), text="Hi", name="spring", at=LATER).id
    before = smsq.campaigns.show(campaign)
    wrong: list[tuple[dict[str, object], str]] = [
        ({}, "nothing is to change"), ({"at": "2001-01-01T09:00+00:00"}, "moment has passed"),
        ({"window": "25"}, "a window is two times"), ({"rate": 0.0}, "above 0"),
        ({"budget": 5}, "the price of a part is not known"), ({"text": "Hi {name}"}, "are not kept"),
    ]  # fmt: skip
    for how, said in wrong:
        with pytest.raises(BadInput, match=said):
            smsq.campaigns.edit(campaign, **how)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no campaign nope"):
        smsq.campaigns.edit("nope", name="x")

    assert (smsq.campaigns.show(campaign), len(smsq.campaigns.list())) == (before, 1)


def test_what_was_handed_out_is_not_edited(smsq: Smsq) -> None:
    """Neither in place nor by another campaign; it says what can be done."""
    campaign = smsq.campaigns.run(people(2), text="Hi", name="spring").id
    smsq.runtime.ledger.feed(campaign, 1, 100)
    for how in ({"name": "May"}, {"text": "Bye"}):
        with pytest.raises(Conflict, match="too late to edit it"):
            smsq.campaigns.edit(campaign, **how)  # type: ignore[arg-type]

    view = smsq.campaigns.show(campaign)
    assert (view.state, view.name, len(smsq.campaigns.list())) == ("running", "spring", 1)


@pytest.mark.parametrize("is_paused", [False, True], ids=["scheduled", "paused"])
def test_another_text_takes_the_campaigns_place(smsq: Smsq, is_paused: bool) -> None:
    """At the same moment, paused if it was; the old one is cancelled, and the same call again changes nothing."""
    campaign = smsq.campaigns.run(people(2), text="Hi {name}", name="spring", at=LATER).id
    if is_paused:
        smsq.campaigns.pause(campaign)
    view = smsq.campaigns.edit(campaign, text="Bye")

    assert (view.origin, view.kin, view.name, view.start_at) == (campaign, "edit", "spring", 4070941200.0)
    assert (view.standing, smsq.campaigns.show(campaign).state) == ("paused" if is_paused else "scheduled", "cancelled")
    assert smsq.campaigns.edit(campaign, text="Bye").id == view.id
    with pytest.raises(Conflict, match=f"replaced by campaign {view.id} already"):
        smsq.campaigns.edit(campaign, text="Other")
    assert len(smsq.campaigns.list()) == 2


@pytest.mark.parametrize("rows", [people(3), [{"phone": phone, "key": f"k{phone}"} for phone in phones(3)]])
def test_a_file_takes_the_campaigns_place(smsq: Smsq, rows: list[dict[str, str]]) -> None:
    """Its rows are rendered anew, with what the campaign was to have; its own rows and keys do not stand in its way."""
    has_keys = "key" in rows[0]
    how: dict[str, Any] = {"per_row": ["key"]} if has_keys else {}
    text = "Hi all" if has_keys else "Hi {name}"
    campaign = smsq.campaigns.run(rows[:2], text=text, name="spring", at=LATER, rate=5, sender="shop", **how).id
    drafted = smsq.campaigns.replacing(campaign, rows, **how)
    drafted, _, _ = smsq.campaigns.compared(drafted, None)
    view = smsq.campaigns.enrol(drafted)

    assert (view.origin, view.kin, view.rows, view.messages, view.rate) == (campaign, "edit", 3, 3, 5)
    assert (view.options.sender, view.template, view.start_at) == ("shop", text, 4070941200.0)
    assert smsq.campaigns.show(campaign).state == "cancelled"
    with pytest.raises(Conflict, match=f"replaced by campaign {view.id} already"):
        smsq.campaigns.replacing(campaign, rows, text="Other")
