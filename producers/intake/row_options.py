"""Options that each row of a file says for itself: columns that are told to be some, such as a subject or a moment.

Only columns that are named are read so: a file may have a column `time` or `comment` that is a field of its text. An
empty cell leaves the option as the campaign has it. Rows with different options leave in different requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from smsq.producers.intake.rows import listed, nearest, tidy
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.options import OPTIONS, check_options

# What was sent already is told by recipient, text and sender, so a campaign has one sender.
OF_THE_CAMPAIGN = {"sender": "rows that were sent already are told by it, so a campaign has one"}


@dataclass(frozen=True, slots=True)
class RowOptions:
    """The options of a campaign, and the columns with those of its rows: (option, place of its column)."""

    options: Options
    columns: tuple[tuple[str, int], ...]
    _known: dict[tuple[str, ...], Options] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, options: Options, named: Mapping[str, str] | Sequence[str], columns: Sequence[str]) -> RowOptions:
        """Find the columns: `named` are options, each with its column if that has another name. Raises BadInput."""
        pairs = dict(named) if isinstance(named, Mapping) else {name: name for name in named}
        tidied = [tidy(column) for column in columns]
        found = []
        for name, column in pairs.items():
            if name not in OPTIONS:
                raise BadInput(f"there is no option {name!r}{nearest(str(name), OPTIONS)}")
            if why := OF_THE_CAMPAIGN.get(name):
                raise BadInput(f"{name!r} is not an option of single rows: {why}")
            if tidy(column) not in tidied:
                raise BadInput(f"there is no column {column} for the option {name}; the columns are {listed(columns)}")
            found.append((name, tidied.index(tidy(column))))
        return cls(options, tuple(found))

    def cells(self, values: Sequence[str]) -> tuple[str, ...]:
        """What a row says of its options; rows that say the same have the same options."""
        return tuple(values[place].strip() for _, place in self.columns)

    def read(self, cells: tuple[str, ...]) -> Options:
        """The options of rows with these cells; raises BadInput that names the option."""
        known = self._known.get(cells)
        if known is None:
            given: dict[str, Any] = {
                name: OPTIONS[name].read(cell) for (name, _), cell in zip(self.columns, cells, strict=True) if cell
            }
            known = msgspec.structs.replace(self.options, **given)
            check_options(known)
            if len(self._known) < _MOST_KNOWN:
                self._known[cells] = known
        return known


_MOST_KNOWN = 10_000
