"""Restarts of a real server, an older copy of its data, an emptied one, two hosts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from worker.domain.errors import LedgerHalted
from worker.domain.status import BatchState
from worker.embedded import EmbeddedRedis
from worker.ledger import Claim, NoClaim
from worker.rollcall import Master

HostOn = Callable[[str], Any]


def restart(server: EmbeddedRedis) -> None:
    server.stop()
    server.start()


def test_a_plain_restart_is_cleared_in_a_moment(server: EmbeddedRedis, host_on: HostOn) -> None:
    """Claims that were never said return; those that were said stay claimed; then sending goes on."""
    host = host_on("a").start()
    unsaid, said, released, waiting = (host.enrol(n) for n in range(4))
    told = host.said(said)
    host.ledger.release(host.said(released), unwritten=True)  # journalled, then the line was found closed
    assert isinstance(host.claim(unsaid, "n1"), Claim)
    restart(server)
    assert isinstance(host.claim(waiting), NoClaim)
    with pytest.raises(LedgerHalted, match="roll call"):
        host.enrol(9)

    began = time.monotonic()
    assert host.until_cleared()
    assert time.monotonic() - began < 1.0
    assert [host.state(ref) for ref in (unsaid, said, released)] == [
        BatchState.READY, BatchState.SENDING, BatchState.READY
    ]  # fmt: skip
    assert isinstance(host.claim(waiting), Claim)
    assert host.ledger.settle_accepted(told, 1, None, 60.0)[0] == "settled"


def test_a_lost_claim_is_not_answered_while_it_is_given_back(server: EmbeddedRedis, host_on: HostOn) -> None:
    """The worker repeats its nonce after the restart: it must not send what the roll call hands to another."""
    host = host_on("a").start()
    ref = host.enrol()
    host.claim(ref, "n1")
    restart(server)
    assert isinstance(host.claim(ref, "n1"), NoClaim)
    host.until_cleared()
    second = host.claim(ref, "n2")
    assert isinstance(second, Claim)
    assert isinstance(host.claim(ref, "n1"), NoClaim)


def test_what_was_said_long_ago_is_not_taken_for_unsaid(
    server: EmbeddedRedis, host_on: HostOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis was away for hours, or thousands were sent since: the claim's line is looked for however old."""
    monkeypatch.setattr("worker.journal.MOST_NAMED", 1)
    host = host_on("a").start()
    old, newer = host.enrol(), host.enrol(1)
    host.said(old)
    host.said(newer)
    restart(server)
    host.until_cleared()
    assert {host.state(ref) for ref in (old, newer)} == {BatchState.SENDING}


@pytest.mark.parametrize("what", ["claim", "enrolment"])
def test_an_older_copy_is_not_cleared(copy: Any, host_on: HostOn, what: str) -> None:
    """It knows less than the journals do: nothing is granted, nothing enrolled."""
    host = host_on("a").start()
    first, second = host.enrol(), host.enrol(1)
    host.said(first)
    copy.make()
    assert host.until_cleared()
    if what == "claim":
        host.said(second)
    else:
        host.enrol(2)
    copy.restore()

    assert not host.until_cleared(0.3)
    assert host.ledger.beat().fell
    assert isinstance(host.claim(second), NoClaim)
    with pytest.raises(LedgerHalted):
        host.enrol(3)


def test_an_emptied_ledger_is_refused(server: EmbeddedRedis, host_on: HostOn) -> None:
    """The journals tell of sends: at the start, and while it runs."""
    host = host_on("a").start()
    host.said(host.enrol())
    host.ledger.redis.flushall()

    assert not host.until_cleared(0.2)
    host.ledger.redis.flushall()
    with pytest.raises(LedgerHalted, match="this Redis is empty"):
        host_on("a").start()


def test_two_hosts_must_both_report(server: EmbeddedRedis, host_on: HostOn) -> None:
    """What the silent one knows could be missing."""
    one, two = host_on("a").start(), host_on("b").start()
    mine, theirs, nobodys = one.enrol(), one.enrol(1), one.enrol(2)
    one.said(mine)
    two.said(theirs)
    two.claim(nobodys)
    restart(server)

    assert not one.until_cleared(0.2)
    assert isinstance(one.claim(nobodys), NoClaim)
    assert two.until_cleared()
    assert one.until_cleared()
    assert [one.state(ref) for ref in (mine, theirs, nobodys)] == [
        BatchState.SENDING, BatchState.SENDING, BatchState.READY
    ]  # fmt: skip


def test_a_host_that_followed_another_run_refuses_to_go_back(server: EmbeddedRedis, host_on: HostOn) -> None:
    """A life of the server that it has left behind grants it nothing."""
    host = host_on("a").start()
    ref = host.enrol()
    host.journal.follow("another-run")
    claim: Any = host.claim(ref)
    assert not host.journal.claim(claim.run, claim.n, claim.gateway_id, ref)
    assert not host.until_cleared(0.1)


def test_following_a_new_run_forbids_the_old_ones_claims(server: EmbeddedRedis, host_on: HostOn) -> None:
    """A worker that was frozen between claim and journal wakes after the roll call: its send must not begin."""
    host = host_on("a").start()
    ref = host.enrol()
    claim: Any = host.claim(ref)
    restart(server)
    host.until_cleared()
    assert not host.journal.claim(claim.run, claim.n, claim.gateway_id, ref)
    assert host.state(ref) == BatchState.READY


def test_without_redis_it_just_waits(server: EmbeddedRedis, host_on: HostOn) -> None:
    """And goes on when it is back."""
    host = host_on("a").start()
    server.stop()
    assert not host.master.tick()
    server.start()
    assert host.until_cleared()


def test_a_claim_after_the_roll_call_is_not_taken_for_unsaid(server: EmbeddedRedis, host_on: HostOn) -> None:
    """Granted, written down and being said between the roll call's end and the master's look at the claims."""
    host = host_on("a").start()
    ref = host.enrol()
    restart(server)
    beat = host.ledger.beat()
    assert host.journal.follow(beat.run)
    assert host.ledger.report(beat.run, host.journal.host, host.journal.report())[0] == "cleared"
    claim = host.said(ref)
    host.master._free_unsaid(beat.run)
    assert host.state(ref) == BatchState.SENDING
    assert host.ledger.settle_accepted(claim, 1, None, 60.0)[0] == "settled"


def test_a_copy_from_before_a_host_joined_is_not_cleared_without_it(copy: Any, host_on: HostOn) -> None:
    """The copy does not know the second host; the first one remembers it."""
    one = host_on("a").start()
    ref = one.enrol()
    copy.make()
    one.until_cleared()
    two = host_on("b").start()
    assert one.until_cleared()
    two.said(ref)
    copy.restore()

    assert not one.until_cleared(0.3)
    assert isinstance(one.claim(ref), NoClaim)
    two.until_cleared(0.3)
    assert one.ledger.beat().fell


def test_a_master_removes_old_journal_files(host_on: Any) -> None:
    """They would grow for ever; those of today stay."""
    host = host_on("a").start()
    host.said(host.enrol())
    folder = host.journal._folder
    (folder / "1-1-old.log").write_text("R r0\nC 1 100 1 17\n")
    os.utime(folder / "1-1-old.log", (1_000_000, 1_000_000))
    master = Master(host.ledger, host.journal)

    assert master.tick()
    assert "1-1-old.log" not in {path.name for path in folder.glob("*.log")}
    assert list(folder.glob("*.log"))
