"""Requests as a server reads them: form bytes to values, in whatever charset and form a stranger writes.

What the client writes is in `client_forms.py` (PROTOCOL A.3, A.4, B.1-B.3, C.3, D.1, E).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from smsq.worker.domain.batch import PLAIN_CHANNEL
from smsq.worker.domain.errors import BadInput, SmsqError
from smsq.worker.gateway.channels import channel, chosen
from smsq.worker.gateway.http import records
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.options import OPTIONS, check_fields

MAX_ID = 2_147_483_647  # a client id is a positive signed 32-bit number (PROTOCOL I.1.5)
DEFAULT_CHARSET = "windows-1251"  # what the gateway assumes if `charset` is missing (PROTOCOL A.4)
CHARSETS = {"utf-8": "utf-8", "koi8-r": "koi8-r", "windows-1251": "cp1251"}

_BELOW_ZERO = re.compile(r"-[0-9]+", re.ASCII)  # a number, and none that an id can be
_STRING_ID = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)


class FormError(SmsqError):
    """A request that the gateway answers with error `code`; the code is never None here."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence, code=code)
        self.error = code


def read(body: bytes, query: str = "") -> dict[str, str]:
    """The fields of a request, decoded by the charset it names; the body's win over the query's."""
    raw = {**_fields(query.encode("utf-8", "replace")), **_fields(body)}
    charset = _charset(raw.get(b"charset", b"").decode("ascii", "replace"))
    return {name.decode(charset, "replace"): value.decode(charset, "replace") for name, value in raw.items()}


def credentials(fields: Mapping[str, str]) -> Login:
    """Who the request says it is from; empty strings if it does not say."""
    if fields.get("apikey"):
        return Login("", fields["apikey"], is_key=True)
    return Login(fields.get("login", ""), fields.get("psw", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """A send or price request as the gateway understands it.

    `messages` are (phone as digits, text); what is no number stays as it was written, for error 7.
    `id` is None if the gateway has to draw one. `extra` holds the fields that are not named here.
    """

    login: str
    secret: str = field(repr=False)
    is_key: bool
    id: int | str | None
    messages: list[tuple[str, str]] = field(repr=False)
    cost: int
    fmt: int
    charset: str
    sender: str | None
    valid: str | None
    time: str | None
    translit: int
    is_list: bool
    channel: str
    extra: dict[str, str]

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> SendRequest:
        """Read what `read` returned; raises FormError 1 for a missing or wrong parameter."""
        who = credentials(fields)
        messages = _messages(fields)
        return cls(
            login=who.login,
            secret=who.secret,
            is_key=who.is_key,
            id=_id(fields.get("id", "")),
            messages=messages,
            cost=_small_number(fields, "cost", 3),
            fmt=_small_number(fields, "fmt", 3),
            charset=_charset(fields.get("charset", "")),
            sender=fields.get("sender"),
            valid=fields.get("valid"),
            time=fields.get("time"),
            translit=_small_number(fields, "translit", 2),
            is_list="list" in fields,
            channel=_channel(fields, messages),
            extra={name: value for name, value in fields.items() if name not in _SEND_FIELDS},
        )


# The server has a word of its own for these.
_JUDGED = frozenset(("sender", "valid", "time"))
_SEND_FIELDS = frozenset("login psw apikey id phones mes list cost fmt charset sender valid time translit".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """A status request: `pairs` are (id, phone as digits); `is_multiple` asks for a list in the answer."""

    login: str
    secret: str = field(repr=False)
    is_key: bool
    pairs: list[tuple[int | str, str]]
    is_multiple: bool
    detail: int
    fmt: int
    charset: str
    is_delete: bool

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> StatusRequest:
        """Read what `read` returned; raises FormError 1 if ids and phones do not pair up."""
        who = credentials(fields)
        ids = [_id(item) for item in fields.get("id", "").split(",") if item.strip()]
        phones = [records.digits(item) for item in fields.get("phone", "").split(",") if item.strip()]
        if not ids or len(ids) != len(phones):
            raise FormError(1, "ids and phones do not pair up")
        pairs = [(gateway_id, phone) for gateway_id, phone in zip(ids, phones, strict=True) if gateway_id is not None]
        if len(pairs) != len(ids):
            raise FormError(1, "0 is no id")
        return cls(
            login=who.login,
            secret=who.secret,
            is_key=who.is_key,
            pairs=pairs,
            is_multiple="," in fields["id"],
            detail=_small_number(fields, "all", 2),
            fmt=_small_number(fields, "fmt", 3),
            charset=_charset(fields.get("charset", "")),
            is_delete=fields.get("del") == "1",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """A request for a page of sent messages; days as written (`dd.mm.yyyy`), empty if not given."""

    login: str
    secret: str = field(repr=False)
    is_key: bool
    start: str
    end: str
    prev_id: int
    count: int
    fmt: int
    phones: tuple[str, ...] = ()  # digits; empty for all

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> HistoryRequest:
        """Read what `read` returned; raises FormError 1 for a wrong parameter."""
        who = credentials(fields)
        if fields.get("get_messages") != "1":
            raise FormError(1, "only get_messages=1 is served")
        return cls(
            login=who.login,
            secret=who.secret,
            is_key=who.is_key,
            start=fields.get("start", ""),
            end=fields.get("end", ""),
            prev_id=_small_number(fields, "prev_id", 2**63),
            count=min(_small_number(fields, "cnt", 2**31) or 1000, 1000),
            fmt=_small_number(fields, "fmt", 3),
            phones=tuple(records.digits(each) for each in fields.get("phone", "").split(",") if each),
        )


def _fields(form: bytes) -> dict[bytes, bytes]:
    """Split a form into raw fields; of a repeated name the last counts."""
    fields: dict[bytes, bytes] = {}
    for item in form.split(b"&"):
        name, _, value = item.partition(b"=")
        if name:
            fields[_unquote(name)] = _unquote(value)
    return fields


def _unquote(value: bytes) -> bytes:
    """Undo the encoding of a form value; one that is not encoded, or throughout, takes a short cut."""
    if b"%" not in value:
        return value.replace(b"+", b" ")
    if value[:1] == b"%" and value.count(b"%") * 3 == len(value):
        try:
            return bytes.fromhex(value.replace(b"%", b"").decode("ascii"))
        except ValueError:
            pass
    return unquote_to_bytes(value.replace(b"+", b" "))


def _charset(name: str) -> str:
    """The codec for a `charset` field; the gateway's default for one it does not know."""
    return CHARSETS.get(name.strip().lower(), CHARSETS[DEFAULT_CHARSET])


def _id(written: str) -> int | str | None:
    """A client id: a 32-bit number or the newer string form; None for 0 or nothing."""
    written = written.strip()
    if written in ("", "0"):
        return None
    if written.isascii() and written.isdigit():
        number = int(written) if len(written) <= len(str(MAX_ID)) else MAX_ID + 1
        if not 1 <= number <= MAX_ID:
            raise FormError(1, "an id is a number from 1 to 2147483647")
        return number
    if _STRING_ID.fullmatch(written) is None or _BELOW_ZERO.fullmatch(written):
        raise FormError(1, "an id is a number or up to 40 letters, digits, dots, hyphens and underscores")
    return written


def _small_number(fields: Mapping[str, str], name: str, largest: int) -> int:
    """A number field; 0 if it is missing or empty, FormError 1 if it is something else."""
    written = fields.get(name, "").strip() or "0"
    if not (written.isascii() and written.isdigit() and len(written) <= 19) or int(written) > largest:
        raise FormError(1, f"{name} is out of range")
    return int(written)


def _messages(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """All (digits, text) of a request, from `list` or from `phones` and `mes`."""
    if "list" in fields:
        messages = [message for line in fields["list"].split("\n") for message in _record(line)]
    else:
        text = fields.get("mes", "")
        if not text and all(channel(name).has_text for name in chosen(fields)):
            raise FormError(1, "there is no text")
        messages = [(phone, text) for phone in records.numbers(fields.get("phones", ""))]
    if not messages:
        raise FormError(1, "there is no phone")
    return messages


def _channel(fields: Mapping[str, str], messages: list[tuple[str, str]]) -> str:
    """The channel that a send's fields choose; FormError 1 for two at once, or for a text that it does not take."""
    names = chosen(fields)
    if len(names) > 1:
        raise FormError(1, f"one channel at a time, not {' and '.join(names)}")
    if names[0] == PLAIN_CHANNEL:
        return PLAIN_CHANNEL  # what a plain SMS may hold is for the server to judge
    row = channel(names[0])
    try:
        for text in {text for _, text in messages}:
            row.check(text)
        check_fields(row, {name: fields[name] for name in row.takes - _JUDGED if name in OPTIONS and name in fields})
    except BadInput as wrong:
        raise FormError(1, wrong.sentence) from None
    return row.name


def _record(line: str) -> list[tuple[str, str]]:
    try:
        return records.read(line)
    except ValueError:
        raise FormError(1, records.NO_RECORD) from None
