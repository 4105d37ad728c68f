"""Edits and copies that meet others of the same campaign: two terminals, a kill, an order of a person in between."""

from __future__ import annotations

import pytest

from smsq.producers.api import Smsq
from smsq.producers.campaigns.replacing import hold
from smsq.worker.domain.errors import Conflict
from tests.producers.campaigns_over import end
from tests.producers.test_again import people

LATER = "2099-01-01T09:00+00:00"


def test_of_two_edits_that_were_agreed_to_one_is_enrolled(smsq: Smsq) -> None:
    """The other says which campaign has taken the place, also if its own text is the same and that one is done."""
    campaign = smsq.campaigns.run(people(3), text="Hi", name="spring", at=LATER).id
    agreed = [smsq.campaigns.replacement(campaign, text, None) for text in ("one", "two", "one")]
    heir = smsq.campaigns.replace_with(agreed[0]).id
    with pytest.raises(Conflict, match=f"replaced by campaign {heir} already"):
        smsq.campaigns.replace_with(agreed[1])
    _comes(smsq, heir)
    end(smsq, heir)
    with pytest.raises(Conflict, match=f"replaced by campaign {heir} already"):
        smsq.campaigns.replace_with(agreed[2])
    assert {each.id for each in smsq.campaigns.list()} == {campaign, heir}


def test_two_files_do_not_take_one_place(smsq: Smsq) -> None:
    """Both were read before either was begun."""
    campaign = smsq.campaigns.run(people(3), text="Hi", name="spring", at=LATER).id
    drafts = [smsq.campaigns.replacing(campaign, people(n), text=f"{n} of us") for n in (2, 3)]
    heir = smsq.campaigns.enrol(drafts[0]).id
    with pytest.raises(Conflict, match=f"replaced by campaign {heir} already"):
        smsq.campaigns.enrol(drafts[1])
    assert len(smsq.campaigns.list()) == 2


def _comes(smsq: Smsq, campaign: str) -> None:
    """The moment of a campaign."""
    smsq.runtime.ledger.redis.hset(smsq.runtime.ledger.keys.campaign(campaign), "start_at", 0)


def _killed(smsq: Smsq, campaign: str, text: str) -> str:
    """An edit that ended before it cancelled the campaign that it replaces; the id of the new one."""
    remade = smsq.campaigns.replacement(campaign, text, None)
    hold(smsq, campaign)
    return smsq.campaigns.enrol_remade(remade).id


@pytest.mark.parametrize("has_copy", [False, True], ids=["alone", "copied"])
def test_what_a_cancelled_edit_has_sent_is_not_sent_again(smsq: Smsq, has_copy: bool) -> None:
    """Its origin is edited no more once anything of it was handed out, and its own rest can be retried."""
    campaign = smsq.campaigns.run(people(3), text="Hi", name="spring", at=LATER).id
    unsent = _killed(smsq, campaign, "first")
    smsq.campaigns.cancel(unsent)
    heir = _killed(smsq, campaign, "second")
    assert heir != unsent
    _comes(smsq, heir)
    assert len(smsq.runtime.ledger.feed(heir, 1, 100)[0]) == 1
    if has_copy:
        smsq.campaigns.copy(campaign, text="other", at=LATER)
    smsq.campaigns.cancel(heir)
    for text in ("second", "third"):
        with pytest.raises(Conflict, match=rf"handed out already: `smsq campaign retry {heir} --unsent`"):
            smsq.campaigns.edit(campaign, text=text)


def test_what_is_being_replaced_is_not_resumed(smsq: Smsq) -> None:
    """Else both would be sent; the edit goes on, or ends with the campaign that it has begun."""
    campaign = smsq.campaigns.run(people(3), text="Hi", name="spring", at=LATER).id
    heir = _killed(smsq, campaign, "other")
    with pytest.raises(Conflict, match=rf"replaced by campaign {heir} already.*`smsq campaign cancel {heir}`"):
        smsq.campaigns.resume(campaign)
    assert smsq.campaigns.show(campaign).state == "paused"
    smsq.campaigns.cancel(heir)
    assert smsq.campaigns.resume(campaign).state == "running"


def test_of_two_copies_that_were_agreed_to_one_is_enrolled(smsq: Smsq) -> None:
    """Though the first is done by then; one more is made if that is said."""
    campaign = smsq.campaigns.run(people(2), text="Hi", name="spring").id
    agreed = [smsq.campaigns.copied(campaign), smsq.campaigns.copied(campaign)]
    copy = smsq.campaigns.enrol_remade(agreed[0]).id
    end(smsq, copy)
    with pytest.raises(Conflict, match=rf"copied already as campaign {copy} \(done\); add --again"):
        smsq.campaigns.enrol_remade(agreed[1])
    assert smsq.campaigns.copy(campaign, again=True).id not in (campaign, copy)


def test_a_file_that_takes_a_campaigns_place_keeps_its_cap(smsq: Smsq) -> None:
    """As an edit without a file does; another one can be said."""
    campaign = smsq.campaigns.run(people(2), text="Hi", name="spring", at=LATER, cap="1/week").id
    kept = smsq.campaigns.replacing(campaign, people(2), text="other")
    said = smsq.campaigns.replacing(campaign, people(2), text="other", cap="2/day")
    assert (str(kept.cap), str(said.cap)) == ("1/week", "2/day")


def test_what_was_replaced_is_not_retried_beside_its_heir(smsq: Smsq) -> None:
    """Its recipients get the new text; who wants to send both says so. An heir that sent nothing changes nothing."""
    campaign = smsq.campaigns.run(people(3), text="Hi", name="spring", at=LATER).id
    heir = smsq.campaigns.edit(campaign, text="Hello").id
    wind_up(smsq, campaign)
    with pytest.raises(Conflict, match=f"campaign {campaign} was replaced by campaign {heir}"):
        smsq.campaigns.retry(campaign, unsent=True)
    assert smsq.campaigns.retry(campaign, unsent=True, again=True).rows == 3

    other = smsq.campaigns.run(people(2), text="Ho", name="autumn", at=LATER).id
    unsent = _killed(smsq, other, "first")
    for each in (unsent, other):
        smsq.campaigns.cancel(each)
        wind_up(smsq, each)
    assert smsq.campaigns.retry(other, unsent=True).rows == 2


def wind_up(smsq: Smsq, campaign: str) -> None:
    """What the scheduler does with a cancelled campaign."""
    while smsq.runtime.ledger.wind_up(campaign, 100, 1000):
        pass
