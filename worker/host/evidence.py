"""Read the journals of a home, in a way that a verdict may rest on.

A file that cannot be listed or read is an error, never an empty file. The length of each file is written down beside
them every few seconds. If a file is missing or shorter than that, lines may be lost, and nothing may be concluded from
a line that is not there.
"""

from __future__ import annotations

import os
from pathlib import Path

from smsq.worker.domain.errors import JournalTrouble

TAIL = 64 * 1024  # bytes at the end of an old file that hold its highest numbers
SIZES = "sizes"


class Evidence:
    """The files of one journal folder; `run_file` is the descriptor of its file `run`, opened at the start."""

    def __init__(self, folder: Path, run_file: int) -> None:
        self._folder = folder
        self._run_file = run_file

    def require_same(self) -> None:
        """Raise OSError if the folder is not the one this process began with, as after a move or a mount."""
        there, ours = os.stat(self._folder / "run"), os.fstat(self._run_file)
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise OSError(116, "it is another folder than this process began with")

    def files(self) -> list[Path]:
        """Every file with lines; raises JournalTrouble if they cannot be listed."""
        try:
            self.require_same()
            return sorted(self._folder / name for name in os.listdir(self._folder) if name.endswith(".log"))
        except OSError as error:
            raise _unreadable(error) from None

    def is_whole(self) -> bool:
        """Whether every file is there and at least as long as noted; False if nothing was noted yet."""
        try:
            rows = [row.rpartition(" ") for row in (self._folder / SIZES).read_text().splitlines()]
        except FileNotFoundError:
            return not self.files()
        except OSError as error:
            raise _unreadable(error) from None
        sizes = self._sizes()
        return all(sizes.get(name, -1) >= int(size) for name, _, size in rows if size.isdigit())

    def note(self) -> None:
        """Write down how long each file is; raises OSError or JournalTrouble if that fails."""
        told = "".join(f"{name} {size}\n" for name, size in sorted(self._sizes().items()))
        place = self._folder / SIZES
        if not place.exists() or place.read_text() != told:
            fresh = place.with_suffix(f".{os.getpid()}")
            fresh.write_text(told)
            fresh.replace(place)

    def _sizes(self) -> dict[str, int]:
        try:
            return {path.name: path.stat().st_size for path in self.files()}
        except OSError as error:
            raise _unreadable(error) from None


def changed_at(path: Path) -> float:
    """When a file last grew, Unix seconds by the host's clock; raises JournalTrouble."""
    try:
        return path.stat().st_mtime
    except OSError as error:
        raise _unreadable(error) from None


def lines_of(path: Path) -> list[str]:
    """All lines of a file; raises JournalTrouble."""
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError as error:
        raise _unreadable(error) from None


def tail_of(path: Path) -> list[str]:
    """The first line and the last ones: enough for the highest numbers of a file that grew in order."""
    try:
        with open(path, "rb") as file:
            head = file.readline()
            file.seek(max(len(head), file.seek(0, os.SEEK_END) - TAIL))
            return [head.decode(errors="replace").rstrip("\n"), *file.read().decode(errors="replace").splitlines()]
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> JournalTrouble:
    return JournalTrouble(
        f"the journal under SMSQ_HOME cannot be read ({error.strerror}), so smsq cannot know what was sent, and "
        "decides nothing"
    )
