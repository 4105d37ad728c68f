r"""Letters to the gateway as the client writes them: values to the bytes of a mail.

The body of a letter is one line of fields, then the text; with a text for each recipient it ends in their list
(PROTOCOL G). Fields are separated by colons and commas and nothing can be escaped, so a field that holds one is
refused by name before anything is written: the gateway would read another message than was meant. Samples:

    me:secret:1000000001:0:0,0,Shop:+79991234567,+79991234568:Hello: it is open
    me:secret:1000000001:0:0,0,Shop::+79991234567:Hello Ann\n+79991234568:Hello Bob
    :key:1000000001:0911281200,5:1,1,:+79991234567:Hello

The body is UTF-8 in base64, so that every byte arrives as it is, whatever lies between. A letter holds 100 KB at most:
more messages leave in several letters, under one id and no recipient twice.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.domain.recipient import Recipient, written
from smsq.worker.gateway.channels import channel, wire_row
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.options import check_own_texts, given_options, with_comment

MAX_LETTER = 100 * 1024  # bytes with all headers, "at most 100 KB" (PROTOCOL G)
SAID = frozenset({"sender", "time", "tz", "translit", "comment"})  # options that a letter has a place for
_HEADERS = 1024  # bytes left for headers
_BREAKS = ":,\r\n"
MARKS = re.compile(r"\[/?text\]", re.IGNORECASE)  # a reader of letters takes what stands between them (PROTOCOL G)
_SEPARATORS = re.compile(r"[\s:;,]")
_NEWLINES = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who a letter is from and to."""

    sender: str
    recipient: str


def letters(
    login: Login, outgoing: Outgoing, envelope: Envelope, *, date: str, token: str, most: int = MAX_LETTER
) -> list[bytes]:
    """The letters of one claim, each of at most `most` bytes; nearly always one.

    `token` makes their Message-IDs unlike any other's. Raises BadInput for what a letter cannot say.
    """
    check_login(login)
    head = f"{login.login}:{login.secret}:{outgoing.gateway_id:d}:{_fields(outgoing.options)}"
    room = (most - _HEADERS) // 78 * 57  # of a body: 57 bytes become a line of 76 letters and its end
    domain = envelope.sender.rpartition("@")[2]
    return [
        mail(body, envelope, date=date, message_id=f"<{outgoing.gateway_id}.{number}.{token}@{domain}>")
        for number, body in enumerate(_bodies(head, outgoing, room))
    ]


def mail(
    body: str, envelope: Envelope, *, date: str, message_id: str, charset: str = "utf-8", as_html: bool = False
) -> bytes:
    """A body as a whole mail, in base64. `as_html` wraps it in `[text]`, for a way that lets no plain text through.

    Raises BadInput for characters that the charset lacks.
    """
    if as_html:
        body = f"[text]{body}[/text]"
    try:
        coded = base64.encodebytes(body.encode(charset)).replace(b"\n", b"\r\n")
    except UnicodeEncodeError:
        raise BadInput(f"the text holds characters that {charset} lacks") from None
    headers = (
        f"From: {envelope.sender}",
        f"To: {envelope.recipient}",
        "Subject: ",
        f"Date: {date}",
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
        f"Content-Type: text/{'html' if as_html else 'plain'}; charset={charset}",
        "Content-Transfer-Encoding: base64",
    )
    return "\r\n".join(headers).encode("ascii") + b"\r\n\r\n" + coded


def check_login(login: Login) -> None:
    """Raise BadInput for a log-in that would end its field; the message names it and does not repeat it."""
    for name, value in (("log-in", login.login), ("API key" if login.is_key else "password", login.secret)):
        if any(char in value for char in _BREAKS):
            raise BadInput(f"the {name} holds a colon, a comma or a line break, with which a letter cannot be read")


def check_options(options: Options, later: Collection[str] = ()) -> None:
    """Raise BadInput for options that no letter can say; `later` names those that follow with each message."""
    _fields(options)
    _check_said(later)


def _fields(options: Options) -> str:
    """The fields of the options: `time` or `time,tz`, a colon, `translit,format,sender`. Raises BadInput."""
    row = channel(options.channel)
    number = wire_row(row).number
    if "smtp" not in row.dialects or number is None:
        raise BadInput(f"a message of the channel {row.name} cannot leave as a letter")
    given = {**given_options(options), **options.extra}
    _check_said(given)
    sender, time, zone = (str(given.get(name, "")) for name in ("sender", "time", "tz"))
    if options.sender == "":
        raise BadInput("a letter cannot switch the account's own sender off: leave the sender out, or send over HTTP")
    for name, value in (("time", time), ("tz", zone), ("sender", sender)):
        if any(char in value for char in _BREAKS):
            raise BadInput(f"a letter cannot say {name} {value!r}: a colon or a comma would end its field")
    when = f"{time or '0'},{zone}" if zone else time or "0"
    return f"{when}:{options.translit:d},{number},{sender}"


def _check_said(names: Iterable[str]) -> None:
    for name in names:
        if name not in SAID:
            raise BadInput(f"a letter has no place for {name!r}: leave it out, or send over HTTP")


def _bodies(head: str, outgoing: Outgoing, room: int) -> Iterator[str]:
    """The bodies of the letters: as many recipients in each as `room` bytes hold."""
    if outgoing.text is not None:
        start, end, separator = f"{head}:", f":{with_comment(outgoing.text, outgoing.options)}", ","
        items: Sequence[str] = [_recipient(each) for each in outgoing.recipients]
    else:
        check_own_texts(outgoing.options)
        start, end, separator = f"{head}::", "", "\n"
        pairs = zip(outgoing.recipients, outgoing.texts, strict=True)
        items = [f"{_recipient(each)}:{_one_line(text)}" for each, text in pairs]
    fixed = len(f"{start}{end}".encode())
    group: list[str] = []
    used = fixed
    for item in items:
        size = len(item.encode()) + 1
        if group and used + size > room:
            yield f"{start}{separator.join(group)}{end}"
            group, used = [], fixed
        if used + size > room:
            raise BadInput("the message is too long for a letter: the mail server takes no larger ones")
        group.append(item)
        used += size
    yield f"{start}{separator.join(group)}{end}"


def _recipient(recipient: Recipient) -> str:
    """A recipient as a letter has it; raises BadInput for one that would be read as several, or as another field."""
    if isinstance(recipient, str) and _SEPARATORS.search(recipient):
        raise BadInput("a recipient holds a colon, a comma, a semicolon or a blank, with which a letter cannot be read")
    return written(recipient)


def _one_line(text: str) -> str:
    """A text in a list: a line break in it is written as the two characters backslash and n (PROTOCOL B.3)."""
    return _NEWLINES.sub(r"\\n", text)
