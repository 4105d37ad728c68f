"""The sample campaign: the file beside the code is what the code writes, and holds what is promised."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from smsq.producers import sample
from smsq.producers.intake.drafts import draft
from smsq.producers.intake.preflight import look


def test_the_file_is_the_first_rows(tmp_path: Path) -> None:
    """Written by arithmetic: the same everywhere."""
    assert sample.write(tmp_path / "people.csv").read_bytes() == sample.PEOPLE.read_bytes()


def test_eight_rows_cannot_be_sent() -> None:
    """One for each thing that goes wrong in real files; all others can."""
    drafted = draft(sample.PEOPLE, text=sample.TEXT)
    found = look(drafted.source.rows(), drafted.template)

    assert (found.rows, found.messages, found.parts, found.duplicates) == (2000, 1992, 1992, 1)
    assert Counter(reject.row for reject in found.rejects) == Counter([7, 42, 99, 128, 256, 777, 1234, 1999])
    assert len({reject.reason for reject in found.rejects}) == 8


def test_a_longer_file_has_no_more_bad_rows(tmp_path: Path) -> None:
    """Its phones do not come again for a long time."""
    drafted = draft(sample.write(tmp_path / "more.csv", 30_000), text=sample.TEXT)

    assert look(drafted.source.rows(), drafted.template).messages == 29_992
