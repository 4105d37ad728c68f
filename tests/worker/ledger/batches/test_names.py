"""The gateway's own names of messages: receipts find what they are about, whenever they come."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.piece import Fate, Piece
from smsq.worker.domain.status import BatchState, Status
from smsq.worker.ledger.batches import names as names_module
from smsq.worker.ledger.values import Named, Settling
from tests.worker.ledger.conftest import BOTH_WAYS, PHONE

pytestmark = BOTH_WAYS

SMPP = "smpp://one:3700"


def accept(desk: Any, ref: Any, *names: tuple[str, ...]) -> Any:
    """A batch of which each message was accepted under these names."""
    claim = desk.claim(ref, mirror=SMPP)
    pieces = [Piece(Fate.ACCEPTED, names=each) for each in names]
    return desk.ledger.settle_each(Settling(claim, "accepted", 0, 1, None, 60.0, "", pieces))


def receipt(name: str, status: Status = Status.DELIVERED, **more: Any) -> Named:
    return Named(name, Fact(gateway_id=0, recipient=0, status=status, **more))


def keys(desk: Any, kind: str) -> dict[bytes, bytes]:
    """All names, or all early receipts."""
    found: dict[bytes, bytes] = {}
    for key in desk.redis.keys("{smsq}:" + kind + ":*"):
        found |= desk.redis.hgetall(key)
    return found


def test_a_receipt_finds_its_message(desk: Any) -> None:
    """With its cost and parts: the gateway itself says them on this wire."""
    _, (ref,) = desk.campaign(2)
    accept(desk, ref, ("a",), ("b",))

    changed = desk.ledger.advance_named([receipt("b", cost=Decimal("1.5"), parts=1)])

    assert (changed, desk.statuses(ref)) == (1, ["accepted", "delivered"])
    assert not desk.view(ref).is_untold(1)


def test_a_name_goes_once_its_message_is_final(desk: Any) -> None:
    """And all of them after some days, whatever became of them."""
    _, (ref,) = desk.campaign(2)
    accept(desk, ref, ("a",), ("b",))
    desk.ledger.advance_named([receipt("b"), receipt("a", Status.ACCEPTED)])

    assert set(keys(desk, "names")) == {b"a"}
    (key,) = desk.redis.keys("{smsq}:names:*")
    assert 0 < desk.redis.pttl(key) <= names_module.NAMES_DAYS * 86_400_000


def test_a_receipt_before_the_answer_is_kept_and_merged(desk: Any) -> None:
    """It may overtake the answer to its submit, and must not be lost."""
    ref = desk.single()
    claim = desk.claim(ref, mirror=SMPP)

    found = {"imsi": "250010000000000", "country": "Россия"}
    early = receipt("a", error_code=0, cost=Decimal("2"), result=found, network="25001", has_error=False)
    assert desk.ledger.advance_named([early]) == 0
    assert desk.statuses(ref) == ["sending"]
    told = Settling(claim, "accepted", 0, 1, None, 60.0, "", [Piece(Fate.ACCEPTED, names=("a",))])
    done = desk.ledger.settle_each(told)
    assert [(each.name, each.fact) for each in done.early] == [("a", early.fact)]
    desk.ledger.advance_early(done.early)

    assert (desk.statuses(ref), keys(desk, "early")) == (["delivered"], {})


def test_a_receipt_that_is_repeated_changes_nothing(desk: Any) -> None:
    """The gateway repeats what it got no answer for."""
    ref = desk.single()
    accept(desk, ref, ("a",))
    desk.ledger.advance_named([receipt("a")])

    assert desk.ledger.advance_named([receipt("a"), receipt("a")]) == 0
    assert desk.statuses(ref) == ["delivered"]


def test_a_name_that_becomes_known_meanwhile_is_not_missed(desk: Any) -> None:
    """Between the look for it and the keeping of its receipt."""
    ref = desk.single()
    places = desk.ledger._places

    def late(asked: Any) -> Any:
        found = places(asked)
        accept(desk, ref, ("a",))
        return found

    desk.ledger._places = late
    assert desk.ledger.advance_named([receipt("a")]) == 1

    assert (desk.statuses(ref), keys(desk, "early")) == (["delivered"], {})


def test_yesterdays_names_are_found(desk: Any) -> None:
    """A receipt comes when the phone is on again."""
    ref = desk.single()
    accept(desk, ref, ("a",))
    desk.now += 2 * 86400

    assert desk.ledger.advance_named([receipt("a")]) == 1


def test_a_message_of_several_parts_is_delivered_with_the_last(desk: Any) -> None:
    """If the gateway tells of each part by itself; a failure of one is a failure of the message."""
    first, second = desk.single(PHONE), desk.single(PHONE + 1)
    accept(desk, first, ("a", "b"))
    accept(desk, second, ("c", "d"))

    desk.ledger.advance_named([receipt("a")])
    desk.ledger.advance_named([receipt("a")])  # again
    assert desk.statuses(first) == ["accepted"]
    desk.ledger.advance_named([receipt("b"), receipt("d", Status.UNDELIVERABLE, error_code=1)])

    assert (desk.statuses(first), desk.statuses(second)) == (["delivered"], ["undeliverable"])


def test_a_receipt_may_speak_for_all_parts(desk: Any) -> None:
    """If it says how many there are."""
    ref = desk.single()
    accept(desk, ref, ("a", "b"))

    desk.ledger.advance_named([receipt("b", parts=2)])

    assert desk.statuses(ref) == ["delivered"]


def test_strangers_receipts_are_kept_up_to_a_limit(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program of the account has receipts too."""
    monkeypatch.setattr(names_module, "MOST_EARLY", 3)
    desk.ledger.advance_named([receipt(f"x{number}") for number in range(5)])

    assert len(keys(desk, "early")) == 3
    assert desk.totals()["alarm:stranger-id"] == 2
    (key,) = desk.redis.keys("{smsq}:early:*")
    assert 0 < desk.redis.pttl(key) <= names_module.EARLY_S * 1000


def test_an_address_has_names_too(desk: Any) -> None:
    """A batch with an address among its recipients."""
    ref = desk.single("anna@example.ru")  # a mail
    accept(desk, ref, ("a",))

    assert desk.ledger.advance_named([receipt("a")]) == 1


GIVEN_UP = {"status": Status.UNDELIVERABLE, "error_code": 241}


def cut(desk: Any, ref: Any, **options: Any) -> Any:
    """A claim of one message of which a part, `a`, was taken; nobody knows about the other."""
    claim = desk.claim(ref, mirror=SMPP, **options)
    desk.ledger.settle_each(Settling(claim, "unknown", 0, 1, None, 60.0, "", [Piece(Fate.UNKNOWN, names=("a",))]))
    return claim


def test_a_message_given_up_for_want_of_a_part_stays_doubtful(desk: Any) -> None:
    """It goes again, whether a receipt or history says so: no phone got it (PROTOCOL H.2)."""
    ref = desk.single()
    claim = cut(desk, ref)

    assert desk.ledger.advance_named([receipt("a", **GIVEN_UP)]) == 0
    assert desk.fact(claim.gateway_id, **GIVEN_UP) == 0

    assert (desk.state(ref), desk.statuses(ref)) == (BatchState.DOUBTFUL, ["doubtful"])
    assert "alarm:foreign-id" not in desk.totals()


def test_a_message_of_which_all_parts_were_taken_may_be_given_up(desk: Any) -> None:
    """That is the gateway's verdict, and another copy would end no better."""
    ref = desk.single()
    accept(desk, ref, ("a", "b"))

    assert desk.ledger.advance_named([receipt("a", **GIVEN_UP)]) == 1
    assert desk.statuses(ref) == ["undeliverable"]


@pytest.mark.parametrize("how", ["policy", "code", "parked", "call"])
def test_what_never_goes_again_by_itself_ends_when_it_is_given_up(desk: Any, how: str) -> None:
    """A person or a cascade learns it at once. A call ends so if its text cannot be spoken."""
    options = {"policy": {"on_doubt": "park"}, "call": {"options": Options(channel="call")}}.get(how, {})
    ref = desk.single(**options)
    if how == "code":
        desk.redis.hset(desk.ledger.keys.shard(ref.number), f"{ref.number}c", "otp")
    claim = cut(desk, ref)
    if how == "parked":
        assert desk.probe(ref, {}, patience_s=0.0) == ("parked", "undecided")

    assert desk.fact(claim.gateway_id, **GIVEN_UP) == 1
    assert (desk.state(ref), desk.statuses(ref)) == (BatchState.SETTLED, ["undeliverable"])


def test_a_first_copy_given_up_late_says_nothing_of_the_second(desk: Any) -> None:
    """The second is no double of what no phone got."""
    ref = desk.single()
    first = cut(desk, ref)
    assert desk.probe(ref, {first.gateway_id: [0]}, is_said=True) == ("ready", "")
    desk.now += 61
    accept(desk, ref, ("b", "c"))

    assert desk.ledger.advance_named([receipt("a", **GIVEN_UP)]) == 0
    assert desk.statuses(ref) == ["accepted"]
    assert "doubles" not in desk.totals()
