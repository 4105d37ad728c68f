"""What is urgent is sealed while it waits, opened by a claim, and gone with its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.domain.batch import Ref, pack_texts
from smsq.worker.domain.errors import Conflict, WrongKey
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger import Claim, ClaimRefusal, Ledger, NewMessage, NoClaim
from smsq.worker.sealing import Sealer
from tests.worker.ledger.conftest import ONE, PHONE, Desk

TEXT = "Your code is 48213577"


def kept(desk: Desk, ref: Ref) -> bytes | None:
    """What the ledger holds of a batch's text."""
    found: bytes | None = desk.redis.hget(desk.ledger.keys.shard(ref.number), f"{ref.number}t")
    return found


def test_a_waiting_text_is_sealed(desk: Desk) -> None:
    """And a claim opens it; a second claim with the nonce too."""
    ref = desk.single(text=TEXT, key="order 7")
    sealed = kept(desk, ref)

    assert sealed is not None
    assert sealed[0] == 1
    assert TEXT.encode() not in sealed + repr(desk.everything()).encode()
    assert desk.claim(ref, "n").text == TEXT
    assert desk.claim(ref, "n").text == TEXT


def test_a_bulk_text_is_not(desk: Desk) -> None:
    """It is no secret, and a host that sends campaigns alone needs no key."""
    desk.ledger.sealer = None
    ref = desk.single(text=TEXT, lane="bulk")

    assert kept(desk, ref) == pack_texts([TEXT])
    assert desk.claim(ref).text == TEXT


def test_without_a_key_nothing_urgent_goes_in(desk: Desk) -> None:
    """Rather than in clear."""
    desk.ledger.sealer = None
    with pytest.raises(WrongKey):
        desk.single()


def test_what_an_earlier_version_enrolled_still_leaves(desk: Desk) -> None:
    """Its text waits in clear."""
    ref = desk.single(text=TEXT)
    desk.redis.hset(desk.ledger.keys.shard(ref.number), f"{ref.number}t", pack_texts([TEXT]))

    assert desk.claim(ref).text == TEXT


def settled(desk: Desk, ref: Ref) -> None:
    desk.settled(ref)


def refused(desk: Desk, ref: Ref) -> None:
    desk.ledger.settle_refused(desk.claim(ref), 6)


def late_at_the_claim(desk: Desk, ref: Ref) -> None:
    desk.now += 61
    assert isinstance(desk.try_claim(ref), NoClaim)


def late_by_upkeep(desk: Desk, ref: Ref) -> None:
    desk.now += 61
    desk.ledger.drop_all([ref], "late")


def found_after_a_doubt(desk: Desk, ref: Ref) -> None:
    desk.fact(desk.doubted(ref).gateway_id)


def late_after_a_doubt(desk: Desk, ref: Ref) -> None:
    claim = desk.doubted(ref)
    assert desk.probe(ref, {claim.gateway_id: [0]}) == ("settled", "late")


def doubtful_past_its_time(desk: Desk, ref: Ref) -> None:
    """Nobody knows its fate yet, but it is never sent again."""
    desk.doubted(ref)
    assert desk.probe(ref, {})[0] == "doubtful"


def parked_and_dropped(desk: Desk, ref: Ref) -> None:
    desk.doubted(ref)
    assert desk.ledger.resolve(ref, 1, "drop", "a test") == "settled"


def parked_and_settled(desk: Desk, ref: Ref) -> None:
    desk.doubted(ref)
    assert desk.ledger.resolve(ref, 1, "settle", "a test") == "settled"


@pytest.mark.parametrize(
    "end",
    [settled, refused, late_at_the_claim, late_by_upkeep, found_after_a_doubt, late_after_a_doubt,
     doubtful_past_its_time, parked_and_dropped, parked_and_settled],
)  # fmt: skip
def test_the_text_goes_with_the_end(desk: Desk, end: Callable[[Desk, Ref], None]) -> None:
    """Whatever end that is."""
    ref = desk.single(text=TEXT, deadline_s=60)
    assert kept(desk, ref) is not None
    end(desk, ref)

    assert kept(desk, ref) is None


@pytest.mark.parametrize("deadline_s", [None, 3600])
def test_the_text_stays_while_it_may_be_sent_again(desk: Desk, deadline_s: float | None) -> None:
    """In doubt, and parked until a person decided."""
    ref = desk.single(text=TEXT, on_doubt="park", deadline_s=deadline_s)
    claim = desk.doubted(ref)
    assert kept(desk, ref) is not None
    assert desk.probe(ref, {claim.gateway_id: [0]}) == ("parked", "policy")
    assert kept(desk, ref) is not None
    assert desk.ledger.resolve(ref, claim.fence, "release", "a test") == "ready"

    assert desk.claim(ref).text == TEXT


def test_a_repeated_key_is_known_by_a_keyed_hash(desk: Desk) -> None:
    """A plain one would tell a code to whoever tries all there are."""
    first = desk.ledger.enrol(NewMessage(PHONE, TEXT, key="order 7"))
    assert desk.ledger.enrol(NewMessage(PHONE, TEXT, key="order 7")).id == first.id
    with pytest.raises(Conflict):
        desk.ledger.enrol(NewMessage(PHONE, TEXT + "!", key="order 7"))
    content = next(v[b"content"] for k, v in desk.everything().items() if k.startswith(b"{smsq}:idem:"))

    desk.start_anew()
    desk.ledger.sealer = Sealer(["another secret of thirty-two characters"])
    desk.redis.hdel("{smsq}:stamp", "secret")
    desk.ledger.enrol(NewMessage(PHONE, TEXT, key="order 7"))
    assert content != next(v[b"content"] for k, v in desk.everything().items() if k.startswith(b"{smsq}:idem:"))


def test_a_repeated_key_is_known_after_the_secret_changed(desk: Desk) -> None:
    """As long as the older secret is still there."""
    first = desk.ledger.enrol(NewMessage(PHONE, TEXT, key="order 7"))
    desk.ledger.sealer = Sealer(["a newer secret of thirty-two letters", "a secret of thirty-two characters"])

    assert desk.ledger.enrol(NewMessage(PHONE, TEXT, key="order 7")).id == first.id


def stranger(desk: Desk) -> Ledger:
    """Another host on this ledger, with another secret key."""
    ledger = Ledger(desk.redis, now=lambda: desk.now)
    ledger.sealer = Sealer(["not the secret of thirty-two characters"])
    return ledger


def test_a_host_with_another_key_is_not_let_in(desk: Desk) -> None:
    """It is told which setting to set; nothing is written."""
    before = desk.everything()
    with pytest.raises(WrongKey, match="SMSQ_SECRET_KEY"):
        stranger(desk).establish("smsc.ru/demo", host="other")

    assert desk.everything() == before


def test_a_ledger_of_an_earlier_version_learns_its_key(desk: Desk) -> None:
    """By the first host that establishes it again."""
    desk.redis.hdel("{smsq}:stamp", "secret")
    desk.ledger.establish("smsc.ru/demo", host="one")

    with pytest.raises(WrongKey):
        stranger(desk).establish("smsc.ru/demo", host="other")


def test_a_text_that_does_not_open_is_never_sent(desk: Desk) -> None:
    """The claim is given back unsaid, for a host that has the key to send at once; `smsq doctor` is told."""
    ref = desk.single(text=TEXT)
    other = stranger(desk)
    answer = other.claim(
        ref, "n", owner="urgent/host/1/a", mirror=ONE, lease_s=45.0, parallel=10, urgent_slots=3, slot_kept_s=75.0,
        credentials="right",
    )  # fmt: skip

    assert isinstance(answer, NoClaim)
    assert (answer.refusal, desk.state(ref), desk.view(ref).ids) == (ClaimRefusal.SEALED, BatchState.READY, [])
    assert desk.motion() == {"ready:urgent": 1}
    assert desk.redis.zscore("{smsq}:ready:urgent", str(ref)) == desk.now * 1000
    assert desk.redis.hget("{smsq}:ctl", "unsealable_at") == b"%d" % (desk.now * 1000)
    claim: Any = desk.claim(ref)
    assert isinstance(claim, Claim)
    assert claim.text == TEXT
