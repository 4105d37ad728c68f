"""Rows whose recipients may not be sent to leave a range before it is enrolled; they keep their place in the report.

A batch keeps its place in the file whatever leaves it: journals know it by that place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from smsq.worker.domain.batch import Options, Packed, unpack_recipients, unpack_rows
from smsq.worker.domain.campaign import Range, Reject, RejectStatus
from smsq.worker.domain.cutting import part_of
from smsq.worker.domain.recipient import Recipient, written
from smsq.worker.domain.status import Status
from smsq.worker.gateway.options import parts_of

# The statuses of those of some recipients, by place, that may not be sent to by this sender.
Screen = Callable[[Sequence[Recipient], str | None], dict[int, Status]]

NO_SCREEN: Screen = lambda recipients, sender: {}  # noqa: E731
REASONS: dict[Status, tuple[RejectStatus, str]] = {
    Status.OPTOUT: ("optout", "this recipient has opted out"),
    Status.BLOCKED: ("blocked", "a rule blocks messages to this country (`smsq countries`)"),
    Status.CAPPED: ("capped", "this recipient has got as many messages lately as the cap allows (`smsq cap`)"),
}


def screened(part: Range, screen: Screen, options: Options) -> Range:
    """A range without the rows that may not be sent, which are among its rejects; itself if all may be."""
    by_sender: dict[str | None, list[int]] = {}
    for at, batch in enumerate(part.batches):
        by_sender.setdefault((batch.options or options).sender, []).append(at)
    batches: list[Packed | None] = list(part.batches)
    rejects: list[Reject] = []
    for sender, places in by_sender.items():
        recipients = [list(unpack_recipients(part.batches[at].recipients)) for at in places]
        found = screen([each for some in recipients for each in some], sender)
        if not found:
            continue
        start = 0
        for at, some in zip(places, recipients, strict=True):
            here = {place - start: status for place, status in found.items() if start <= place < start + len(some)}
            start += len(some)
            if here:
                batches[at] = _without(part.batches[at], some, here, rejects, options)
    if not rejects:
        return part
    kept = tuple(batch for batch in batches if batch is not None)
    return replace(part, batches=kept, rejects=(*part.rejects, *rejects))


def _without(
    batch: Packed, recipients: Sequence[Recipient], found: dict[int, Status], rejects: list[Reject], options: Options
) -> Packed | None:
    """The batch without these places; None if nothing is left."""
    rows = unpack_rows(batch.rows, batch.first_row, batch.count)
    for place, status in found.items():
        word, reason = REASONS[status]
        rejects.append(Reject(rows[place], word, reason, written(recipients[place])))
    kept = [place for place in range(batch.count) if place not in found]
    if not kept:
        return None
    own = batch.options or options
    return part_of(batch, kept, lambda text: parts_of(text, own), first_row=batch.first_row)
