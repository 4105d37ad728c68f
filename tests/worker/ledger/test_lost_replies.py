"""Every verb twice, as a client that lost the reply repeats it: the ledger stands as after once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.domain.batch import pack
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.status import Status
from smsq.worker.ledger import NewMessage

PHONE = 79990000000
MOMENTS = (None, 1_800_000_005.0, None)
Story = Callable[[Any], Callable[[], Any]]


def enrol(desk: Any) -> Callable[[], Any]:
    return lambda: desk.ledger.enrol(NewMessage(PHONE, "Hi", key="k")).id


def enrol_range(desk: Any) -> Callable[[], Any]:
    opened = desk.ledger.open_campaign(desk.plan())
    batch = pack([PHONE], None, [1], 1)
    return lambda: desk.ledger.enrol_range(opened.id, 1, [batch], [Reject(2, "invalid", "", "x")], 2)


def enrol_range_by_zone(desk: Any) -> Callable[[], Any]:
    opened = desk.ledger.open_campaign(desk.plan(window="9-21"))
    batches = [replace(pack([PHONE + at], None, [at + 1], 1), zone=at % 2, moment=MOMENTS[at]) for at in range(3)]
    return lambda: desk.ledger.enrol_range(opened.id, 1, batches, [], 3, zones=("Asia/Omsk", "own"))


def move_due(desk: Any) -> Callable[[], Any]:
    campaign = zoned(desk)
    desk.now += 10.0
    return lambda: desk.ledger.move_due(campaign, 2)


def set_openings(desk: Any) -> Callable[[], Any]:
    zoned(desk)
    (running,) = [each for each in desk.views.running() if each.id]
    return lambda: desk.ledger.set_openings(running, "1 2 9-21", [[(1, 2)], [(3, 4)]], is_changed=True)


def zoned(desk: Any) -> str:
    enrol_range_by_zone(desk)()
    (campaign,) = [each.id for each in desk.views.running() if each.id]
    return str(campaign)


def open_campaign(desk: Any) -> Callable[[], Any]:
    plan = desk.plan()
    return lambda: desk.ledger.open_campaign(plan).id


def on_claim(act: Callable[[Any, Any], Any]) -> Story:
    def story(desk: Any) -> Callable[[], Any]:
        claim = desk.claim(desk.campaign(2)[1][0])
        return lambda: act(desk, claim)

    return story


def on_solo(desk: Any) -> Callable[[], Any]:
    ref = desk.campaign(2)[1][0]
    claim = desk.doubted(ref, alone=True)
    desk.probe(ref, {claim.gateway_id: [0, 1]})
    second = desk.claim(ref)
    return lambda: desk.accept(second)


def refused_beside_an_open_id(desk: Any) -> Callable[[], Any]:
    ref = desk.campaign(2)[1][0]
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    second = desk.claim(ref)
    return lambda: desk.ledger.settle_refused(second, 6)


def probe_absent(desk: Any) -> Callable[[], Any]:
    ref = desk.campaign(2)[1][0]
    claim = desk.doubted(ref)
    return lambda: desk.probe(ref, {claim.gateway_id: [0, 1]})


def resolve(decision: str) -> Story:
    def story(desk: Any) -> Callable[[], Any]:
        ref = desk.campaign(2)[1][0]
        claim = desk.doubted(ref)
        return lambda: desk.ledger.resolve(ref, claim.fence, decision)

    return story


def control(verb: str) -> Story:
    def story(desk: Any) -> Callable[[], Any]:
        campaign, (ref, _) = desk.campaign(2, 1)
        desk.ledger.control(campaign, "pause" if verb == "resume" else "close")
        desk.try_claim(ref)
        return lambda: desk.ledger.control(campaign, verb, "because")

    return story


def drop(desk: Any) -> Callable[[], Any]:
    campaign, (ref,) = desk.campaign(2)
    desk.ledger.control(campaign, "cancel")
    return lambda: desk.ledger.drop(ref, "cancelled")


def claim_of(end: str) -> Story:
    def story(desk: Any) -> Callable[[], Any]:
        campaign, (ref,) = desk.campaign(2)
        if end:
            desk.ledger.control(campaign, end)
        return lambda: desk.try_claim(ref, "n1", rate=5.0)

    return story


def expire(desk: Any, claim: Any) -> Any:
    desk.now += 46
    return desk.ledger.expire(claim.ref, 1.0, 3.0)


def take(desk: Any) -> Callable[[], Any]:
    return lambda: desk.ledger.take("ask", "t", 1, 40.0, {"mass": (1, 60.0)})


def write_code(desk: Any, otp_id: str = "a", key: str | None = "k") -> Any:
    return desk.ledger.open_otp(
        otp_id,
        key=key,
        contents=["ab" * 32],
        sealed=b"sealed",
        digest=b"hash",
        ttl_s=60.0,
        attempts=2,
        channels="sms",
        channel="sms",
    )


def open_otp(key: str | None) -> Story:
    return lambda desk: lambda: write_code(desk, key=key)


def judge_otp(*earlier: str, is_equal: bool) -> Story:
    def story(desk: Any) -> Callable[[], Any]:
        write_code(desk)
        for nonce in earlier:
            desk.ledger.judge_otp("a", nonce, is_equal=False)
        return lambda: desk.ledger.judge_otp("a", "n", is_equal=is_equal)

    return story


def resend_code(desk: Any) -> Callable[[], Any]:
    write_code(desk)
    return lambda: desk.ledger.reserve_step("a", "token", "sms", most_resends=1)


STORIES: dict[str, Story] = {
    "enrol": enrol,
    "open a code": open_otp(None),
    "open a code by a key": open_otp("k"),
    "a right try": judge_otp(is_equal=True),
    "a wrong try": judge_otp(is_equal=False),
    "the last wrong try": judge_otp("m", is_equal=False),
    "resend a code": resend_code,
    "enrol_range": enrol_range,
    "enrol_range by zone": enrol_range_by_zone,
    "move_due": move_due,
    "set_openings": set_openings,
    "open_campaign": open_campaign,
    "claim": claim_of(""),
    "claim of a paused campaign's": claim_of("pause"),
    "claim of a cancelled campaign's": claim_of("cancel"),
    "settle accepted": on_claim(
        lambda desk, claim: desk.ledger.settle_accepted(claim, bytes([1, 2]), Decimal(3), 60.0)
    ),
    "settle refused": on_claim(lambda desk, claim: desk.ledger.settle_refused(claim, 6)),
    "settle one of several": on_solo,
    "settle refused, an older one open": refused_beside_an_open_id,
    "release": on_claim(lambda desk, claim: desk.ledger.release(claim, unwritten=True)),
    "release after the roll call": on_claim(
        lambda desk, claim: desk.ledger.release_unsaid(claim.ref, claim.fence, claim.gateway_id)
    ),
    "doubt": on_claim(lambda desk, claim: desk.ledger.doubt(claim, "x", 1.0, alone=True, money=True)),
    "expire": on_claim(expire),
    "advance": on_claim(lambda desk, claim: desk.fact(claim.gateway_id, PHONE + 1, Status.DELIVERED, cost=Decimal(1))),
    "probe": probe_absent,
    "resolve settle": resolve("settle"),
    "resolve drop": resolve("drop"),
    "resolve release": resolve("release"),
    "pause": control("pause"),
    "resume": control("resume"),
    "cancel": control("cancel"),
    "close": control("close"),
    "drop": drop,
    "take": take,
}


@pytest.mark.parametrize("name", STORIES)
def test_a_verb_repeated_changes_nothing_more(desk: Any, name: str) -> None:
    """Not one field of one key; only numbers that were drawn and not used are skipped."""
    act = STORIES[name](desk)
    first = act()
    once = desk.everything()
    again = [act(), act()]

    after = desk.everything()
    if "code" in name or "try" in name:  # what a caller is told as well
        assert again == [first, first]
    assert after | {b"{smsq}:n:batch": None} == once | {b"{smsq}:n:batch": None}
