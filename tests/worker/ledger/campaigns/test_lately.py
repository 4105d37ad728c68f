"""What left lately, as a new campaign is compared with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from smsq.worker.domain.batch import Options, pack
from smsq.worker.domain.status import Status
from smsq.worker.ledger.campaigns.lately import ONE_PRINT, PRINT, Lately, Printer, Way
from smsq.worker.sealing import Sealer

PHONE = 79990000001


def sent(desk: Any, campaign: str) -> dict[int, Any]:
    """Phones and what they were told."""
    lately = Lately(desk.ledger)
    (earlier,) = [each for each in lately.campaigns(None) if each.id == campaign]
    return {phone: said for _, phone, said in lately.sent(earlier, every)}


def every(phones: Sequence[int], way: Way) -> list[tuple[int, int]]:
    """All places matter, each its own token."""
    return [(place, place) for place in range(len(phones))]


def fact(status: Status) -> Callable[[Any, Any], object]:
    def happen(desk: Any, ref: Any) -> None:
        claim = desk.settled(ref)
        desk.fact(claim.gateway_id, claim.recipients[0], status)

    return happen


CASES: dict[str, tuple[Callable[[Any, Any], object], bool]] = {
    "it waits": (lambda desk, ref: None, True),
    "it is being sent": (lambda desk, ref: desk.claim(ref), True),
    "its answer was lost": (lambda desk, ref: desk.doubted(ref), True),
    "it was accepted": (lambda desk, ref: desk.settled(ref), True),
    "it was delivered": (fact(Status.DELIVERED), True),
    "it was not delivered": (fact(Status.UNDELIVERABLE), True),
    "it expired": (fact(Status.EXPIRED), True),
    "it was refused afterwards": (fact(Status.REFUSED), False),
    "it was refused at once": (lambda desk, ref: desk.ledger.settle_refused(desk.claim(ref), 6), False),
}


@pytest.mark.parametrize(("happen", "counts"), CASES.values(), ids=CASES.keys())
def test_what_counts_as_sent(desk: Any, happen: Callable[[Any, Any], object], counts: bool) -> None:
    """What left, may have left or waits to; what the gateway refused has reached nobody."""
    campaign, (ref,) = desk.campaign(1)
    happen(desk, ref)

    assert sent(desk, campaign) == ({PHONE: "Hello"} if counts else {})


def test_what_a_cancelled_campaign_has_not_sent_does_not_count(desk: Any) -> None:
    """Its waiting messages end; what was under way may have left."""
    campaign, (one, two, _) = desk.campaign(1, 1, 1)
    desk.settled(one)
    desk.doubted(two)
    desk.ledger.control(campaign, "cancel")

    assert sorted(sent(desk, campaign)) == [PHONE, PHONE + 1]


def test_a_fingerprint_takes_the_place_of_a_text(desk: Any) -> None:
    """Six bytes for a message, the name of the key in front; the text is gone and cannot be guessed without the key."""
    opened = desk.ledger.open_campaign(desk.plan(text=None, template="Hi {name}", options=Options(sender="Shop")))
    texts = ["Hi Ann", "Hi Bob"]
    desk.ledger.enrol_range(opened.id, 1, [pack([PHONE, PHONE + 1], texts, [1, 2], 2)], [], 2)
    desk.ledger.close_campaign(opened.id)
    lately, refs = Lately(desk.ledger), desk.views.batch_refs(opened.id)
    for _ in range(2):  # repeating it changes nothing
        lately.leave_prints(opened.id, refs)
        lately.leave_print(opened.id)
    (earlier,) = lately.campaigns("Shop")
    found = {phone: said for _, phone, said in lately.sent(earlier, every)}
    key = desk.ledger.sealing().key()

    printer, other = Printer(key, "Shop"), Printer(Sealer(["another secret of thirty-two letters"]).key(), "Shop")
    assert earlier.has_prints
    assert found == {
        phone: key.name + printer.each(phone, text) for phone, text in zip((PHONE, PHONE + 1), texts, strict=True)
    }
    assert len(printer.each(PHONE, "Hi Ann")) == PRINT
    kinds = {
        printer.each(PHONE, "Hi"),
        printer.each(PHONE + 1, "Hi"),
        other.each(PHONE, "Hi"),
        printer.one("Hi")[:PRINT],
    }
    assert len(kinds) == 4
    assert not desk.redis.hexists(desk.ledger.keys.shard(refs[0].number), f"{refs[0].number}t")


def test_a_text_for_all_leaves_one_fingerprint(desk: Any) -> None:
    """With the campaign, whatever its size."""
    campaign, _ = desk.campaign(2)
    lately = Lately(desk.ledger)
    lately.leave_print(campaign)
    key = desk.ledger.sealing().key()

    assert sent(desk, campaign)[PHONE] == key.name + Printer(key, None).one("Hello")
    assert len(Printer(key, None).one("Hello")) == ONE_PRINT
    assert desk.views.campaign(campaign).template == ""


def test_texts_go_without_a_key_too(desk: Any) -> None:
    """They are not kept because no trace of them can be left."""
    campaign, _ = desk.campaign(2)
    desk.ledger.sealer = None
    Lately(desk.ledger).leave_print(campaign)

    assert desk.views.campaign(campaign).template == ""
    assert Lately(desk.ledger).campaigns(None) == []


def test_a_batch_that_is_forgotten_takes_its_fingerprints_along(desk: Any) -> None:
    """Nothing of it stays in its shard."""
    opened = desk.ledger.open_campaign(desk.plan(text=None))
    desk.ledger.enrol_range(opened.id, 1, [pack([PHONE], ["Hi Ann"], [1], 1)], [], 1)
    refs = desk.views.batch_refs(opened.id)
    Lately(desk.ledger).leave_prints(opened.id, refs)
    desk.ledger.forget(refs)

    assert desk.redis.hgetall(desk.ledger.keys.shard(refs[0].number)) == {}
