"""Calls of the gateway to our receiver: statuses, incoming messages, confirmation calls; both halves.

Nothing is believed without a signature that fits: the hex digest, md5 or sha1, of the values exactly as
received, joined with colons, the secret last. The handler's own URL query arrives together with the call,
so what stands in the body wins over it (PROTOCOL F). Samples of a status:

    id=1000000001&phone=79991234567&status=1&err=0&ts=1700000000&md5=…      digest of id:phone:status:secret
    {"id": 1000000001, "phone": "79991234567", "status": 1, "sha1": "…"}    or a list of those
    <result><id>1000000001</id><phone>79991234567</phone><status>1</status><md5>…</md5></result>

A signature covers no time, so it can be replayed: whoever applies reports must do so idempotently.
"""

from __future__ import annotations

import codecs
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import quote_plus, unquote_to_bytes
from xml.etree import ElementTree

from smsq.worker.domain.errors import BadInput, SmsqError
from smsq.worker.domain.status import Status
from smsq.worker.gateway.codes import status_of
from smsq.worker.gateway.forms import CHARSETS, DEFAULT_CHARSET, MAX_ID
from smsq.worker.gateway.replies import MAX_COST
from smsq.worker.gateway.told import MOSCOW

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
# crc32 is offered by the gateway too; it protects against nothing and is not taken.
DIGESTS: dict[Digest, Callable[[bytes], str]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).hexdigest(),
}

_NUMBER = re.compile(rb"[0-9]{1,18}")
_CODE = re.compile(rb"-?[0-9]{1,3}")
_AMOUNT = re.compile(rb"[0-9]{1,12}(?:\.[0-9]{1,12})?")


class Malformed(BadInput):
    """The call cannot be read as an event of the gateway."""


class Forged(SmsqError):
    """The call carries no signature, or one that does not fit our secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One event. `code` is the gateway's status; `at` its Unix time, 0 where it named none.

    For incoming messages `text` and `to` are set; for calls only `phone` and `at`.
    """

    kind: Kind
    phone: int
    gateway_id: int = 0
    code: int = 0
    err: int = 0
    at: int = 0
    cost: Decimal | None = None
    parts: int | None = None
    to: str = ""
    text: str = field(default="", repr=False)

    @property
    def status(self) -> Status | None:
        """The verdict that this report proves; None for -3 and 24, and for events that are no status."""
        return status_of(self.code) if self.kind == "status" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as the gateway makes it."""

    method: str
    query: str
    body: bytes
    content_type: str


def read(method: str, query: str, body: bytes, content_type: str, secret: str) -> list[Report]:
    """The events of one call, all of them signed.

    Statuses under ids that cannot be ours (the string form) are left out. Raises Malformed, and Forged
    where any event's signature does not fit; without a secret every call is forged.
    """
    if len(body) > MAX_BODY:
        raise Malformed("a callback of more than 1 MiB")
    asides = _form(query.encode("utf-8", "replace"))
    body = body.removeprefix(codecs.BOM_UTF8)
    name = _last(asides, "charset").decode("ascii", "replace").lower()
    charset = CHARSETS.get(name, CHARSETS[DEFAULT_CHARSET])
    events = _events(body, content_type.lower(), charset) if method.upper() != "GET" and body.strip() else [{}]
    reports = []
    for event in events:
        fields = {**asides, **event}
        kind = _kind(fields)
        if not _is_genuine(kind, fields, asides, secret.encode(charset, "replace")):
            raise Forged("a callback without a fitting md5 or sha1 signature")
        report = _report(kind, fields, charset)
        if report is not None:
            reports.append(report)
    return reports


Fields = dict[str, list[bytes]]  # every value of a name, in the order received; the last one counts


def _last(fields: Fields, name: str) -> bytes:
    return fields[name][-1] if fields.get(name) else b""


def _events(body: bytes, content_type: str, charset: str) -> list[Fields]:
    """The events in a body, whatever it calls itself: forms begin with neither bracket nor angle."""
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


def _json_events(body: bytes, charset: str) -> list[Fields]:
    """Objects of a JSON body; numbers keep the digits they came with, since the signature covers those."""
    try:
        value = json.loads(body.decode(charset), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise Malformed("a callback that is not well-formed JSON") from None
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, dict) for item in items):
        raise Malformed("a JSON callback that is neither an object nor a list of objects")
    return [
        {name: [text.encode(charset, "replace")] for name, text in item.items() if isinstance(text, str)}
        for item in items
    ]


def _xml_events(body: bytes, charset: str) -> list[Fields]:
    """The root of an XML body where it holds the fields itself, else its children; no document types."""
    try:
        text = body.decode(charset)
        if "<!" in text:
            raise Malformed("an XML callback with a declaration that no gateway writes")
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError):
        raise Malformed("a callback that is not well-formed XML") from None
    holders = [root] if root.find("phone") is not None else list(root)
    if not holders:
        raise Malformed("an XML callback without fields")
    return [{leaf.tag: [(leaf.text or "").encode(charset, "replace")] for leaf in holder} for holder in holders]


def _kind(fields: Fields) -> Kind:
    """Which event it is, by its fields (PROTOCOL F.2)."""
    if "waitcall" in fields:
        return "call"
    if "mes" in fields:
        return "incoming"
    if "id" in fields and "status" in fields:
        return "status"
    raise Malformed("a callback that is neither a status nor a message nor a call")


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
    """The event's values; Malformed where what it is about cannot be read, None for a status that is not ours."""
    phone, at = _number(fields, "phone"), _time(fields)
    if phone is None:
        raise Malformed("a callback without a phone")
    if kind == "call":
        return Report(kind=kind, phone=phone, at=at)
    if kind == "incoming":
        to, text = (_last(fields, name).decode(charset, "replace") for name in ("to", "mes"))
        return Report(kind=kind, phone=phone, at=at, to=to, text=text)
    code, gateway_id = _last(fields, "status"), _number(fields, "id")
    if _CODE.fullmatch(code) is None:
        raise Malformed("a callback whose status is no number")
    if gateway_id is None or not 1 <= gateway_id <= MAX_ID:
        return None
    return Report(
        kind=kind,
        phone=phone,
        gateway_id=gateway_id,
        code=int(code),
        err=min(_number(fields, "err") or 0, 255),
        at=at,
        cost=_cost(fields),
        parts=_number(fields, "cnt"),
    )


def _number(fields: Fields, name: str) -> int | None:
    value = _last(fields, name).removeprefix(b"+")
    return int(value) if _NUMBER.fullmatch(value) else None


def _cost(fields: Fields) -> Decimal | None:
    """What it cost, None where that is no price: no signature covers it, and it counts towards budgets."""
    written = _last(fields, "cost")
    cost = Decimal(written.decode("ascii")) if _AMOUNT.fullmatch(written) else None
    return cost if cost is not None and cost <= MAX_COST else None


def _time(fields: Fields) -> int:
    """Unix seconds from `ts`, else from `time` in either form the gateway uses; 0 where there is none."""
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
    kind = _kind({name: [] for name in fields})
    return DIGESTS[digest](":".join([*(str(fields.get(name, "")) for name in SIGNED[kind]), secret]).encode())


def _call(body: str, content_type: str) -> Call:
    return Call(method="POST", query="charset=utf-8", body=body.encode(), content_type=content_type)


def _tags(fields: Mapping[str, str | int]) -> str:
    return "".join([f"<{name}>{_escape(str(value))}</{name}>" for name, value in fields.items()])


def _escape(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
