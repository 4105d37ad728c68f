"""Letters as a server reads them: the bytes of a mail to the fields of a send, in whatever form a stranger writes.

The three libraries write them differently (PROTOCOL G): raw 8-bit bytes without a word about MIME, base64, the key with
an empty log-in, texts over several lines. A mail server on the way may have made quoted-printable or several parts of
one, or HTML; there the line stands between `[text]` and `[/text]`. What is no letter of this form is refused with a
sentence that repeats nothing of it. The fields are those of a send by HTTP, so that one reader understands both.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from types import MappingProxyType

from smsq.worker.domain.errors import SmsqError
from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.login import Login

DEFAULT_CHARSET = "koi8-r"  # what the gateway assumes if a letter names none (PROTOCOL G)
CODECS: Mapping[str, str] = MappingProxyType(
    {"utf-8": "utf-8", "utf8": "utf-8", "koi8-r": "koi8-r", "windows-1251": "cp1251", "cp1251": "cp1251"}
)
RAW = 4  # the format of binary messages as they are; mail servers change line ends (PROTOCOL I.2)
MAX_PARTS = 20  # of a mail

_WRAPPED = re.compile(r"\[text\](.*)\[/text\]", re.DOTALL | re.IGNORECASE)
_MARKUP_BREAKS = re.compile(r"<br\s*/?>|</p>|</div>", re.IGNORECASE)
_MARKUP = re.compile(r"<[^<>]*>")
_NEWLINES = re.compile(r"\r\n|\r")
_TRANSFERS = ("", "7bit", "8bit", "binary", "base64", "quoted-printable")
_NUMBER = re.compile(r"[0-9]{1,2}", re.ASCII)


class LetterError(SmsqError):
    """A mail that is no letter to the gateway; the sentence is in ASCII, for the answer to its sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter: who it is from, and its fields as they were written; `number` is the library's format.

    `phones` is empty if `text` is a list of recipients with a text each. `message_id` is what its sender or a mail
    server named it, '' for none: a copy of the same mail has the same.
    """

    login: Login
    id: str
    time: str
    zone: str
    translit: str
    number: int
    sender: str
    is_test: bool
    phones: str = field(repr=False)
    text: str = field(repr=False)
    message_id: str = ""

    def fields(self) -> dict[str, str]:
        """The same as fields of a send by HTTP. Raises LetterError for a format that no letter can have."""
        told = {"login": self.login.login, "psw": self.login.secret}
        if self.login.is_key:
            told = {"apikey": self.login.secret}
        told |= {"charset": "utf-8", "id": self.id or "0"}
        if self.time not in ("", "0"):
            told["time"] = self.time
        for name, value in (("tz", self.zone), ("sender", self.sender)):
            if value:
                told[name] = value
        if self.translit not in ("", "0"):
            told["translit"] = self.translit
        told |= _choosing(self.number)
        return told | ({"phones": self.phones, "mes": self.text} if self.phones else {"list": self.text})


def read(mail: bytes) -> Letter:
    """Read a whole mail; raises LetterError for one that is no letter."""
    try:
        message = message_from_bytes(mail, policy=compat32)
        message_id = str(message.get("Message-ID", "")).strip()
        body = _body(message)
    except LetterError:
        raise
    except Exception:  # the e-mail package raises whatever its parts raise: of codecs, dates, recursion
        raise LetterError("this mail cannot be read") from None
    return _letter(body, message_id)


def _choosing(number: int) -> dict[str, str]:
    """The HTTP fields that choose the channel of a library's format number."""
    row = next((each for each in CHANNELS.values() if each.number == number), None)
    if row is None or "smtp" not in row.dialects:
        raise LetterError(f"{number} is no format that a letter can have")
    if number == RAW:
        raise LetterError("raw bytes would be changed on their way: send them as hex, with format 5")
    return {name: value for name, value in row.fields.items() if value is not None}


def _letter(body: str, message_id: str) -> Letter:
    """Split the line of fields."""
    pieces = body.split(":", 6)
    if len(pieces) < 7:
        raise LetterError("the text of a letter begins with login:password:id:time:translit,format,sender:phones:")
    login, secret, written_id, when, options, phones, text = pieces
    time, _, zone = when.partition(",")
    translit, *more = options.split(",")
    number, sender, test = [*more, "", "", ""][:3]
    if len(more) > 3 or any("\n" in each for each in pieces[:6]) or not secret:
        raise LetterError("the fields of this letter cannot be told apart")
    if number and _NUMBER.fullmatch(number) is None:
        raise LetterError("the format of a letter is a number")
    return Letter(
        login=Login(login, secret, is_key=not login),
        id=written_id.strip(),
        time=time.strip(),
        zone=zone.strip(),
        translit=translit.strip(),
        number=int(number or 0),
        sender=sender,
        is_test=test.strip() not in ("", "0"),
        phones=phones.strip(),
        text=text,
        message_id=message_id,
    )


def _body(message: Message) -> str:
    """The line of fields and the text: of the plain part, or between the marks of any part."""
    wrapped = plain = None
    for number, part in enumerate(message.walk()):
        if number >= MAX_PARTS:
            raise LetterError("a letter has one part, not so many")
        kind = part.get_content_type()
        if part.is_multipart() or kind not in ("text/plain", "text/html") or part.get_filename():
            continue
        text = _decoded(part)
        if (found := _WRAPPED.search(text)) is not None:
            wrapped = wrapped or (_without_markup(found[1]) if kind == "text/html" else found[1])
        elif kind == "text/plain":
            plain = plain or text
    found_text = wrapped or plain
    if found_text is None:
        raise LetterError("there is no plain text in this mail, and no [text]")
    return found_text.strip("\n").strip("\0")


def _decoded(part: Message) -> str:
    """The text of one part, in Unicode and with plain line breaks."""
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() not in _TRANSFERS:
        raise LetterError("a letter is sent as it is, in base64 or in quoted-printable")
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        raise LetterError("this mail cannot be read")
    return _NEWLINES.sub("\n", _in_charset(raw, _charset(part)))


def _charset(part: Message) -> str:
    told = part.get_param("charset", "")
    if isinstance(told, tuple):  # in the form of RFC 2231
        told = told[2]
    return str(told or "").strip().strip("'\"").lower()


def _in_charset(raw: bytes, charset: str) -> str:
    codec = CODECS.get(charset)
    if codec is None:
        if charset and not raw.isascii():
            raise LetterError("a letter is in koi8-r, windows-1251 or utf-8")
        codec = CODECS[DEFAULT_CHARSET]
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        raise LetterError(f"the text of this letter is not in {charset or DEFAULT_CHARSET}") from None


def _without_markup(text: str) -> str:
    """What a person would read of a piece of HTML."""
    lines = _MARKUP_BREAKS.sub("\n", text.replace("\n", " "))
    return html.unescape(_MARKUP.sub("", lines)).replace("\u00a0", " ")
