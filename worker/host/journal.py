"""The send journal of a host: each send and each enrolment, written down outside Redis.

A ledger that fell back cannot know that it did; the journals of its hosts tell. Each process writes files of its own
under `$SMSQ_HOME/journal`, one line per claim, enrolment, order or test, without text or phone. A file is of one run:

    R <run>                                    the run of the server that granted what follows
    C <n> <gateway id> <batch> <unix time> <mirror> <key hash>   a claim, before its first byte leaves
    E <n> <batch number> <key hash> <unix time>                  an enrolment, before it returns
    O <n> <verb>/<campaign or batch> <unix time>                 a person's order, before it returns
    T 0 <message> <first, longest or random> <unix time>         that message is a test of a campaign

A key hash is the hash of the enrolment key; for a batch of a campaign it is the digest of the file, the first row and
the batch size; `-` if there is none. The file `hosts` names the hosts that must report, as this host last read them.
`boots` counts the starts of this machine: lines written just before a power failure may be lost.

`run` holds the runs that this host has followed, see `followed.py`.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import socket
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from smsq.worker.clock import Clock
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import JournalTrouble
from smsq.worker.host.evidence import Evidence, changed_at, lines_of, tail_of
from smsq.worker.host.file_locks import Holder, holders
from smsq.worker.host.followed import OFF, Followed
from smsq.worker.host.signoffs import Attendance, Notes
from smsq.worker.ledger.runs import HostReport

log = logging.getLogger(__name__)

LATELY_S = 3600.0  # a report names claims younger than this one by one
MOST_NAMED = 5000  # of these; the highest numbers cover older ones
FILE_FULL = 4 * 1024 * 1024  # bytes after which a process begins another file
KEPT_S = 30 * 86400.0  # as long as an old copy of the ledger might be restored
CLOCKS_APART_S = 10800.0  # by which the clocks of host and Redis may differ; with more a process sends nothing
UNSURE_S = 3600.0  # after a start of the machine: longer than any claim is held
LEAST_WORDS = {"C": 5, "E": 5, "O": 4}  # a line with fewer words was cut


class Said(NamedTuple):
    """A send in a journal."""

    gateway_id: int
    ref: Ref
    at: int  # Unix seconds by the host's clock
    mirror: str  # '' if it is not known
    known_as: str  # '' for a message without an enrolment key


class Brought(NamedTuple):
    """An enrolment in a journal."""

    number: int  # of the batch; for a range, of its last batch
    known_as: str  # hash of the key, or `campaign/range`
    at: int


class Ordered(NamedTuple):
    """A person's order in a journal."""

    what: str  # such as `cancel/6xkdk` or `drop/4711`
    at: int


class Journal:
    """The journal of one process and, for a master, of its whole host. Thread-safe."""

    def __init__(self, home: Path, *, fsync: bool = False, clock: Clock | None = None) -> None:
        self._folder = home.expanduser().absolute() / "journal"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fsync = fsync
        self._clock = clock or Clock()
        self._out: int | None = None
        self._written = 0
        self._run_written = ""
        self._is_in_trouble = False  # the last line could not be written
        self._followed = Followed(self._folder)
        self._lock = self._followed.threads
        self._evidence = Evidence(self._folder, self._followed.descriptor)
        self._pid = os.getpid()
        self._boots = self._note_boot()
        self.attendance = Attendance(self._folder)
        self.notes = Notes(self._folder, self._clock, boot_id(), uptime_s)

    @property
    def host(self) -> str:
        """The host's name in the roll call, drawn once per home."""
        path = self._folder / "host"
        try:
            with open(path, "x") as out:
                out.write(secrets.token_hex(6))
        except FileExistsError:
            pass
        return path.read_text().strip()

    @property
    def place(self) -> str:
        """The host's name for people: machine and home."""
        return f"{socket.gethostname()}:{self._folder.parent}"

    @property
    def where(self) -> str:
        """Which home this is: a copy of it has the same number, and another place, disk or machine."""
        own = os.fstat(self._followed.descriptor)
        return f"{boot_id() or socket.gethostname()}/{own.st_dev}/{own.st_ino}"

    def claim(self, run: str, n: int, gateway_id: int, ref: Ref, mirror: str = "", known_as: str = "") -> bool:
        """Write down that a send begins. False if this host follows another run: then the send must not begin.

        Raises JournalTrouble if the line cannot be written.
        """
        line = f"C {n} {gateway_id} {ref} {int(self._clock.now())} {mirror or '-'} {known_as or '-'}\n"
        try:
            return self._write(run, line, only_if_followed=True)
        except OSError as error:
            raise JournalTrouble(
                f"the journal under SMSQ_HOME cannot be written ({error.strerror}): nothing is sent until it can"
            ) from None

    def enrolment(self, run: str, n: int, batch: int, key_hash: str) -> None:
        """Write down an enrolment. It is in the ledger already, so trouble here is only logged."""
        try:
            self._write(run, f"E {n} {batch} {key_hash or '-'} {int(self._clock.now())}\n", only_if_followed=False)
        except OSError as error:
            log.error("enrolment not in the journal batch=%d why=%s", batch, error.strerror)

    def order(self, run: str, n: int, what: str) -> None:
        """Write down a person's order. It is in the ledger already, so trouble here is only logged."""
        try:
            self._write(run, f"O {n} {what} {int(self._clock.now())}\n", only_if_followed=False)
        except OSError as error:
            log.error("order not in the journal order=%s why=%s", what, error.strerror)

    def trial(self, message_id: str, which: str) -> None:
        """Write down that a message is a test of a campaign, for people who read journals; nothing depends on it."""
        with contextlib.suppress(OSError):
            self._write(
                self._run_written, f"T 0 {message_id} {which} {int(self._clock.now())}\n", only_if_followed=False
            )

    def is_unsure(self) -> bool:
        """Whether lines may be missing.

        That is so if a file is gone or shorter than it was, if the list of hosts is gone, or if this machine started
        within the hour and lines were not synced. Raises JournalTrouble if it cannot be told.
        """
        if not self._evidence.is_whole() or (self._files() and not self.hosts()):
            return True
        return self._boots > 1 and not self._fsync and uptime_s() < UNSURE_S

    def is_writable(self) -> bool:
        """Whether a line can be written again, after one could not."""
        if not self._is_in_trouble:
            return True
        try:
            self._write(self._run_written, "P\n", only_if_followed=False)
        except OSError:
            return False
        return True

    def remember_hosts(self, hosts: Collection[str]) -> None:
        """Write down which hosts must report, as the ledger in force says: an older copy may not know them all."""
        if set(hosts) != set(self.hosts()):
            place = self._folder / "hosts"
            fresh = place.with_suffix(f".{os.getpid()}")
            fresh.write_text("\n".join(sorted(hosts)))
            fresh.replace(place)

    def note(self) -> None:
        """Write down how long the files are, so that a loss is noticed; if that fails, the next call tries again."""
        with contextlib.suppress(OSError, JournalTrouble):
            self._evidence.note()

    def hosts(self) -> list[str]:
        """The hosts that this host knows."""
        try:
            return (self._folder / "hosts").read_text().split()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise JournalTrouble(f"the journal under SMSQ_HOME cannot be read ({error.strerror})") from None

    def follows(self) -> str:
        """The run this host follows now, '' for none yet, `OFF` if it has left."""
        with self._followed.writing():
            return self._followed.newest()

    def newest_run(self) -> str:
        """The same without a lock; a change under way may be missed."""
        return self._followed.newest()

    def holders(self) -> list[Holder]:
        """The processes that keep the master from following a new run."""
        return holders(self._followed.descriptor)

    def follow(self, run: str) -> bool:
        """As the master: follow a new run; a host that left stays away. False while a process holds the file.

        Raises LedgerHalted if this host followed that run earlier and left it: a host never returns to a run.
        """
        return self._followed.follow(run)

    def leave(self) -> bool:
        """Write no claim and vouch for no host, until `come_back`. False if a process holds the file."""
        has_left = self._followed.leave()
        if has_left:
            self.notes.drop()
        return has_left

    def is_away(self) -> bool:
        """Whether this host left and is not back."""
        return self._followed.newest() == OFF

    def come_back(self, run: str) -> bool:
        """Write claims of `run` again. False if another run is followed, or a process holds the file."""
        return self._followed.come_back(run)

    def knows_sends(self) -> bool:
        """Whether any journal kept in this home has a send."""
        return any(line.startswith("C ") for path in self._files() for line in tail_of(path))

    def sent_ids(self) -> set[int]:
        """Every gateway id in the journals of this home, however old."""
        rows = (line.split() for path in self._files() for line in lines_of(path))
        return {int(words[2]) for words in rows if len(words) >= 5 and words[0] == "C" and words[2].isdigit()}

    def said(self, gateway_ids: Collection[int], since: float) -> set[int]:
        """Those of these ids that journals of this home have as claimed since `since` (Unix seconds, Redis' clock)."""
        wanted = {str(gateway_id) for gateway_id in gateway_ids}
        if not wanted:
            return set()
        recent = [path for path in self._files() if changed_at(path) >= since - CLOCKS_APART_S]
        lines = (line.split() for path in recent for line in lines_of(path))
        return {int(words[2]) for words in lines if len(words) >= 5 and words[0] == "C" and words[2] in wanted}

    def beyond(self, contained: Mapping[str, int]) -> tuple[list[Said], list[Brought], list[Ordered]]:
        """What the journals of this home have and a ledger lacks; `contained` is the last n that it has of each run."""
        said: dict[int, Said] = {}
        brought: list[Brought] = []
        orders: list[Ordered] = []
        for path in self._files():
            run = ""
            for words in map(str.split, lines_of(path)):
                if len(words) == 2 and words[0] == "R":
                    run = words[1]
                elif len(words) < 4 or not words[1].isdigit() or int(words[1]) <= contained.get(run, 0):
                    continue
                elif words[0] == "O":
                    orders.append(Ordered(words[2], int(words[3])))
                elif len(words) < 5:
                    continue
                elif words[0] == "C":
                    mirror, key = (*(word if word != "-" else "" for word in words[5:7]), "", "")[:2]
                    said[int(words[2])] = Said(int(words[2]), Ref.parse(words[3]), int(words[4]), mirror, key)
                elif words[0] == "E":
                    brought.append(Brought(int(words[2]), words[3] if words[3] != "-" else "", int(words[4])))
        return [said[gateway_id] for gateway_id in sorted(said)], brought, orders

    def report(self, also: Collection[int] = ()) -> HostReport:
        """What all journals of this home know; ids in `also` are named however old they are."""
        gateway_id = batch = 0
        runs: dict[str, int] = {}
        named: list[tuple[int, int]] = []
        since = self._clock.now() - LATELY_S
        for path in self._files():
            recent = changed_at(path) >= since
            run = ""
            for line in lines_of(path) if recent else tail_of(path):
                words = line.split()
                if len(words) == 2 and words[0] == "R":
                    run = words[1]
                elif len(words) >= LEAST_WORDS.get(words[0] if words else "", 99) and words[1].isdigit():
                    n = int(words[1])
                    if run:
                        runs[run] = max(runs.get(run, 0), n)
                    if words[0] == "O":
                        continue
                    if words[0] == "C":
                        gateway_id = max(gateway_id, int(words[2]))
                        batch = max(batch, Ref.parse(words[3]).number)
                        if int(words[4]) >= since:
                            named.append((int(words[4]), int(words[2])))
                    else:
                        batch = max(batch, int(words[2]))
        ids = sorted({found for _, found in sorted(named)[-MOST_NAMED:]}.union(also))
        is_unsure, before = self.is_unsure(), self._followed.runs()[-2:-1]
        return HostReport(
            gateway_id=gateway_id,
            batch=batch,
            runs=runs,
            ids=ids,
            hosts=self.hosts(),
            away=self.notes.vouched(before[0]) if before and not is_unsure and not self.is_away() else {},
            is_unsure=is_unsure,
        )

    def last(self) -> HostReport | None:
        """What the newest file of this home knows, a quick look; None if there is no file."""
        newest = max(self._files(), key=changed_at, default=None)
        lines = [line.split() for line in tail_of(newest)] if newest else []
        ends = [int(words[1]) for words in lines if words and words[0] in LEAST_WORDS and words[1].isdigit()]
        if not ends or lines[0][0] != "R":
            return None
        return HostReport(gateway_id=0, batch=0, runs={lines[0][1]: max(ends)}, ids=())

    def close(self) -> None:
        """Close the files; the journal must not be used any more. May be called twice."""
        with self._lock:
            out, self._out = self._out, None
            self._followed.close()
        self.attendance.close()
        if out is not None:
            os.close(out)

    def __del__(self) -> None:
        """Close the files of a journal that was never closed."""
        if hasattr(self, "attendance"):
            with contextlib.suppress(OSError):
                self.close()

    def tidy(self) -> int:
        """Remove files older than any copy of the ledger that might be restored; how many, 0 while others write."""
        with self._lock, self._followed.unless_held() as is_ours:  # a process that had one open begins another
            if not is_ours:
                return 0
            old = [path for path in self._files() if changed_at(path) < self._clock.now() - KEPT_S]
            for path in old:
                path.unlink(missing_ok=True)
        if old:
            self.note()
        return len(old)

    def _write(self, run: str, line: str, *, only_if_followed: bool) -> bool:
        try:
            is_written = self._append(run, line, only_if_followed=only_if_followed)
        except OSError:
            self._is_in_trouble = True
            raise
        self._is_in_trouble = False
        return is_written

    def _append(self, run: str, line: str, *, only_if_followed: bool) -> bool:
        # An enrolment counts under any run, so it takes no lock, and a suspended producer holds up no other process.
        with self._followed.writing() if only_if_followed else self._lock:
            if only_if_followed and self._followed.newest() != run:
                return False
            self._evidence.require_same()
            out = self._open(run)
            if not self._written:
                line = f"R {run}\n{line}"
            written = os.write(out, line.encode())
            self._written += written
            if written < len(line):  # the cut line is the last of its file
                os.close(out)
                self._out = None
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._fsync:
                os.fsync(out)
            return True

    def _open(self, run: str) -> int:
        full = self._written >= FILE_FULL or run != self._run_written
        if self._out is None or full or self._pid != os.getpid() or not os.fstat(self._out).st_nlink:
            if self._out is not None:
                os.close(self._out)
            self._pid = os.getpid()
            name = f"{int(self._clock.now())}-{self._pid}-{secrets.token_hex(3)}.log"
            self._out = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._written, self._run_written = 0, run
        return self._out

    def _note_boot(self) -> int:
        """How many starts of this machine the folder has seen, this one included; 2 if that cannot be told."""
        path, current = self._folder / "boots", boot_id()
        if not current:
            return 2
        known = path.read_text().split() if path.exists() else []
        if current not in known:
            with open(path, "a") as out:
                out.write(f"{current}\n")
                out.flush()
                os.fsync(out.fileno())
            known.append(current)
        return len(known)

    def _files(self) -> list[Path]:
        return self._evidence.files()


def boot_id() -> str:
    """The id of this start of the machine; '' if the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def uptime_s() -> float:
    """How long this machine has been up, in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
