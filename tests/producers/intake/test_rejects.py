"""The rejects file: what a person needs to mend a row is in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from smsq.producers.intake.rejects import NO_VALUE, rejected_rows, write_csv
from smsq.producers.intake.rows import Marked
from smsq.worker.domain.receipt import Receipt


@dataclass
class Cells:
    """A file with these cells in its only row."""

    cells: tuple[str, ...]
    name: str = "people.xlsx"
    columns: tuple[str, ...] = ("phone", "name")

    def as_written(self) -> Iterator[tuple[int, str, Sequence[str]]]:
        yield 1, self.cells[0], self.cells


def test_a_value_that_was_lost_is_in_the_reason() -> None:
    """The cell itself is an error, so that the row is rejected again unless it is mended."""
    file, out = cast("Any", Cells((Marked("79990000000"), "Anna"))), io.StringIO()
    receipt = Receipt(id="", row=1, phone="79990000000", status="invalid", error="its digits may be lost")

    assert write_csv(file, rejected_rows(file, [receipt]), out) == 1

    rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert rows[1] == ["its digits may be lost (it was 79990000000)", NO_VALUE, "Anna"]
