"""Which rows a report has."""

from __future__ import annotations

import pytest

from smsq.producers.report_choice import GROUPS, chosen, only
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.status import REPORT_STATUSES


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], set()),
        (["read"], {"read"}),
        (["failed"], {"expired", "undeliverable", "refused"}),
        (["Failed, late", "optout"], {"expired", "undeliverable", "refused", "late", "optout"}),
    ],
    ids=["none", "a status", "a group", "several"],
)
def test_words_become_statuses(words: list[str], expected: set[str]) -> None:
    """A status by its own name, or a word for several; commas and capitals as people type them."""
    assert chosen(words) == expected


def test_every_status_is_in_one_group() -> None:
    """So that the groups of a report add up to all of it."""
    assert sorted(status for group in GROUPS.values() for status in group) == sorted(REPORT_STATUSES)


def test_a_word_that_is_none_names_the_nearest() -> None:
    """And all that there are."""
    with pytest.raises(BadInput, match="no status 'delivred', perhaps delivered; the words are failed, delivered"):
        chosen(["delivred"])


def test_only_these_rows_are_left() -> None:
    """In their order; nothing chosen means everything."""
    rows = [Receipt(id=str(n), phone="+79991234567", status=status) for n, status in enumerate(["read", "late"])]

    assert list(only(rows, frozenset({"late"}))) == rows[1:]
    assert list(only(rows, frozenset())) == rows
