"""Callbacks: every body, both signatures, and everything that must not be believed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from smsq.worker.domain.status import Status
from smsq.worker.gateway.http.callbacks import Call, Digest, Forged, Malformed, Report, Style, read, write, write_list

GOLDEN = Path(__file__).parent / "golden"
SECRET = "тайна"
FIELDS: dict[str, str | int] = {
    "id": 1000000001,
    "phone": "79991234567",
    "status": 1,
    "err": 0,
    "ts": 1700000000,
    "cnt": 2,
    "cost": "3.80",
}
REPORT = Report(
    kind="status", recipient=79991234567, gateway_id=1000000001, code=1, at=1700000000, cost=Decimal("3.80"), parts=2
)
FORM = "application/x-www-form-urlencoded"


def taken(call: Call, secret: str = SECRET) -> list[Report]:
    return read(call.method, call.query, call.body, call.content_type, secret).reports


@pytest.mark.parametrize("digest", ["md5", "sha1"])
@pytest.mark.parametrize("style", ["get", "form", "json", "xml"])
def test_every_body_and_signature(style: Style, digest: Digest) -> None:
    """A signed status is the same report however it travels."""
    assert taken(write(FIELDS, SECRET, style, digest)) == [REPORT]


@pytest.mark.parametrize("style", ["form", "json", "xml"])
def test_a_byte_order_mark_is_read_past(style: Style) -> None:
    """Whatever put it in front of a body, what is signed is the same."""
    call = write(FIELDS, SECRET, style, "md5")

    assert taken(replace(call, body=b"\xef\xbb\xbf" + call.body)) == [REPORT]


@pytest.mark.parametrize("is_upper", [False, True], ids=["lower case", "upper case"])
def test_form_of_the_manual(is_upper: bool) -> None:
    """The manual's form, signed over id:phone:status:secret by hand, in either case of hex."""
    digest = hashlib.md5(f"1000000001:79991234567:1:{SECRET}".encode()).hexdigest()
    digest = digest.upper() if is_upper else digest
    body = (GOLDEN / "callback_status.form").read_bytes() + f"&md5={digest}".encode()

    assert read("POST", "charset=utf-8&md5=1", body, FORM, SECRET).reports == [REPORT]


def test_list_of_statuses() -> None:
    """Several statuses in one call are several reports, in JSON and in XML."""
    events = [{**FIELDS, "status": code} for code in (0, 1, 20)]

    for style in ("json", "xml"):
        reports = taken(write_list(events, SECRET, style))  # type: ignore[arg-type]
        assert [report.fact.status for report in reports if report.fact] == [
            Status.ACCEPTED,
            Status.DELIVERED,
            Status.UNDELIVERABLE,
        ]


def test_body_wins_over_query() -> None:
    """The handler's own query cannot change what the body says."""
    call = write(FIELDS, SECRET, "form")

    assert read("POST", call.query + "&status=20&id=7", call.body, call.content_type, SECRET).reports == [REPORT]


def test_incoming_message_and_call() -> None:
    """Incoming messages and confirmation calls have signatures of their own."""
    [message] = taken(write({"phone": "79991234567", "mes": "Да, жду: 5", "to": "79990000000"}, SECRET, "form"))
    [ring] = taken(write({"phone": "79991234567", "ts": 1700000000, "waitcall": 1}, SECRET, "json"))

    assert (message.kind, message.text, message.to) == ("incoming", "Да, жду: 5", "79990000000")
    assert (ring.kind, ring.at, ring.fact) == ("call", 1700000000, None)
    assert "жду" not in repr(message)


def test_windows_1251_is_hashed_as_raw_bytes() -> None:
    """Without a charset the text is windows-1251, and the digest covers the bytes as received."""
    raw = "Да".encode("cp1251")
    digest = hashlib.sha1(b"79991234567:" + raw + b":7999:" + b"key").hexdigest()

    [report] = read(
        "POST", "", b"phone=79991234567&to=7999&mes=" + raw + f"&sha1={digest}".encode(), FORM, "key"
    ).reports

    assert report.text == "Да"


GENUINE = write(FIELDS, SECRET, "form").body
FORGED = [
    ("no signature", b"id=1&phone=79991234567&status=1", SECRET),
    ("another secret", write(FIELDS, "other", "form").body, SECRET),
    ("no secret of ours", write(FIELDS, "", "form").body, ""),
    ("another status", GENUINE.replace(b"status=1", b"status=3"), SECRET),
    ("another phone", GENUINE.replace(b"79991234567", b"79991234568"), SECRET),
    ("crc32 only", b"id=1&phone=7999&status=1&crc32=12345678", SECRET),
    ("empty digest", b"id=1&phone=7999&status=1&md5=", SECRET),
    ("digest that is no ASCII", b"id=1&phone=7999&status=1&md5=%ff%fe", SECRET),
]


@pytest.mark.parametrize(("body", "secret"), [row[1:] for row in FORGED], ids=[row[0] for row in FORGED])
def test_forged_calls(body: bytes, secret: str) -> None:
    """What our secret did not sign is refused."""
    with pytest.raises(Forged):
        read("POST", "charset=utf-8", body, FORM, secret)


STATUS = {"id": 1000000001, "phone": "79991234567", "status": 1}
OTHERS: list[tuple[str, dict[str, str | int], str]] = [
    ("an address that nobody has", {**STATUS, "phone": "a b@example.com"}, "foreign"),
    ("an empty status", {**STATUS, "status": ""}, "foreign"),
    ("a status in words", {**STATUS, "status": "sent"}, "foreign"),
    ("a string id", {**STATUS, "id": "order-7"}, "foreign"),
    ("an id below zero", {**STATUS, "id": -1}, "foreign"),
    ("an incoming text of a named sender", {"phone": "Bank", "mes": "Hi", "to": "79990000000"}, "foreign"),
]


@pytest.mark.parametrize("style", ["json", "xml"])
@pytest.mark.parametrize(("event", "why"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_an_item_that_is_not_ours_spoils_no_list(event: dict[str, str | int], why: str, style: Style) -> None:
    """What is signed and ours is taken; the other is counted, and alone it is answered too: it would come for ever."""
    call = write_list([FIELDS, event, FIELDS], SECRET, style)
    alone = write(event, SECRET, style)

    told = read(call.method, call.query, call.body, call.content_type, SECRET)
    other = read(alone.method, alone.query, alone.body, alone.content_type, SECRET)

    assert (told.reports, dict(told.left_out)) == ([REPORT, REPORT], {why: 1})
    assert (other.reports, dict(other.left_out)) == ([], {why: 1})


@pytest.mark.parametrize("style", ["get", "form", "json", "xml"])
@pytest.mark.parametrize(
    ("written", "recipient"), [("Anna+7@Example.ru", "anna+7@example.ru"), ("@Anna_K", "@anna_k"), ("#12345", "#12345")]
)
def test_a_status_of_a_message_to_an_address(written: str, recipient: str, style: Style) -> None:
    """It is told by the form in which we keep the address, whatever form the signature covers."""
    call = write({**STATUS, "phone": written}, SECRET, style)

    (fact,) = read(call.method, call.query, call.body, call.content_type, SECRET).facts

    assert (fact.gateway_id, fact.recipient) == (1000000001, recipient)


SPOILED = [
    ("an unsigned one", b'{"id": 5, "phone": "79991234567", "status": 1}', "unsigned"),
    ("a changed one", None, "unsigned"),
    ("a status that is null", b'{"id": 5, "phone": "79991234567", "status": null}', "unsigned"),
    ("no object", b"5", "unreadable"),
    ("no event", b'{"hello": "world"}', "unreadable"),
    ("a raw tab", b'{"a": "b\tc"}', "unreadable"),
    ("a broken byte", b'{"a": "\xff"}', "unreadable"),
    ("half of a character", rb'{"id": "\ud800", "phone": "7", "status": "1"}', "unreadable"),
]


@pytest.mark.parametrize(("item", "why"), [row[1:] for row in SPOILED], ids=[row[0] for row in SPOILED])
def test_an_item_that_cannot_be_believed_spoils_no_list(item: bytes | None, why: str) -> None:
    """It is left out by itself; the signed ones are taken."""
    call = write_list([FIELDS, {**FIELDS, "status": 3}], SECRET)
    body = call.body.replace(b'"status": 3', b'"status": 2')  # signed as another
    if item is not None:
        body = b"[" + item + b"," + write(FIELDS, SECRET, "json").body + b"]"

    told = read(call.method, call.query, body, call.content_type, SECRET)

    assert (told.reports, dict(told.left_out)) == ([REPORT], {why: 1})


def test_a_null_is_an_empty_value() -> None:
    """The signature of a status that is null is that of an empty one."""
    digest = hashlib.md5(f"5:79991234567::{SECRET}".encode()).hexdigest()
    body = b'{"id": 5, "phone": "79991234567", "status": null, "md5": "%s"}' % digest.encode()

    assert dict(read("POST", "charset=utf-8", body, "application/json", SECRET).left_out) == {"foreign": 1}


def test_a_list_of_which_nothing_is_signed_is_forged() -> None:
    """As a call of one is."""
    call = write_list([FIELDS, FIELDS], "another secret")

    with pytest.raises(Forged):
        read(call.method, call.query, call.body, call.content_type, SECRET)


def test_a_broken_byte_is_signed_as_it_came() -> None:
    """A text that no charset holds comes with the digest of its bytes."""
    raw = b"a\xffb"
    digest = hashlib.md5(b"79991234567:" + raw + b":7999:key").hexdigest().encode()
    body = b'{"phone": "79991234567", "to": "7999", "mes": "' + raw + b'", "md5": "' + digest + b'"}'

    (report,) = read("POST", "charset=utf-8", body, "application/json", "key").reports

    assert report.kind == "incoming"


def test_a_charset_that_erases_the_secret_is_none() -> None:
    """Kazakh letters are question marks in koi8-r: whoever guessed their number could sign."""
    body = b"id=5&phone=79991234567&status=1"
    digest = hashlib.md5(b"5:79991234567:1:" + b"?" * 16).hexdigest()

    for charset in ("koi8-r", "windows-1251", ""):
        with pytest.raises(Forged):
            read("POST", f"charset={charset}", body + f"&md5={digest}".encode(), FORM, "ҚҰҒ" * 5 + "Қ")


MALFORMED = [
    ("nothing at all", b"", FORM),
    ("JSON cut short", b'{"id": 1', "application/json"),
    ("JSON of numbers", b"[1, 2]", "application/json"),
    ("empty JSON list", b"[]", "application/json"),
    ("JSON nested beyond reason", b"[" * 100_000, "application/json"),
    ("XML cut short", b"<result><id>1</id>", "text/xml"),
    ("XML with entities", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><result><phone>&a;</phone></result>', "text/xml"),
    ("XML without fields", b"<result/>", "text/xml"),
    ("no event", b"hello=world", FORM),
    ("too long", b"a=" + b"b" * (1024 * 1024), FORM),
]


@pytest.mark.parametrize(("body", "content_type"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_malformed_calls(body: bytes, content_type: str) -> None:
    """What cannot be read is malformed, and never another exception."""
    with pytest.raises(Malformed):
        read("POST", "charset=utf-8", body, content_type, SECRET)


def test_incoming_digest_does_not_pass_as_a_status() -> None:
    """An incoming message's signature over odd values cannot make a status of it."""
    call = write({"phone": "1000000001", "mes": "79991234567", "to": "79990000000"}, SECRET, "form")
    body = call.body.replace(b"phone=", b"id=").replace(b"mes=", b"phone=").replace(b"to=", b"status=")

    told = read("POST", call.query, body, call.content_type, SECRET)

    assert (told.reports, dict(told.left_out)) == ([], {"foreign": 1})


def test_a_large_delivery_error_keeps_its_number() -> None:
    """One above 255 is not the operator's refusal."""
    [report] = taken(write({**FIELDS, "status": 20, "err": 300}, SECRET))

    assert report.err == 300


def test_money_is_rounded() -> None:
    """A float of the gateway's is the sum that it meant."""
    [report] = taken(write({**FIELDS, "cost": "3.7999999999999998"}, SECRET, "json"))

    assert report.cost == Decimal("3.8")


def test_string_ids_are_not_ours() -> None:
    """A status under a string id is genuine but nothing for us."""
    assert taken(write({**FIELDS, "id": "order-7"}, SECRET, "form")) == []


def test_time_in_words() -> None:
    """A time without `ts` is read as Moscow's."""
    fields = {name: value for name, value in FIELDS.items() if name != "ts"}

    [report] = taken(write({**fields, "time": "15.11.2023 01:13:20"}, SECRET, "form"))

    assert report.at == 1700000000


def test_no_money_and_not_found_prove_nothing() -> None:
    """Statuses 24 and -3 carry no verdict."""
    for code in (24, -3):
        [report] = taken(write({**FIELDS, "status": code}, SECRET, "json"))
        assert report.fact is None


@pytest.mark.parametrize("cost", ["400000.01", "999999999999", "-1", "1e3"])
def test_a_cost_that_is_no_price_is_left_out(cost: str) -> None:
    """No signature covers it, and a receipt could not hold it; the status stays."""
    [report] = taken(write({**FIELDS, "cost": cost}, SECRET))

    assert (report.cost, report.code) == (None, 1)


@pytest.mark.parametrize("style", ["get", "form", "json", "xml"])
def test_a_probes_call_has_its_fields(style: Style) -> None:
    """However it travels; the digest does not cover them, so they are hearsay."""
    fields = {"imsi": "250016012345678", "mcc": "250", "mnc": "01", "cn": "Россия", "net": "МТС", "rcn": "", "rnet": ""}
    (report,) = taken(write({**FIELDS, **fields}, SECRET, style))

    fact = report.fact
    assert fact is not None
    assert fact.result == {"imsi": "250016012345678", "mcc": "250", "mnc": "01", "country": "Россия", "network": "МТС"}
    assert (fact.network, fact.heard, fact.has_error) == ("25001", True, True)


def test_a_call_may_name_no_error() -> None:
    """Not even 0: for a probe that makes a difference."""
    (report,) = taken(write({name: value for name, value in FIELDS.items() if name != "err"}, SECRET))

    assert report.fact is not None
    assert (report.fact.error_code, report.fact.has_error) == (0, False)
