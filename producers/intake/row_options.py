"""Options that each row of a file says for itself: columns that are told to be some, such as a sender or a subject.

Only columns that are named are read so: a file may have a column `time` or `comment` that is a field of its text. An
empty cell leaves the option as the campaign has it. Rows with different options leave in different requests.

A row may go by a channel of its own, if that reaches the same kind of recipients and has the same kind of text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from smsq.producers.intake.rows import listed, nearest, shown, tidy
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.carried import check_carried
from smsq.worker.gateway.channels import CHANNELS, Channel, channel
from smsq.worker.gateway.options import OPTIONS, check_options

CHANNEL = "channel"  # which is chosen beside the options
IN_REPORTS = ("sender", CHANNEL)  # what a report says of each row, if rows have their own


@dataclass(frozen=True, slots=True)
class RowOptions:
    """The options of a campaign, and the columns with those of its rows: (option, place of its column).

    `names` are the columns as the file has them. Rows have to be carried by `transport`.
    """

    options: Options
    columns: tuple[tuple[str, int], ...]
    names: tuple[str, ...] = ()
    transport: str = "http"
    _known: dict[tuple[str, ...], Options] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        options: Options,
        named: Mapping[str, str] | Sequence[str],
        columns: Sequence[str],
        transport: str = "http",
    ) -> RowOptions:
        """Find the columns: `named` are options, each with its column if that has another name. Raises BadInput."""
        pairs = dict(named) if isinstance(named, Mapping) else {name: name for name in named}
        tidied = [tidy(column) for column in columns]
        found, called = [], []
        for name, column in pairs.items():
            if name not in OPTIONS and name != CHANNEL:
                raise BadInput(f"there is no option {name!r}{nearest(str(name), (*OPTIONS, CHANNEL))}")
            if tidy(column) not in tidied:
                raise BadInput(f"there is no column {column} for the option {name}; the columns are {listed(columns)}")
            found.append((name, tidied.index(tidy(column))))
            called.append(column)
        return cls(options, tuple(found), tuple(called), transport)

    @property
    def in_reports(self) -> tuple[str, ...]:
        """What its rows may have of their own that a report has a column for."""
        own = [name for name, _ in self.columns]
        return tuple(name for name in IN_REPORTS if name in own)

    def cells(self, values: Sequence[str]) -> tuple[str, ...]:
        """What a row says of its options; rows that say the same have the same options."""
        return tuple(values[place].strip() for _, place in self.columns)

    def read(self, cells: tuple[str, ...]) -> Options:
        """The options of rows with these cells; raises BadInput that names the option, or the column."""
        known = self._known.get(cells)
        if known is None:
            said = {name: cell for (name, _), cell in zip(self.columns, cells, strict=True) if cell}
            given: dict[str, Any] = {}
            if cell := said.pop(CHANNEL, ""):
                given[CHANNEL] = self._channel(cell).name
            row = channel(given.get(CHANNEL, self.options.channel))
            if "sender" in said and (wrong := row.sender(said["sender"])):
                raise self._wrong("sender", said["sender"], wrong)
            given |= {name: OPTIONS[name].read(cell) for name, cell in said.items()}
            known = msgspec.structs.replace(self.options, **given)
            check_options(known)
            if CHANNEL in given:
                check_carried(self.transport, known)
            if len(self._known) < _MOST_KNOWN:
                self._known[cells] = known
        return known

    def _channel(self, cell: str) -> Channel:
        """The channel that a row names. Raises BadInput for one by which no row of this campaign can go."""
        asked, own = cell.lower(), channel(self.options.channel)
        if asked in CHANNELS and _is_alike(CHANNELS[asked], own):
            return CHANNELS[asked]
        alike = ", ".join(row.name for row in CHANNELS.values() if _is_alike(row, own))
        what = "goes to other recipients or has another kind of text: put these rows into a file of their own"
        why = what if asked in CHANNELS else "there is no such channel"
        raise self._wrong(CHANNEL, cell, f"{why}; rows of this campaign may go by {alike}")

    def _wrong(self, option: str, cell: str, why: str) -> BadInput:
        column = dict(zip((name for name, _ in self.columns), self.names, strict=False)).get(option, option)
        return BadInput(f"column {column}: {shown(cell)}: {why}")


def _is_alike(row: Channel, own: Channel) -> bool:
    """Whether rows of a campaign by `own` may go by this channel."""
    return (
        row.campaigns
        and not row.same_as
        and (row.recipients, row.read, row.has_text) == (own.recipients, own.read, own.has_text)
    )


_MOST_KNOWN = 10_000
