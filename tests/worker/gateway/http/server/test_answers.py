"""Answers as a server writes them, byte for byte, beside where each shape is from; and cut as the libraries cut them.

Where the source says `ours`, the gateway's own shape is not known, and this is the one that was chosen.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from smsq.worker.gateway.http.server.balance import write_balance
from smsq.worker.gateway.http.server.info import Operator, write_operator
from smsq.worker.gateway.http.server.jobs import JobTold, write_added, write_job, write_jobs
from smsq.worker.gateway.http.server.lists import Incoming, write_answers, write_history
from smsq.worker.gateway.http.server.send import Accepted, Each, write_accepted, write_price
from smsq.worker.gateway.http.server.shapes import content_type, write_done, write_error
from smsq.worker.gateway.http.server.statuses import Told, error_text, write_statuses

D = Decimal
SENT = Accepted(id=33, parts=1)
PAID = Accepted(id=12345, parts=2, cost=D("4.48"), balance=D("1231.21"))
GOOD = Each(phone="79991234567", mccmnc="25001", cost=D("3.8"))
BAD = Each(phone="12", status=22, error=249)
EACH = replace(SENT, each=[GOOD, BAD])
WRONG = replace(SENT, bad=[BAD])
SMS = Told(
    gateway_id=123,
    phone="79990000000",
    code=1,
    at=1286524541,
    sent_at=1286524540,
    cost=D("3.8"),
    sender="Shop",
    text="Hi, Anna",
    comment="note",
    country="Russia",
    operator="MTS, Moscow",
    region="",
    mccmnc="25001",
    int_id=900,
)
LOOK_UP = Told(
    gateway_id=7,
    phone="79232510066",
    code=1,
    at=1476794052,
    sent_at=1476794050,
    type=4,
    result={
        "imsi": "250023012345678",
        "msc": "79232510066",
        "mcc": "250",
        "mnc": "02",
        "cn": "Russian Federation",
        "net": "MegaFON",
        "rcn": "",
        "rnet": "",
    },
)
PING = Told(gateway_id=8, phone="79232510066", code=1, at=1476794052, type=5, result={"imsi": "250023012345678"})
GONE = Told(gateway_id=138, phone="89995190557", code=-3)
JOB = JobTold(
    id=1234567,
    name="Spring",
    status="waiting",
    created_at=1286524541,
    starts_at=0,
    messages=2,
    sent=0,
    cost=D("7.6"),
    text="Hi",
)
CAME = Incoming(id=5, received_at=1286524541, phone="79991234567", text="STOP", to_phone="79990000000", sent_at=0)
WHOSE = Operator(country="Russia", operator="MegaFon", region="Omsk", mcc="250", mnc="02", tz="3")
JOB_WORDS = (
    "id = 1234567, name = Spring, status = waiting, add_date = 08.10.2010 10:55:41, send_date = 08.10.2010 10:55:41, "
    "cnt = 2, sent = 0, cost = 7.6, message = Hi"
)

# What it is, where the shape is from (PROTOCOL, or ours), what is written, the bytes.
ANSWERS: list[tuple[str, str, bytes, str]] = [
    ("accepted, fmt 0", "B.6", write_accepted(SENT, 0), "OK - 1 SMS, ID - 33"),
    ("accepted, fmt 1", "B.6", write_accepted(SENT, 1), "33,1"),
    ("accepted, fmt 2", "B.6", write_accepted(SENT, 2), "<result><id>33</id><cnt>1</cnt></result>"),
    ("accepted, fmt 3", "B.6", write_accepted(SENT, 3), '{"id": 33, "cnt": 1}'),
    ("with its cost, fmt 0", "B.6", write_accepted(replace(PAID, balance=None), 0),
     "OK - 2 SMS, ID - 12345, COST - 4.48"),
    ("with its cost, fmt 1", "B.6", write_accepted(replace(PAID, balance=None), 1), "12345,2,4.48"),
    ("with the balance, fmt 0", "ours: what it says of the balance is not known", write_accepted(PAID, 0),
     "OK - 2 SMS, ID - 12345, COST - 4.48"),
    ("with the balance, fmt 1", "B.6, K", write_accepted(PAID, 1), "12345,2,4.48,1231.21"),
    ("with the balance, fmt 2", "B.6", write_accepted(PAID, 2),
     "<result><id>12345</id><cnt>2</cnt><cost>4.48</cost><balance>1231.21</balance></result>"),
    ("with the balance, fmt 3", "B.6", write_accepted(PAID, 3),
     '{"id": 12345, "cnt": 2, "cost": "4.48", "balance": "1231.21"}'),
    ("a string id, fmt 1", "B.1", write_accepted(replace(SENT, id="order-7"), 1), "order-7,1"),
    ("a call's code, fmt 3", "B.6", write_accepted(replace(SENT, code="004821"), 3),
     '{"id": 33, "cnt": 1, "code": "004821"}'),
    ("op=1, fmt 3", "B.6", write_accepted(EACH, 3),
     '{"id": 33, "cnt": 1, "phones": [{"phone": "79991234567", "mccmnc": "25001", "cost": "3.8", "status": "", '
     '"error": ""}, {"phone": "12", "mccmnc": "", "cost": "0", "status": "22", "error": "249"}]}'),
    ("op=1, fmt 2", "ours", write_accepted(EACH, 2),
     "<result><id>33</id><cnt>1</cnt><phones><item><phone>79991234567</phone><mccmnc>25001</mccmnc><cost>3.8</cost>"
     "<status></status><error></error></item><item><phone>12</phone><mccmnc></mccmnc><cost>0</cost>"
     "<status>22</status><error>249</error></item></phones></result>"),
    ("op=1, fmt 1", "ours", write_accepted(EACH, 1), "33,1\n79991234567,25001,3.8,,\n12,,0,22,249"),
    ("err=1, fmt 3", "ours", write_accepted(WRONG, 3),
     '{"id": 33, "cnt": 1, "errors": [{"phone": "12", "mccmnc": "", "cost": "0", "status": "22", "error": "249"}]}'),
    ("err=1, fmt 0", "ours", write_accepted(WRONG, 0),
     "OK - 1 SMS, ID - 33\nphone = 12, mccmnc = , cost = 0, status = 22, error = 249"),
    ("a price, fmt 0", "B.6", write_price(D("0.30"), 1, 0), "0.30 (1 SMS)"),
    ("a price, fmt 1", "B.6", write_price(D("0.30"), 1, 1), "0.30,1"),
    ("a price, fmt 2", "B.6", write_price(D("0.30"), 1, 2), "<result><cost>0.30</cost><cnt>1</cnt></result>"),
    ("a price, fmt 3", "B.6", write_price(D("0.30"), 1, 3), '{"cost": "0.30", "cnt": 1}'),
    ("an error, fmt 0", "B.6", write_error(9, fmt=0), "ERROR = 9 (duplicate request, wait a minute)"),
    ("an error, fmt 1", "B.6", write_error(1, fmt=1), "0,-1"),
    ("an error, fmt 2", "B.6", write_error(2, fmt=2),
     "<result><error>authorise error</error><error_code>2</error_code></result>"),
    ("an error, fmt 3", "B.6", write_error(2, fmt=3), '{"error": "authorise error", "error_code": 2}'),
    ("an error with an id, fmt 0", "K", write_error(3, gateway_id=275, fmt=0), "ERROR = 3 (no money), ID - 275"),
    ("an error with an id, fmt 1", "K", write_error(7, gateway_id=34, fmt=1), "34,-7"),
    ("an error with an id, fmt 2", "B.6", write_error(7, gateway_id=34, fmt=2),
     "<result><error>invalid number</error><error_code>7</error_code><id>34</id></result>"),
    ("an error of a status", "D.3", write_error(5, error_text(5), fmt=0), "ERROR = 5 (delete error)"),
    ("a status, fmt 0", "D.4", write_statuses([SMS], False, 0, 0),
     "Status = 1, check_time = 08.10.2010 10:55:41, err = 0"),
    ("a status, fmt 1", "D.4, K", write_statuses([SMS], False, 0, 1), "1,1286524541,0"),
    ("a status, fmt 2", "D.4", write_statuses([SMS], False, 0, 2),
     "<sms><status>1</status><last_date>08.10.2010 10:55:41</last_date><last_timestamp>1286524541</last_timestamp>"
     "<flag>0</flag><err>0</err></sms>"),
    ("a status, fmt 3", "D.4", write_statuses([SMS], False, 0, 3),
     '{"status": 1, "last_date": "08.10.2010 10:55:41", "last_timestamp": 1286524541, "flag": 0, "err": 0}'),
    ("all=1, fmt 0", "D.4", write_statuses([SMS], False, 1, 0),
     "Status = 1, check_time = 08.10.2010 10:55:41, err = 0, send_date = 08.10.2010 10:55:40, phone = 79990000000, "
     "cost = 3.8, sender_id = Shop, status_name = delivered, message = Hi, Anna, comment = note, type = 0"),
    ("all=1, fmt 1", "D.4, I.4: nine fields, the text last", write_statuses([SMS], False, 1, 1),
     "1,1286524541,0,1286524540,79990000000,3.8,Shop,delivered,Hi, Anna"),
    ("all=2, fmt 1", "D.4, I.4: twelve; where the three stand is ours", write_statuses([SMS], False, 2, 1),
     "1,1286524541,0,1286524540,79990000000,3.8,Russia,MTS  Moscow,,Shop,delivered,Hi, Anna"),
    ("several, fmt 0", "ours: the row of one, with whose it is", write_statuses([SMS], True, 0, 0),
     "Status = 1, check_time = 08.10.2010 10:55:41, err = 0, id = 123, phone = 79990000000"),
    ("several, fmt 1", "D.6, K", write_statuses([SMS, GONE], True, 0, 1),
     "1,1286524541,0,123,79990000000\n-3,0,0,138,89995190557"),
    ("several, fmt 2", "D.6, the root is ours", write_statuses([GONE], True, 0, 2),
     "<result><sms><status>-3</status><id>138</id><phone>89995190557</phone></sms></result>"),
    ("several, fmt 3", "D.6, K", write_statuses([GONE], True, 0, 3),
     '[{"status": -3, "id": 138, "phone": "89995190557"}]'),
    ("several with all=1, fmt 1", "D.6", write_statuses([replace(SMS, text="a\nb, c")], True, 1, 1),
     "1,1286524541,0,1286524540,79990000000,3.8,Shop,delivered,a b, c,123"),
    ("not found, fmt 1", "ours: as many fields as the libraries reach for", write_statuses([GONE], False, 0, 1),
     "-3,0,0"),
    ("not found with all=1, fmt 1", "ours", write_statuses([GONE], False, 1, 1),
     "-3,0,0,0,89995190557,0,,not found,"),
    ("not found with all=1, fmt 3", "I.4: a client wants its name", write_statuses([GONE], False, 1, 3),
     '{"status": -3, "status_name": "not found"}'),
    ("a look-up, fmt 1", "D.5, K", write_statuses([LOOK_UP], False, 0, 1),
     "1,1476794052,0,250023012345678,79232510066,250,02,Russian Federation,MegaFON,,"),
    ("a look-up, all=1, fmt 1", "D.5: HLR at 14", write_statuses([LOOK_UP], False, 1, 1),
     "1,1476794052,0,250023012345678,79232510066,250,02,Russian Federation,MegaFON,,,1476794050,79232510066,0,HLR,"
     "delivered,"),
    ("a look-up, all=2, fmt 1", "D.5: HLR at 17", write_statuses([LOOK_UP], False, 2, 1),
     "1,1476794052,0,250023012345678,79232510066,250,02,Russian Federation,MegaFON,,,1476794050,79232510066,0,,,,HLR,"
     "delivered,"),
    ("a look-up, fmt 3", "D.5", write_statuses([LOOK_UP], False, 0, 3),
     '{"status": 1, "last_date": "18.10.2016 15:34:12", "last_timestamp": 1476794052, "flag": 0, "err": 0, '
     '"imsi": "250023012345678", "msc": "79232510066", "mcc": "250", "mnc": "02", "cn": "Russian Federation", '
     '"net": "MegaFON", "rcn": "", "rnet": ""}'),
    ("a look-up that is under way, fmt 1", "ours: the fields are empty",
     write_statuses([replace(LOOK_UP, code=0, result=None)], False, 0, 1), "0,1476794052,0,,,,,,,,"),
    ("a ping, fmt 1", "ours: three fields, since only a look-up is marked", write_statuses([PING], False, 0, 1),
     "1,1476794052,0"),
    ("a ping, fmt 3", "D.5", write_statuses([PING], False, 0, 3),
     '{"status": 1, "last_date": "18.10.2016 15:34:12", "last_timestamp": 1476794052, "flag": 0, "err": 0, '
     '"imsi": "250023012345678"}'),
    ("no date of its own, fmt 3", "I.4: no date is empty", write_statuses([replace(SMS, at=0, code=-1)], False, 0, 3),
     '{"status": -1, "last_date": "08.10.2010 10:55:40", "last_timestamp": 0, "flag": 0, "err": 0}'),
    ("deleted, fmt 1", "ours: as a mailing (C.2)", write_done(1), "OK"),
    ("deleted, fmt 2", "ours: as a mailing (C.2)", write_done(2), "<result>OK</result>"),
    ("deleted, fmt 3", "ours", write_done(3), '{"result": "OK"}'),
    ("the balance, fmt 0", "E.1", write_balance(D("1871.62"), "RUR", fmt=0), "1871.62 RUR"),
    ("the balance, fmt 1", "E.1", write_balance(D("1871.62"), fmt=1), "1871.62"),
    ("the balance, fmt 1, one field whatever there is", "E.1", write_balance(D("-5.25"), "RUR", D(10), fmt=1), "-5.25"),
    ("the balance, fmt 2", "E.1", write_balance(D("1871.62"), "RUR", D(10), fmt=2),
     "<balance>1871.62</balance><credit>10</credit><currency>RUR</currency>"),
    ("the balance, fmt 3", "E.1", write_balance(D("1871.62"), "RUR", fmt=3),
     '{"balance": "1871.62", "currency": "RUR"}'),
    ("a mailing made, fmt 0", "C.2", write_added(1234567, D("7.6"), 0), "OK, ID - 1234567, COST - 7.6"),
    ("a mailing made, fmt 1", "C.2", write_added(1234567, D("7.6"), 1), "1234567,7.6"),
    ("a mailing made, fmt 1, no cost", "C.2", write_added(1234567, fmt=1), "1234567"),
    ("a mailing made, fmt 2", "C.2", write_added(1234567, fmt=2), "<result><id>1234567</id></result>"),
    ("a mailing made, fmt 3", "C.2", write_added(1234567, D("7.6"), 3), '{"id": 1234567, "cost": "7.6"}'),
    ("a mailing stopped, fmt 0", "C.2", write_done(0), "OK"),
    ("a mailing, fmt 0", "ours", write_job(JOB, 0), JOB_WORDS),
    ("mailings, fmt 0", "C.2: one a line", write_jobs([JOB, JOB], 0),
     f"{JOB_WORDS}\n{JOB_WORDS}"),
    ("a mailing, fmt 1", "ours", write_job(JOB, 1),
     "1234567,Spring,waiting,08.10.2010 10:55:41,08.10.2010 10:55:41,2,0,7.6,Hi"),
    ("no mailings, fmt 1", "ours: no body is empty", write_jobs([], 1), "0"),
    ("no mailings, fmt 3", "ours", write_jobs([], 3), "[]"),
    ("an answer that came in, fmt 0", "C.3", write_answers([CAME], 0),
     "id = 5, received = 08.10.2010 10:55:41, phone = 79991234567, message = STOP, to_phone = 79990000000, "
     "sent = 08.10.2010 10:55:41"),
    ("an answer that came in, fmt 3", "C.3", write_answers([CAME], 3),
     '[{"id": 5, "received": "08.10.2010 10:55:41", "phone": "79991234567", "message": "STOP", '
     '"to_phone": "79990000000", "sent": "08.10.2010 10:55:41"}]'),
    ("nothing came in, fmt 1", "C.3: error 3", write_answers([], 1), "0,-3"),
    ("no history, fmt 3", "C.3: error 3", write_history([]), '{"error": "no messages found", "error_code": 3}'),
    ("history, fmt 3", "C.3", write_history([SMS]),
     '[{"status": 1, "last_date": "08.10.2010 10:55:41", "last_timestamp": 1286524541, "err": 0, '
     '"send_date": "08.10.2010 10:55:40", "send_timestamp": 1286524540, "phone": "79990000000", "cost": "3.8", '
     '"sender_id": "Shop", "status_name": "delivered", "message": "Hi, Anna", "comment": "note", "mccmnc": "25001", '
     '"country": "Russia", "operator": "MTS, Moscow", "region": "", "type": 0, "id": 123, "int_id": 900, "sms_cnt": 1, '
     '"format": 0, "crc": ""}]'),
    ("whose number, fmt 3", "C.4", write_operator(WHOSE, 3),
     '{"country": "Russia", "operator": "MegaFon", "region": "Omsk", "mcc": "250", "mnc": "02", "tz": "3"}'),
    ("whose number, fmt 0", "ours", write_operator(WHOSE, 0),
     "country = Russia, operator = MegaFon, region = Omsk, mcc = 250, mnc = 02, tz = 3"),
    ("whose number, fmt 1", "ours", write_operator(WHOSE, 1), "Russia,MegaFon,Omsk,250,02,3"),
    ("whose number, fmt 2", "ours", write_operator(WHOSE, 2),
     "<result><country>Russia</country><operator>MegaFon</operator><region>Omsk</region><mcc>250</mcc><mnc>02</mnc>"
     "<tz>3</tz></result>"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), [row[2:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_answers_are_as_their_source_says(written: bytes, expected: str) -> None:
    """Key order and blanks included; never empty, and whole for a parser of its shape."""
    assert expected == written.decode()
    if expected.startswith(("{", "[")):
        json.loads(expected)
    elif expected.startswith("<"):
        ElementTree.fromstring(f"<any>{expected}</any>")


def cut_one(body: str, detail: int) -> list[str]:
    """A single answer as the libraries cut it: at commas, the text joined again unless the row is marked HLR."""
    fields = body.split(",")
    mark = 14 if detail == 1 else 17
    if detail and len(fields) > 9 and (len(fields) <= mark or fields[mark] != "HLR"):
        return body.split(",", 8 if detail == 1 else 11)
    return fields


@pytest.mark.parametrize("text", ["Hi", "a, b,, c", "line\nline, two", "", ",", "HLR", "x" * 900])
@pytest.mark.parametrize("detail", [0, 1, 2])
def test_one_status_is_cut_right(detail: int, text: str) -> None:
    """3, 9 and 12 fields, the text whole at the end, whatever it holds and whatever stands in front of it."""
    row = replace(SMS, text=text, sender="Shop", country="Rus,sia", region="a\nb")

    fields = cut_one(write_statuses([row], False, detail, 1).decode(), detail)

    assert (3, 9, 12)[detail] == len(fields)
    assert fields[:3] == ["1", "1286524541", "0"]
    if detail:
        assert [text, "delivered", "Shop"] == [fields[-1], fields[-2], fields[-3]]


@pytest.mark.parametrize("detail", [1, 2])
def test_a_look_up_is_known_by_its_mark(detail: int) -> None:
    """Its fields stay apart, and the eight are where the libraries look."""
    fields = cut_one(write_statuses([LOOK_UP], False, detail, 1).decode(), detail)

    assert fields[14 if detail == 1 else 17] == "HLR"
    assert fields[3:9] == ["250023012345678", "79232510066", "250", "02", "Russian Federation", "MegaFON"]


@pytest.mark.parametrize("detail", [0, 1, 2])
def test_several_are_a_row_each(detail: int) -> None:
    """Cut at line ends; whose row it is stands at its end, and one lone row is not taken for an error."""
    told = [replace(SMS, text="a\r\nb\nc"), GONE, replace(LOOK_UP, text="")]
    lines = write_statuses(told, True, detail, 1).decode().split("\n")

    assert len(lines) == 3
    ids = [line.split(",")[-2 if not detail else -1] for line in lines]
    assert ids == ["123", "138", "7"]
    for row in told:
        assert write_statuses([row], True, detail, 1).decode().find("-") != 2  # how they know `0,-9`


@pytest.mark.parametrize(
    ("fmt", "kind"), [(0, "text/plain"), (1, "text/plain"), (2, "text/xml"), (3, "application/json")]
)
@pytest.mark.parametrize(
    ("codec", "named"), [("utf-8", "utf-8"), ("cp1251", "windows-1251"), ("koi8-r", "koi8-r")], ids=["u", "w", "k"]
)
def test_an_answer_is_in_the_charset_that_its_header_names(fmt: int, kind: str, codec: str, named: str) -> None:
    """Letters that it does not have become escapes, or question marks where there are none."""
    row = replace(SMS, text="Привет «мир» 😀 & <b>", comment="")
    written = write_statuses([row], False, 1, fmt, codec)

    assert content_type(fmt, codec) == f"{kind}; charset={named}"
    read = written.decode(codec)
    if fmt == 3:
        assert json.loads(read)["message"] == row.text
    elif fmt == 2:
        assert ElementTree.fromstring(written.decode(codec)).findtext("message") == row.text
    else:
        assert row.text.encode(codec, "replace").decode(codec) in read


def test_xml_takes_any_text() -> None:
    """What XML cannot hold is one sign, and the answer is well-formed."""
    row = replace(SMS, text="a\x00b\x1f\ud800]]>&amp;\r\n")

    read = ElementTree.fromstring(write_statuses([row], False, 1, 2)).findtext("message")

    assert read == "a\ufffdb\ufffd\ufffd]]>&amp;\r\n"
