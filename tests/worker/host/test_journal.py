from __future__ import annotations

import fcntl
import os
import resource
import signal
from pathlib import Path

import pytest

from smsq.worker.clock import Clock
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import JournalTrouble, LedgerHalted
from smsq.worker.host.journal import FILE_FULL, KEPT_S, LATELY_S, Journal


class Held(Clock):
    """A clock that stands still."""

    def __init__(self, now: float) -> None:
        self.at = now

    def now(self) -> float:
        return self.at


def test_a_claim_is_written_only_for_the_run_that_is_followed(home: Path) -> None:
    """Once this host follows another run, the send must not begin."""
    journal = Journal(home)
    assert not journal.claim("r1", 1, 100, Ref(1))
    journal.follow("r1")
    assert journal.claim("r1", 1, 100, Ref(1))
    journal.follow("r2")
    assert not journal.claim("r1", 2, 101, Ref(2))
    assert journal.claim("r2", 1, 102, Ref(3, "camp1"))

    report = Journal(home).report()
    assert (report.gateway_id, report.batch, report.runs) == (102, 3, {"r1": 1, "r2": 1})
    assert report.ids == [100, 102]


def test_a_host_never_goes_back(home: Path) -> None:
    """A life of Redis that was left is a copy of the past."""
    journal = Journal(home)
    for run in ("r1", "r2", "r2"):
        assert journal.follow(run)
    with pytest.raises(LedgerHalted, match="an older run"):
        journal.follow("r1")
    assert Journal(home).follows() == "r2"


def test_following_waits_for_whoever_is_writing(home: Path) -> None:
    """A process between looking at the run and writing its line holds the file."""
    journal = Journal(home)
    journal.follow("r1")
    held = os.open(home / "journal" / "run", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_SH)
    assert not journal.follow("r2")
    os.close(held)
    assert journal.follow("r2")


def test_enrolments_are_written_under_any_run(home: Path) -> None:
    """Producers follow nothing; their highest numbers count in the report, and are no sends."""
    journal = Journal(home)
    journal.enrolment("r1", 7, 40, "abc")
    journal.enrolment("r2", 3, 41, "")
    report = journal.report()
    assert (report.batch, report.runs, report.ids) == (41, {"r1": 7, "r2": 3}, [])
    assert not journal.knows_sends()
    journal.follow("r2")
    journal.claim("r2", 4, 100, Ref(41))
    assert journal.knows_sends()


def test_one_home_is_one_host(home: Path, tmp_path: Path) -> None:
    """All of its processes share a name; another home has another."""
    assert Journal(home).host == Journal(home).host != Journal(tmp_path / "other").host


def test_what_was_said_is_found_however_many_came_after(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report names the newest; a claim that is still being sent is looked for in all that was written since."""
    monkeypatch.setattr("smsq.worker.host.journal.MOST_NAMED", 5)
    clock = Held(2_000_000_000.0)
    journal = Journal(home, clock=clock)
    journal.follow("r1")
    for n in range(20):
        journal.claim("r1", n, 100 + n, Ref(n))
    assert journal.report().ids == [115, 116, 117, 118, 119]
    assert journal.said({100, 107, 999}, since=clock.at) == set()  # written by the file system's clock, long before
    assert journal.said({100, 107, 999}, since=0.0) == {100, 107}
    assert journal.report({100, 107}).ids == [100, 107, 115, 116, 117, 118, 119]
    clock.at += LATELY_S + 1
    assert journal.report({100}).ids == [100]


def test_torn_and_foreign_lines_are_skipped(home: Path) -> None:
    """A machine that lost power wrote half of one."""
    journal = Journal(home)
    journal.follow("r1")
    journal.claim("r1", 1, 100, Ref(1))
    (home / "journal" / "1-1-torn.log").write_bytes(
        b"R r1\nC 2 101 2 17\nC 3 1\xff\nC x 103 4 17\nfive words that mean nothing"
    )
    report = journal.report()
    assert (report.gateway_id, report.runs["r1"]) == (101, 2)


def test_old_files_are_read_at_their_ends_and_go_in_the_end(home: Path) -> None:
    """The highest numbers of a file that grew in order are its last."""
    journal = Journal(home)
    path = home / "journal" / "1-1-old.log"
    path.write_text("R r1\n" + "".join(f"C {n} {1000 + n} {n} 17\n" for n in range(1, 20_000)))
    os.utime(path, (1_000_000, 1_000_000))
    assert journal.report().gateway_id == 20_999
    assert journal.report().runs == {"r1": 19_999}
    assert journal.tidy() == 1
    assert journal.report().runs == {}
    assert KEPT_S > 86400


def test_a_full_file_is_followed_by_another(home: Path) -> None:
    """Each begins with its run."""
    journal = Journal(home)
    journal.follow("r1")
    journal.claim("r1", 1, 100, Ref(1))
    journal._written = FILE_FULL
    journal.claim("r1", 2, 101, Ref(2))
    files = sorted((home / "journal").glob("*.log"))
    assert [path.read_text().split("\n")[0] for path in files] == ["R r1", "R r1"]


def test_no_text_and_no_phone(home: Path) -> None:
    """Only numbers and hashes, readable by the owner alone."""
    journal = Journal(home)
    journal.follow("r1")
    journal.claim("r1", 1, 100, Ref(1, "camp1"))
    journal.close()
    (path,) = (home / "journal").glob("*.log")
    assert path.stat().st_mode & 0o077 == 0
    run, claim, _ = path.read_text().split("\n")
    assert (run, claim.split()[:4]) == ("R r1", ["C", "1", "100", "1@camp1"])


def test_a_full_disk_stops_sends_and_not_enrolments(home: Path) -> None:
    """What was enrolled is in the ledger already; what cannot be written down must not be said."""
    journal = Journal(home)
    assert journal.follow("r1")
    journal.enrolment("r1", 1, 5, "key")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60, limit[1]))
    try:
        journal.enrolment("r1", 2, 6, "key" * 20)
        with pytest.raises(JournalTrouble, match="cannot be written"):
            journal.claim("r1", 3, 100, Ref(6), "https://one", "key" * 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    assert journal.claim("r1", 4, 101, Ref(6))
    said = journal.beyond({})[0]
    assert 101 in [each.gateway_id for each in said]


def test_a_file_that_was_removed_while_open_is_not_written_to(home: Path) -> None:
    """A process that had nothing to say for a month begins another."""
    journal = Journal(home)
    journal.follow("r1")
    journal.claim("r1", 1, 100, Ref(1))
    for path in (home / "journal").glob("*.log"):
        os.utime(path, (1_000_000, 1_000_000))
    assert Journal(home).tidy() == 1
    assert journal.claim("r1", 2, 101, Ref(2))

    assert journal.report().runs == {"r1": 2}
