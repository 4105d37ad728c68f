"""Hosts that stop in order while others go on: who is not waited for, who is all the same, and how one comes back."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smsq.producers.findings.ledger import run as findings
from smsq.worker.clock import Clock
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import JournalTrouble
from smsq.worker.domain.status import BatchState
from smsq.worker.host.file_locks import SHARED, held
from smsq.worker.host.followed import OFF
from smsq.worker.host.journal import Journal
from smsq.worker.host.master import Master
from smsq.worker.host.recovery import Recovery
from smsq.worker.host.signoffs import Notes
from smsq.worker.ledger import Claim, Ledger, NoClaim
from smsq.worker.ledger.hosts import HostSeen, Missing
from smsq.worker.ledger.lua_text import text_of
from smsq.worker.ledger.runs import VOUCHED_S, WAITED_FOR_MS, HostReport, Look
from smsq.worker.ledger.views import Views
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from tests.worker.conftest import ACCOUNT

HostOn = Callable[[str], Any]


def restart(server: EmbeddedRedis) -> None:
    server.stop()
    server.start()


def started_again(host: Any) -> Any:
    """The same home with a master that begins anew, as after a start of its processes."""
    host.journal.close()
    host.journal = Journal(host.journal._folder.parent)
    host.__post_init__()
    host.master.establish(ACCOUNT)
    return host


def in_order(*hosts: Any, seconds: float = 3.0) -> bool:
    """All their masters tick, in turns, until claims are granted to each."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ticks = [host.master.tick() for host in hosts]
        if all(ticks):
            return True
        time.sleep(0.01)
    return False


def pair(host_on: HostOn) -> tuple[Any, Any]:
    """Two hosts, of which the second signed off, as the first has noted."""
    stays, leaves = host_on("a").start(), host_on("b").start()
    in_order(stays, leaves)
    assert leaves.master.sign_off()
    assert stays.master.tick()
    return stays, leaves


# Not waited for --------------------------------------------------------------------------------------------------


def test_a_host_that_signed_off_is_not_waited_for(server: EmbeddedRedis, host_on: HostOn) -> None:
    """Redis begins a new life, and the other sends on at once; it is said on the terminal, by doctor and by a gauge."""
    stays, leaves = pair(host_on)
    ref = stays.enrol()
    told = f"host {leaves.journal.place} ({leaves.journal.host}), signed off at 2"
    assert told in stays.said_to_a_person[-1]
    restart(server)

    assert stays.until_cleared()
    assert isinstance(stays.claim(ref), Claim)
    assert any(line.startswith(f"Redis restarted; nothing waits for {told}") for line in stays.said_to_a_person)
    runtime = SimpleNamespace(ledger=stays.ledger, views=Views(stays.ledger), journal=stays.journal)
    assert told in [finding.said for finding in findings(runtime)][1]  # type: ignore[arg-type]
    assert Views(stays.ledger).depth().one("smsq_signed_off_hosts") == 1


def test_it_is_not_waited_for_again_and_again(server: EmbeddedRedis, host_on: HostOn) -> None:
    """Each life of Redis is looked at anew, and each roll call counts what was seen in the last."""
    stays, _ = pair(host_on)
    for _ in range(3):
        restart(server)
        assert stays.until_cleared()
        assert stays.master.tick()


def test_a_master_that_was_started_again_vouches_too(server: EmbeddedRedis, host_on: HostOn) -> None:
    """What it noted lies on its disk."""
    stays, _ = pair(host_on)
    server.stop()
    stays.journal.close()
    server.start()

    assert started_again(stays).until_cleared()


def test_it_comes_back_and_works(server: EmbeddedRedis, host_on: HostOn) -> None:
    """It claims nothing before the other has written down that it is back; then it is a host like any."""
    stays, leaves = pair(host_on)
    restart(server)
    assert stays.until_cleared()
    assert stays.master.tick()
    back = started_again(leaves)
    assert not back.until_cleared(0.2)
    assert "waits until others record that it is back" in back.said_to_a_person[-1]
    claim = stays.claim(stays.enrol())
    assert isinstance(claim, Claim)
    assert not back.journal.claim(claim.run, claim.n, claim.gateway_id, Ref(1))

    assert in_order(stays, back)
    back.said(back.enrol(1))
    assert stays.ledger.away() == {}
    restart(server)
    assert not stays.until_cleared(0.2)
    assert in_order(stays, back)


def test_an_old_copy_does_not_excuse_it_once_it_is_back(server: EmbeddedRedis, copy: Any, host_on: HostOn) -> None:
    """The copy is from while it was away, and does not know what it has sent since: it is waited for, and heard."""
    stays, leaves = pair(host_on)
    ref = stays.enrol()
    copy.make()
    assert stays.until_cleared()
    assert stays.master.tick()
    back = started_again(leaves)
    assert in_order(stays, back)
    claim = back.said(ref)
    back.ledger.settle_accepted(claim, 1, None, 60.0)
    copy.restore()

    assert not stays.until_cleared(0.3)
    assert stays.ledger.away() != {}
    assert isinstance(stays.claim(ref), NoClaim)
    assert not back.until_cleared(0.2)
    assert "knows gateway id" in stays.ledger.beat().fell


def test_a_second_sign_off_is_another_one(server: EmbeddedRedis, copy: Any, host_on: HostOn) -> None:
    """The copy has the first, the other host has noted the second, which came after sends."""
    stays, leaves = pair(host_on)
    ref = stays.enrol()
    copy.make()
    assert stays.until_cleared()
    assert stays.master.tick()
    back = started_again(leaves)
    assert in_order(stays, back)
    back.ledger.settle_accepted(back.said(ref), 1, None, 60.0)
    assert back.master.sign_off()
    assert stays.master.tick()
    copy.restore()

    assert not stays.until_cleared(0.3)
    assert isinstance(stays.claim(ref), NoClaim)


def test_what_was_noted_counts_in_one_roll_call(server: EmbeddedRedis, copy: Any, host_on: HostOn) -> None:
    """The other did not look again after it: by then the host may have come back without a word to it."""
    stays, leaves = pair(host_on)
    ref = stays.enrol()
    copy.make()
    note = (stays.journal._folder / "away").read_text()
    assert stays.until_cleared()
    back = started_again(leaves)
    assert back.until_cleared()  # nobody has looked under this run
    back.ledger.settle_accepted(back.said(ref), 1, None, 60.0)
    copy.restore()
    assert (stays.journal._folder / "away").read_text() == note

    assert not stays.until_cleared(0.3)


def test_a_sign_off_that_a_copy_brought_back_ends_with_the_report(copy: Any, host_on: HostOn) -> None:
    """Both are there and report; afterwards nobody sees a sign-off any more."""
    stays, leaves = pair(host_on)
    copy.make()
    assert stays.until_cleared()
    assert stays.master.tick()
    back = started_again(leaves)
    assert in_order(stays, back)
    copy.restore()

    assert in_order(stays, back)
    assert stays.ledger.away() == {}


# Waited for all the same -----------------------------------------------------------------------------------------


def test_a_sign_off_that_nobody_noted_excuses_nobody(server: EmbeddedRedis, host_on: HostOn) -> None:
    """Redis ends before the other has looked; a person who knows better can go on without it."""
    stays, leaves = host_on("a").start(), host_on("b").start()
    assert leaves.master.sign_off()
    restart(server)

    assert not stays.until_cleared(0.3)
    missing = Views(stays.ledger).brakes().missing
    assert missing is not None
    assert "signed off at 2" in missing.said
    assert f"`smsq recover --without {leaves.journal.host}` loses nothing" in missing.cure
    Recovery(stays.ledger, stays.journal, ACCOUNT).give_up([leaves.journal.host])
    assert stays.until_cleared()


def test_the_cure_tells_a_disk_that_may_be_gone_from_a_sign_off() -> None:
    """With one host that did not sign off among them, nothing is promised."""
    away, silent = HostSeen("b1", "shop-1:/srv", 1.0, 2.0), HostSeen("b2", "shop-2:/srv", 1.0)

    assert "loses nothing" in Missing((away,), 0.0).cure
    assert "loses nothing" not in Missing((away, silent), 0.0).cure


@pytest.mark.parametrize("passed_s", [VOUCHED_S + 1, -60.0])
def test_a_note_is_good_for_two_minutes_by_the_clock_of_redis(host_on: HostOn, passed_s: float) -> None:
    """Later, and before it was made, it counts no more."""
    stays, leaves = pair(host_on)
    report, signed = stays.journal.report(), stays.ledger.away()
    look = stays.journal.notes.last()
    shifted(stays, lambda: look.at / 1000 + passed_s)
    for soon_s, is_waited_for in ((0.0, False), (passed_s, True)):
        run = _another_run(stays, look, soon_s)
        vouched = {leaves.journal.host: (signed[leaves.journal.host], look.at)}
        word, _ = stays.ledger.report(run, stays.journal.host, replace(report, away=vouched))
        assert (word == "waits") is is_waited_for


def _another_run(host: Any, look: Look, passed_s: float) -> str:
    """The same life of the server under another name, as if it had been another that was in force."""
    shifted(host, lambda: look.at / 1000 + passed_s)
    host.ledger.redis.hset(host.ledger.key("run"), "current", "another")
    run: str = host.ledger.beat().run
    host.ledger.redis.delete(host.ledger.key(f"rollcall:{run}"))
    return run


def shifted(host: Any, now: Callable[[], float]) -> None:
    """From now on the ledger of this host has this time."""
    host.ledger._now = now


class Shifted(Clock):
    """A clock that is ahead."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def now(self) -> float:
        return super().now() + self._ahead_s


@pytest.mark.parametrize(
    ("ahead_s", "uptime_s", "boot", "followed", "is_good"),
    [
        pytest.param(0.0, 100.0, "b", "r1", True, id="just now"),
        pytest.param(100.0, 200.0, "b", "r1", True, id="a moment ago"),
        pytest.param(100.0, 1.0, "another", "r1", True, id="the machine began anew"),
        pytest.param(VOUCHED_S + 1, 110.0, "b", "r1", False, id="too long ago by the clock"),
        pytest.param(VOUCHED_S + 1, 1.0, "another", "r1", False, id="too long ago, the machine began anew"),
        pytest.param(-1.0, 110.0, "b", "r1", False, id="the clock went back"),
        pytest.param(0.0, 100.0 + VOUCHED_S + 1, "b", "r1", False, id="too long ago by the machine's own count"),
        pytest.param(0.0, 99.0, "b", "r1", False, id="before it was made"),
        pytest.param(0.0, 100.0, "b", "r0", False, id="another run"),
        pytest.param(0.0, 100.0, "b", "", False, id="no run before"),
    ],
)
def test_when_a_note_is_good(
    tmp_path: Path, ahead_s: float, uptime_s: float, boot: str, followed: str, is_good: bool
) -> None:
    """By all clocks that can be read, and for the run after the one under which it was made."""
    Notes(tmp_path, Clock(), "b", lambda: 100.0).write(Look("r1", 5, {"h2": "ab"}))

    later = Notes(tmp_path, Shifted(ahead_s), boot, lambda: uptime_s)
    assert later.vouched(followed) == ({"h2": ("ab", 5)} if is_good else {})


@pytest.mark.parametrize("told", ["", "S r1 5", "S r1 5 1 1 b\nh2", "S r1 x 1 1 b", "R r1 5 1 1 b more\n"])
def test_a_note_that_cannot_be_read_vouches_for_nobody(tmp_path: Path, told: str) -> None:
    """Torn, or of another make."""
    (tmp_path / "away").write_text(told)

    assert Notes(tmp_path, Clock(), "b", lambda: 100.0).last() is None
    assert Notes(tmp_path, Clock(), "b", lambda: 100.0).vouched("r1") == {}


def test_evidence_with_holes_vouches_for_nobody(server: EmbeddedRedis, host_on: HostOn) -> None:
    """The folder is not what it was: who knows how old the note in it is."""
    stays, _ = pair(host_on)
    stays.said(stays.enrol())
    stays.master._note_at = float("-inf")
    assert stays.master.tick()
    assert stays.ledger.away()
    (file,) = stays.journal._folder.glob("*.log")
    file.unlink()
    restart(server)

    assert not stays.until_cleared(0.3)


def test_recovery_waits_for_a_host_that_signed_off(server: EmbeddedRedis, copy: Any, host_on: HostOn) -> None:
    """After a fall-back nobody is excused: what it has said is taken over too."""
    stays, leaves = pair(host_on)
    ref = stays.enrol()
    copy.make()
    assert stays.until_cleared()
    assert stays.master.tick()
    stays.said(ref)
    copy.restore()
    assert not stays.until_cleared(0.2)
    assert stays.ledger.beat().fell

    recovery = Recovery(stays.ledger, stays.journal, ACCOUNT)
    taken = recovery.take_over(recovery.look())
    assert (taken.word, taken.detail) == ("waits", leaves.journal.host)


# Signing off -----------------------------------------------------------------------------------------------------


def test_a_claim_that_is_being_sent_keeps_a_host_from_signing_off(server: EmbeddedRedis, host_on: HostOn) -> None:
    """The others would take it for never said."""
    stays, leaves = host_on("a").start(), host_on("b").start()
    ref = leaves.enrol()
    leaves.said(ref)
    assert not leaves.master.sign_off()
    restart(server)

    assert not stays.until_cleared(0.3)
    back = started_again(leaves)
    assert in_order(stays, back)
    assert stays.state(ref) == BatchState.SENDING


def test_a_process_of_the_home_that_lives_keeps_it_from_signing_off(host_on: HostOn) -> None:
    """Another worker, or another master."""
    _, leaves = host_on("a").start(), host_on("b").start()
    other = Journal(leaves.journal._folder.parent)
    other.attendance.begin()
    assert not leaves.master.sign_off()
    assert not leaves.journal.is_away()
    other.close()

    assert leaves.master.sign_off()


def test_a_process_that_starts_waits_for_a_sign_off(host_on: HostOn, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not work under one that is still on its way."""
    monkeypatch.setattr("smsq.worker.host.signoffs.ATTEND_S", 0.05)
    leaves = host_on("b").start()
    other = Journal(leaves.journal._folder.parent)
    with leaves.journal.attendance.alone(), pytest.raises(JournalTrouble, match="signed off"):
        other.attendance.begin()

    other.attendance.begin()


def test_who_does_not_send_for_a_home_does_not_sign_it_off(host_on: HostOn) -> None:
    """A process that only looked has never taken part."""
    leaves = host_on("b").start()
    assert not Master(leaves.ledger, Journal(leaves.journal._folder.parent)).sign_off()


def test_a_frozen_process_keeps_it_from_signing_off(host_on: HostOn) -> None:
    """It is about to write a line."""
    _, leaves = host_on("a").start(), host_on("b").start()
    descriptor = os.open(leaves.journal._folder / "run", os.O_RDWR)
    with held(descriptor, SHARED, 1.0):
        assert not leaves.master.sign_off()
    os.close(descriptor)
    assert leaves.ledger.away() == {}


def test_no_line_is_written_after_the_stop(host_on: HostOn) -> None:
    """Not by a process that outlived it either, whatever run its claim is of."""
    stays, leaves = pair(host_on)
    claim = stays.claim(stays.enrol())
    assert isinstance(claim, Claim)

    assert not leaves.journal.claim(claim.run, claim.n, claim.gateway_id, Ref(1))
    assert leaves.journal.follow("r2")
    assert leaves.journal.newest_run() == OFF
    assert not leaves.journal.claim("r2", 1, 2, Ref(1))
    assert not leaves.journal.come_back("r1")
    assert leaves.journal.come_back("r2")
    assert leaves.journal.claim("r2", 1, 2, Ref(1))


def test_a_host_that_is_alone_does_not_sign_off(host_on: HostOn) -> None:
    """Nobody could vouch for it: not one that is silent, and not one that has signed off itself."""
    first, second = host_on("a").start(), host_on("b").start()
    assert first.master.sign_off()
    assert not second.master.sign_off()
    assert second.ledger.sign_off(second.ledger.beat().run, second.journal.host) == "alone"

    third = host_on("c").start()
    assert in_order(started_again(second), third)
    at = time.time() + 30.0
    shifted(second, lambda: at)
    assert not second.master.sign_off()


def test_a_host_that_signs_off_vouches_for_nobody(server: EmbeddedRedis, host_on: HostOn) -> None:
    """A host that returns meanwhile waits for it no more, so what it had noted must be gone."""
    one, two, three = (host_on(name).start() for name in "abc")
    assert in_order(one, two, three)
    assert three.master.sign_off()
    assert one.master.tick()
    assert two.master.tick()
    assert two.master.sign_off()

    assert two.journal.notes.last() is None
    assert one.master.tick()
    fields = [field.decode() for field in one.ledger.redis.hkeys(one.ledger.key(f"looks:{one.ledger.beat().run}"))]
    assert sorted(fields) == sorted(f"{one.journal.host} {other.journal.host}" for other in (two, three))


@pytest.mark.parametrize("what", ["a run that is not in force", "a ledger that fell", "a ledger that lacks something"])
def test_a_ledger_in_doubt_takes_no_sign_off(server: EmbeddedRedis, host_on: HostOn, what: str) -> None:
    """Nothing may be concluded from what it contains."""
    _, leaves = host_on("a").start(), host_on("b").start()
    run = leaves.ledger.beat().run
    if what == "a run that is not in force":
        restart(server)
    elif what == "a ledger that fell":
        leaves.ledger.redis.hset(leaves.ledger.key("ctl"), "fell", "why")
    else:
        leaves.journal.claim(run, 1, 2_000_000_001, Ref(9))
        assert not leaves.master.sign_off()
        assert leaves.ledger.away() == {}
        return

    assert not leaves.master.sign_off()
    assert leaves.ledger.sign_off(run, leaves.journal.host) == "not now"


def test_evidence_with_holes_takes_no_sign_off(host_on: HostOn) -> None:
    """The ledger may contain all that is left of it, and not all that was."""
    _, leaves = host_on("a").start(), host_on("b").start()
    claim = leaves.said(leaves.enrol())
    leaves.ledger.settle_accepted(claim, 1, None, 60.0)
    leaves.journal.note()
    (file,) = leaves.journal._folder.glob("*.log")
    file.unlink()

    assert not leaves.master.sign_off()


def test_a_sign_off_that_comes_late_is_refused(host_on: HostOn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that sent it is dead, and the home was started again before Redis read it."""
    _, leaves = host_on("a").start(), host_on("b").start()
    calls: list[Any] = []
    call = Ledger.call
    monkeypatch.setattr(Ledger, "call", lambda ledger, *args: calls.append(args) or [b"later"])
    leaves.ledger.sign_off(leaves.ledger.redis.hget(leaves.ledger.key("run"), "current").decode(), leaves.journal.host)
    monkeypatch.setattr(Ledger, "call", call)
    time.sleep(0.002)  # the next start has another time
    started_again(leaves)
    (late,) = calls

    assert leaves.ledger.call(*late) == [b"not now"]
    assert leaves.ledger.away() == {}


# Coming back -----------------------------------------------------------------------------------------------------


def test_a_home_that_does_not_know_of_its_sign_off_waits_too(host_on: HostOn) -> None:
    """An older copy of its files was put back: others may vouch for it all the same."""
    stays, leaves = pair(host_on)
    run = leaves.ledger.beat().run
    assert leaves.journal.come_back(run)
    back = started_again(leaves)

    assert not back.until_cleared(0.2)
    assert in_order(stays, back)


def test_a_host_that_is_silent_is_waited_for_three_minutes(host_on: HostOn) -> None:
    """By then what it had noted counts no more; longer than that nobody waits."""
    stays, leaves = pair(host_on)
    look = stays.journal.notes.last()
    assert WAITED_FOR_MS > VOUCHED_S * 1000
    assert leaves.ledger.come_back(look.run, leaves.journal.host)[0] == "waits"
    assert stays.ledger.away() == {}
    back = started_again(leaves)
    for passed_s, is_back in ((WAITED_FOR_MS / 1000 - 1, False), (WAITED_FOR_MS / 1000 + 1, True)):
        at = look.at / 1000 + passed_s
        shifted(back, lambda at=at: at)
        assert back.master.tick() is is_back


def test_a_start_takes_the_sign_off_out(host_on: HostOn) -> None:
    """Before its master has looked even once: from then on nobody notes it."""
    stays, leaves = pair(host_on)
    leaves.ledger.establish(ACCOUNT, host=leaves.journal.host, name=leaves.journal.place)

    assert stays.ledger.away() == {}


def test_a_roll_call_brings_nobody_back(server: EmbeddedRedis, host_on: HostOn) -> None:
    """The host that ends it by its report had signed off: it takes no claims by that alone."""
    stays, leaves = host_on("a").start(), host_on("b").start()
    assert leaves.master.sign_off()
    restart(server)
    assert not stays.until_cleared(0.2)
    back = started_again(leaves)

    assert not back.master.tick()
    assert back.ledger.beat().in_force
    assert back.until_cleared()


def test_a_host_that_was_given_up_is_not_waited_for(host_on: HostOn) -> None:
    """`recover --without` says that its disk is gone, and its note with it."""
    stays, leaves = pair(host_on)
    back = started_again(leaves)
    assert not back.until_cleared(0.1)
    Recovery(back.ledger, back.journal, ACCOUNT).give_up([stays.journal.host])

    assert back.until_cleared()


def test_the_ledger_knows_of_a_note_until_the_disk_has_it_no_more(host_on: HostOn) -> None:
    """A look alone proves nothing: the process may die before it writes."""
    stays, leaves = pair(host_on)
    run, me = stays.ledger.beat().run, stays.journal.host
    noted = stays.journal.notes.last()
    assert list(noted.away) == [leaves.journal.host]
    back = started_again(leaves)
    assert back.ledger.come_back(run, leaves.journal.host)[0] == "waits"
    time.sleep(0.002)  # its clock counts in ms
    seen = stays.ledger.look(run, me, noted.at)  # and dies
    assert seen.away == {}
    assert back.ledger.come_back(run, leaves.journal.host)[0] == "waits"
    assert stays.ledger.look(run, me, 0) is not None
    assert back.ledger.come_back(run, leaves.journal.host)[0] == "waits"

    stays.ledger.look(run, me, seen.at)
    assert back.ledger.come_back(run, leaves.journal.host)[0] == "back"


def test_a_full_disk_keeps_nobody_from_coming_back(host_on: HostOn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other looks and cannot write: its note grows no younger by that."""
    stays, leaves = pair(host_on)
    look = stays.journal.notes.last()
    back = started_again(leaves)

    def write(notes: Notes, look: Look) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Notes, "write", write)
    at = look.at / 1000 + WAITED_FOR_MS / 1000 + 1
    for host in (stays, back):
        shifted(host, lambda: at)
    assert stays.master.tick()
    assert back.master.tick()


def test_nothing_is_noted_by_two_at_once(host_on: HostOn) -> None:
    """A master of the same home that was suspended between its look and its note would bring back what is over."""
    stays, leaves = host_on("a").start(), host_on("b").start()
    assert leaves.master.sign_off()
    with Journal(stays.journal._folder.parent).notes.alone():
        assert stays.master.tick()
        assert stays.journal.notes.last() is None
    assert stays.master.tick()

    assert stays.journal.notes.last() is not None


def test_who_was_heard_since_is_not_noted(host_on: HostOn) -> None:
    """An older smsq was started there, which takes no sign-off out."""
    stays, leaves = host_on("a").start(), host_on("b").start()
    assert leaves.master.sign_off()
    homes, at = stays.ledger.key("homes"), f"{leaves.journal.host}:at"
    stays.ledger.redis.hset(homes, at, int(time.time() * 1000) + 1000)

    assert stays.master.tick()
    assert stays.journal.report().away == {}
    assert stays.ledger.look(stays.ledger.beat().run, stays.journal.host, 0).away == {}


def test_the_two_minutes_are_the_same_in_the_script() -> None:
    """It judges by the clock of Redis, the host by its own."""
    (told,) = re.findall(r"VOUCHED_MS = (\d+)", text_of("report"))

    assert int(told) == VOUCHED_S * 1000


def test_a_report_without_notes_is_one_of_an_older_smsq(host_on: HostOn) -> None:
    """Two versions work on one ledger during an upgrade."""
    stays, _ = pair(host_on)
    run = _another_run(stays, stays.journal.notes.last(), 1.0)
    assert HostReport(gateway_id=0, batch=0, runs={}, ids=()).away == {}
    stays.ledger.redis.hset(
        stays.ledger.key(f"rollcall:{run}"), "old", '{"gid":0,"batch":0,"runs":{"-":0},"ids":[],"hosts":["old"]}'
    )

    assert stays.ledger.report(run, stays.journal.host, stays.journal.report())[0] == "waits"


def test_a_home_that_is_away_says_so(host_on: HostOn) -> None:
    """What doctor answers on the machine itself."""
    stays, leaves = pair(host_on)
    runtime = SimpleNamespace(ledger=stays.ledger, views=Views(stays.ledger), journal=leaves.journal)
    found = list(findings(runtime))  # type: ignore[arg-type]

    assert found[-1].said == "this home has signed off; nothing is sent from here"
    assert "three minutes" in found[-1].cure
