from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain.batch import (
    MAX_MESSAGES,
    MessageId,
    Options,
    pack,
    pack_recipients,
    unpack_recipients,
    unpack_rows,
)
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.status import Status

PHONE = 79991234567
WIDTHS = {5: 79991234567, 6: 3_546_789_012_345, 7: 999_999_999_999_999}


@pytest.mark.parametrize("width", WIDTHS)
def test_phones_are_as_wide_as_the_longest(desk: Any, width: int) -> None:
    """From claim to report, and found again by any of them."""
    phones = [WIDTHS[5] + n for n in range(4)] + [WIDTHS[width] - 9 - n for n in range(3)]
    opened = desk.ledger.open_campaign(desk.plan())
    desk.ledger.enrol_range(opened.id, 1, [pack(phones, None, range(1, 8), 7)], [], 7)
    (ref,) = desk.ledger.feed(opened.id, 1, 10)[0]
    claim = desk.settled(ref)

    assert claim.recipients == phones
    assert [desk.fact(claim.gateway_id, phone) for phone in phones] == [1] * 7
    assert [row.phone for row in desk.views.report(opened.id)] == [f"+{phone}" for phone in phones]


def test_packing_is_what_unpacking_reads() -> None:
    """A width byte and the bytes of each; five to seven of them for every phone there is."""
    for width, phone in WIDTHS.items():
        blob = pack_recipients([phone, 7])
        assert (blob[0], len(blob), unpack_recipients(blob)) == (width, 1 + 2 * width, [phone, 7])


def test_a_phone_keeps_its_bytes() -> None:
    """As ledgers of every version have them."""
    assert pack_recipients([PHONE]).hex() == "05129fd96007"
    assert pack_recipients([PHONE, 7]).hex() == "05129fd960070000000007"
    assert pack_recipients([3_546_789_012_345, PHONE]).hex() == "060339cd19637900129fd96007"


addresses = st.sampled_from(["anna@example.ru", "bob+7@example.ru", "@carol", "#123456"])


@given(st.lists(st.one_of(st.integers(1, 10**15), addresses), min_size=1, max_size=20, unique=True))
def test_addresses_are_packed_as_a_list(recipients: list[Recipient]) -> None:
    """Phones and addresses together, in order; a batch of phones alone has no list."""
    blob = pack_recipients(recipients)

    assert list(unpack_recipients(blob)) == recipients
    assert (blob[0] == 0) == any(isinstance(each, str) for each in recipients)


def test_rows_with_gaps_keep_their_numbers() -> None:
    """Written down only where they have gaps."""
    gapless, gaps = pack([1, 2], None, [5, 6], 2), pack([1, 2], None, [5, 9], 2)
    assert gapless.rows == b""
    assert unpack_rows(gaps.rows, gaps.first_row, 2) == [5, 9]
    assert unpack_rows(gapless.rows, gapless.first_row, 2) == [5, 6]


def test_a_report_is_in_row_order_over_ranges_batches_and_rejects(desk: Any) -> None:
    """Rows of two batches that interleave nowhere, rejected ones where they stood, a message's own id and text."""
    opened = desk.ledger.open_campaign(desk.plan(text=None, template="Hi {name}"))
    first = pack([79990000001, 79990000003], ["Hi Ann", "Hi Bob"], [1, 3], 2)
    second = pack([79990000004, 79990000008], ["Hi Cid", "Hi Dan"], [4, 8], 2)
    third = pack([79990000009], ["Hi Eve"], [9], 1)
    desk.ledger.enrol_range(opened.id, 1, [first, second], [Reject(n, "invalid", "", "x") for n in (2, 5, 6, 7)], 8)
    desk.ledger.enrol_range(opened.id, 2, [third], [Reject(10, "duplicate", "row 1", "x")], 10)
    refs = desk.ledger.feed(opened.id, 3, 10)[0]
    claims = [desk.settled(ref) for ref in refs]
    desk.fact(claims[1].gateway_id, 79990000008, Status.UNDELIVERABLE, error_code=1)

    report = list(desk.views.report(opened.id))

    assert [row.row for row in report] == list(range(1, 11))
    assert [row.status for row in report].count("accepted") == 4
    assert (report[7].status, report[7].error_code) == ("undeliverable", 1)
    assert [list(claim.texts) or [claim.text] for claim in claims] == [
        ["Hi Ann", "Hi Bob"], ["Hi Cid", "Hi Dan"], ["Hi Eve"]
    ]  # fmt: skip
    assert report[7].id == str(MessageId(refs[1].number, 1))
    assert desk.views.receipt(MessageId.parse(report[7].id)) == report[7]


def test_the_largest_batch(desk: Any) -> None:
    """Five hundred, claimed, settled and reported as one; pending recipients cost a few bytes each."""
    opened = desk.ledger.open_campaign(desk.plan())
    phones = [79990000000 + 7 * n for n in range(MAX_MESSAGES)]
    batch = pack(phones, None, range(1, MAX_MESSAGES + 1), MAX_MESSAGES)
    desk.ledger.enrol_range(opened.id, 1, [batch], [], MAX_MESSAGES)
    (ref,) = desk.ledger.feed(opened.id, 1, 10)[0]
    shard = f"{{smsq}}:b:{ref.number // 1024}"
    stored = sum(len(value) for value in desk.redis.hgetall(shard).values())
    assert stored / MAX_MESSAGES < 6
    claim = desk.claim(ref)
    assert claim.recipients == phones
    desk.accept(claim, "250")
    assert desk.views.campaign(opened.id).statuses == {"accepted": MAX_MESSAGES}


def test_options_reach_the_claim(desk: Any) -> None:
    """A single's own, a campaign's for each batch."""
    options = Options(sender="Shop", valid="1")
    assert desk.claim(desk.single(options=options)).options == options
    _, (ref,) = desk.campaign(1, options=options)
    assert desk.claim(ref).options == options
