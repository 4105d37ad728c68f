"""Callbacks of the gateway to our receiver: statuses, incoming messages, confirmation calls; both halves.

A callback is believed only with a valid signature: the hex digest, md5 or sha1, of the values exactly as received,
joined with colons, the secret last. The query of the handler's URL arrives with the call, so values in the body win
over it (PROTOCOL F). Samples of a status:

    id=1000000001&phone=79991234567&status=1&err=0&ts=1700000000&md5=…      digest of id:phone:status:secret
    {"id": 1000000001, "phone": "79991234567", "status": 1, "sha1": "…"}    or a list of those
    <result><id>1000000001</id><phone>79991234567</phone><status>1</status><md5>…</md5></result>

A signature covers neither time nor money, so a call can be replayed with other values of these: a program must apply
reports idempotently, and not trust their cost.
"""

from __future__ import annotations

import codecs
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import quote_plus, unquote_to_bytes
from xml.etree import ElementTree

from smsq.worker.domain.errors import BadInput, SmsqError
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.recipient import Recipient, answered
from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.http.client_replies import MAX_ERROR
from smsq.worker.gateway.http.server.form import CHARSETS, DEFAULT_CHARSET, MAX_ID
from smsq.worker.gateway.money import price
from smsq.worker.gateway.numbers import status_of
from smsq.worker.gateway.results import WIRE, network_of, read_result

MAX_BODY = 1024 * 1024  # bytes of one call; a list of some thousand statuses

Kind = Literal["status", "incoming", "call"]
Style = Literal["get", "form", "json", "xml"]
Digest = Literal["md5", "sha1"]

# What each event's digest covers, in this order; the secret follows (PROTOCOL F.2, read 2026-11-20).
SIGNED: dict[Kind, tuple[str, ...]] = {
    "status": ("id", "phone", "status"),
    "incoming": ("phone", "mes", "to"),
    "call": ("phone", "ts"),
}
# The gateway offers crc32 too; it protects against nothing and is not accepted.
DIGESTS: dict[Digest, Callable[[bytes], str]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).hexdigest(),
}

_OF_A_PROBE = ("mccmnc", *WIRE.values())
_NUMBER = re.compile(rb"[0-9]{1,18}")
_CODE = re.compile(rb"-?[0-9]{1,3}")
# What XML holds of control characters: none but tab, line feed and return.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Malformed(BadInput):
    """The call cannot be read as an event of the gateway."""


class Forged(SmsqError):
    """The call has no signature, or one that does not fit our secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One event. `code` is the gateway's status; `at` its Unix time, 0 if it named none.

    For incoming messages `text` and `to` are set; for calls only `recipient` and `at`.
    """

    kind: Kind
    recipient: Recipient
    gateway_id: int = 0
    code: int = 0
    err: int = 0
    at: int = 0
    cost: Decimal | None = None
    parts: int | None = None
    to: str = ""
    text: str = field(default="", repr=False)
    result: Mapping[str, str] | None = field(default=None, repr=False)  # of a probe
    network: str = ""
    has_error: bool = True

    @property
    def fact(self) -> Fact | None:
        """The fact that this report proves; None for -3 and 24, and for events that are no status."""
        status = status_of(self.code) if self.kind == "status" else None
        if status is None:
            return None
        return Fact(
            gateway_id=self.gateway_id,
            recipient=self.recipient,
            status=status,
            error_code=self.err,
            parts=self.parts or 0,
            cost=self.cost,
            at=self.at,
            heard=True,
            result=self.result,
            network=self.network,
            has_error=self.has_error,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as the gateway makes it."""

    method: str
    query: str
    body: bytes
    content_type: str


# Why an item of a call was left out; the label of a metric.
LeftOut = Literal["unsigned", "foreign", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The events of a call that are signed and ours, and how many others there were, by reason.

    `foreign` events are signed but not about a message of ours: a string id, a named sender.
    """

    reports: list[Report] = field(default_factory=list)
    left_out: Counter[LeftOut] = field(default_factory=Counter)

    @property
    def facts(self) -> list[Fact]:
        """What its reports prove of messages of ours."""
        return [fact for report in self.reports if (fact := report.fact) is not None]

    @property
    def replies(self) -> list[tuple[Recipient, str, float]]:
        """Incoming messages: from whom, what they say, when (Unix seconds, 0 if that is not told)."""
        incoming = (report for report in self.reports if report.kind == "incoming")
        return [(report.recipient, report.text, float(report.at)) for report in incoming]


def read(method: str, query: str, body: bytes, content_type: str, secret: str) -> Events:
    """The events of one call; each item of a list is judged by itself.

    Raises Malformed if nothing in it can be read, and Forged if nothing is signed with our secret, which is
    so for every call without one.
    """
    if len(body) > MAX_BODY:
        raise Malformed("a callback of more than 1 MiB")
    asides = _form(query.encode("utf-8", "replace"))
    body = body.removeprefix(codecs.BOM_UTF8)
    name = _last(asides, "charset").decode("ascii", "replace").lower()
    charset = CHARSETS.get(name, CHARSETS[DEFAULT_CHARSET])
    try:  # letters that the charset lacks would all become one sign, which could be guessed
        key = secret.encode(charset)
    except UnicodeEncodeError:
        raise Forged("a callback in a charset that cannot write the secret") from None
    events = _events(body, content_type.lower(), charset) if method.upper() != "GET" and body.strip() else [{}]
    told = Events()
    for event in events:
        found = _judged({**asides, **event} if event is not None else {}, asides, charset, key)
        if isinstance(found, Report):
            told.reports.append(found)
        else:
            told.left_out[found] += 1
    if not told.reports and not told.left_out["foreign"]:
        if told.left_out["unsigned"]:
            raise Forged("a callback without a fitting md5 or sha1 signature")
        raise Malformed("a callback that is neither a status nor a message nor a call")
    return told


def _judged(fields: Fields, asides: Fields, charset: str, secret: bytes) -> Report | LeftOut:
    kind = _kind(fields)
    if kind is None:
        return "unreadable"
    if not _is_genuine(kind, fields, asides, secret):
        return "unsigned"
    return _report(kind, fields, charset) or "foreign"


Fields = dict[str, list[bytes]]  # every value of a name, in the order received; the last one counts


def _last(fields: Fields, name: str) -> bytes:
    return fields[name][-1] if fields.get(name) else b""


def _events(body: bytes, content_type: str, charset: str) -> list[Fields | None]:
    """The events in a body, whatever its content type says: a form never begins with a bracket.

    None stands for an item that is not an event.
    """
    start = body.lstrip()[:1]
    if "json" in content_type or start in (b"{", b"["):
        return _json_events(body, charset)
    if "xml" in content_type or start == b"<":
        return _xml_events(body, charset)
    return [_form(body)]


def _form(form: bytes) -> Fields:
    fields: Fields = {}
    for item in form.split(b"&"):
        name, _, value = item.replace(b"+", b" ").partition(b"=")
        if name:
            fields.setdefault(unquote_to_bytes(name).decode("ascii", "replace"), []).append(unquote_to_bytes(value))
    return fields


def _json_events(body: bytes, charset: str) -> list[Fields | None]:
    """Objects of a JSON body; numbers keep the digits they came with, since the signature covers those.

    A broken byte is kept as it is: it spoils the text that it is in, and no other item.
    """
    try:
        value = json.loads(body.decode(charset, "surrogateescape"), parse_int=str, parse_float=str, strict=False)
    except (ValueError, RecursionError):
        raise Malformed("a callback that is not well-formed JSON") from None
    items = value if isinstance(value, list) else [value]
    if not any(isinstance(item, dict) for item in items):
        raise Malformed("a JSON callback that is neither an object nor a list of objects")
    return [_json_event(item, charset) if isinstance(item, dict) else None for item in items]


def _json_event(item: Mapping[str, object], charset: str) -> Fields | None:
    """The fields of one object; null is an empty value, as it is in a form."""
    texts = {name: "" if value is None else value for name, value in item.items()}
    try:
        return {
            name: [text.encode(charset, "surrogateescape")] for name, text in texts.items() if isinstance(text, str)
        }
    except UnicodeEncodeError:  # an escaped character that the call's own charset has not
        return None


def _xml_events(body: bytes, charset: str) -> list[Fields | None]:
    """The root of an XML body if it holds the fields itself, else its children; no document types."""
    try:
        text = _NOT_XML.sub("\ufffd", body.decode(charset, "replace"))
        if "<!" in text:
            raise Malformed("an XML callback with a declaration that no gateway writes")
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError):
        raise Malformed("a callback that is not well-formed XML") from None
    holders = [root] if root.find("phone") is not None else list(root)
    if not holders:
        raise Malformed("an XML callback without fields")
    return [_xml_event(holder, charset) for holder in holders]


def _xml_event(holder: ElementTree.Element, charset: str) -> Fields | None:
    try:
        return {leaf.tag: [(leaf.text or "").encode(charset)] for leaf in holder}
    except UnicodeEncodeError:
        return None


def _kind(fields: Mapping[str, object]) -> Kind | None:
    """Which event it is, by its fields (PROTOCOL F.2); None if it is not an event."""
    if "waitcall" in fields:
        return "call"
    if "mes" in fields:
        return "incoming"
    return "status" if "id" in fields and "status" in fields else None


def _is_genuine(kind: Kind, fields: Fields, asides: Fields, secret: bytes) -> bool:
    """Whether one of the digests fits; every candidate is compared, each in constant time.

    The handler's URL may say `md5=1` to switch the signature on, beside the digest itself.
    """
    signed = b":".join([*(_last(fields, name) for name in SIGNED[kind]), secret])
    fits = False
    for name, digest in DIGESTS.items():
        expected = digest(signed).encode("ascii")
        for candidate in (*fields.get(name, ()), *asides.get(name, ())):
            fits |= hmac.compare_digest(candidate.lower(), expected)
    return fits and bool(secret)


def _report(kind: Kind, fields: Fields, charset: str) -> Report | None:
    """The event's values; None for one that is not about a message of ours, since the gateway has other users' too."""
    recipient, at = answered(_last(fields, "phone").decode(charset, "replace")), _time(fields)
    if recipient is None:
        return None
    if kind == "call":
        return Report(kind=kind, recipient=recipient, at=at)
    if kind == "incoming":
        to, text = (_last(fields, name).decode(charset, "replace") for name in ("to", "mes"))
        return Report(kind=kind, recipient=recipient, at=at, to=to, text=text)
    code, gateway_id = _last(fields, "status"), _number(fields, "id")
    if _CODE.fullmatch(code) is None or gateway_id is None or not 1 <= gateway_id <= MAX_ID:
        return None
    err = _number(fields, "err")
    told = {name: _last(fields, name).decode(charset, "replace") for name in _OF_A_PROBE if name in fields}
    return Report(
        kind=kind,
        recipient=recipient,
        gateway_id=gateway_id,
        code=int(code),
        err=err if err is not None and err < MAX_ERROR else 0,
        at=at,
        cost=_cost(fields),
        parts=_number(fields, "cnt"),
        result=read_result(told),
        network=network_of(told),
        has_error=err is not None,
    )


def _number(fields: Fields, name: str) -> int | None:
    value = _last(fields, name).removeprefix(b"+")
    return int(value) if _NUMBER.fullmatch(value) else None


def _cost(fields: Fields) -> Decimal | None:
    """The cost that it names, None if that cannot be a price; no signature covers it."""
    return price(_last(fields, "cost").decode("ascii", "replace"))


def _time(fields: Fields) -> int:
    """Unix seconds from `ts`, else from `time` in either form the gateway uses; 0 if there is none."""
    at = _number(fields, "ts") or _number(fields, "time")
    if at is None:
        try:
            written = _last(fields, "time").decode("ascii")
            at = int(datetime.strptime(written, "%d.%m.%Y %H:%M:%S").replace(tzinfo=MOSCOW).timestamp())
        except ValueError:
            at = 0
    return at if 0 <= at < 2**32 else 0


# --- the other half --------------------------------------------------------------------------------------------


def write(fields: Mapping[str, str | int], secret: str, style: Style = "form", digest: Digest = "md5") -> Call:
    """One event as the gateway sends it, signed, in utf-8; `fields` by the gateway's own names."""
    signed = {**fields, digest: _sign(fields, secret, digest)}
    if style == "json":
        return _call(json.dumps(signed, ensure_ascii=False), "application/json")
    if style == "xml":
        return _call(f"<result>{_tags(signed)}</result>", "text/xml")
    form = "&".join([f"{name}={quote_plus(str(value))}" for name, value in signed.items()])
    if style == "get":
        return Call(method="GET", query=f"charset=utf-8&{form}", body=b"", content_type="")
    return _call(form, "application/x-www-form-urlencoded")


def write_list(events: Sequence[Mapping[str, str | int]], secret: str, style: Style = "json") -> Call:
    """Several events in one call: a JSON list, or an XML element for each."""
    signed = [{**fields, "md5": _sign(fields, secret, "md5")} for fields in events]
    if style == "json":
        return _call(json.dumps(signed, ensure_ascii=False), "application/json")
    if style == "xml":
        inner = "".join([f"<sms>{_tags(fields)}</sms>" for fields in signed])
        return _call(f"<result>{inner}</result>", "text/xml")
    raise ValueError(f"{style} holds one event only")


def _sign(fields: Mapping[str, str | int], secret: str, digest: Digest) -> str:
    kind = _kind(fields)
    if kind is None:
        raise Malformed("a callback that is neither a status nor a message nor a call")
    return DIGESTS[digest](":".join([*(str(fields.get(name, "")) for name in SIGNED[kind]), secret]).encode())


def _call(body: str, content_type: str) -> Call:
    return Call(method="POST", query="charset=utf-8", body=body.encode(), content_type=content_type)


def _tags(fields: Mapping[str, str | int]) -> str:
    return "".join([f"<{name}>{_escape(str(value))}</{name}>" for name, value in fields.items()])


def _escape(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
