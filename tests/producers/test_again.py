"""Retries: exactly what failed, each message once, whatever is asked for and however often."""

from __future__ import annotations

from decimal import Decimal

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import BadInput, Conflict
from smsq.worker.domain.optout import OptOut, plain_key
from smsq.worker.domain.status import Status
from smsq.worker.gateway.options import parts_of
from smsq.worker.ledger.campaigns.copying import Copying
from smsq.worker.ledger.retention import Retention
from tests.producers.campaigns_over import FIRST, claim, end, phones, waiting

FATES = {2: Status.EXPIRED, 5: Status.UNDELIVERABLE, 7: Status.REFUSED}


def people(rows: int) -> list[dict[str, str]]:
    return [{"phone": phone, "name": f"Anna {place}"} for place, phone in enumerate(phones(rows), 1)]


def over(smsq: Smsq, rows: int = 8, text: str = "Hi {name}", **how: object) -> str:
    campaign = smsq.campaigns.run(people(rows), text=text, name="spring", **how)  # type: ignore[arg-type]
    end(smsq, campaign.id, FATES)
    return campaign.id


@pytest.mark.parametrize("text", ["Hi {name}", "Hi {{all}}"])
def test_a_retry_takes_exactly_what_failed(smsq: Smsq, text: str) -> None:
    """With their own texts and row numbers; it names its origin, which notes it."""
    origin = over(smsq, text=text)
    view = smsq.campaigns.retry(origin)

    assert (view.origin, view.kin, view.rows, view.statuses) == (origin, "retry", 3, {"queued": 3})
    assert [each.row for each in smsq.campaigns.report(view.id)] == [2, 5, 7]
    said = {f"+7999000000{row}": f"Hi Anna {row}" if "name" in text else "Hi {all}" for row in (2, 5, 7)}
    assert waiting(smsq, view.id) == said
    assert [(entry.what, entry.changes[0].after) for entry in smsq.campaigns.log(origin)][-1] == ("retry", view.id)


def test_a_second_retry_adds_nothing(smsq: Smsq) -> None:
    """Neither while the first one runs nor when it is over; a retry of the retry reaches what failed again."""
    origin = over(smsq)
    first = smsq.campaigns.retry(origin)
    assert smsq.campaigns.retry(origin).id == first.id
    end(smsq, first.id, {5: Status.UNDELIVERABLE})
    with pytest.raises(Conflict, match=f"retried already by campaign {first.id}: nothing is added"):
        smsq.campaigns.retry(origin)
    with pytest.raises(Conflict, match="retried already"):
        smsq.campaigns.retry(origin, reasons=["undeliverable"])
    second = smsq.campaigns.retry(first.id)

    assert [each.row for each in smsq.campaigns.report(second.id)] == [5]
    assert len(smsq.campaigns.list()) == 3


def test_a_ledger_that_forgot_sends_retries_nothing(smsq: Smsq) -> None:
    """A retry that it forgot may have taken the same rows; somebody may take that risk."""
    origin = over(smsq)
    smsq.runtime.ledger.redis.hset("{smsq}:stubs", "abc/1/100", "1700000001 https://one\n")
    with pytest.raises(Conflict, match="could reach some phones twice"):
        smsq.campaigns.retry(origin)

    assert smsq.campaigns.retry(origin, again=True).rows == 3


def test_reasons_choose_among_the_failed(smsq: Smsq) -> None:
    """By a word or an error code; what one retry took the next one does not take."""
    origin = over(smsq)
    first = smsq.campaigns.retry(origin, reasons=["expired", "refused"])
    rest = smsq.campaigns.retry(origin, failed=True, reasons=[1])

    assert [each.row for each in smsq.campaigns.report(first.id)] == [2, 7]
    assert [each.row for each in smsq.campaigns.report(rest.id)] == [5]
    with pytest.raises(BadInput, match="a reason is expired, undeliverable, refused or an error code"):
        smsq.campaigns.retry(origin, reasons=["lost"])
    with pytest.raises(BadInput, match="add --failed"):
        smsq.campaigns.retry(origin, unsent=True, reasons=["expired"])
    with pytest.raises(Conflict, match=r"failed for this reason \(245\)"):
        smsq.campaigns.retry(origin, reasons=[245])


def test_what_never_left_is_retried(smsq: Smsq) -> None:
    """Of a cancelled campaign, once its end is known; until then it says what to wait for."""
    origin = smsq.campaigns.run(people(5), text="Hi", name="spring").id
    with pytest.raises(Conflict, match=f"`smsq campaign cancel {origin}`"):
        smsq.campaigns.retry(origin, unsent=True)
    smsq.campaigns.cancel(origin)
    with pytest.raises(Conflict, match="5 messages of it are not decided yet"):
        smsq.campaigns.retry(origin, unsent=True)
    while smsq.runtime.ledger.wind_up(origin, 100, 5000):
        pass
    with pytest.raises(Conflict, match=r"no message of campaign .* failed: there is nothing to retry"):
        smsq.campaigns.retry(origin)

    assert waiting(smsq, smsq.campaigns.retry(origin, unsent=True).id) == dict.fromkeys(phones(5), "Hi")


def test_a_parked_message_is_retried_after_a_decision_only(smsq: Smsq) -> None:
    """It may have arrived; one that was given up is taken by its own word, not as one that never left."""
    origin = smsq.campaigns.run(people(1), text="Hi", name="spring", on_doubt="park").id
    ledger = smsq.runtime.ledger
    (ref,) = ledger.feed(origin, 1, 100)[0]
    granted = claim(smsq, ref)
    ledger.doubt(granted, "no_answer", 1.0)
    smsq.campaigns.cancel(origin)
    with pytest.raises(Conflict, match="not decided yet"):
        smsq.campaigns.retry(origin, parked=True)
    smsq.doubts.decide(smsq.doubts.show(str(ref.number)), "drop", "lost at the operator")
    with pytest.raises(Conflict, match="nothing to retry"):
        smsq.campaigns.retry(origin, unsent=True)

    assert smsq.campaigns.retry(origin, parked=True).rows == 1


def test_texts_that_are_gone_are_refused_before_anything_is_enrolled(smsq: Smsq) -> None:
    """With how many messages, and the way on."""
    origin = over(smsq)
    now = smsq.runtime.clock.now()
    Retention(smsq.runtime.ledger, smsq.runtime.views, keep_texts_s=0, keep_days=30).forget_campaigns(now + 5)
    with pytest.raises(Conflict, match=r"texts of campaign .* are no longer kept .*, so 3 messages cannot be sent"):
        smsq.campaigns.retry(origin)

    assert len(smsq.campaigns.list()) == 1


def test_what_another_campaign_sent_meanwhile_stays_out(smsq: Smsq) -> None:
    """A corrected file reached some of them; `again` takes them all the same."""
    origin = over(smsq)
    fixed = [people(8)[1], people(8)[6]]
    other = smsq.campaigns.run(fixed, text="Hi {name}", name="fixed", again=True).id
    view = smsq.campaigns.retry(origin)

    assert [each.row for each in smsq.campaigns.report(view.id)] == [5]
    end(smsq, view.id)
    assert other in {each.id for each in smsq.campaigns.list()}
    with pytest.raises(Conflict, match="nothing is left to retry: 2 rows were sent already"):
        smsq.campaigns.retry(origin)
    assert smsq.campaigns.retry(origin, again=True).rows == 2


def test_rows_with_options_of_their_own_keep_them(smsq: Smsq) -> None:
    """Each message leaves as it was to leave."""
    rows = [{"phone": phone, "valid": valid} for phone, valid in zip(phones(4), ["1", "2", "1", "2"], strict=True)]
    origin = smsq.campaigns.run(rows, text="Hi", name="spring", per_row=["valid"]).id
    end(smsq, origin, dict.fromkeys((2, 3, 4), Status.EXPIRED))
    view = smsq.campaigns.retry(origin)
    ledger = smsq.runtime.ledger
    claims = [claim(smsq, ref) for ref in ledger.feed(view.id, 10, 100)[0]]

    assert [(granted.options.valid, list(granted.recipients)) for granted in claims] == [
        ("2", [79990000002, 79990000004]), ("1", [79990000003]),
    ]  # fmt: skip
    assert [each.row for each in smsq.campaigns.report(view.id)] == [2, 3, 4]


def test_zones_and_references_go_with_their_rows(smsq: Smsq) -> None:
    """Windows are kept in the same recipients' time, and reports have the same references."""
    zones = ["Asia/Tokyo", "Europe/Moscow", "Asia/Tokyo", "Europe/Moscow"]
    rows = [
        {"phone": phone, "zone": zone, "reference": f"order {place}"}
        for place, (phone, zone) in enumerate(zip(phones(4), zones, strict=True), 1)
    ]
    origin = smsq.campaigns.run(
        rows, text="Hi", name="spring", at="2099-01-01T09:00+00:00", window="0-24", per_row=["zone", "reference"]
    ).id
    smsq.campaigns.cancel(origin)
    while smsq.runtime.ledger.wind_up(origin, 100, 5000):
        pass
    view = smsq.campaigns.retry(origin, unsent=True)

    assert (view.zones, view.zone_waiting) == (("Asia/Tokyo", "Europe/Moscow"), (1, 1))
    copying = Copying(smsq.runtime.ledger, view, parts_of)
    kept = list(copying.messages(copying.choose(None).rows))
    assert [(each.row, each.words.reference) for each in kept] == [(n, f"order {n}") for n in range(1, 5)]


def test_what_the_cap_left_out_is_retried_as_never_sent(smsq: Smsq) -> None:
    """Those who got something else that day; people who opted out stay out."""
    smsq.campaigns.run(people(1), text="First", name="a", cap="1/day")
    second = smsq.campaigns.run(people(3), text="Second", name="b", cap="1/day").id
    ledger = smsq.runtime.ledger
    ledger.opt_out([OptOut(key=plain_key(FIRST + 2), reason="a test", at=int(ledger.time()))])
    for view in reversed(smsq.campaigns.list()):
        for ref in ledger.feed(view.id, 10, 100)[0]:
            ledger.screen(ref)
            ledger.settle_accepted(claim(smsq, ref), 1, Decimal(1), 60.0)
    smsq.campaigns.cancel(second)
    statuses = dict(smsq.campaigns.show(second).statuses)
    with pytest.raises(Conflict, match="no message of campaign"):
        smsq.campaigns.retry(second)
    retry = smsq.campaigns.retry(second, unsent=True)

    assert statuses == {"accepted": 1, "capped": 1, "optout": 1}
    assert [(each.row, each.phone) for each in smsq.campaigns.report(retry.id)] == [(1, f"+{FIRST}")]
