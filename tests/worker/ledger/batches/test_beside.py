"""What does not fit into a receipt: fields of probes, counts over fifteen, delivery errors over 255, codes of calls."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest

from smsq.worker.domain.batch import MessageId, Options, Ref, pack
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.status import Status
from smsq.worker.ledger.retention import Retention
from smsq.worker.sealing import Sealer
from tests.worker.ledger.conftest import BOTH_WAYS, PHONE

pytestmark = BOTH_WAYS

HLR = {
    "imsi": "250016012345678",
    "msc": "79168999100",
    "mcc": "250",
    "mnc": "01",
    "country": "Russian Federation",
    "network": "MTS",
}


def probes(desk: Any, many: int = 1, channel: str = "hlr") -> tuple[str, Ref]:
    """A campaign of one batch of probes."""
    opened = desk.ledger.open_campaign(desk.plan(options=Options(channel=channel), text=""))
    phones = [PHONE + each for each in range(many)]
    desk.ledger.enrol_range(
        opened.id, 1, [pack(phones, None, list(range(1, many + 1)), many)], [], many, channel=channel
    )
    desk.ledger.close_campaign(opened.id)
    return opened.id, desk.ledger.feed(opened.id, 1, 100)[0][0]


def receipt(desk: Any, ref: Ref, place: int = 0) -> Receipt:
    found: Receipt = desk.views.receipt(MessageId(ref.number, place))
    return found


def beside(desk: Any, ref: Ref) -> list[str]:
    """The fields of a batch beside its meta, phones and receipts, that hold what is told here."""
    number = str(ref.number)
    fields = [field.decode() for field in desk.redis.hkeys(desk.ledger.keys.shard(ref.number))]
    return sorted(field for field in fields if field.startswith((f"{number}x", f"{number}s")))


def test_what_a_probe_finds_is_in_its_receipt(desk: Any) -> None:
    """With the names of ours, as text: an operator's code may begin with a zero."""
    campaign, ref = probes(desk)
    claim = desk.settled(ref)

    desk.fact(claim.gateway_id, result=HLR, network="25001")

    found = receipt(desk, ref)
    assert (found.status, found.result) == ("delivered", HLR)
    assert [each.result for each in desk.views.report(campaign)] == [HLR]
    assert desk.views.campaign(campaign).state == "done"


def test_most_batches_have_nothing_beside(desk: Any) -> None:
    """A field exists only if there is something."""
    claim = desk.settled(desk.single())

    desk.fact(claim.gateway_id, parts=15, error_code=255)

    assert (beside(desk, claim.ref), receipt(desk, claim.ref).result) == ([], {})


PIECES = (
    Fact(gateway_id=0, recipient=0, status=Status.DELIVERED, at=1, result={"imsi": HLR["imsi"]}),
    Fact(gateway_id=0, recipient=0, status=Status.DELIVERED, at=2, result={**HLR, "imsi": ""}),
    Fact(gateway_id=0, recipient=0, status=Status.ACCEPTED, at=3),
)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_pieces_may_come_in_any_order(desk: Any, order: tuple[int, ...]) -> None:
    """What is known is never lost: an answer that lacks a value takes none away."""
    _, ref = probes(desk)
    claim = desk.settled(ref)

    for place in order:
        piece = PIECES[place]
        desk.fact(claim.gateway_id, status=piece.status, result=piece.result, at=piece.at)

    assert receipt(desk, ref).result == HLR


def test_a_result_may_overtake_the_answer_to_its_send(desk: Any) -> None:
    """A callback that comes before the answer is kept; so is one in a doubt."""
    _, ref = probes(desk)
    claim = desk.claim(ref)
    desk.call(claim.gateway_id, result=HLR)
    desk.accept(claim)
    _, other = probes(desk)
    doubted = desk.doubted(other)
    desk.call(doubted.gateway_id, result=HLR)

    assert [receipt(desk, each).result for each in (ref, other)] == [HLR, HLR]


def test_no_signature_covers_a_result(desk: Any) -> None:
    """A call to us fills gaps and replaces nothing; what the gateway answered when asked replaces what a call said."""
    _, ref = probes(desk)
    claim = desk.settled(ref)
    desk.call(claim.gateway_id, result={"imsi": "1", "network": "heard"})
    desk.call(claim.gateway_id, result={"imsi": "2", "country": "heard"})
    assert receipt(desk, ref).result == {"imsi": "1", "network": "heard", "country": "heard"}

    desk.fact(claim.gateway_id, result={"imsi": "3"})
    desk.call(claim.gateway_id, result={"imsi": "4"})

    assert receipt(desk, ref).result == {"imsi": "3", "network": "heard", "country": "heard"}


def test_a_probe_is_over_when_its_error_is_named(desk: Any) -> None:
    """Delivered alone is not the result: error 0 is, so without one it is asked about again."""
    for channel in ("hlr", "ping"):
        campaign, ref = probes(desk, channel=channel)
        claim = desk.settled(ref)

        desk.call(claim.gateway_id, has_error=False, result=HLR)
        assert (receipt(desk, ref).status, desk.views.campaign(campaign).state) == ("accepted", "running")
        assert desk.motion()["asks"] == 1

        desk.call(claim.gateway_id, result=HLR)
        assert (receipt(desk, ref).status, desk.views.campaign(campaign).state) == ("delivered", "done")


def test_an_sms_needs_no_error_to_be_delivered(desk: Any) -> None:
    """The rule is that of probes alone."""
    claim = desk.settled(desk.single())

    desk.call(claim.gateway_id, has_error=False)

    assert receipt(desk, claim.ref).status == "delivered"


def test_a_probe_that_failed_is_over(desk: Any) -> None:
    """Nobody reached the phone: that is its result, with or without a field."""
    _, ref = probes(desk)
    claim = desk.settled(ref)

    desk.call(claim.gateway_id, status=Status.UNDELIVERABLE, error_code=1, has_error=False)

    assert (
        receipt(desk, ref).status,
        receipt(desk, ref).error_code,
        receipt(desk, ref).result,
    ) == ("undeliverable", 1, {})
    assert desk.motion() == {}


def test_an_hlr_is_not_over_by_a_wire_that_tells_no_results(desk: Any) -> None:
    """A page of history has no fields for them: who reads the report then would miss the answer."""
    campaign, ref = probes(desk)
    claim = desk.settled(ref)

    desk.fact(claim.gateway_id, result=None)
    assert (receipt(desk, ref).status, desk.views.campaign(campaign).state) == ("accepted", "running")

    desk.fact(claim.gateway_id, status=Status.ACCEPTED, result=HLR)
    desk.fact(claim.gateway_id, result=None)
    assert (receipt(desk, ref).status, desk.views.campaign(campaign).state) == ("delivered", "done")


@pytest.mark.parametrize("found", [{}, {"mcc": "250", "network": "MTS"}])
def test_an_hlr_whose_fields_are_empty_is_asked_about_some_times(desk: Any, found: dict[str, str]) -> None:
    """Until the IMSI or the centre is told, or six questions brought neither; it is delivered all the while."""
    _, ref = probes(desk, 2)
    claim = desk.settled(ref)
    for place in (0, 1):
        desk.call(claim.gateway_id, PHONE + place, result=found)
    assert (receipt(desk, ref).status, desk.motion(), desk.view(ref).untold) == ("delivered", {"asks": 1}, "/11")

    desk.fact(claim.gateway_id, PHONE, result=HLR)
    assert (desk.motion(), desk.view(ref).untold) == ({"asks": 1}, "/01")

    for _ in range(6):
        desk.fact(claim.gateway_id, PHONE + 1, result={})
        desk.ledger.asked(ref, [5.0])
    assert desk.motion() == {}


def test_a_ping_has_no_field_that_is_promised(desk: Any) -> None:
    """Delivered with an error of 0 is all there is."""
    _, ref = probes(desk, channel="ping")
    claim = desk.settled(ref)

    desk.call(claim.gateway_id)

    assert (receipt(desk, ref).status, desk.motion()) == ("delivered", {})


@pytest.mark.parametrize("many", [1, 16, 17, 40])
def test_each_message_has_a_result_of_its_own(desk: Any, many: int) -> None:
    """In batches of any size, in groups of sixteen."""
    campaign, ref = probes(desk, many)
    claim = desk.settled(ref)

    for place in reversed(range(many)):
        desk.fact(claim.gateway_id, PHONE + place, result={"imsi": str(place)})

    assert [{"imsi": str(place)} for place in range(many)] == [each.result for each in desk.views.report(campaign)]
    assert -(-many // 16) == len(beside(desk, ref))


def test_more_than_fifteen_parts_are_counted(desk: Any) -> None:
    """A call is counted in seconds or pieces of it, which a receipt has no room for."""
    claim = desk.settled(desk.single())

    counts = []
    for parts in (15, 16, 90, 40, 3, 16):
        desk.fact(claim.gateway_id, parts=parts)
        counts.append(receipt(desk, claim.ref).parts)

    assert counts == [15, 16, 90, 40, 3, 16]


@pytest.mark.parametrize("parts", [16, bytes([16, 1, 200])])
def test_the_answer_to_a_send_may_count_more_than_fifteen(desk: Any, parts: bytes | int) -> None:
    """For all messages of a claim alike, or for each."""
    campaign, (ref,) = desk.campaign(3)

    desk.ledger.settle_accepted(desk.claim(ref), parts, None, 60.0)

    counts = [parts] * 3 if isinstance(parts, int) else list(parts)
    assert counts == [each.parts for each in desk.views.report(campaign)]


def test_a_call_to_us_counts_only_what_is_not_known(desk: Any) -> None:
    """Its count is hearsay, as its cost is."""
    _, (ref,) = desk.campaign(2)
    claim = desk.doubted(ref)
    desk.call(claim.gateway_id, PHONE + 1, parts=40)
    desk.call(claim.gateway_id, PHONE + 1, parts=50)
    desk.fact(claim.gateway_id, PHONE + 2, parts=20)
    desk.call(claim.gateway_id, PHONE + 2, parts=60)

    assert [receipt(desk, ref, place).parts for place in (0, 1)] == [40, 20]


def test_errors_results_and_counts_of_one_message_live_together(desk: Any) -> None:
    """Each in its place; none disturbs another."""
    _, ref = probes(desk, 3)
    claim = desk.settled(ref)
    desk.fact(claim.gateway_id, PHONE + 1, Status.UNDELIVERABLE, error_code=300, result=HLR, parts=17)
    desk.fact(claim.gateway_id, PHONE + 2, Status.UNDELIVERABLE, error_code=1000)

    told = [receipt(desk, ref, place) for place in range(3)]
    assert [(each.error_code, each.parts, dict(each.result)) for each in told] == [
        (0, 1, {}),
        (300, 17, HLR),
        (1000, 1, {}),
    ]


def test_final_messages_are_counted_by_operator(desk: Any) -> None:
    """Once for each final status that a message reaches, if its operator is named then."""
    _, ref = probes(desk, 3)
    claim = desk.settled(ref)
    for place, (status, network) in enumerate([(1, "25001"), (6, "25001"), (2, "")], start=0):
        for _ in range(2):
            desk.fact(claim.gateway_id, PHONE + place, Status(status), network=network, result=HLR)
    desk.fact(claim.gateway_id, PHONE, network="25001", result=HLR)

    counted = {name: many for name, many in desk.totals().items() if name.startswith("networks")}
    assert counted == {"networks:hlr:25001:undeliverable": 1, "networks:hlr:25001:delivered": 1}


def test_a_status_that_is_not_final_is_not_counted_by_operator(desk: Any) -> None:
    """Only what became of a message is."""
    ref = desk.single()
    claim = desk.doubted(ref)

    desk.fact(claim.gateway_id, status=Status.ACCEPTED, network="25001")

    assert receipt(desk, ref).status == "accepted"
    assert [name for name in desk.totals() if name.startswith("networks")] == []


def test_a_metric_names_fifty_operators(desk: Any) -> None:
    """Those that were seen first; the others are one label together, so that no stranger's words make labels."""
    _, ref = probes(desk, 60)
    claim = desk.settled(ref)
    for again in range(2):
        status = (Status.DELIVERED, Status.READ)[again]
        for place in range(60):
            desk.fact(claim.gateway_id, PHONE + place, status, network=str(25000 + place), result=HLR)

    counted = {name: many for name, many in desk.totals().items() if name.endswith(":read") and "networks" in name}
    assert len(counted) == 51
    assert (counted["networks:hlr:25049:read"], counted["networks:hlr:other:read"]) == (1, 10)


def spoken(desk: Any, code: str = "482135", **options: Any) -> Ref:
    """A call that was accepted, and whose answer told the code that it says."""
    ref = desk.single(text="code", options=Options(channel="call"), **options)
    desk.ledger.settle_accepted(desk.claim(ref), 1, None, 60.0, code)
    return ref


@pytest.mark.parametrize("lane", ["urgent", "bulk"])
def test_a_calls_code_is_sealed_and_told_to_its_sender(desk: Any, lane: str) -> None:
    """It is a log-in code: nobody reads it in Redis, its file or a copy."""
    ref = spoken(desk, lane=lane)

    assert receipt(desk, ref).result == {"code": "482135"}
    assert "482135" not in repr(desk.everything())
    assert "482135" not in repr(receipt(desk, ref))


def test_without_the_key_there_is_no_code(desk: Any) -> None:
    """Everything else of the receipt is shown."""
    ref = spoken(desk)
    desk.ledger.sealer = Sealer(["another secret of thirty-two letters"])

    assert (receipt(desk, ref).status, receipt(desk, ref).result) == ("accepted", {})


def test_a_code_that_cannot_be_sealed_is_not_kept(desk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The call was accepted all the same; a log line says it, without the code."""
    ref = desk.single(text="code", lane="bulk", options=Options(channel="call"))
    claim = desk.claim(ref)
    desk.ledger.sealer = None

    desk.ledger.settle_accepted(claim, 1, None, 60.0, "482135")

    assert (receipt(desk, ref).status, beside(desk, ref)) == ("accepted", [])
    assert "code of a call not kept" in caplog.text
    assert "482135" not in caplog.text


def test_a_lost_reply_stores_the_code_once(desk: Any) -> None:
    """The settling repeats itself unchanged."""
    ref = desk.single(text="code", options=Options(channel="call"))
    claim = desk.claim(ref)
    for _ in range(2):
        desk.ledger.settle_accepted(claim, 1, None, 60.0, "482135")

    assert (receipt(desk, ref).status, receipt(desk, ref).result) == ("accepted", {"code": "482135"})


@pytest.fixture
def retention(desk: Any) -> Iterator[Retention]:
    return Retention(desk.ledger, desk.views, keep_texts_s=3600.0, keep_days=30)


def test_a_code_goes_with_the_texts(desk: Any, retention: Any) -> None:
    """An hour after its message has ended, under this setting; a result stays as long as its receipt."""
    ref = spoken(desk)
    desk.fact(desk.view(ref).ids[0].gateway_id, parts=30)

    desk.now += 3601
    retention.forget_singles(desk.now)
    assert ([f"{ref.number}x0"], {}, 30) == (beside(desk, ref), receipt(desk, ref).result, receipt(desk, ref).parts)
    desk.now += 30 * 86_400
    retention.forget_singles(desk.now)
    assert beside(desk, ref) == []


def test_results_go_with_their_campaign(desk: Any, retention: Any) -> None:
    """Nothing of a campaign that was kept long enough is left."""
    campaign, ref = probes(desk, 40)
    claim = desk.settled(ref)
    for place in range(40):
        desk.fact(claim.gateway_id, PHONE + place, result=HLR)
    assert len(beside(desk, ref)) == 3

    desk.now += 31 * 86_400
    while retention.forget_campaigns(desk.now):
        pass

    assert (desk.views.campaign(campaign), beside(desk, ref)) == (None, [])


def test_nothing_of_a_forgotten_batch_stays(desk: Any) -> None:
    """Results and codes are in fields of their own, which go with it."""
    ref = spoken(desk)
    desk.fact(desk.view(ref).ids[0].gateway_id, parts=30)
    assert beside(desk, ref) == [f"{ref.number}s", f"{ref.number}x0"]

    desk.ledger.forget([ref])

    assert beside(desk, ref) == []
