"""What all answers share: the four shapes (`fmt`), errors, charsets, the header.

    fmt 0    ERROR = 7 (invalid number), ID - 34            a sentence
    fmt 1    34,-7                                          fields between commas
    fmt 2    <result><error>…</error><error_code>7</error_code><id>34</id></result>
    fmt 3    {"error": "invalid number", "error_code": 7, "id": 34}

A body is never empty: every library takes an empty one for a lost answer and sends again (PROTOCOL A.6). Application
errors are HTTP 200 too (A.7).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.numbers import SEND_ERRORS

Row = Mapping[str, object]

_TYPES = ("text/plain", "text/plain", "text/xml", "application/json")
_NAMES = {"cp1251": "windows-1251"}  # codec -> the name of its charset
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BREAKS = re.compile(r"[\r\n]+")


def content_type(fmt: int, charset: str) -> str:
    """The header of an answer in this shape and codec."""
    return f"{_TYPES[fmt]}; charset={_NAMES.get(charset, charset)}"


def write_error(
    code: int, text: str | None = None, gateway_id: int | str | None = None, fmt: int = 3, charset: str = "utf-8"
) -> bytes:
    """A request error; `text` defaults to the gateway's own words, `gateway_id` belongs to 3, 6, 7 and 8 of a send."""
    if text is None:
        text = SEND_ERRORS[code].text if code in SEND_ERRORS else "unknown error"
    told: dict[str, object] = {"error": text, "error_code": code}
    if gateway_id is not None:
        told["id"] = gateway_id
    if fmt >= 2:
        return tree(told, fmt, charset)
    if fmt == 1:
        return encoded(f"{0 if gateway_id is None else gateway_id},-{code}", charset)
    return encoded(f"ERROR = {code} ({text})" + ("" if gateway_id is None else f", ID - {gateway_id}"), charset)


def write_done(fmt: int = 3, charset: str = "utf-8") -> bytes:
    """The answer to a deletion, or to a mailing that is stopped (PROTOCOL C.2); fmt 3 is a guess."""
    if fmt == 3:
        return to_json({"result": "OK"}, charset)
    return b"<result>OK</result>" if fmt == 2 else b"OK"


def tree(told: Row, fmt: int, charset: str, root: str = "result") -> bytes:
    """One thing in fmt 2 or 3: elements under a root, or an object."""
    if fmt == 3:
        return to_json(told, charset)
    return xml(f"<{root}>{elements(told)}</{root}>", charset)


def rows(told: Sequence[Row], fmt: int, charset: str, *, item: str = "sms") -> bytes:
    """Several things in any shape: one a line, an element each, or an array."""
    if fmt == 3:
        return to_json(told, charset)
    if fmt == 2:
        return xml("<result>" + "".join([f"<{item}>{elements(row)}</{item}>" for row in told]) + "</result>", charset)
    return encoded("\n".join([sentence(row) if fmt == 0 else cells(row.values()) for row in told]), charset)


def sentence(row: Row) -> str:
    """`key = value, key = value` in one line (fmt 0)."""
    return ", ".join([f"{name} = {one_line(value)}" for name, value in row.items()])


def cells(values: Iterable[object]) -> str:
    """Values between commas (fmt 1): in all but the last a comma would begin a field of its own, and is a blank."""
    written = [one_line(value) for value in values]
    return ",".join([*[value.replace(",", " ") for value in written[:-1]], *written[-1:]])


def one_line(value: object) -> str:
    """A value without line breaks, which would begin another row."""
    written = str(value)
    return _BREAKS.sub(" ", written) if "\n" in written or "\r" in written else written


def elements(row: Row) -> str:
    """The elements of one thing; a list inside it has an `<item>` each."""
    return "".join([f"<{name}>{_element(value)}</{name}>" for name, value in row.items()])


def _element(value: object) -> str:
    if isinstance(value, list):
        return "".join([f"<item>{elements(each)}</item>" for each in value])
    written = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))
    return written.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def xml(written: str, charset: str) -> bytes:
    """XML without a declaration: in charsets but UTF-8 letters are numbers, so that every parser reads them."""
    return written.encode() if charset == "utf-8" else written.encode("ascii", "xmlcharrefreplace")


def to_json(told: object, charset: str) -> bytes:
    """JSON in a charset; a letter that it does not have makes all letters escapes."""
    written = json.dumps(told, ensure_ascii=False)
    try:
        return written.encode(charset)
    except UnicodeEncodeError:
        return json.dumps(told).encode("ascii")


def encoded(written: str, charset: str) -> bytes:
    """Text in a charset; a letter that it does not have is a question mark."""
    return written.encode(charset, "replace")


def amount(money: Decimal) -> str:
    """Money in plain digits, never with an exponent."""
    return f"{money:f}"


def date(at: int) -> str:
    """A moment as answers have it; a client of the gateway stumbles over an empty one (PROTOCOL I.4)."""
    return datetime.fromtimestamp(at, MOSCOW).strftime("%d.%m.%Y %H:%M:%S")
