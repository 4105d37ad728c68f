"""The runs that a host has followed, in `$SMSQ_HOME/journal/run`, the newest last.

A claim is written into a journal under a shared lock on this file, and only if the newest run is the claim's. The
master changes the file under the exclusive lock. When the host has signed off, the file ends with `-`: then no process
that may live on writes a claim until the host is back.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from smsq.worker.domain.errors import LedgerHalted
from smsq.worker.host.file_locks import ALONE, SHARED, held

RUNS_KEPT = 200
RUN_BYTES = 512  # longer than any run
LOCK_S = 2.0  # the longest wait of a claim: the master holds the lock for a millisecond
OFF = "-"  # in place of a newest run: this host signed off
CLOSED = -1  # no descriptor


class Followed:
    """The file of one home. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.descriptor = os.open(folder / "run", os.O_RDWR | os.O_CREAT, 0o600)
        self.threads = threading.Lock()  # a lock on a file counts for all threads together

    def newest(self) -> str:
        """The run that is followed, '' for none yet, `OFF` if the host left; takes no lock."""
        runs = self._read(last=RUN_BYTES)
        return runs[-1] if runs else ""

    def runs(self) -> list[str]:
        """All runs that were followed, without the mark of a host that left."""
        return [run for run in self._read() if run != OFF]

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the shared lock, so that no process changes the file; raises OSError after `LOCK_S`."""
        with self.threads, held(self.descriptor, SHARED, LOCK_S):
            yield

    @contextlib.contextmanager
    def unless_held(self) -> Iterator[bool]:
        """Hold the exclusive lock if it is free; yields whether it was."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(held(self.descriptor, ALONE, 0.0))
            except OSError:
                yield False
                return
            yield True

    def follow(self, run: str) -> bool:
        """Follow a new run; a host that left stays away. False while a process holds the file: try again.

        Raises LedgerHalted if this host followed that run earlier and left it: a host never returns to a run.
        """
        with self.threads, self.unless_held() as is_ours:
            if not is_ours:
                return False
            runs = self.runs()
            if runs and runs[-1] == run:
                return True
            if run in runs:
                raise LedgerHalted(
                    "Redis went back to an older run than this host has already worked with; see `smsq doctor`"
                )
            self._write([*runs, run, *([OFF] if self.newest() == OFF else [])])
            return True

    def leave(self) -> bool:
        """Stop the writing of claims. False while a process holds the file."""
        with self.threads, self.unless_held() as is_ours:
            if is_ours:
                self._write([*self.runs(), OFF])
            return is_ours

    def come_back(self, run: str) -> bool:
        """Allow claims of `run` again. False if another run is followed, or a process holds the file."""
        with self.threads, self.unless_held() as is_ours:
            runs = self.runs()
            if not is_ours or runs[-1:] != [run]:
                return False
            self._write(runs)
            return True

    def close(self) -> None:
        """Close the file; may be called twice."""
        descriptor, self.descriptor = self.descriptor, CLOSED
        if descriptor != CLOSED:
            os.close(descriptor)

    def _read(self, last: int = 0) -> list[str]:
        """All lines, or those in the `last` bytes, of which the first may be cut."""
        size = os.fstat(self.descriptor).st_size
        return os.pread(self.descriptor, size, max(0, size - last) if last else 0).decode().split()

    def _write(self, runs: Sequence[str]) -> None:
        content = "".join(f"{known}\n" for known in runs[-RUNS_KEPT:]).encode()
        os.pwrite(self.descriptor, content, 0)
        os.ftruncate(self.descriptor, len(content))
        os.fsync(self.descriptor)
