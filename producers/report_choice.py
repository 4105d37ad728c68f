"""Which rows a report has: `--only` names statuses, or words for several of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from smsq.producers.report import REJECTED
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.status import REPORT_STATUSES

# Words for several statuses. `delivered` has those that say more than that; each status has its own name besides.
GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "failed": frozenset({"expired", "undeliverable", "refused"}),
    "delivered": frozenset({"delivered", "read", "clicked"}),
    "unsent": frozenset({"queued", "cancelled", "late", "optout", "blocked", "capped"}),
    "undecided": frozenset({"sending", "doubtful", "parked", "accepted"}),
    "rejected": REJECTED,
}
WORDS: Final = tuple(dict.fromkeys((*GROUPS, *REPORT_STATUSES)))


def chosen(words: Iterable[str]) -> frozenset[str]:
    """The statuses that these words name, several in one with commas; empty for every status. Raises BadInput.

    >>> sorted(chosen(["failed,late"]))
    ['expired', 'late', 'refused', 'undeliverable']
    """
    found: frozenset[str] = frozenset()
    for word in (each.strip().lower() for told in words for each in told.split(",")):
        if word not in WORDS:
            near = difflib.get_close_matches(word, WORDS, 1)
            raise BadInput(
                f"--only: there is no status {word!r}{f', perhaps {near[0]}' if near else ''}; "
                f"the words are {', '.join(WORDS)}"
            )
        found |= GROUPS.get(word, frozenset({word}))
    return found


def only(receipts: Iterable[Receipt], statuses: frozenset[str]) -> Iterator[Receipt]:
    """The receipts of these statuses; all if there is none."""
    return (each for each in receipts if not statuses or each.status in statuses)
