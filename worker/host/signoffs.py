"""Notes of a host about others that signed off: `$SMSQ_HOME/journal/away`, by which it vouches for them.

A host that stopped in order with nothing open signs off with a random number. When Redis restarts, the roll call does
not wait for that host if the ledger has its sign-off and a host that answers has noted that very number. The host
cannot have sent anything since: one that returns takes its sign-off out, and claims nothing until every host that may
have noted it has written down that it is back, or has not looked for three minutes.

So a note counts only
- in the roll call of the first run that is followed after the one in which it was made;
- for two minutes after the look, by Redis' clock, by this machine's and by one that counts while it sleeps.

    S <run> <time of the look in ms, Redis' clock> <Unix time here> <seconds since this machine began> <boot id or ->
    <host> <sign-off>
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import JournalTrouble
from smsq.worker.host.file_locks import ALONE, SHARED, held, lock
from smsq.worker.host.followed import CLOSED
from smsq.worker.ledger.runs import VOUCHED_S, Look

PLACE = "away"
PROCESSES = "processes"
ATTEND_S = 5.0  # longer than a sign-off takes


class Attendance:
    """The processes that send for a home: each holds a lock while it lives; the one that signs off must be alone."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PROCESSES
        self._descriptor = CLOSED

    def begin(self) -> None:
        """Be one of them until `close`. Raises JournalTrouble while another process signs the home off."""
        if self._descriptor != CLOSED:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            lock(descriptor, SHARED, ATTEND_S)
        except OSError as error:
            os.close(descriptor)
            raise JournalTrouble(f"this home is just being signed off: {error.strerror}") from None
        self._descriptor = descriptor

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes of this home from sending meanwhile; raises OSError if one does send."""
        if self._descriptor == CLOSED:
            raise OSError(errno.EBADF, "this process does not send for this home")
        try:
            lock(self._descriptor, ALONE, 0.0)  # if this fails, the lock we had is lost too
            yield
        finally:
            lock(self._descriptor, SHARED, ATTEND_S)

    def close(self) -> None:
        """Give the lock back; may be called twice."""
        descriptor, self._descriptor = self._descriptor, CLOSED
        if descriptor != CLOSED:
            os.close(descriptor)


class Note(NamedTuple):
    """The last look that was written down."""

    look: Look
    here: float  # Unix seconds by this machine's clock
    uptime: float
    boot: str


class Notes:
    """The note of one home; `boot` is the id of this start of the machine, '' if it cannot be told."""

    def __init__(self, folder: Path, clock: Clock, boot: str, uptime_s: Callable[[], float]) -> None:
        self._path = folder / PLACE
        self._folder = folder
        self._clock = clock
        self._boot = boot
        self._uptime_s = uptime_s

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes of this home from looking and noting meanwhile; raises OSError if one does."""
        descriptor = os.open(self._folder / "looking", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with held(descriptor, ALONE, 0.0):
                yield
        finally:
            os.close(descriptor)

    def last(self) -> Look | None:
        """The look that is on the disk, None if there is none."""
        note = self._read()
        return note.look if note is not None else None

    def write(self, look: Look) -> None:
        """Replace the note; durable when this returns. Raises OSError."""
        here, uptime = self._clock.now(), self._uptime_s()
        told = f"S {look.run} {look.at} {here:.3f} {uptime:.3f} {self._boot or '-'}\n"
        told += "".join(f"{host} {number}\n" for host, number in sorted(look.away.items()))
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with open(fresh, "w") as out:
            out.write(told)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._path)
        self._sync_folder()

    def drop(self) -> None:
        """Remove the note and vouch for no host; durable when this returns. Raises OSError."""
        self._path.unlink(missing_ok=True)
        self._sync_folder()

    def vouched(self, followed_before: str) -> Mapping[str, tuple[str, int]]:
        """The hosts vouched for in the roll call of the run after `followed_before`, with their sign-offs."""
        note = self._read()
        if note is None or not followed_before or note.look.run != followed_before or not self._is_fresh(note):
            return {}
        return {host: (number, note.look.at) for host, number in note.look.away.items()}

    def _is_fresh(self, note: Note) -> bool:
        ages = [self._clock.now() - note.here]
        if note.boot and note.boot == self._boot:
            ages.append(self._uptime_s() - note.uptime)
        return all(0.0 <= age <= VOUCHED_S for age in ages)

    def _read(self) -> Note | None:
        """The note; None if there is none or it cannot be read: then no host is vouched for."""
        try:
            first, *rows = [line.split() for line in self._path.read_text().splitlines()]
            _, run, at, here, uptime, boot = first
            look = Look(run, int(at), dict(rows))
            return Note(look, float(here), float(uptime), boot if boot != "-" else "")
        except (OSError, ValueError):
            return None

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
