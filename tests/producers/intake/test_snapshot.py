"""A file that is written while a campaign is made of it: what was looked at is what is enrolled."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from smsq.producers.api import Smsq
from smsq.producers.intake.drafts import draft
from smsq.producers.intake.rows import inspect
from smsq.producers.intake.snapshot import Snapshot
from smsq.worker.domain.batch import unpack_recipients
from smsq.worker.domain.errors import BadInput

FIRST = 79990000000

Change = Callable[[Path], object]


def people(path: Path, rows: int) -> Path:
    """A file of so many good rows."""
    path.write_text("\n".join(["phone,name", *(f"+{FIRST + n},P{n}" for n in range(rows))]) + "\n")
    return path


def append(path: Path) -> None:
    """An exporter goes on."""
    with path.open("a") as out:
        out.write(f"+{FIRST + 5555},Late\n")


def cut(path: Path) -> None:
    """A disk that is full, a copy that was broken off."""
    os.truncate(path, path.stat().st_size // 2)


def swap_columns(path: Path) -> None:
    """Somebody saves it otherwise."""
    path.write_text("\n".join(",".join(reversed(line.split(","))) for line in path.read_text().splitlines()))


def replace(path: Path) -> None:
    """Another file takes its name, of the same size and age."""
    other = path.with_suffix(".new")
    other.write_text(path.read_text().replace("+7999", "+7998"))
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)


CHANGES: dict[str, tuple[Change, str]] = {
    "rows added": (append, "has changed since it was checked"),
    "cut": (cut, "has changed since it was checked"),
    "columns swapped": (swap_columns, "has changed since it was checked"),
    "replaced": (replace, "has changed since it was checked"),
    "deleted": (Path.unlink, "has been removed since it was checked"),
}
ALL = pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES.keys())


@ALL
def test_a_file_that_changes_while_one_is_asked_enrols_nothing(
    smsq: Smsq, tmp_path: Path, change: Change, said: str
) -> None:
    """What was agreed on is not what the file holds now: a sentence, and no campaign."""
    file = people(tmp_path / "x.csv", 10)
    drafted = draft(file, text="Hi {name}")
    assert smsq.campaigns.look(drafted).messages == 10
    change(file)

    with pytest.raises(BadInput, match=f"x.csv {said}: nothing was enrolled; run the same command again"):
        smsq.campaigns.enrol(drafted)
    assert smsq.campaigns.list() == []


@ALL
def test_what_goes_in_is_what_was_read(smsq: Smsq, tmp_path: Path, change: Change, said: str) -> None:
    """Whatever becomes of the file between two ranges; and somebody is told."""
    file = people(tmp_path / "x.csv", 2500)
    heard: list[str] = []
    drafted = draft(file, text="Hi")
    view = smsq.campaigns.enrol(
        drafted, enrolled=lambda rows: change(file) if rows == 1000 else None, told=heard.append
    )
    refs = smsq.runtime.views.batch_refs(view.id)
    phones = [phone for batch in smsq.runtime.ledger.read(refs) if batch for phone in batch.recipients]

    assert (view.state, view.rows) == ("running", 2500)
    assert phones == list(range(FIRST, FIRST + 2500))
    assert len(heard) == 1
    assert f"x.csv {said}: campaign {view.id} sends what it held before" in heard[0]


def test_the_same_bytes_are_the_same_file(smsq: Smsq, tmp_path: Path) -> None:
    """Written anew, or touched: nothing has changed."""
    file = people(tmp_path / "x.csv", 10)
    drafted = draft(file, text="Hi")
    file.write_bytes(file.read_bytes())
    os.utime(file, (1, 1))

    assert smsq.campaigns.enrol(drafted).rows == 10


def test_an_interrupted_one_whose_file_has_changed_is_another(smsq: Smsq, tmp_path: Path) -> None:
    """The file as it was goes on at its row; as it is now it is compared with what went in."""
    file = people(tmp_path / "x.csv", 2500)
    kept = file.read_bytes()

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        smsq.campaigns.run(file, text="Hi", enrolled=stop)
    begun = smsq.campaigns.list()[0]
    append(file)
    with pytest.raises(BadInput, match=f"1000 of 2501 rows were sent already .* by campaign {begun.id}"):
        smsq.campaigns.run(file, text="Hi")
    file.write_bytes(kept)
    ended = smsq.campaigns.run(file, text="Hi")

    assert (ended.id, ended.rows, ended.state) == (begun.id, 2500, "running")


def test_rows_of_a_program_are_kept_too(smsq: Smsq) -> None:
    """A list that is changed while it is enrolled."""
    rows = [{"phone": f"+{FIRST + n}"} for n in range(1500)]

    def change(done: int) -> None:
        rows[-1]["phone"] = f"+{FIRST + 5555}"
        rows.append({"phone": f"+{FIRST + 6666}"})

    view = smsq.campaigns.run(rows, text="Hi", enrolled=change)
    ref = smsq.runtime.views.batch_refs(view.id)[-1]
    packed = smsq.runtime.ledger.redis.hget(smsq.runtime.ledger.keys.shard(ref.number), f"{ref.number}p")

    assert view.rows == 1500
    assert unpack_recipients(packed)[-1] == FIRST + 1499


def test_a_copy_has_no_name_and_goes_with_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People's phones are left in no folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "room"))
    (tmp_path / "room").mkdir()
    source = inspect(people(tmp_path / "x.csv", 10))
    looks = [source.rows(), source.rows()]
    both = [next(looks[n % 2]) for n in range(6)]
    file: IO[bytes] = source.snapshot._file
    held = list((tmp_path / "room").iterdir())
    del source, looks
    gc.collect()

    assert [row[0] for row in both if isinstance(row, tuple)] == [1, 1, 2, 2, 3, 3]
    assert held == []
    assert file.closed


def test_no_room_for_the_copy_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the folder that is full, not the file."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")

    def opened(*_: Any, **__: Any) -> IO[bytes]:
        return full.open("r+b", buffering=0)

    monkeypatch.setattr("tempfile.TemporaryFile", opened)
    with pytest.raises(BadInput, match=r"x\.csv cannot be copied to .*No space left on device.*TMPDIR"):
        Snapshot(people(tmp_path / "x.csv", 10))
