"""The table of channels: every kind of message that the gateway sends, and all that tells one from another.

To add a channel, add a row; no other module names one. The table is closed: a field that chooses a channel or changes
what is sent reaches a request only from here. What a column means is said at `Channel`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import PLAIN_CHANNEL
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.recipient import PHONES_ONLY, RecipientKind
from smsq.worker.gateway.checks import Check, sender_address, sender_name, url

# The gateway would make up a code, ring once from a number that ends in it, and tell us the code (PROTOCOL B.1).
MAGIC_WORD = "code"
OCTETS_A_PART = 140  # of a binary message; with a header of its own it has no room for another
MOST_OCTETS = texts.MAX_LENGTH // 2  # as hex it is twice as long, and the gateway takes a thousand characters

Dialect = Literal["http", "smtp", "smpp"]
Result = Literal["hlr", "ping", "code"]

EVERYWHERE: frozenset[Dialect] = frozenset(("http", "smtp", "smpp"))
NO_SMPP: frozenset[Dialect] = frozenset(("http", "smtp"))
NO_SMTP: frozenset[Dialect] = frozenset(("http", "smpp"))
HTTP_ONLY: frozenset[Dialect] = frozenset(("http",))

# Options by the kind of message: what every one takes, and what is said beside a text.
_EACH = frozenset("sender valid time tz period freq userip imgcode".split())
_WRITTEN = _EACH | {"comment", "tinyurl"}
_SHORT = _WRITTEN | {"translit", "maxsms"}

_CODE = re.compile(r"\d{4,8}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
_BLANKS = re.compile(r"\s+")


def _check_code(text: str) -> None:
    """Raise BadText unless it is a code: Telegram accepts nothing else (PROTOCOL B.1, tg)."""
    if _CODE.fullmatch(text) is None:
        raise BadText("a Telegram code is 4 to 8 digits and nothing else")


def _check_speech(text: str) -> None:
    """Raise BadText for the gateway's own word, which is for one phone alone; any other text can be read aloud."""
    texts.check(text)
    if text.strip().casefold() == MAGIC_WORD:
        raise BadText(
            f"for the word {MAGIC_WORD!r} alone the gateway says a code of its own, and tells it to us: that is for "
            f"one call, without a comment, and written {MAGIC_WORD}"
        )


def _check_silence(text: str) -> None:
    """Raise BadText for any text: nothing reaches the phone's owner."""
    if text:
        raise BadText("this message has no text: leave it empty")


def _check_link(text: str) -> None:
    """Raise BadText unless it is a link, a new line and a title (PROTOCOL B.1, push)."""
    texts.check(text)
    link, _, title = text.partition("\n")
    if url(link) or not title.strip() or "\n" in title:
        raise BadText("a push is a link, a new line and a title of one line: https://example.ru, then the title")


def _check_octets(text: str) -> None:
    """Raise BadText unless it is hex of some bytes, in the form of `_hex_of`."""
    if _HEX.fullmatch(text) is None:
        raise BadText("a binary message is bytes, or their hex: two digits from 0-9 and a-f for each")
    if len(text) // 2 > MOST_OCTETS:
        raise BadText(f"a binary message has at most {MOST_OCTETS} bytes, not {len(text) // 2}")


def _check_beside_files(text: str) -> None:
    """The same as for an SMS, but there may be nothing beside the files."""
    if text:
        texts.check(text)


def _one(text: str) -> int:
    """Always 1: these channels are not charged by length."""
    return 1


def _parts_of_octets(text: str) -> int:
    return max(1, -(-len(text) // 2 // OCTETS_A_PART))


def _parts_of_link(text: str) -> int:
    """An estimate: link and title travel as bytes, with some forty more around them, as in the libraries' sample."""
    return -(-(len(text.encode()) + 40) // OCTETS_A_PART)


def _hex_of(given: str | bytes) -> str:
    """Bytes, or hex as people write it, in the one form that is kept: small letters without blanks."""
    return given.hex() if isinstance(given, bytes) else _BLANKS.sub("", given).lower()


def _tidied(given: str | bytes) -> str:
    if not isinstance(given, str):
        raise BadText(f"the text must be a str, not {type(given).__name__}")
    return texts.tidied(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel: its name in options and metrics, and how it differs from others.

    `fields` choose it in a request; a value of None is any value of the option of that name. `number` is the format
    number of the gateway's own libraries and of a letter, `type` the gateway's number for it in statuses (D.10),
    `keyword` the word before its text over SMPP (H.6); None if the manual has none. `recipients` are the kinds that it
    goes to, `column` is the one of a file that holds them. `read` makes the text that is kept from what a caller gives,
    `check` raises BadText for a text that it does not accept, except the text `alone`, which a message to one recipient
    may have; `parts` counts the parts of a text; without `has_text` that is always empty. `sender` says what is wrong
    with a sender. `takes` names its options, `needs` those that must be given. `files` may be attached. `result` is
    what is learnt by sending it. `dialects` can carry it. `codes`: a one-time code may go by it; `campaigns`: more than
    single messages may. `same_as` names the channel that a caller chooses instead, of which this is another way to
    write it.
    """

    name: str
    fields: Mapping[str, str | None] = field(default_factory=dict)
    number: int | None = None
    type: int | None = None
    keyword: str | None = None
    recipients: tuple[RecipientKind, ...] = PHONES_ONLY
    column: str = "phone"
    read: Callable[[str | bytes], str] = _tidied
    check: Callable[[str], None] = texts.check
    alone: str | None = None
    parts: Callable[[str], int] = texts.parts
    sender: Check = sender_name
    takes: frozenset[str] = _WRITTEN
    needs: tuple[str, ...] = ()
    files: bool = False
    result: Result | None = None
    dialects: frozenset[Dialect] = HTTP_ONLY
    codes: bool = False
    campaigns: bool = True
    same_as: str = ""
    has_text: bool = True
    meaning: str = ""

    def others_that_take(self, option: str) -> list[str]:
        """The names of other channels that take this option."""
        return [row.name for row in CHANNELS.values() if option in row.takes and row.name != self.name]


# Chapters "sending" (PROTOCOL B.1), "message types" (D.10) and "special texts" (H.6) of the manual and the formats of
# the libraries, read 2026-11-20 and 2026-11-29.
CHANNELS: dict[str, Channel] = {
    row.name: row
    for row in (
        Channel(
            name=PLAIN_CHANNEL,
            number=0,
            type=0,
            takes=_SHORT,
            dialects=EVERYWHERE,
            codes=True,
            meaning="a plain SMS",
        ),
        Channel(
            name="flash",
            fields={"flash": "1"},
            number=1,
            type=1,
            takes=_SHORT,
            dialects=NO_SMPP,
            codes=True,
            meaning="an SMS that is shown at once and not kept",
        ),
        Channel(
            name="push",
            fields={"push": "1"},
            number=2,
            type=3,
            check=_check_link,
            parts=_parts_of_link,
            takes=_EACH,
            dialects=NO_SMPP,
            meaning="a link with a title (WAP push)",
        ),
        Channel(
            name="hlr",
            fields={"hlr": "1"},
            number=3,
            type=4,
            keyword="__HLR__",
            check=_check_silence,
            parts=_one,
            takes=_EACH,
            result="hlr",
            dialects=EVERYWHERE,
            has_text=False,
            meaning="a question about a phone's operator and whether it is on; nothing reaches the phone",
        ),
        Channel(
            name="bin",
            fields={"bin": "1"},
            number=4,
            type=2,
            read=_hex_of,
            check=_check_octets,
            parts=_parts_of_octets,
            takes=_EACH,
            dialects=EVERYWHERE,
            meaning="a binary message, of bytes or their hex",
        ),
        Channel(
            name="binhex",
            fields={"bin": "2"},
            number=5,
            type=2,
            read=_hex_of,
            check=_check_octets,
            parts=_parts_of_octets,
            takes=_EACH,
            dialects=EVERYWHERE,
            same_as="bin",
            meaning="the same, written as hex on the wire",
        ),
        Channel(
            name="ping",
            fields={"ping": "1"},
            number=6,
            type=5,
            keyword="__PING__",
            check=_check_silence,
            parts=_one,
            takes=_EACH,
            result="ping",
            dialects=EVERYWHERE,
            has_text=False,
            meaning="an SMS that is not shown, to learn whether a phone is on",
        ),
        Channel(
            name="mms",
            fields={"mms": "1"},
            number=7,
            type=6,
            check=_check_beside_files,
            parts=_one,
            takes=_WRITTEN | {"subj", "fileurl", "translit"},
            files=True,
            dialects=HTTP_ONLY,  # a letter has no place for files, nor a PDU
            meaning="an MMS, with files",
        ),
        Channel(
            name="mail",
            fields={"mail": "1"},
            number=8,
            type=8,
            keyword="__MAIL__",
            recipients=("mail",),
            column="email",
            parts=_one,
            sender=sender_address,
            takes=_WRITTEN | {"subj", "fileurl"},
            needs=("sender", "subj"),
            files=True,
            dialects=NO_SMTP,  # a letter has no place for its subject
            meaning="an e-mail, with files",
        ),
        Channel(
            name="tg",
            fields={"tg": "1"},
            number=13,
            keyword="__TGM__",
            recipients=("phone", "telegram"),
            check=_check_code,
            parts=_one,
            takes=_EACH,
            dialects=EVERYWHERE,
            codes=True,
            campaigns=False,
            meaning="a code in Telegram",
        ),
        Channel(
            name="call",
            fields={"call": "1"},
            number=9,
            type=7,
            keyword="__CALL__",
            check=_check_speech,
            alone=MAGIC_WORD,
            parts=_one,
            takes=_EACH | {"voice", "param"},
            result="code",
            dialects=EVERYWHERE,
            codes=True,
            meaning="a phone call in which the text is read aloud",
        ),
        Channel(
            name="viber",
            fields={"viber": "1"},
            number=10,
            type=10,
            keyword="__VIBER__",
            parts=_one,
            dialects=EVERYWHERE,
            codes=True,
            meaning="a message in Viber",
        ),
        Channel(
            name="soc",
            fields={"soc": "1"},
            number=11,
            type=12,
            keyword="__SOC__",
            parts=_one,
            dialects=EVERYWHERE,
            codes=True,
            meaning="a message in a social network",
        ),
        Channel(name="whatsapp", fields={"whatsapp": "1"}, parts=_one, codes=True, meaning="a message in WhatsApp"),
        Channel(
            name="bot",
            fields={"bot": None},
            keyword="__BOT__",
            recipients=("phone", "telegram"),
            parts=_one,
            takes=_WRITTEN | {"bot", "smsreq"},
            needs=("bot",),
            dialects=NO_SMTP,
            meaning="a message of a chat bot",
        ),
    )
}
CHOOSING = frozenset(name for row in CHANNELS.values() for name in row.fields)


def channel(name: str) -> Channel:
    """The row of that name; raises BadInput naming the rows there are."""
    try:
        return CHANNELS[name]
    except (KeyError, TypeError):
        raise BadInput(f"there is no channel {name!r}; the channels are {', '.join(names())}") from None


def names() -> list[str]:
    """The channels that a caller may choose."""
    return [row.name for row in CHANNELS.values() if not row.same_as]


def wire_row(row: Channel) -> Channel:
    """The row whose fields choose a channel in our own requests: of two ways to write it, the one that is all text."""
    return next((other for other in CHANNELS.values() if other.same_as == row.name), row)


def chosen(fields: Mapping[str, str]) -> list[str]:
    """The channels that the fields of a request choose, the inverse of `Channel.fields`; none means plain SMS."""
    return [
        row.name
        for row in CHANNELS.values()
        if row.fields and all(_is_chosen(fields, name, value) for name, value in row.fields.items())
    ] or [PLAIN_CHANNEL]


def _is_chosen(fields: Mapping[str, str], name: str, value: str | None) -> bool:
    given = fields.get(name)
    return bool(given) if value is None else given == value
