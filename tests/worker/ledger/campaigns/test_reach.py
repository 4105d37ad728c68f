"""Ranges as they are enrolled: guests alone, and simulated numbers apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smsq.producers.intake.drafts import draft, ranges
from smsq.producers.intake.preflight import look
from smsq.worker.domain.batch import Options, Packed, pack, unpack_recipients, unpack_rows, unpack_texts
from smsq.worker.domain.campaign import Range
from smsq.worker.domain.guests import Guests
from smsq.worker.domain.row_words import RowWords, pack_words, unpack_words
from smsq.worker.gateway.options import parts_of
from smsq.worker.ledger.campaigns.reach import NO_GUEST, reachable

REAL = [79990000000 + n for n in range(4)]
SIMULATED = [12125550100, 13125550101, 12125550177]


def told(batch: Packed) -> tuple[bool, list[int], list[int]]:
    """Whether it is simulated, its rows and its phones."""
    rows = unpack_rows(batch.rows, batch.first_row, batch.count)
    return batch.is_simulated, rows, list(unpack_recipients(batch.recipients))


@pytest.mark.parametrize("text", ["Hello", "Hello {name}"], ids=["one text", "own texts"])
def test_simulated_numbers_share_no_request_with_real_ones(text: str) -> None:
    """Nor with each other, if they are answered differently; every row is in one batch, at its place in the file."""
    phones = [REAL[0], SIMULATED[0], REAL[1], SIMULATED[1], SIMULATED[2], REAL[2]]
    rows = [(f"+{phone}", f"N{n}") for n, phone in enumerate(phones, 1)]
    (part,) = ranges(draft(rows, text=text, columns=("phone", "name")), 100)

    assert [told(batch) for batch in part.batches] == [
        (False, [1, 3, 6], REAL[:3]),
        (True, [2, 4], SIMULATED[:2]),
        (True, [5], SIMULATED[2:]),
    ]
    assert [batch.parts for batch in part.batches] == [3, 2, 1]
    if text != "Hello":
        assert unpack_texts(part.batches[1].texts) == ["Hello N2", "Hello N4"]


def test_no_two_batches_stand_at_one_place() -> None:
    """Journals know a batch by it."""
    phones = [SIMULATED[0], *REAL, SIMULATED[2]]
    (part,) = ranges(draft([str(f"+{each}") for each in phones], text="Hi"), 100)
    places = [batch.first_row for batch in part.batches]

    assert len(set(places)) == len(places) == 3
    assert places == sorted(places)


def test_who_is_no_guest_is_a_row_that_is_not_sent() -> None:
    """Named with its reason, as any other; a simulated number is always a guest."""
    guests = Guests(frozenset({REAL[0]}))
    drafted = draft([f"+{each}" for each in (REAL[0], REAL[1], SIMULATED[0])], text="Hi", guests=guests)
    (part,) = ranges(drafted, 100)

    assert [told(batch)[1:] for batch in part.batches] == [([1], [REAL[0]]), ([3], [SIMULATED[0]])]
    assert [(each.row, each.status, each.reason) for each in part.rejects] == [(2, "invalid", NO_GUEST)]


def test_a_campaign_for_guests_is_another_than_that_for_all() -> None:
    """Without the list, the rest of the same file may be sent."""
    rows = ["+79990000000"]

    assert draft(rows, text="Hi", guests=Guests(frozenset({1}))).digest != draft(rows, text="Hi").digest


def test_preflight_names_simulated_rows() -> None:
    """And nobody is asked for their price."""
    drafted = draft([f"+{each}" for each in (REAL[0], *SIMULATED)], text="Hi")
    found = look(drafted.source.rows(), drafted.template)

    assert (found.messages, sorted(found.simulated), found.simulated_parts) == (4, [2, 3, 4], 3)
    assert [stratum.messages for stratum in found.strata.values()] == [1]


def test_what_a_batch_has_of_its_rows_goes_with_them() -> None:
    """References, zones and moments of rows are those of the same rows afterwards."""
    words = [RowWords(reference=f"order {n}") for n in range(4)]
    whole = replace(
        pack([REAL[0], SIMULATED[0], REAL[1], SIMULATED[2]], None, [1, 2, 3, 4], 4),
        words=pack_words(words),
        zone=2,
        moment=1_700_000_000.0,
    )
    part = reachable(Range(n=1, batches=(whole,), rejects=(), rows=4), Options(), parts_of)

    assert [[each.reference for each in unpack_words(batch.words, batch.count)] for batch in part.batches] == [
        ["order 0", "order 2"],
        ["order 1"],
        ["order 3"],
    ]
    assert {(batch.zone, batch.moment) for batch in part.batches} == {(2, 1_700_000_000.0)}
