"""Ranges as they are enrolled: nobody in them who is no guest, and simulated numbers in batches of their own.

A batch keeps its place in the file whatever leaves it, since journals know it by that place. Messages to simulated
numbers share a request only if the answer to all of them is the same.
"""

from __future__ import annotations

from dataclasses import replace

from smsq.worker.domain.batch import Options, Packed, unpack_recipients, unpack_rows
from smsq.worker.domain.campaign import Range, Reject
from smsq.worker.domain.cutting import part_of
from smsq.worker.domain.guests import EVERYBODY, Guests
from smsq.worker.domain.recipient import written
from smsq.worker.domain.simulated import group_of
from smsq.worker.ledger.campaigns.copying import CountParts

NO_GUEST = "not on the guest list (SMSQ_GUESTS), and only its numbers can be reached"
_LARGEST_BEGINNING = 4  # of a number of +1 in five bytes, most significant first: none of +7 has it


def reachable(part: Range, options: Options, count: CountParts, guests: Guests = EVERYBODY) -> Range:
    """A range without those who are no guests, which are among its rejects, and with simulated numbers apart.

    `count` counts the parts of a text with these options.
    """
    batches: list[Packed] = []
    rejects: list[Reject] = []
    for batch in part.batches:
        if not guests.is_limited and not _may_simulate(batch.recipients):
            batches.append(batch)
        else:
            batches += _groups(batch, batch.options or options, count, guests, rejects)
    if len(batches) == len(part.batches) and not rejects:
        return replace(part, batches=tuple(batches))
    return replace(
        part,
        batches=tuple(sorted(batches, key=lambda batch: batch.first_row)),
        rejects=tuple(sorted((*part.rejects, *rejects), key=lambda reject: reject.row)),
    )


def _may_simulate(recipients: bytes) -> bool:
    """Whether packed recipients may have simulated numbers among them, by a look at their first bytes."""
    return recipients[0] != 5 or min(recipients[1::5], default=255) <= _LARGEST_BEGINNING


def _groups(batch: Packed, options: Options, count: CountParts, guests: Guests, rejects: list[Reject]) -> list[Packed]:
    """A batch cut by how its messages are answered; the real ones keep its place."""
    recipients = unpack_recipients(batch.recipients)
    rows = unpack_rows(batch.rows, batch.first_row, batch.count)
    groups: dict[str, list[int]] = {}
    for place, recipient in enumerate(recipients):
        if guests.admits(recipient):
            groups.setdefault(group_of(recipient), []).append(place)
        else:
            rejects.append(Reject(rows[place], "invalid", NO_GUEST, written(recipient)))
    if list(groups) == [""] and len(groups[""]) == batch.count:
        return [batch]
    taken = {rows[places[0]] for name, places in groups.items() if name}
    made = []
    for name, places in groups.items():
        first = None if name or batch.first_row in taken else batch.first_row
        packed = part_of(batch, places, lambda text: count(text, options), first_row=first)
        made.append(replace(packed, is_simulated=name != ""))
    return made
