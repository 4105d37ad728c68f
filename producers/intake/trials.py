"""The rows of a campaign that are tried first: the first, the one with the longest text, and one at random."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from smsq.worker.domain.batch import Options, unpack_rows, unpack_texts
from smsq.worker.domain.campaign import Range

WHICH: Final = ("first", "longest", "random")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One message as it would leave: why it was chosen, its row in the file, its text and options."""

    which: str
    row: int
    text: str = field(repr=False)
    options: Options


def trials(ranges: Iterable[Range], options: Options, constant: str | None, random: Random) -> list[Trial]:
    """The rows to try, in the order of `WHICH`, each text once; none if no row can be sent.

    `constant` is the text of all rows, None if each has its own. The choice at random is fair over all rows.
    """
    found: dict[str, Trial] = {}
    longest = -1
    for seen, (row, text, own) in enumerate(_messages(ranges, options, constant), 1):
        if seen == 1:
            found["first"] = Trial(which="first", row=row, text=text, options=own)
        if len(text) > longest:
            longest = len(text)
            found["longest"] = Trial(which="longest", row=row, text=text, options=own)
        if random.random() * seen < 1:
            found["random"] = Trial(which="random", row=row, text=text, options=own)
    apart: dict[tuple[str, bytes], Trial] = {}
    for which in WHICH:
        if which in found:
            apart.setdefault((found[which].text, found[which].options.written()), found[which])
    return list(apart.values())


def _messages(ranges: Iterable[Range], options: Options, constant: str | None) -> Iterator[tuple[int, str, Options]]:
    for part in ranges:
        for batch in part.batches:
            rows = unpack_rows(batch.rows, batch.first_row, batch.count)
            said = unpack_texts(batch.texts) if constant is None else [constant] * batch.count
            for row, text in zip(rows, said, strict=True):
                yield row, text, batch.options or options
