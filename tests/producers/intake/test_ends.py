"""Files that end in the middle of a line: refused if more than the missing break tells that they were cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsq.producers.intake.rows import inspect
from smsq.worker.domain.errors import BadInput

PHONES = [f"+7999123450{n}" for n in range(6)]
CODES = "phone,code\n" + "".join(f"{phone},482{at}\n" for at, phone in enumerate(PHONES[:5]))


def written(folder: Path, content: str) -> Path:
    path = folder / "people.csv"
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "sign"),
    [
        (CODES + "+79991234599,48", "its last cell has 2 characters, all those above it have 4"),
        ("phone\n" + "\n".join(PHONES)[:-2], "its last cell has 10 characters, all those above it have 12"),
        ("phone,name\n+79991234567," + "x" * (4096 - 24), "its size is a multiple of 4096 bytes"),
    ],
    ids=["a code", "a phone", "a whole number of blocks"],
)
def test_a_file_that_was_cut_in_its_last_cell_is_refused(tmp_path: Path, content: str, sign: str) -> None:
    """With the sign and what to do; with a line break behind it, its sender says that this is all."""
    with pytest.raises(BadInput, match=f"may have been cut there: {sign}. Get the whole file, or put a line"):
        inspect(written(tmp_path, content))

    assert inspect(written(tmp_path, content + "\n")).columns[0] == "phone"


@pytest.mark.parametrize(
    "content",
    [
        CODES + "+79991234599,4829",
        CODES + "+79991234599,",
        CODES + "+79991234599",
        CODES + "+79991234599,48201",
        "phone,code\n+79991234501,4821\n+79991234502,48",
        "phone,name\n"
        + "".join(f"{phone},{'Ann' * (1 + at % 2)}\n" for at, phone in enumerate(PHONES))
        + "+79991234599,Bo",
        "phone,code",
    ],
    ids=["whole", "empty", "a row too short", "longer", "few above", "names", "a header alone"],
)
def test_a_file_without_a_last_line_break_is_read(tmp_path: Path, content: str) -> None:
    """Editors leave it out; a short name is no sign of anything."""
    assert inspect(written(tmp_path, content)).columns[0] == "phone"
