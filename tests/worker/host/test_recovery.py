"""After a ledger fell back: what journals know is asked about again, and nothing of it is sent a second time."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.domain.batch import Ref, pack
from smsq.worker.domain.errors import BadInput, LedgerHalted
from smsq.worker.domain.status import BatchState
from smsq.worker.host.recovery import Recovery, Taken
from smsq.worker.ledger import Claim, NoClaim, Plan
from smsq.worker.ledger.runs import LEFT_FREE

HostOn = Callable[[str], Any]
ACCOUNT = "smsc.ru/demo"
PHONE = 79990000000


def recovery(host: Any) -> Recovery:
    return Recovery(host.ledger, host.journal, ACCOUNT)


def recover(host: Any, *without: str) -> Taken:
    return recovery(host).take_over(recovery(host).look(), without)


def campaign(host: Any, digest: str) -> tuple[str, list[Ref]]:
    """Enrol two ranges of one batch each, as far as they are not in; every batch."""
    plan = Plan(name="c", digest=digest, text="Hi", template="Hi", batch_size=2)
    opened = host.ledger.open_campaign(plan)
    for n in range(opened.ranges + 1, 3):
        batch = pack([PHONE + 2 * n, PHONE + 2 * n + 1], None, [2 * n - 1, 2 * n], 2)
        host.ledger.enrol_range(opened.id, n, [batch], [], 2 * n)
    host.ledger.feed(opened.id, 10, 100)
    numbers = host.ledger.redis.get(host.ledger.keys.campaign(opened.id, "b"))
    return opened.id, [Ref(int.from_bytes(numbers[at : at + 4], "big"), opened.id) for at in range(0, len(numbers), 4)]


def test_a_sound_ledger_needs_nothing(host_on: HostOn) -> None:
    """And says so."""
    host = host_on("a").start()
    host.said(host.enrol())
    assert recovery(host).look().why == ""
    assert recover(host).word == "sound"


def test_a_forgotten_claim_of_a_known_batch_is_asked_about(copy: Any, host_on: HostOn) -> None:
    """Under its old id, on the mirror that carried it; other batches go on, under ids far above."""
    host = host_on("a").start()
    sent, waiting = host.enrol(), host.enrol(1)
    copy.make()
    host.until_cleared()
    claim = host.said(sent)
    copy.restore()
    assert not host.until_cleared(0.2)

    found = recovery(host).look()
    assert [said.gateway_id for said in found.sends] == [claim.gateway_id]
    assert not found.brought
    assert isinstance(host.claim(waiting), NoClaim)
    taken = recover(host)
    assert (taken.word, taken.doubtful, taken.stubs) == ("recovered", 1, 0)
    assert host.until_cleared()
    assert host.state(sent) == BatchState.DOUBTFUL
    known = host.ledger.read([sent])[0].ids
    assert [(each.gateway_id, each.mirror) for each in known] == [(claim.gateway_id, "https://one")]
    assert isinstance(host.claim(sent, "again"), NoClaim)
    later = host.claim(waiting)
    assert isinstance(later, Claim)
    assert later.gateway_id > claim.gateway_id + LEFT_FREE
    assert host_on("a").enrol(2).number > LEFT_FREE


def test_an_answer_to_a_forgotten_claim_still_counts(copy: Any, host_on: HostOn) -> None:
    """The worker was frozen all the while: its acceptance is a fact, its release is not believed."""
    host = host_on("a").start()
    one, two = host.enrol(), host.enrol(1)
    copy.make()
    host.until_cleared()
    accepted, unwanted = host.said(one), host.said(two)
    copy.restore()
    host.until_cleared(0.1)
    recover(host)

    assert host.ledger.settle_accepted(accepted, 1, None, 60.0)[0] == "stale"
    assert host.state(one) == BatchState.SETTLED
    host.ledger.release(unwanted, unwritten=False)
    assert host.state(two) == BatchState.DOUBTFUL


@pytest.mark.parametrize("again", ["enrolled", "enrolled twice"])
def test_what_is_enrolled_again_meets_its_old_ids(copy: Any, host_on: HostOn, again: str) -> None:
    """The ledger does not know the key any more; the message was sent all the same."""
    host = host_on("a").start()
    host.enrol()
    copy.make()
    host.until_cleared()
    lost = host.enrol(1, key="order-17")
    claim = host.said(lost)
    never = host.enrol(2, key="order-18")
    copy.restore()
    host.until_cleared(0.1)

    found = recovery(host).look()
    assert [each.number for each in found.brought] == [never.number]
    assert recover(host).stubs == 1
    if again == "enrolled twice":
        assert recovery(host).look().why == ""
        host.enrol(1, key="order-17")
    ref, fresh = host.enrol(1, key="order-17"), host.enrol(2, key="order-18")
    assert isinstance(host.claim(ref), NoClaim)
    assert host.state(ref) == BatchState.DOUBTFUL
    assert [each.gateway_id for each in host.ledger.read([ref])[0].ids] == [claim.gateway_id]
    assert host.ledger.batches_of([claim.gateway_id]) == [ref]
    assert isinstance(host.claim(fresh), Claim)
    assert not host.ledger.redis.hlen("{smsq}:stubs")


@pytest.mark.parametrize("lost", ["a range", "the campaign"])
def test_a_campaign_that_is_run_again_is_not_sent_again(copy: Any, host_on: HostOn, lost: str) -> None:
    """Its batches are known by the file and their first row, whatever its id."""
    host, digest = host_on("a").start(), secrets.token_hex(8)
    if lost == "a range":
        plan = Plan(name="c", digest=digest, text="Hi", template="Hi", batch_size=2)
        host.ledger.open_campaign(plan)
    else:
        host.enrol()
    copy.make()
    host.until_cleared()
    _, refs = campaign(host, digest)
    claims = [host.said(ref) for ref in refs[:1]]
    copy.restore()
    host.until_cleared(0.1)
    assert recover(host).stubs == 1

    _, anew = campaign(host, digest)
    assert isinstance(host.claim(anew[0]), NoClaim)
    assert host.state(anew[0]) == BatchState.DOUBTFUL
    assert host.ledger.read(anew[:1])[0].ids[0].gateway_id == claims[0].gateway_id
    assert isinstance(host.claim(anew[1]), Claim)


def test_a_cancelled_campaign_is_asked_about_first(copy: Any, host_on: HostOn) -> None:
    """What was sent before the fall is not reported as cancelled."""
    host, digest = host_on("a").start(), secrets.token_hex(8)
    host.enrol()
    copy.make()
    host.until_cleared()
    _, refs = campaign(host, digest)
    host.said(refs[0])
    host.said(refs[1])
    copy.restore()
    host.until_cleared(0.1)
    recover(host)
    anew, refs = campaign(host, digest)
    host.ledger.control(anew, "cancel")
    assert host.ledger.drop(refs[0], "cancelled") == "doubtful"
    assert isinstance(host.claim(refs[1]), NoClaim)
    assert [host.state(ref) for ref in refs] == [BatchState.DOUBTFUL] * 2


def test_every_host_takes_part(copy: Any, host_on: HostOn) -> None:
    """The second one knows of sends too; one that is gone can be given up."""
    one, two, gone = host_on("a").start(), host_on("b").start(), host_on("c").start()
    refs = [one.enrol(n) for n in range(2)]
    copy.make()
    for host in (one, two, gone):
        host.until_cleared(0.1)
    one.until_cleared()
    one.said(refs[0])
    two.said(refs[1])
    copy.restore()
    one.until_cleared(0.1)
    two.until_cleared(0.1)

    with pytest.raises(LedgerHalted, match="hosts have not answered"):
        recovery(one).look()
    gone.until_cleared(0.1)
    assert (recover(one).word, recover(one).detail) == (
        "waits",
        " ".join(sorted([two.journal.host, gone.journal.host])),
    )
    assert recover(two).detail == gone.journal.host
    assert isinstance(one.claim(refs[1]), NoClaim)
    assert recover(two, gone.journal.host).word == "recovered"
    assert one.until_cleared()
    assert two.until_cleared()
    assert [one.state(ref) for ref in refs] == [BatchState.DOUBTFUL] * 2
    assert gone.journal.host.encode() not in one.ledger.redis.smembers("{smsq}:hosts")


def test_a_second_fall_begins_again(copy: Any, host_on: HostOn, server: Any) -> None:
    """Between looking and taking over, and after it."""
    host = host_on("a").start()
    ref = host.enrol()
    copy.make()
    host.until_cleared()
    claim = host.said(ref)
    copy.restore()
    host.until_cleared(0.1)
    seen = recovery(host).look()
    server.stop()
    server.start()
    assert recovery(host).take_over(seen).word == "moved"
    assert recover(host).word == "recovered"
    assert host.until_cleared()
    copy.restore()
    assert not host.until_cleared(0.2)
    again = recover(host)
    assert (again.word, again.doubtful) == ("recovered", 1)
    assert [each.gateway_id for each in host.ledger.read([ref])[0].ids] == [claim.gateway_id]
    assert host.until_cleared()
    server.stop()
    server.start()
    assert host.until_cleared()


def test_an_emptied_ledger(host_on: HostOn) -> None:
    """Everything sent is kept under its key; the new ledger's ids begin above all of them."""
    host = host_on("a").start()
    claim = host.said(host.enrol(key="k"))
    nameless = host.said(host.enrol(1))
    host.ledger.redis.flushall()
    fresh = host_on("a")
    with pytest.raises(LedgerHalted, match="this Redis is empty"):
        fresh.start()

    taken = recover(fresh)
    assert (taken.word, taken.stubs) == ("recovered", 1)
    assert [said.gateway_id for said in taken.nameless] == [nameless.gateway_id]
    fresh.start()
    ref = fresh.enrol(key="k")
    assert isinstance(fresh.claim(ref), NoClaim)
    other = fresh.claim(fresh.enrol(2))
    assert isinstance(other, Claim)
    assert other.gateway_id > max(claim.gateway_id, nameless.gateway_id) + LEFT_FREE


@pytest.mark.parametrize(("before", "after"), [(2, 4), (4, 2)])
def test_a_file_is_cut_as_it_was_before_the_fall(copy: Any, host_on: HostOn, before: int, after: int) -> None:
    """The size of batches was changed meanwhile: what was sent is known by the batch."""
    host, digest = host_on("a").start(), secrets.token_hex(8)
    host.enrol()
    copy.make()
    host.until_cleared()

    def run(size: int) -> list[Ref]:
        opened = host.ledger.open_campaign(Plan(name="c", digest=digest, text="Hi", template="Hi", batch_size=size))
        size, phones = opened.batch_size, range(PHONE + 1, PHONE + 9)
        cuts = [list(range(at, at + size)) for at in range(1, 9, size)]
        batches = [pack([phones[row - 1] for row in rows], None, rows, size) for rows in cuts]
        host.ledger.enrol_range(opened.id, 1, batches, [], 8)
        host.ledger.feed(opened.id, 10, 100)
        numbers = host.ledger.redis.get(host.ledger.keys.campaign(opened.id, "b"))
        return [Ref(int.from_bytes(numbers[at : at + 4], "big"), opened.id) for at in range(0, len(numbers), 4)]

    sent = host.said(run(before)[0])
    copy.restore()
    host.until_cleared(0.1)
    assert recover(host).stubs == 1
    claims = [host.claim(ref, f"n{ref.number}") for ref in run(after)]
    again = [phone for claim in claims if isinstance(claim, Claim) for phone in claim.recipients]
    assert not set(again) & set(sent.recipients)
    assert len(again) == 8 - before


def test_who_is_given_up_must_be_waited_for(host_on: HostOn) -> None:
    """A slip of the pen changes nothing."""
    host, other = host_on("a").start(), host_on("b").start()
    with pytest.raises(BadInput, match=other.journal.host):
        recovery(host).give_up(["elsewhere"])
    recovery(host).give_up([other.journal.host])
    assert host.ledger.hosts() == [host.journal.host]
