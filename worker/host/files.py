"""Files of messages, kept on disk under their digests until the ledger needs them no more.

A producer keeps a file before it enrols a message: written whole, synced, then renamed, so that a name stands for its
content. The ledger counts who needs each digest. A file that nobody needs and that nobody kept lately is set aside, and
removed if that is still so an hour later; what is set aside can still be read. So a file is never missing between the
keeping and the enrolment, and one whose message was never enrolled does not stay for ever.

Hosts may share the folder. Each ledger has a folder of its own in it, named by its birth.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BadInput, FilesTrouble
from smsq.worker.domain.files import MB, Attached, FileRef, check_name, is_digest

log = logging.getLogger(__name__)

PIECE: Final = 1024 * 1024  # bytes read at once
GRACE_S: Final = 3600.0  # from keeping a file to its message being enrolled; much more than that takes
ROUND_S: Final = 3600.0  # between the beginnings of two sweeps
FOREIGN_S: Final = 60 * 86_400.0  # a folder of another ledger that was not touched for so long is left over
AT_ONCE: Final = 100  # files that the ledger is asked about in one go
ASIDE: Final = "aside"

_DRAFT = re.compile(r"draft-[0-9a-f]{32}")
_BIRTH = re.compile(r"[0-9]{1,10}")

Needed = Callable[[Sequence[str]], Collection[str]]  # of these digests, those that the ledger needs


class Files:
    """The files of one ledger; `birth` tells which ledger that is. Thread-safe."""

    def __init__(self, folder: Path, birth: Callable[[], str], clock: Clock | None = None) -> None:
        self._folder = folder.expanduser().absolute()
        self._birth = birth
        self._clock = clock or Clock()
        self._round: Iterator[None] = iter(())
        self._round_at = float("-inf")

    @property
    def folder(self) -> Path:
        """The folder that the setting names."""
        return self._folder

    # Producers -----------------------------------------------------------------------------------------------------

    def keep(self, name: str, content: BinaryIO, most_bytes: float) -> FileRef:
        """Keep what can be read of `content`, durably, and return what names it.

        Raises BadInput for a wrong name, an empty file, or one of more than `most_bytes`; FilesTrouble if it cannot be
        written. A file that is kept already is written again, so that it counts as kept just now.
        """
        check_name(name)
        try:
            digest, size = self._written(name, content, most_bytes)
        except OSError as error:
            raise FilesTrouble(f"{self._folder} cannot be written ({error.strerror}): nothing was enrolled") from None
        return FileRef(name=name, digest=digest, size=size)

    def keep_on(self, file: FileRef) -> None:
        """Keep a file that was kept before, so that it counts as kept just now; raises FilesTrouble if it is gone."""
        root = self._root()
        place = _place(root, file.digest)
        for found in (place, root / ASIDE / file.digest, place):
            try:
                if found is not place:
                    found.replace(place)
                os.utime(place, (self._clock.now(),) * 2)
            except FileNotFoundError:  # it may be on its way from the one place to the other
                continue
            except OSError as error:
                raise FilesTrouble(
                    f"{self._folder} cannot be written ({error.strerror}): nothing was enrolled"
                ) from None
            return
        raise FilesTrouble(f"the file {file.name!r} is not kept any more: give it once more; nothing was enrolled")

    def _written(self, name: str, content: BinaryIO, most_bytes: float) -> tuple[str, int]:
        root = self._root()
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = root / f"draft-{secrets.token_hex(16)}"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                digest, size = _copied(name, content, most_bytes, out.write)
                out.flush()
                os.fsync(out.fileno())
            place = _place(root, digest)
            if not place.parent.is_dir():
                place.parent.mkdir(exist_ok=True, mode=0o700)
                _sync(root)
            draft.replace(place)
            _sync(place.parent)
        finally:
            draft.unlink(missing_ok=True)
        return digest, size

    # Workers -------------------------------------------------------------------------------------------------------

    def read(self, files: Sequence[FileRef]) -> list[Attached]:
        """The files with their contents; raises FilesTrouble if one is not here, or not what was kept."""
        root = self._root()
        return [Attached(file.name, self._content(root, file)) for file in files]

    def _content(self, root: Path, file: FileRef) -> bytes:
        if not is_digest(file.digest):
            raise FilesTrouble("a file is named by no digest")
        for place in (_place(root, file.digest), root / ASIDE / file.digest, _place(root, file.digest)):
            try:
                content = place.read_bytes()
            except FileNotFoundError:  # it may be on its way from the one place to the other
                continue
            except OSError as error:
                raise FilesTrouble(f"a file cannot be read in {self._folder} ({error.strerror})") from None
            if hashlib.sha256(content).hexdigest() != file.digest:
                raise FilesTrouble(f"a file in {self._folder} is not what was kept: the disk or a person changed it")
            return content
        raise FilesTrouble(f"a file is not in {self._folder}")

    # Upkeep --------------------------------------------------------------------------------------------------------

    def tidy(self, needed: Needed) -> None:
        """Do a small part of the sweep, if one is due; call it about once a second."""
        now = self._clock.monotonic()
        if next(self._round, self) is self and now - self._round_at >= ROUND_S:
            self._round_at = now
            self._round = self.sweep(needed)

    def sweep(self, needed: Needed) -> Iterator[None]:
        """Look at every file, a part of them at each step; raises what `needed` raises."""
        root = self._root()
        yield from self._settle_aside(root / ASIDE, needed)
        for shard in _listed(root):
            yield
            if _DRAFT.fullmatch(shard.name):
                if self._is_old(shard):
                    _remove(shard)
            elif len(shard.name) == 2:
                self._set_aside([file for file in _listed(shard) if is_digest(file.name)], root, needed)
        yield
        self._remove_foreign(root)

    def _set_aside(self, files: Sequence[Path], root: Path, needed: Needed) -> None:
        old = [file for file in files if self._is_old(file)]
        wanted = needed([file.name for file in old]) if old else ()
        for file in old:
            if file.name not in wanted:
                (root / ASIDE).mkdir(exist_ok=True, mode=0o700)
                with contextlib.suppress(FileNotFoundError):  # another host was first
                    os.utime(file, (self._clock.now(),) * 2)  # from when it is aside
                    file.replace(root / ASIDE / file.name)

    def _settle_aside(self, aside: Path, needed: Needed) -> Iterator[None]:
        """Remove what was set aside long enough ago and is still not needed; put back what is."""
        files = [file for file in _listed(aside) if is_digest(file.name) and self._is_old(file)]
        for at in range(0, len(files), AT_ONCE):
            yield
            part = files[at : at + AT_ONCE]
            wanted = needed([file.name for file in part])
            for file in part:
                if file.name in wanted:
                    place = _place(aside.parent, file.name)
                    place.parent.mkdir(exist_ok=True, mode=0o700)
                    with contextlib.suppress(FileNotFoundError):
                        file.replace(place)
                else:
                    _remove(file)
                    log.info("file removed digest=%s", file.name[:12])

    def _remove_foreign(self, root: Path) -> None:
        """Remove folders of ledgers that are gone: of names like ours, and not touched for a long time."""
        for other in _listed(self._folder):
            if other == root or not _BIRTH.fullmatch(other.name):
                continue
            with contextlib.suppress(OSError):
                newest = max(path.stat().st_mtime for path in (other, *_listed(other)))
                if self._clock.now() - newest > FOREIGN_S:
                    shutil.rmtree(other, ignore_errors=True)
                    log.warning("files of another ledger removed folder=%s", other.name)

    def _is_old(self, path: Path) -> bool:
        try:
            return self._clock.now() - path.stat().st_mtime > GRACE_S
        except OSError:
            return False

    def _root(self) -> Path:
        return self._folder / self._birth()


class Unkept:
    """Names files as `Files` does, and keeps none of them."""

    def keep_on(self, file: FileRef) -> None:
        """Nothing: it is only looked at."""

    def keep(self, name: str, content: BinaryIO, most_bytes: float) -> FileRef:
        """What would name this file; raises BadInput as `Files.keep` does."""
        check_name(name)
        digest, size = _copied(name, content, most_bytes, lambda piece: None)
        return FileRef(name=name, digest=digest, size=size)


def _copied(name: str, content: BinaryIO, most_bytes: float, write: Callable[[bytes], object]) -> tuple[str, int]:
    """Copy a file, piece by piece, and return its digest and size; raises BadInput if it is too large, or empty."""
    hashed, size = hashlib.sha256(), 0
    while piece := content.read(PIECE):
        size += len(piece)
        if size > most_bytes:
            raise BadInput(f"the file {name!r} is larger than {most_bytes / MB:g} MB (SMSQ_FILES_MB)")
        hashed.update(piece)
        write(piece)
    if not size:
        raise BadInput(f"the file {name!r} is empty")
    return hashed.hexdigest(), size


def _place(root: Path, digest: str) -> Path:
    return root / digest[:2] / digest


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
