"""Files of messages on disk: durable before they are named, never missing while needed, never there for ever."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BadInput, FilesTrouble
from smsq.worker.domain.files import Attached, FileRef
from smsq.worker.host import files as module
from smsq.worker.host.files import GRACE_S, Files

MOST = 1000.0
OFFER = b"%PDF offer"


class Store:
    """Files on a clock that the test moves, and what the ledger needs of them."""

    def __init__(self, folder: Path, birth: str = "1234567890") -> None:
        self.folder = folder
        self.birth = birth
        self.clock = Clock()
        self.needed: set[str] = set()
        self.later_s = 0.0
        now = self.clock.now
        self.clock.now = lambda: now() + self.later_s  # type: ignore[method-assign]
        self.files = Files(folder, lambda: self.birth, self.clock)

    def keep(self, content: bytes = OFFER, name: str = "offer.pdf") -> FileRef:
        return self.files.keep(name, io.BytesIO(content), MOST)

    def need(self, digests: Sequence[str]) -> Collection[str]:
        return self.needed.intersection(digests)

    def sweep(self, after_s: float = 0.0) -> None:
        self.later_s += after_s
        for _ in self.files.sweep(self.need):
            pass

    def on_disk(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "files")


def test_what_was_kept_is_read_again(store: Store) -> None:
    """A reference names content by its digest; name and content come back as they were given."""
    file = store.keep()

    assert (hashlib.sha256(OFFER).hexdigest(), len(OFFER)) == (file.digest, file.size)
    assert [Attached("offer.pdf", OFFER)] == store.files.read([file])


def test_two_messages_share_a_file(store: Store) -> None:
    """Equal content is on the disk once, whatever its names are."""
    first, second = store.keep(), store.keep(name="copy.pdf")

    assert (first.digest, [first.digest]) == (second.digest, store.on_disk())


def test_only_the_owner_may_read(store: Store) -> None:
    """Files of messages are as private as the ledger."""
    file = store.keep()

    place = next(store.folder.rglob(file.digest))
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_file_is_synced_before_it_has_its_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content, then name, then folder: a power failure leaves a whole file, or none."""
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def note_sync(handle: int) -> None:
        steps.append(f"sync {os.readlink(f'/proc/self/fd/{handle}').rpartition('/')[2][:5]}")
        sync(handle)

    def note_replace(path: Path, target: Path) -> Path:
        steps.append(f"rename {path.name[:5]}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_replace)

    digest = store.keep().digest

    assert ["sync draft", "sync 12345", "rename draft", f"sync {digest[:2]}"] == steps


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"", "offer.pdf", "is empty"),
        (b"x" * 1001, "offer.pdf", "is larger than 0.001 MB"),
        (OFFER, "a/b.pdf", "no slashes"),
        (OFFER, "a\\b.pdf", "no slashes"),
        (OFFER, "a\r\nb.pdf", "no control characters"),
        (OFFER, " ", "needs a name"),
        (OFFER, "..", "needs a name"),
        (OFFER, "я" * 61, "at most 120 bytes"),
        (OFFER, "\ud800.pdf", "half of a character"),
    ],
)
def test_what_could_not_be_sent_is_not_kept(store: Store, content: bytes, name: str, why: str) -> None:
    """A wrong file is refused with its reason, and leaves nothing on the disk."""
    with pytest.raises(BadInput, match=why):
        store.keep(content, name)

    assert store.on_disk() == []


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """The error names the folder, and that nothing was enrolled."""
    (tmp_path / "files").write_text("no folder")

    with pytest.raises(FilesTrouble, match=r"files cannot be written .*nothing was enrolled"):
        Store(tmp_path / "files").keep()


def test_a_file_that_is_not_here_is_said_so(store: Store) -> None:
    """A host without the file raises, whatever else it has."""
    file = store.keep()
    other = FileRef(name="b.pdf", digest="0" * 64, size=3)

    with pytest.raises(FilesTrouble, match="a file is not in"):
        store.files.read([file, other])


def test_a_file_that_was_changed_is_not_sent(store: Store) -> None:
    """What stands under a digest is checked against it."""
    file = store.keep()
    next(store.folder.rglob(file.digest)).write_bytes(b"something else")

    with pytest.raises(FilesTrouble, match="not what was kept"):
        store.files.read([file])


def test_what_is_needed_stays(store: Store) -> None:
    """However often and late the folder is swept."""
    file = store.keep()
    store.needed = {file.digest}

    for _ in range(4):
        store.sweep(after_s=GRACE_S + 1)

    assert [Attached("offer.pdf", OFFER)] == store.files.read([file])


def test_what_nobody_needs_is_set_aside_and_then_removed(store: Store) -> None:
    """A file outlives its last message by an hour or two, no more."""
    file = store.keep()

    store.sweep(after_s=GRACE_S + 1)
    assert [Attached("offer.pdf", OFFER)] == store.files.read([file])
    store.sweep()
    assert [file.digest] == store.on_disk()
    store.sweep(after_s=GRACE_S + 1)
    assert store.on_disk() == []


def test_a_file_between_keeping_and_enrolment_is_not_removed(store: Store) -> None:
    """Nobody needs it yet; it is too young to be removed."""
    file = store.keep()

    store.sweep(after_s=GRACE_S / 2)

    assert [Attached("offer.pdf", OFFER)] == store.files.read([file])
    assert list(store.folder.rglob("aside/*")) == []


def test_a_file_that_is_kept_on_is_young_again(store: Store) -> None:
    """Also if it was set aside already; one that is gone is said so, before anything is enrolled."""
    file = store.keep()
    store.sweep(after_s=GRACE_S + 1)
    assert list(store.folder.rglob("aside/*"))

    store.files.keep_on(file)
    store.sweep(after_s=GRACE_S - 1)

    assert list(store.folder.rglob("aside/*")) == []
    assert [Attached("offer.pdf", OFFER)] == store.files.read([file])
    store.sweep(after_s=GRACE_S + 1)
    store.sweep(after_s=GRACE_S + 1)
    with pytest.raises(FilesTrouble, match="not kept any more"):
        store.files.keep_on(file)


def test_a_file_kept_again_while_it_is_set_aside_is_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second message takes the same file just as the sweep sets it aside: it can be read, and is put back."""
    file = store.keep()
    set_aside = Path.replace

    def keep_first(path: Path, target: Path) -> Path:
        if path.name == file.digest and "aside" in target.parts:
            monkeypatch.undo()
            store.keep()  # another producer, between the sweep's look and its act
            store.needed = {file.digest}
        return set_aside(path, target)

    monkeypatch.setattr(Path, "replace", keep_first)

    store.sweep(after_s=GRACE_S + 1)
    assert len(list(store.folder.rglob("aside/*"))) == 1
    assert [Attached("offer.pdf", OFFER)] == store.files.read([file])
    store.sweep(after_s=GRACE_S + 1)
    assert list(store.folder.rglob("aside/*")) == []
    assert [Attached("offer.pdf", OFFER)] == store.files.read([file])


def test_a_draft_of_a_process_that_died_is_removed(store: Store) -> None:
    """A kill between writing and naming leaves a draft, which goes; a young one may still be written."""
    store.keep()
    draft = store.folder / store.birth / f"draft-{'0' * 32}"
    draft.write_bytes(b"half")

    store.sweep()
    assert draft.exists()
    store.sweep(after_s=GRACE_S + 1)
    assert not draft.exists()


def test_another_ledgers_files_are_left_alone(tmp_path: Path) -> None:
    """Two ledgers may share the folder: each sweeps its own, until one was not used for two months."""
    store, other = Store(tmp_path / "files"), Store(tmp_path / "files", birth="1987654321")
    theirs = other.keep(b"theirs")
    stranger = tmp_path / "files" / "letters"
    stranger.mkdir()
    (stranger / "1.txt").write_text("not ours")

    store.sweep(after_s=30 * 86_400.0)
    assert [Attached("offer.pdf", b"theirs")] == other.files.read([theirs])
    store.sweep(after_s=module.FOREIGN_S)
    assert store.on_disk() == ["1.txt"]


def test_tidying_is_a_small_part_at_a_time(store: Store) -> None:
    """Called once a second it looks at one folder each time, and begins anew after an hour."""
    for content in range(20):
        store.keep(b"%d" % content)
    asked: list[int] = []

    def need(digests: Sequence[str]) -> Collection[str]:
        asked.append(len(digests))
        return digests

    store.later_s = GRACE_S + 1
    for _ in range(100):
        store.files.tidy(need)

    assert 20 == sum(asked) >= max(asked)
    assert len(asked) > 10
