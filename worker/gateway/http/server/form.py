r"""The fields of a request: bytes as they came, and words in the charset that the request names.

Strangers write forms in every way: unencoded letters of any charset, raw blanks, names without a value, a bare `&` at
the end, two places at once (PROTOCOL A.3, A.4, I.4). So bytes are read as bytes and decoded afterwards. A sample as a
library sends it by GET:

    login=me&psw=secret&fmt=1&charset=windows-1251&cost=3&phones=79991234567&mes=%CF%F0%E8&subj=\xd2\xe5\xec\xe0&
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote_to_bytes

import msgspec

from smsq.worker.domain.errors import SmsqError
from smsq.worker.gateway.login import Login

MAX_ID = 2_147_483_647  # a client id is a positive signed 32-bit number (PROTOCOL I.1.5)
DEFAULT_CHARSET = "windows-1251"  # what the gateway assumes if `charset` is missing (PROTOCOL A.4)
CHARSETS = {"utf-8": "utf-8", "koi8-r": "koi8-r", "windows-1251": "cp1251"}
MOST_FIELDS = 10_000  # of one request; more are no request, and would cost memory

_JSON = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_BELOW_ZERO = re.compile(r"-[0-9]+", re.ASCII)  # a number, and none that an id can be
_STRING_ID = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)


class FormError(SmsqError):
    """A request that the gateway answers with error `code`; the code is never None here.

    `gateway_id` is of the refused message: errors 3, 6, 7 and 8 of a send have one.
    """

    def __init__(self, code: int, sentence: str, gateway_id: int | str | None = None) -> None:
        super().__init__(sentence, code=code)
        self.error = code
        self.gateway_id = gateway_id


class Upload:
    """A file of a request; it keeps its bytes in memory. A server may give another that keeps them elsewhere."""

    def __init__(self, field: str, name: str, content_type: str) -> None:
        self.field = field  # free: `file0`, `File1` (PROTOCOL A.3)
        self.name = name  # without a path
        self.content_type = content_type
        self.size = 0
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self.size += len(data)
        self._pieces.append(data)

    def drop(self) -> None:
        """Give up what was taken: the request is not wanted."""
        self._pieces.clear()

    @property
    def held(self) -> int:
        """How many of its bytes are in memory."""
        return sum(map(len, self._pieces))

    @property
    def content(self) -> bytes:
        """All bytes."""
        return b"".join(self._pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A request's fields. `raw` are the bytes, `words` the same in `charset`, which is a codec and the answer's too."""

    raw: Mapping[str, bytes] = field(repr=False)
    words: Mapping[str, str] = field(repr=False)
    charset: str
    uploads: Sequence[Upload] = ()
    is_json: bool = False

    @classmethod
    def of(cls, words: Mapping[str, str], charset: str = "utf-8") -> Self:
        """A form with these words."""
        raw = {name: word.encode(charset, "replace") for name, word in words.items()}
        return cls(raw=raw, words=words, charset=charset)

    def get(self, name: str) -> str:
        """A field as a word, '' if it is not there."""
        return self.words.get(name, "")

    def is_on(self, name: str) -> bool:
        """Whether a switch is set."""
        return self.words.get(name) == "1"

    @property
    def fmt(self) -> int:
        """The shape of the answer; 0 if the request names none, or none that there is: errors need one too."""
        fmt = self.get("fmt").strip()
        return int(fmt) if fmt in ("1", "2", "3") else 0

    @property
    def login(self) -> Login:
        """Who the request says it is from; empty strings if it does not say."""
        if key := self.get("apikey"):
            return Login("", key, is_key=True)
        return Login(self.get("login"), self.get("psw"))


def read_form(query: bytes, body: bytes = b"") -> Form:
    """The fields of a query and of an urlencoded body; the body's win."""
    return form_of({**split(query), **split(body)} if query else split(body))


def form_of(raw: Mapping[bytes, bytes], uploads: Sequence[Upload] = (), own: Mapping[bytes, str] | None = None) -> Form:
    """Fields decoded by the charset they name; `own` are codecs of fields that say theirs."""
    charset = codec(raw.get(b"charset", b""))
    by_name: dict[str, bytes] = {}
    words: dict[str, str] = {}
    for name, value in raw.items():
        word = name.decode() if name.isascii() else name.decode(charset, "replace")
        by_name[word] = value
        if value.isascii():  # the same in all three, and several times quicker
            words[word] = value.decode()
        else:
            words[word] = value.decode(own.get(name, charset) if own else charset, "replace")
    return Form(raw=by_name, words=words, charset=charset, uploads=uploads)


def read_json(body: bytes) -> Form:
    """The fields of a JSON body, which is what /rest/send/ takes; its answer is JSON (PROTOCOL A.2)."""
    try:
        told = _JSON.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FormError(1, "the body is no JSON object of plain values") from None
    if len(told) > MOST_FIELDS:
        raise FormError(1, "too many fields")
    words = {"fmt": "3", **{name: _word(value) for name, value in told.items() if value is not None}}
    words["charset"] = "utf-8"
    raw = {name: word.encode("utf-8", "replace") for name, word in words.items()}
    return Form(raw=raw, words=words, charset="utf-8", is_json=True)


def split(form: bytes) -> dict[bytes, bytes]:
    """The raw fields of a form; of a repeated name the last counts. FormError 1 for too many."""
    if form.count(b"&") > MOST_FIELDS:
        raise FormError(1, "too many fields")
    fields: dict[bytes, bytes] = {}
    for item in form.split(b"&"):
        name, _, value = item.partition(b"=")
        if name:
            if b"%" in name or b"+" in name:
                name = _unquote(name)
            fields[name] = _unquote(value) if b"%" in value or b"+" in value else value
    return fields


def codec(name: bytes | str) -> str:
    """The codec for a `charset` field; the gateway's default for one it does not know."""
    word = name.decode("ascii", "replace") if isinstance(name, bytes) else name
    return CHARSETS.get(word.strip().lower(), CHARSETS[DEFAULT_CHARSET])


def id_of(written: str) -> int | str | None:
    """A client id: a 32-bit number or the newer string form; None for 0 or nothing. FormError 1 for anything else."""
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


def number_of(form: Form, name: str, largest: int) -> int:
    """A number field; 0 if it is missing or empty, FormError 1 if it is something else."""
    written = form.get(name).strip() or "0"
    if not (written.isascii() and written.isdigit() and len(written) <= 19) or int(written) > largest:
        raise FormError(1, f"{name} is out of range")
    return int(written)


def _word(value: str | int | float | bool) -> str:
    """A JSON value as a form would have it."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _unquote(value: bytes) -> bytes:
    """Undo the encoding of a form value; one that is not encoded, or throughout, takes a short cut."""
    if b"%" not in value:
        return value.replace(b"+", b" ")
    if value[::3].count(b"%") * 3 == len(value):
        try:
            return unhexlify(value.replace(b"%", b""))
        except ValueError:
            pass
    return unquote_to_bytes(value.replace(b"+", b" "))
