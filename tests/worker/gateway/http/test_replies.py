"""The outcome table of a send, status evidence, balance, price and history, against the manual's own answers."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsq.worker.domain.status import Status
from smsq.worker.gateway.http.client_replies import read_balance, read_history, read_price, read_send, read_statuses
from smsq.worker.gateway.http.server.balance import write_balance
from smsq.worker.gateway.http.server.lists import write_history
from smsq.worker.gateway.http.server.send import Accepted, write_accepted, write_price
from smsq.worker.gateway.http.server.shapes import write_error
from smsq.worker.gateway.http.server.statuses import Told, write_statuses
from smsq.worker.gateway.outcomes import Outcome

GOLDEN = Path(__file__).parent / "golden"
PHONES = [79991234567, 79991234568, 79991234569]


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def json_of(**fields: object) -> bytes:
    return json.dumps(fields).encode()


SENDS = [
    ("one phone, id and count", 200, golden("send_ok.json"), 33, 1, Outcome.ACCEPTED),
    ("with cost and balance", 200, golden("send_ok_cost3.json"), 63, 1, Outcome.ACCEPTED),
    ("id as a string of digits", 200, b'{"id": "33", "cnt": 1}', 33, 1, Outcome.ACCEPTED),
    ("count as a string of digits", 200, b'{"id": 33, "cnt": "1"}', 33, 1, Outcome.ACCEPTED),
    ("line breaks as in the real service", 200, b'{\n"id": 33,\n"cnt": 1\n}', 33, 1, Outcome.ACCEPTED),
    ("two-part texts to three phones count six", 200, b'{"id": 5, "cnt": 6}', 5, 3, Outcome.ACCEPTED),
    ("three parts cover three phones", 200, b'{"id": 5, "cnt": 3}', 5, 3, Outcome.ACCEPTED),
    ("two parts cannot cover three phones", 200, b'{"id": 5, "cnt": 2}', 5, 3, Outcome.ACCEPTED_IN_PART),
    ("error 1", 200, json_of(error="parameters error", error_code=1), 5, 1, Outcome.REFUSED),
    ("error 1 for several", 200, json_of(error="parameters error", error_code=1), 5, 3, Outcome.REFUSED),
    ("error 2", 200, golden("error_auth.json"), 5, 1, Outcome.BAD_LOGIN),
    ("error 3 with its id", 200, json_of(error="no money", error_code=3, id=5), 5, 1, Outcome.NO_MONEY),
    ("error 4", 200, json_of(error="ip is blocked", error_code=4), 5, 1, Outcome.LATER),
    ("error 5", 200, json_of(error="invalid date", error_code=5), 5, 2, Outcome.REFUSED),
    ("error 6, one phone", 200, json_of(error="message is denied", error_code=6, id=5), 5, 1, Outcome.REFUSED),
    ("error 6, several", 200, json_of(error="message is denied", error_code=6, id=5), 5, 2, Outcome.REFUSED_WHO),
    ("error 7, one phone", 200, golden("error_bad_number.json"), 34, 1, Outcome.REFUSED),
    ("error 7, several", 200, golden("error_bad_number.json"), 34, 2, Outcome.REFUSED_WHO),
    ("error 8, several", 200, json_of(error="can't to deliver", error_code=8, id=5), 5, 2, Outcome.REFUSED_WHO),
    ("error 9, duplicate", 200, golden("error_duplicate.json"), 5, 1, Outcome.UNKNOWN),
    ("error 9, concurrent", 200, json_of(error="Too many concurrent requests", error_code=9), 5, 1, Outcome.LATER),
    ("error 9 without a text", 200, json_of(error_code=9), 5, 1, Outcome.UNKNOWN),
    ("error 7 for another id", 200, golden("error_bad_number.json"), 35, 1, Outcome.UNKNOWN),
    ("error 10, in no table", 200, json_of(error="sending limit exceeded", error_code=10), 5, 1, Outcome.UNKNOWN),
    ("error 99, in no table", 200, json_of(error="something new", error_code=99), 5, 1, Outcome.UNKNOWN),
    ("error 0", 200, json_of(error="", error_code=0), 5, 1, Outcome.UNKNOWN),
    ("error -1", 200, json_of(error="x", error_code=-1), 5, 1, Outcome.UNKNOWN),
    ("error without a code", 200, json_of(error="x"), 5, 1, Outcome.UNKNOWN),
    ("error code true", 200, b'{"error": "x", "error_code": true}', 5, 1, Outcome.UNKNOWN),
    ("error and success at once", 200, json_of(id=5, cnt=1, error="x", error_code=1), 5, 1, Outcome.UNKNOWN),
    ("error with status 500", 500, golden("error_auth.json"), 5, 1, Outcome.UNKNOWN),
    ("success with status 201", 201, golden("send_ok.json"), 33, 1, Outcome.UNKNOWN),
    ("success with status 502", 502, golden("send_ok.json"), 33, 1, Outcome.UNKNOWN),
    ("redirect", 302, b"", 33, 1, Outcome.UNKNOWN),
    ("another id", 200, golden("send_ok.json"), 34, 1, Outcome.UNKNOWN),
    ("id with a leading zero", 200, b'{"id": "033", "cnt": 1}', 33, 1, Outcome.UNKNOWN),
    ("id true for 1", 200, b'{"id": true, "cnt": 1}', 1, 1, Outcome.UNKNOWN),
    ("id as 33.0", 200, b'{"id": 33.0, "cnt": 1}', 33, 1, Outcome.UNKNOWN),
    ("no id", 200, b'{"cnt": 1}', 33, 1, Outcome.UNKNOWN),
    ("count true", 200, b'{"id": 33, "cnt": true}', 33, 1, Outcome.UNKNOWN),
    ("count 0", 200, b'{"id": 33, "cnt": 0}', 33, 1, Outcome.UNKNOWN),
    ("count -1", 200, b'{"id": 33, "cnt": -1}', 33, 1, Outcome.UNKNOWN),
    ("count 1.0", 200, b'{"id": 33, "cnt": 1.0}', 33, 1, Outcome.UNKNOWN),
    ("no count", 200, b'{"id": 33}', 33, 1, Outcome.UNKNOWN),
    ("a key twice", 200, b'{"id": 33, "cnt": 1, "id": 33}', 33, 1, Outcome.UNKNOWN),
    ("garbage behind", 200, b'{"id": 33, "cnt": 1} x', 33, 1, Outcome.UNKNOWN),
    ("two answers", 200, b'{"id": 33, "cnt": 1}{"id": 33, "cnt": 1}', 33, 1, Outcome.UNKNOWN),
    ("cut short", 200, b'{"id": 33, "cnt": 1', 33, 1, Outcome.UNKNOWN),
    ("a list", 200, b'[{"id": 33, "cnt": 1}]', 33, 1, Outcome.UNKNOWN),
    ("null", 200, b"null", 33, 1, Outcome.UNKNOWN),
    ("empty", 200, b"", 33, 1, Outcome.UNKNOWN),
    ("blank", 200, b" \r\n", 33, 1, Outcome.UNKNOWN),
    ("the libraries' faked answer", 200, b",", 33, 1, Outcome.UNKNOWN),
    ("fmt 1", 200, golden("send_ok_fmt1.txt"), 12345, 1, Outcome.UNKNOWN),
    ("HTML", 200, b"<html><body>502 Bad Gateway</body></html>", 33, 1, Outcome.UNKNOWN),
    ("a stray byte that is no utf-8", 200, b'{"id": 33, "cnt": 1, "x": "\xff"}', 33, 1, Outcome.UNKNOWN),
    ("NaN", 200, b'{"id": 33, "cnt": 1, "cost": NaN}', 33, 1, Outcome.UNKNOWN),
    ("nested beyond reason", 200, b"[" * 100_000, 33, 1, Outcome.UNKNOWN),
    ("a number of 5,000 digits", 200, b'{"id": 33, "cnt": ' + b"1" * 5000 + b"}", 33, 1, Outcome.UNKNOWN),
    ("oversized", 200, b'{"id": 33, "cnt": 1}' + b" " * (256 * 1024), 33, 1, Outcome.UNKNOWN),
]


@pytest.mark.parametrize(
    ("status", "body", "gateway_id", "phones", "outcome"), [s[1:] for s in SENDS], ids=[s[0] for s in SENDS]
)
def test_outcome_of_a_send(status: int, body: bytes, gateway_id: int, phones: int, outcome: Outcome) -> None:
    """Each answer proves exactly what the table says, and everything else is unknown."""
    assert outcome is read_send(status, body, gateway_id, phones).outcome


def test_details_of_a_send() -> None:
    """Parts, cost and balance of an accepted send are read as they were printed."""
    answer = read_send(200, golden("send_ok_cost3.json"), 63, 1)

    assert (1, Decimal("3.8"), Decimal("286.55")) == (answer.parts, answer.cost, answer.balance)


def test_odd_cost_does_not_spoil_acceptance() -> None:
    """A price that is none leaves the proof of acceptance as it is."""
    for cost in (b'"1e999999"', b'"x"', b"-1", b"true", b'"NaN"', b"1e99", b"[]", b"null", b"1" * 400):
        answer = read_send(200, b'{"id": 33, "cnt": 1, "cost": ' + cost + b"}", 33, 1)

        assert (answer.outcome, answer.cost) == (Outcome.ACCEPTED, None)


def test_back_off_after_errors() -> None:
    """After error 4 the login backs off for ten minutes, the concurrency error for seconds."""
    assert read_send(200, write_error(4), 5, 1).delay_s == 600.0
    assert 0 < read_send(200, write_error(9, "too many concurrent requests"), 5, 1).delay_s < 60


@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "cnt", "error", "error_code", "status", "phone", "cost", "err", "int_id"]), inner
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    status=st.sampled_from([200, 500]),
)
def test_readers_never_raise(body: bytes, status: int) -> None:
    """Whatever comes, the readers answer."""
    read_send(status, body, 33, 2)
    read_statuses(status, body, [(33, 7999)])
    read_price(status, body)
    read_balance(status, body)
    read_history(status, body)


def test_single_status_belongs_to_the_pair_asked_for() -> None:
    """A lone object without id and phone speaks of the only pair asked for."""
    for name, at in (("status_old.json", 1476794052), ("status_new.json", 1577550022)):
        answer = read_statuses(200, golden(name), [(33, PHONES[0])])

        [found] = answer.facts
        assert (33, PHONES[0], Status.DELIVERED, 0, at) == (
            found.gateway_id,
            found.recipient,
            found.status,
            found.error_code,
            found.at,
        )


def test_multiple_status_is_matched_by_id_and_phone() -> None:
    """Rows are matched by what they name, not by where they stand; strangers are left out."""
    pairs = [(32, 79652943192), (32, 77059648729), (32, 79990000000)]

    answer = read_statuses(200, golden("status_multiple.json"), pairs)

    assert {(77059648729, Status.REFUSED, 248), (79652943192, Status.REFUSED, 254)} == {
        (found.recipient, found.status, found.error_code) for found in answer.facts
    }
    assert answer.absent == []


def test_not_found_is_absence() -> None:
    """The manual's -3 row is absence of that pair."""
    answer = read_statuses(200, golden("status_not_found.json"), [(138, 89995190557)])

    assert (answer.absent, answer.facts) == ([(138, 89995190557)], [])


NO_EVIDENCE = [
    ("error 9", 200, write_error(9)),
    ("error 2", 200, golden("error_auth.json")),
    ("status 502", 502, b'{"status": -3}'),
    ("HTML", 200, b"<html></html>"),
    ("empty", 200, b""),
    ("empty list", 200, b"[]"),
    ("-3 as another string", 200, b'{"status": "-3.0"}'),
    ("-3 with a blank", 200, b'{"status": " -3"}'),
    ("-3 as a float", 200, b'{"status": -3.0}'),
    ("-3 for another id", 200, b'{"status": -3, "id": 6, "phone": "79991234567"}'),
    ("-3 for another phone", 200, b'{"status": -3, "id": 5, "phone": "79991234568"}'),
    ("-3 with another phone and no id", 200, b'{"status": -3, "phone": "79991234568"}'),
    ("-3 with an id and no phone", 200, b'{"status": -3, "id": 5}'),
    ("-3 and an error", 200, b'[{"status": -3, "error_code": 9}]'),
    ("-3 twice named", 200, b'{"status": -3, "status": -3}'),
    ("cut short", 200, b'[{"status": -3, "id": 5, "phone": "79991234567"}'),
    ("no status", 200, b'{"id": 5, "phone": "79991234567"}'),
    ("status true", 200, b'{"status": true}'),
    ("two nameless rows", 200, b'[{"status": -3}, {"status": -3}]'),
]


@pytest.mark.parametrize(("status", "body"), [row[1:] for row in NO_EVIDENCE], ids=[row[0] for row in NO_EVIDENCE])
def test_what_is_no_evidence(status: int, body: bytes) -> None:
    """Nothing but a well-formed row about the very pair says anything."""
    answer = read_statuses(status, body, [(5, 79991234567)])

    assert (answer.facts, answer.absent, answer.no_money) == ([], [], [])


def test_nameless_row_for_several_pairs_proves_nothing() -> None:
    """With more than one pair asked for, a row must name its own."""
    answer = read_statuses(200, b'{"status": -3}', [(5, PHONES[0]), (5, PHONES[1])])

    assert (answer.facts, answer.absent) == ([], [])


def test_absence_may_be_written_as_digits() -> None:
    """The gateway quotes a number now and then: its -3 says the same."""
    answer = read_statuses(200, b'{"status": "-3"}', [(5, 79991234567)])

    assert (answer.facts, answer.absent) == ([], [(5, 79991234567)])


def test_found_and_absent_in_one_answer() -> None:
    """Where one row finds what another misses, it is found."""
    body = write_statuses([Told(gateway_id=5, phone="79991234567", code=code) for code in (-3, 0)], True)

    answer = read_statuses(200, body, [(5, 79991234567)])

    assert (len(answer.facts), answer.absent) == (1, [])


def test_unknown_status_proves_acceptance_only() -> None:
    """A status that is in no table is accepted, and 24 is neither."""
    unknown = read_statuses(200, b'{"status": 17}', [(5, PHONES[0])])
    poor = read_statuses(200, b'{"status": 24}', [(5, PHONES[0])])

    assert [found.status for found in unknown.facts] == [Status.ACCEPTED]
    assert ([], [], [(5, PHONES[0])]) == (poor.facts, poor.absent, poor.no_money)


WRITTEN = [
    ("send_ok.json", write_accepted(Accepted(id=33, parts=1))),
    (
        "send_ok_cost3.json",
        write_accepted(Accepted(id=63, parts=1, cost=Decimal("3.8"), balance=Decimal("286.55"))),
    ),
    ("send_ok_fmt0.txt", write_accepted(Accepted(id=279, parts=1), 0)),
    (
        "send_ok_fmt1.txt",
        write_accepted(Accepted(id=12345, parts=2, cost=Decimal("4.48"), balance=Decimal("1231.21")), 1),
    ),
    ("price.json", write_price(Decimal("0.30"), 1)),
    ("error_bad_number.json", write_error(7, gateway_id=34)),
    ("error_duplicate.json", write_error(9)),
    ("error_auth.json", write_error(2)),
    ("error_no_money_fmt0.txt", write_error(3, gateway_id=275, fmt=0)),
    ("error_denied_fmt0.txt", write_error(6, gateway_id=542, fmt=0)),
    ("error_undeliverable_fmt0.txt", write_error(8, gateway_id=639, fmt=0)),
    ("error_parameters_fmt1.txt", write_error(1, fmt=1)),
    ("error_bad_number_fmt1.txt", write_error(7, gateway_id=34, fmt=1)),
    ("status_new.json", write_statuses([Told(gateway_id=1, phone="7", code=1, at=1577550022)], False)),
    ("status_not_found.json", write_statuses([Told(gateway_id=138, phone="89995190557", code=-3)], True)),
    ("status_fmt1.txt", write_statuses([Told(gateway_id=1, phone="7", code=1, at=1286524541)], False, fmt=1)),
    (
        "status_multiple_fmt1.txt",
        write_statuses([Told(gateway_id=123, phone="79990000000", code=1, at=1286524541)], True, fmt=1),
    ),
    (
        "status_multiple.json",
        write_statuses(
            [
                Told(gateway_id=32, phone="77059648729", code=25, at=1679060876, err=248),
                Told(gateway_id=32, phone="79652943192", code=23, at=1679060876, err=254),
            ],
            True,
        ),
    ),
    ("balance.json", write_balance(Decimal("1871.62"))),
]


@pytest.mark.parametrize(("name", "written"), WRITTEN, ids=[row[0] for row in WRITTEN])
def test_written_answers_are_the_manuals(name: str, written: bytes) -> None:
    """What the sandbox says is what the manual prints, key order included."""
    if name.endswith(".json"):
        assert json.dumps(json.loads(golden(name))) == json.dumps(json.loads(written))
    else:
        assert golden(name) == written


def test_every_golden_text_is_used() -> None:
    """No sample lies about untested by the writing half, but for those that only old servers write."""
    only_read = {"status_old.json", "callback_status.form"}
    only_read |= {path.name for path in GOLDEN.glob("send_*.form")} | {"callback_call.form"}  # of `test_channels.py`

    assert {path.name for path in GOLDEN.iterdir()} == {name for name, _ in WRITTEN} | only_read


def test_price_and_balance() -> None:
    """Price and balance are decimals; their errors are told by code."""
    price, balance = read_price(200, golden("price.json")), read_balance(200, golden("balance.json"))

    assert (Decimal("0.30"), 1) == (price.cost, price.parts)
    assert Decimal("1871.62") == balance.balance
    assert Decimal("-5.25") == read_balance(200, write_balance(Decimal("-5.25"), "RUR", Decimal(10))).balance
    assert (read_price(200, write_error(9)).cost, read_price(200, write_error(9)).error) == (None, 9)
    assert (read_balance(200, write_error(2)).balance, read_balance(200, write_error(2)).error) == (None, 2)


def test_history_page() -> None:
    """A page gives our rows with cost and parts, the last int_id for the next page, and skips string ids."""
    rows = [
        Told(gateway_id=5, phone="79991234567", code=1, at=1700000000, cost=Decimal("3.8"), parts=2, int_id=900),
        Told(gateway_id="order-7", phone="79991234568", code=1, int_id=901),
        Told(gateway_id=6, phone="79991234569", code=24, int_id=902),
    ]

    page = read_history(200, write_history(rows))

    assert (page.count, page.last_int_id, page.error) == (3, 902, None)
    first, second = page.rows
    assert (first.gateway_id, first.recipient, first.int_id) == (5, 79991234567, 900)
    assert first.fact is not None
    assert (Decimal("3.8"), 2) == (first.fact.cost, first.fact.parts)
    assert second.fact is None


def test_an_answer_behind_a_byte_order_mark_is_the_same() -> None:
    """Whatever put it there, a send that was accepted was accepted."""
    marked = read_balance(200, b"\xef\xbb\xbf" + golden("balance.json"))

    assert Decimal("1871.62") == marked.balance


def test_history_without_messages() -> None:
    """Error 3 of a history request is an empty page, other errors are errors."""
    assert (read_history(200, write_error(3)).error, read_history(200, write_error(3)).count) == (None, 0)
    assert read_history(200, write_error(2)).error == 2
    assert read_history(200, b"[]").count == 0


def test_full_status_carries_cost_and_parts() -> None:
    """With all=2 a status tells cost and parts."""
    told = Told(gateway_id=5, phone="79991234567", code=1, at=5, cost=Decimal("7.6"), parts=2, text="Привет, «мир»")

    [found] = read_statuses(200, write_statuses([told], True, detail=2), [(5, 79991234567)]).facts

    assert (Decimal("7.6"), 2) == (found.cost, found.parts)


def test_a_full_single_answer_names_the_phone_alone() -> None:
    """With `all` a single answer has a phone and no id; it must be the phone that was asked about."""
    told = Told(gateway_id=5, phone="79991234567", code=1, at=5, cost=Decimal("7.6"), parts=2)
    body = write_statuses([told], False, detail=2)

    [found] = read_statuses(200, body, [(5, 79991234567)]).facts
    assert (found.gateway_id, found.cost, found.parts) == (5, Decimal("7.6"), 2)
    assert read_statuses(200, body, [(5, 79991234568)]).facts == []


MONEY = [
    (b"3.7999999999999998", Decimal("3.8")),
    (b"3.8", Decimal("3.8")),
    (b'"3.8"', Decimal("3.8")),
    (b'"3.79999999999999982236431605997495353221893310546875"', None),  # no float has so many
    (b'"3.7999999999999998"', Decimal("3.8")),
    (b"1e-05", Decimal(0)),
    (b"0.00005", Decimal(0)),  # to the even neighbour
    (b"0.00015", Decimal("0.0002")),
    (b"3", Decimal(3)),
    (b"1E+2", Decimal(100)),
    (b"1e400", None),
    (b"400000.01", None),
    (b"-1", None),
    (b"true", None),
    (b"null", None),
    (b'"3,8"', None),
]


@pytest.mark.parametrize(("written", "cost"), MONEY, ids=[row[0].decode() for row in MONEY])
def test_money_is_what_was_meant(written: bytes, cost: Decimal | None) -> None:
    """In every answer that names a price: a float of the gateway's is rounded to the ledger's unit, not dropped."""
    sent = read_send(200, b'{"id": 5, "cnt": 1, "cost": ' + written + b"}", 5, 1)
    row = b'[{"status": 1, "id": 5, "phone": "79991234567", "int_id": 1, "cost": ' + written + b"}]"
    asked, page = read_statuses(200, row, [(5, 79991234567)]), read_history(200, row)
    priced = read_price(200, b'{"cnt": 1, "cost": ' + written + b"}")

    assert page.rows[0].fact is not None
    assert [sent.cost, asked.facts[0].cost, page.rows[0].fact.cost, priced.cost] == [cost] * 4


def test_a_large_delivery_error_keeps_its_number() -> None:
    """One above 255 is not the operator's refusal."""
    [found] = read_statuses(200, b'{"status": 20, "err": 300}', [(5, 79991234567)]).facts

    assert found.error_code == 300


ROW = b'{"status": 1, "id": %d, "phone": "79991234567", "message": "%s", "int_id": %d}'
BROKEN = [
    ("a raw tab", ROW % (6, b"a\tb", 2), 3, 0),
    ("a raw newline", ROW % (6, b"a\nb", 2), 3, 0),
    ("a broken byte", ROW % (6, b"a\xff\xd0", 2), 3, 0),
    ("an id that stands twice", b'{"status": 1, "id": 6, "id": 5, "phone": "79991234567", "int_id": 2}', 2, 1),
    ("a number that is none", b'{"status": 1, "id": 6, "phone": "79991234567", "int_id": 2, "cost": NaN}', 3, 0),
    ("no object", b"7", 2, 1),
]


@pytest.mark.parametrize(("middle", "ours", "broken"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_one_row_spoils_no_page(middle: bytes, ours: int, broken: int) -> None:
    """Of a page of history, or of a mass answer: what cannot be read is left out alone, and counted."""
    body = b"[" + b", ".join([ROW % (5, b"x", 1), middle, ROW % (7, b"y", 3)]) + b"]"

    page = read_history(200, body)
    asked = read_statuses(200, body, [(5, 79991234567), (6, 79991234567), (7, 79991234567)])

    assert (len(page.rows), page.count, page.broken, page.last_int_id, page.is_page) == (ours, 3, broken, 3, True)
    assert len(asked.facts) == ours


@pytest.mark.parametrize("body", [b"", b"<html>", b"[{", b'{"error": "x"}', b"7"])
def test_what_is_no_page_is_no_last_page(body: bytes) -> None:
    """An empty page is one that the gateway gave."""
    assert not read_history(200, body).is_page
    assert not read_history(502, b"[]").is_page
    assert read_history(200, b"[]").is_page
    assert read_history(200, write_error(3)).is_page


HLR_FIELDS = {
    "imsi": "25001",
    "msc": "7916",
    "mcc": "250",
    "mnc": "01",
    "cn": "Russia",
    "net": "MTS",
    "rcn": "",
    "rnet": "",
}


def test_a_probes_status_has_its_fields() -> None:
    """A single answer and a row of many; a plain status has none."""
    row = {"status": 1, "last_timestamp": 1, "err": 0, "id": 33, "phone": "79991234567", **HLR_FIELDS}
    (found,) = read_statuses(200, json.dumps([row, {**row, "phone": "79991234568"}]).encode(), [(33, PHONES[0])]).facts
    (plain,) = read_statuses(200, golden("status_new.json"), [(33, PHONES[0])]).facts

    assert found.result == {
        "imsi": "25001",
        "msc": "7916",
        "mcc": "250",
        "mnc": "01",
        "country": "Russia",
        "network": "MTS",
    }
    assert (found.network, found.has_error) == ("25001", True)
    assert (plain.result, plain.network, plain.has_error) == ({}, "", True)


def test_a_status_may_name_no_error() -> None:
    """Not even 0: for a probe that makes a difference."""
    for row in ({"status": 1}, {"status": 1, "err": ""}, {"status": 1, "err": None}):
        (found,) = read_statuses(200, json_of(**row), [(33, PHONES[0])]).facts
        assert (found.error_code, found.has_error) == (0, False)


def test_history_names_the_operator() -> None:
    """Of any message; a metric counts by it."""
    row = {"status": 1, "int_id": 9, "id": 33, "phone": "79991234567", "err": 0, "mccmnc": "25002"}
    (found,) = read_history(200, json.dumps([row]).encode()).rows

    assert found.fact is not None
    assert (found.fact.network, found.fact.result) == ("25002", None)


@pytest.mark.parametrize(("told", "code"), [("482135", "482135"), (482135, "482135"), ("x", ""), (None, ""), ([1], "")])
def test_an_accepted_call_tells_its_code(told: object, code: str) -> None:
    """If the gateway made one up; what is no code changes nothing about the acceptance, and it is never printed."""
    answer = read_send(200, json_of(id=33, cnt=1, code=told), 33, 1)

    assert (answer.outcome, answer.spoken) == (Outcome.ACCEPTED, code)
    assert "482135" not in repr(answer)
