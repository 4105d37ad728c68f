"""A backup of the ledger, and its restoring on another machine.

A backup is the file that Redis itself writes as its snapshot, and a manifest beside it: what the ledger contained,
when, and the digest of the file. It holds recipients and texts, so both files are readable by their owner only.
Restoring puts the file where an empty server finds it as its append-only file. Behind it stands one command, by which
the ledger begins as one that fell back: nothing is sent before every host has reported what its journals know.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from smsq.producers.report import iso
from smsq.worker.domain.errors import BadInput, FilesTrouble, LedgerTrouble
from smsq.worker.ledger.keys import Keys
from smsq.worker.ledger.snapshots import Snapshots

FORMAT: Final = 1
KINDS: Final = (b"REDIS", b"VALKEY")  # what a snapshot begins with
PIECE: Final = 1 << 20
TRIES: Final = 20  # snapshots may be under way that began before ours
LOOK_S: Final = 0.1

Told = Callable[[str, float], None]  # what is done now, and how much of it, 0 to 1


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside a backup."""

    format: int
    taken_at: str  # ISO 8601; the backup has all that was acknowledged before
    version: str  # of smsq
    bytes: int
    sha256: str
    took_s: float
    ledger: dict[str, str | int | float]  # `Contents`, read right before: the backup has at least that


_MANIFEST = msgspec.json.Decoder(Manifest)


def manifest_of(path: Path) -> Path:
    """Where the manifest of a backup is."""
    return path.with_name(f"{path.name}.json")


def make(ledger: Snapshots, path: Path, version: str, *, data: Path | None = None, told: Told) -> Manifest:
    """Write a backup to `path`, a new file; what its manifest says.

    `data` is the folder in which this process sees the data of Redis, if it is not the one that Redis names. Raises
    BadInput if `path` exists or the snapshot cannot be seen from here, LedgerTrouble if Redis cannot write one,
    FilesTrouble if the backup cannot be written; nothing stays behind then.
    """
    for each in (path, manifest_of(path)):
        if each.exists():
            raise BadInput(f"{each} exists, and a backup never takes another's place: give another name")
    source = _source(ledger, data)
    began = time.monotonic()
    contents = ledger.contents()
    with _written(path) as out:
        size, digest = _snapshot(ledger, source, out, told)
    manifest = Manifest(
        format=FORMAT,
        taken_at=iso(contents.at),
        version=version,
        bytes=size,
        sha256=digest,
        took_s=round(time.monotonic() - began, 3),
        ledger=asdict(contents),
    )
    with _written(manifest_of(path)) as out:
        out.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    return manifest


def _source(ledger: Snapshots, data: Path | None) -> Path:
    """The snapshot's file as this process sees it. Raises BadInput if that is not to be seen."""
    named = ledger.snapshot_file()
    folder = data or named.parent
    if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK):
        return folder / named.name
    raise BadInput(
        f"Redis writes its snapshot into {named.parent} of its own machine, and {folder} cannot be read here: run this "
        "command there, as a user who may read it, or name the folder where its data are mounted with --data"
    )


def _snapshot(ledger: Snapshots, source: Path, out: BinaryIO, told: Told) -> tuple[int, str]:
    """Copy a snapshot that begins after this call; its size and digest."""
    for _ in range(TRIES):
        before = _which(source)
        mark = ledger.mark()
        ledger.begin_snapshot()
        while (progress := ledger.snapshot_progress()).is_running:
            told("snapshot", progress.share)
            time.sleep(LOOK_S)
        if not progress.went_well:
            raise LedgerTrouble(
                f"Redis could not write its snapshot {source}: its log says why (a full disk, no memory)"
            )
        if _which(source) != before:
            try:
                size, digest, has_mark = _copy(source, out, mark, told)
            except OSError as error:
                raise _unwritable(source, error) from None
            if has_mark:
                return size, digest
            out.seek(0)
            out.truncate()
        time.sleep(LOOK_S)
    raise BadInput(
        f"{source} is not the snapshot of this ledger: name the folder where its server's data are mounted with --data"
    )


def _which(path: Path) -> tuple[int, int]:
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns
    return 0, 0


def _copy(source: Path, out: BinaryIO, mark: bytes, told: Told) -> tuple[int, str, bool]:
    """Copy a file; its size, its digest, and whether it holds the mark."""
    digest, size, tail, has_mark = hashlib.sha256(), 0, b"", not mark
    with source.open("rb") as file:
        whole = os.fstat(file.fileno()).st_size or 1
        while piece := file.read(PIECE):
            out.write(piece)
            digest.update(piece)
            size += len(piece)
            has_mark = has_mark or mark in tail + piece
            tail = piece[-len(mark) :]
            told("copy", size / whole)
    return size, digest.hexdigest(), has_mark


@contextlib.contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner only, in its place when it is whole and on the disk. Raises FilesTrouble."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(draft.unlink, missing_ok=True)
            descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w+b") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            os.link(draft, path)  # never in the place of another
        _sync(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> FilesTrouble:
    return FilesTrouble(f"the backup failed at {error.filename or path}: {error.strerror}")


def read(path: Path) -> Manifest:
    """The manifest of a backup. Raises BadInput if there is none, FilesTrouble if it cannot be used."""
    if not path.is_file():
        raise BadInput(f"{path} is no file")
    try:
        manifest = _MANIFEST.decode(manifest_of(path).read_bytes())
    except FileNotFoundError:
        raise BadInput(
            f"{manifest_of(path)} is missing: the backup was not finished, or its two files were parted"
        ) from None
    except (OSError, msgspec.DecodeError):
        raise FilesTrouble(f"{manifest_of(path)} is no manifest of a backup") from None
    if manifest.format != FORMAT:
        raise FilesTrouble(f"{path} is of a newer smsq ({manifest.version}): restore it with that version")
    return manifest


def restore(path: Path, folder: Path, *, told: Told) -> Manifest:
    """Put a backup into the empty data folder of a server that is down; its manifest.

    Raises BadInput if the folder is not empty, FilesTrouble if the backup is damaged or cannot be written: nothing is
    there then.
    """
    manifest = read(path)
    if taken := _data_in(folder):
        raise BadInput(f"{taken} holds data, and a backup goes into an empty ledger only: nothing was changed")
    target = folder / "appendonly.aof"
    with _written(target) as out:
        with path.open("rb") as file:
            if not file.read(max(map(len, KINDS))).startswith(KINDS):
                raise FilesTrouble(f"{path} is no snapshot of Redis or Valkey")
        size, digest, _ = _copy(path, out, b"", told)
        if (size, digest) != (manifest.bytes, manifest.sha256):
            raise FilesTrouble(f"{path} is damaged: its size or digest is not what its manifest says")
        out.write(_fall(manifest))
    if os.geteuid() == 0:  # the server reads it as the owner of its folder
        owner = folder.stat()
        os.chown(target, owner.st_uid, owner.st_gid)
    return manifest


def _data_in(folder: Path) -> Path | None:
    """Something in a data folder that a server would read, None if it is empty."""
    for pattern in ("appendonly.aof", "*.rdb", "*.aof", "appendonlydir/*"):
        if (found := next(folder.glob(pattern), None)) is not None:
            return found
    return None


def _fall(manifest: Manifest) -> bytes:
    """What an append-only file goes on with after the snapshot: the ledger fell back."""
    why = f"a backup of {manifest.taken_at} was restored"
    return _command("SELECT", str(manifest.ledger["database"])) + _command("HSET", Keys().of("ctl"), "fell", why)


def _command(*words: str) -> bytes:
    """A command as Redis writes it."""
    said = [word.encode() for word in words]
    return b"*%d\r\n" % len(said) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in said)
