"""Restarts of a real server, an older copy of its data, an emptied one, two hosts."""

from __future__ import annotations

import fcntl
import io
import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smsq.producers.findings.ledger import run, state
from smsq.producers.waits import brake
from smsq.worker.clock import Clock
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import FilesTrouble, JournalTrouble, LedgerHalted
from smsq.worker.domain.status import BatchState
from smsq.worker.host.files import Files
from smsq.worker.host.journal import Journal
from smsq.worker.host.master import Master
from smsq.worker.host.recovery import Recovery
from smsq.worker.ledger import Claim, Ledger, NewMessage, NoClaim, Plan
from smsq.worker.ledger.runs import HostReport
from smsq.worker.ledger.views import Views
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.redis_client import connect
from tests.worker.conftest import ACCOUNT

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
    monkeypatch.setattr("smsq.worker.host.journal.MOST_NAMED", 1)
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


def test_a_release_frees_no_claim_of_another_worker(copy: Any, host_on: HostOn) -> None:
    """The ledger forgot a claim and gave its id and fence to another: the first one's release means its own nonce."""
    host = host_on("a").start()
    ref = host.enrol()
    copy.make()
    host.until_cleared()
    forgotten = host.claim(ref, "n1")
    copy.restore()
    assert host.until_cleared()
    other = host.claim(ref, "n2")
    assert (other.gateway_id, other.fence) == (forgotten.gateway_id, forgotten.fence)

    assert host.ledger.release(forgotten, unwritten=True) == "stale"
    assert host.state(ref) == BatchState.SENDING
    assert host.ledger.release(other, unwritten=True) == "released"


def test_a_host_reports_when_nobody_can_write_under_the_old_run(server: EmbeddedRedis, host_on: HostOn) -> None:
    """A worker stands between looking at the run and writing its line: until it is gone, the host says nothing."""
    host = host_on("a").start()
    restart(server)
    writing = os.open(host.journal._folder / "run", os.O_RDWR)
    fcntl.flock(writing, fcntl.LOCK_SH)
    assert not host.until_cleared(0.2)
    assert not host.ledger.beat().in_force
    os.close(writing)
    assert host.until_cleared()


def test_an_emptied_ledger_is_refused(server: EmbeddedRedis, host_on: HostOn) -> None:
    """The journals tell of sends: at the start, and while it runs."""
    host = host_on("a").start()
    host.said(host.enrol())
    host.ledger.redis.flushall()

    assert not host.until_cleared(0.2)
    host.ledger.redis.flushall()
    with pytest.raises(LedgerHalted, match="this Redis is empty"):
        host_on("a").start()


def test_a_failover_there_and_back_is_another_run(server: EmbeddedRedis, host_on: HostOn) -> None:
    """The server is the same process all the while; what it followed meanwhile is in its place, so all must report."""
    host = host_on("a").start()
    ref, before = host.enrol(), host.ledger.beat().run
    host.ledger.redis.replicaof("127.0.0.1", "1")
    host.ledger.redis.replicaof("NO", "ONE")
    assert isinstance(host.claim(ref), NoClaim)
    assert host.ledger.beat().run.partition("-")[0] == before.partition("-")[0]
    assert host.until_cleared()
    assert isinstance(host.claim(ref), Claim)


def test_a_master_removes_files_that_nobody_needs(host_on: Any, tmp_path: Path) -> None:
    """Those of messages that are kept stay; for the others it needs some ticks and, all in all, two hours."""
    host = host_on("one").start()
    ledger = host.ledger
    files = Files(tmp_path / "files", ledger.birth)
    needed, other = (files.keep("offer.pdf", io.BytesIO(name), 100.0) for name in (b"a", b"b"))
    ledger.enrol(NewMessage(79990000000, "Hi", lane="bulk", options=Options(channel="mms", files=(needed,))))
    clock = files._clock = Clock()
    master = Master(ledger, host.journal, files=files)
    for hours in (1, 2, 3):
        now = time.time() + hours * 3700
        clock.now = lambda now=now: now  # type: ignore[method-assign]
        files._round_at = float("-inf")
        for _ in range(20):
            assert master.tick()

    assert files.read([needed])[0].content == b"a"
    with pytest.raises(FilesTrouble):
        files.read([other])


@pytest.mark.parametrize(
    ("knows", "why"),
    [
        ({"gateway_id": 2**31 - 1}, "knows gateway id"),
        ({"batch": 10**6}, "knows batch"),
        ({"runs": {"another": 1}}, "has seen more"),
        ({"ids": [77]}, "forgot it"),
    ],
)
def test_whatever_the_ledger_lacks_is_a_fall(
    server: EmbeddedRedis, host_on: HostOn, knows: dict[str, Any], why: str
) -> None:
    """Each by itself: one number that a journal has is enough."""
    ledger = host_on("a").start().ledger
    nothing: dict[str, Any] = {"gateway_id": 0, "batch": 0, "runs": {}, "ids": []}
    run = ledger.beat().run
    assert ledger.report(run, "b", HostReport(**nothing))[0] == "force"
    assert ledger.report(run, "b", HostReport(**{**nothing, **knows}))[0] == "fell"
    assert why in ledger.beat().fell


def test_a_report_for_a_life_that_is_over_clears_nothing(server: EmbeddedRedis, host_on: HostOn) -> None:
    """Redis began anew between a master's look and its report: its workers do not follow the new run yet."""
    host = host_on("a").start()
    before = host.ledger.beat().run
    restart(server)
    assert host.ledger.report(before, host.journal.host, host.journal.report())[0] == "moved"
    assert not host.ledger.beat().in_force


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


def test_a_machine_that_lost_its_power_frees_nothing(
    server: EmbeddedRedis, host_on: HostOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has the claim on disk, the journal's line was not: what may have been said is asked about."""
    monkeypatch.setattr("smsq.worker.host.journal.boot_id", lambda: "first")
    host = host_on("a").start()
    ref = host.enrol()
    host.said(ref)
    for path in (tmp_path / "a" / "journal").glob("*.log"):
        path.unlink()
    monkeypatch.setattr("smsq.worker.host.journal.boot_id", lambda: "second")
    monkeypatch.setattr("smsq.worker.host.journal.uptime_s", lambda: 20.0)
    restart(server)
    again = host_on("a").start()
    assert again.master.tick()
    assert again.state(ref) == BatchState.SENDING
    assert isinstance(again.claim(ref, "n2"), NoClaim)
    assert again.ledger.expire(ref, 1.0, 0.0) == "doubtful"


def test_a_life_of_the_machine_is_told_from_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unsure is who began anew within the hour, did not sync, and was there before."""
    monkeypatch.setattr("smsq.worker.host.journal.uptime_s", lambda: 20.0)
    monkeypatch.setattr("smsq.worker.host.journal.boot_id", lambda: "first")
    assert [Journal(tmp_path).is_unsure() for _ in range(2)] == [False, False]
    monkeypatch.setattr("smsq.worker.host.journal.boot_id", lambda: "second")
    assert Journal(tmp_path).is_unsure()
    assert not Journal(tmp_path, fsync=True).is_unsure()
    monkeypatch.setattr("smsq.worker.host.journal.uptime_s", lambda: 4000.0)
    assert not Journal(tmp_path).is_unsure()
    monkeypatch.setattr("smsq.worker.host.journal.uptime_s", lambda: 20.0)
    monkeypatch.setattr("smsq.worker.host.journal.boot_id", lambda: "")  # a system that does not say
    assert Journal(tmp_path / "new").is_unsure()


@pytest.mark.parametrize("how", ["restarted", "flushed while it runs"])
def test_an_emptied_ledger_that_a_stranger_establishes_anew_is_found_out(
    server: EmbeddedRedis, host_on: HostOn, how: str
) -> None:
    """A host with a fresh home comes first; the old one knows more than the new ledger."""
    old = host_on("a").start()
    old.said(old.enrol(5, key="order-17"))
    old.ledger.redis.flushall()
    if how == "restarted":
        restart(server)
    stranger = host_on("b").start()
    ref = stranger.enrol(5, key="order-17")
    assert not old.until_cleared(0.2)
    assert old.ledger.beat().fell
    assert isinstance(stranger.claim(ref, "n2"), NoClaim)
    assert not stranger.until_cleared(0.2)


def test_nothing_is_freed_for_a_host_that_was_given_up(server: EmbeddedRedis, host_on: HostOn) -> None:
    """Its claims may have been said: nobody can read its journal any more."""
    one, gone = host_on("a").start(), host_on("b").start()
    one.until_cleared()
    ref = gone.enrol(5)
    gone.said(ref)
    restart(server)
    assert not one.until_cleared(0.2)
    one.ledger.give_up(one.ledger.beat().run, [gone.journal.host])
    assert one.until_cleared()
    assert one.state(ref) == BatchState.SENDING
    assert isinstance(one.claim(ref, "n2"), NoClaim)


def test_a_claim_past_its_lease_is_not_freed(server: EmbeddedRedis, host_on: HostOn) -> None:
    """It is in doubt, journal or not."""
    host = host_on("a").start()
    ref, at = host.enrol(), time.time()
    claim = host.claim(ref)
    assert isinstance(claim, Claim)
    restart(server)
    later = Ledger(connect(server.url), now=lambda: at + 50.0)
    assert later.release_unsaid(ref, claim.fence, claim.gateway_id) == "stale"
    assert host.ledger.release_unsaid(ref, claim.fence, claim.gateway_id) == "released"


def test_a_forgotten_order_is_noticed(copy: Any, host_on: HostOn) -> None:
    """A campaign was cancelled after the copy was made: nothing of it goes out unasked."""
    host = host_on("a").start()
    opened = host.ledger.open_campaign(Plan(name="c", digest="d", text="Hi", template="Hi", batch_size=2))
    copy.make()
    host.until_cleared()
    host.ledger.control(opened.id, "cancel")
    copy.restore()
    assert not host.until_cleared(0.2)
    assert [each.what for each in Recovery(host.ledger, host.journal, ACCOUNT).look().orders] == [f"cancel/{opened.id}"]


def test_a_home_of_producers_alone_is_heard(copy: Any, host_on: HostOn) -> None:
    """No worker there, nobody waits for it; but what it was promised is known."""
    host = host_on("a").start()
    copy.make()
    host.until_cleared()
    visitor = host_on("p")
    visitor.enrol(1, key="order-17")
    copy.restore()
    assert host.until_cleared()
    visitor.ledger.visit(visitor.journal)
    assert "has seen more" in host.ledger.beat().fell
    assert not host.until_cleared(0.2)
    ours, theirs = (Recovery(each.ledger, each.journal, ACCOUNT) for each in (host, visitor))
    assert [each.number for each in theirs.look().brought] == [1]
    assert ours.take_over(ours.look()).word == "waits"
    assert theirs.take_over(theirs.look()).word == "recovered"
    visitor.ledger.visit(visitor.journal)
    assert host.until_cleared()


def test_a_missing_host_is_named_wherever_somebody_asks(server: EmbeddedRedis, host_on: HostOn, tmp_path: Path) -> None:
    """By machine and home, with since when it is silent and the command, and given up by that name."""
    one, gone = host_on("a").start(), host_on("b").start()
    ref = one.enrol()
    restart(server)
    assert not one.until_cleared(0.3)

    name, number = f"{socket.gethostname()}:{tmp_path / 'b'}", gone.journal.host
    views = Views(one.ledger)
    brakes = views.brakes()
    depth = views.depth()
    halts = [why for why, holds in depth.by("smsq_halted").items() if holds]
    assert (brakes.halted, halts, depth.one("smsq_missing_hosts")) == ("hosts", ["hosts"], 1)
    for said in (brake(brakes), *finding_sentences(one.ledger)):
        assert f"{name} ({number}), silent since 2" in said
        assert f"`smsq recover --without {number}`" in said
    with pytest.raises(LedgerHalted, match=f"{re.escape(name)}.*--without {number}"):
        one.enrol(1)
    assert name in one.said_to_a_person[0]

    recovery = Recovery(one.ledger, one.journal, ACCOUNT)
    assert recovery.check([name, number]) == [number, number]
    recovery.give_up([number])
    assert one.until_cleared()
    assert views.brakes().halted == ""
    assert isinstance(one.claim(ref), Claim)


def test_a_host_that_comes_back_ends_the_wait(server: EmbeddedRedis, host_on: HostOn) -> None:
    """Nobody is missing any more, and nothing says so."""
    one, other = host_on("a").start(), host_on("b").start()
    restart(server)
    assert not one.until_cleared(0.2)
    assert other.until_cleared()

    assert Views(one.ledger).brakes().halted == ""
    assert one.until_cleared()
    assert one.said_to_a_person[-1] == "the ledger is in order again; sending goes on"


def finding_sentences(ledger: Ledger) -> list[str]:
    """What doctor says about the run and about sending, both as failures."""
    runtime = SimpleNamespace(ledger=ledger, views=Views(ledger), clock=Clock())
    found = [*run(runtime), *(each for each in state(runtime) if each.name == "sending")]  # type: ignore[arg-type]
    assert [each.level for each in found] == ["fail", "fail"]
    return [f"{each.said}; {each.cure}" for each in found]


def _hide(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.listdir

    def listdir(folder: Any) -> list[str]:
        if Path(folder) == host.journal._folder:
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "listdir", listdir)
    monkeypatch.setattr(os, "scandir", listdir)


def test_a_journal_that_cannot_be_listed_is_not_an_empty_one(
    server: EmbeddedRedis, host_on: HostOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is cleared, nothing given back; readable again, what was said stays claimed."""
    host = host_on("a").start()
    ref = host.enrol()
    host.said(ref)
    restart(server)
    with monkeypatch.context() as patched:
        _hide(host, patched)
        assert not host.until_cleared(0.3)
        assert not host.ledger.beat().in_force
        assert "cannot be read" in host.said_to_a_person[0]
    assert host.until_cleared()

    assert host.state(ref) == BatchState.SENDING


@pytest.mark.parametrize("lost", ["missing", "shorter", "no sizes", "no hosts"])
def test_a_journal_that_lost_lines_proves_nothing_unsaid(server: EmbeddedRedis, host_on: HostOn, lost: str) -> None:
    """A file is gone or shorter than it was: its claims are left to expire and to be asked about."""
    host = host_on("a").start()
    ref, folder = host.enrol(), host.journal._folder
    host.said(ref)
    host.master._note_at = float("-inf")
    assert host.master.tick()
    (file,) = folder.glob("*.log")
    if lost == "missing":
        file.unlink()
    elif lost == "shorter":
        os.truncate(file, len(file.read_text().partition("C ")[0]))
    else:
        os.truncate(file, len(file.read_text().partition("C ")[0]))
        (folder / lost.removeprefix("no ")).unlink()
    restart(server)

    assert host.until_cleared()
    assert host.state(ref) == BatchState.SENDING


def test_a_folder_that_is_another_takes_no_lines(server: EmbeddedRedis, host_on: HostOn) -> None:
    """The disk under the home was changed under running processes: nothing is sent, and no report is made."""
    host = host_on("a").start()
    ref = host.enrol()
    host.journal._folder.rename(host.journal._folder.with_name("away"))
    host.journal._folder.mkdir()
    claim = host.claim(ref)
    with pytest.raises(JournalTrouble):
        host.journal.claim(claim.run, claim.n, claim.gateway_id, ref)
    with pytest.raises(JournalTrouble):
        host.journal.report()
