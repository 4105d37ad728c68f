"""A recipient: who a message is for. A phone, kept as the number it is, or an address, kept as text in canonical form.

An address is a mail address, a Telegram nick (`@name`) or a Telegram id (`#123456`). Two ways to write one address give
the same text, so that recipients are compared, packed and looked up by equality alone. Every recipient comes through
`parse`, or through `answered` if the gateway names it; no other code checks one again. A contact group of the
gateway's (`G123`) is none: nobody could say who is in it, so its messages could not be told apart, counted or asked
about. No sentence here repeats a whole recipient.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final, Literal

from smsq.worker.domain import phone as phones
from smsq.worker.domain.errors import BadAddress, BadPhone

Recipient = int | str
RecipientKind = Literal["phone", "mail", "telegram"]

# What each kind is called in a sentence.
CALLED: Final[dict[RecipientKind, str]] = {
    "phone": "a phone",
    "mail": "a mail address",
    "telegram": "a Telegram nick or #id",
}
EVERY_KIND: Final[tuple[RecipientKind, ...]] = ("phone", "mail", "telegram")
PHONES_ONLY: Final[tuple[RecipientKind, ...]] = ("phone",)
MAIL_ONLY: Final[tuple[RecipientKind, ...]] = ("mail",)
LONGEST: Final = 254  # characters of a mail address (RFC 5321), which is the longest address there is

# The characters of a local part without quotes (RFC 5322), but for #, which begins a Telegram id: none of them ends a
# record or a list of the gateway's.
_LOCAL = re.compile(r"[a-z0-9!$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NICK = re.compile(r"[a-z][a-z0-9_]{3,31}", re.ASCII)
_TELEGRAM_ID = re.compile(r"#([1-9][0-9]{0,18})", re.ASCII)
_GROUP = re.compile(r"[Gg]\s*[0-9]+", re.ASCII)
_DIGITS = re.compile(r"\+?([0-9]{1,18})", re.ASCII)  # of a phone, as answers and callbacks write it
_SCHEME = re.compile(r"mailto:\s*", re.IGNORECASE)
# Allowed around an address: blanks, a spreadsheet's apostrophe, quotes.
_EDGES = " \t\r\n\u00a0\u202f'\"\u2018\u2019\u201c\u201d\u00ab\u00bb"


def parse(written: str, kinds: Collection[RecipientKind] = PHONES_ONLY, region: str = "RU") -> Recipient:
    """The recipient meant by `written`, of one of these kinds.

    Raises BadPhone or BadAddress with the reason. `region` is as in `phone.parse`.

    >>> parse("8 999 123-45-67"), parse("Anna@Example.RU", ("mail",)), parse("@Anna_K", ("telegram",))
    (79991234567, 'anna@example.ru', '@anna_k')
    """
    if not isinstance(written, str):
        raise BadPhone("a recipient is written as text")
    if kinds == PHONES_ONLY:
        try:
            return phones.parse(written, region)
        except BadPhone:
            _refuse_address(written)
            raise
    text = _SCHEME.sub("", _plain(written), count=1).strip(_EDGES)
    if not text:
        raise BadAddress("no recipient is given")
    if _GROUP.fullmatch(text):
        raise BadAddress(NO_GROUPS)
    if "telegram" in kinds and text[0] in "@#":
        return _telegram(text)
    if "mail" in kinds and "@" in text[1:]:
        return _mail(text)
    if "phone" in kinds:
        return phones.parse(written, region)
    raise BadAddress(f"this is not {_any_of(kinds)}")


NO_GROUPS: Final = (
    "a contact group of the gateway's (G and a number) is no recipient: it cannot be told who is in it, so doubles "
    "could not be left out and no message could be asked about; name its members"
)


FORGOTTEN: Final = 0  # in the place of a recipient that was erased; no phone is 0


def written(recipient: Recipient) -> str:
    """A recipient as the gateway and people are told it; '' for one that was forgotten.

    >>> written(79991234567), written("anna@example.ru")
    ('+79991234567', 'anna@example.ru')
    """
    if recipient == FORGOTTEN:
        return ""
    return f"+{recipient:d}" if isinstance(recipient, int) else recipient


def answered(text: object) -> Recipient | None:
    """The recipient that the gateway names in an answer or a callback; None for what can be none.

    Digits, with or without a plus, are a phone, even one that is no valid number: they are only compared with
    recipients of ours.

    >>> answered("79991234567"), answered("Anna@example.ru"), answered("nobody at all")
    (79991234567, 'anna@example.ru', None)
    """
    if type(text) is int:
        return text if 0 <= text < 10**18 else None
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    if found := _DIGITS.fullmatch(text):
        return int(found[1])
    try:
        return _telegram(text) if text[:1] in ("@", "#") else _mail(text) if "@" in text else None
    except BadAddress:
        return None


def shown(text: str) -> str:
    """What an answer names as a recipient, as people are shown it; itself if that can be none.

    >>> shown("79991234567"), shown("anna@example.ru")
    ('+79991234567', 'anna@example.ru')
    """
    named = answered(text)
    return text if named is None else written(named)


def key_of(recipient: Recipient) -> bytes:
    """What hashes are made of: a phone's digits, an address's own characters. No two recipients have one key."""
    return b"%d" % recipient if isinstance(recipient, int) else recipient.encode()


def kind_of(recipient: Recipient) -> RecipientKind:
    """Of which kind a recipient is.

    >>> kind_of(79991234567), kind_of("anna@example.ru"), kind_of("#123456")
    ('phone', 'mail', 'telegram')
    """
    if isinstance(recipient, int):
        return "phone"
    return "telegram" if recipient[0] in "@#" else "mail"


def masked(recipient: Recipient) -> str:
    """The recipient as logs may show it.

    >>> masked(79991234567), masked("anna.k@example.ru"), masked("@anna_k")
    ('7999***4567', 'a***@example.ru', '@a***')
    """
    if isinstance(recipient, int) or not recipient.strip("+0123456789*"):
        return phones.masked(recipient)
    name, at, domain = recipient.rpartition("@")
    if name:
        return f"{name[0]}***{at}{domain}"
    return f"{recipient[:2]}***" if recipient[0] == "@" else f"{recipient[0]}***"


def _plain(written: str) -> str:
    return "".join(char for char in written if unicodedata.category(char) != "Cf").strip(_EDGES)


def _refuse_address(written: str) -> None:
    """Raise BadPhone for an address where only a phone can be; returns for anything else."""
    text = _plain(written)
    if _GROUP.fullmatch(text):
        raise BadAddress(NO_GROUPS)
    if text[:1] in ("@", "#") and len(text) > 1:
        raise BadAddress("this is a Telegram nick or id, and a message of this channel goes to a phone")
    if "@" in text[1:-1] and " " not in text:
        raise BadAddress("this is a mail address, and a message of this channel goes to a phone")


def _telegram(text: str) -> str:
    if found := _TELEGRAM_ID.fullmatch(text):
        return f"#{found[1]}"
    nick = text[1:].lower()
    if text[0] == "@" and _NICK.fullmatch(nick):
        return f"@{nick}"
    raise BadAddress("a Telegram recipient is @ and a nick of 4 to 32 letters, digits and underscores, or # and an id")


def _mail(text: str) -> str:
    """A mail address in small letters, its domain in ASCII: no server that people use tells letters apart by size."""
    if len(text) > LONGEST:
        raise BadAddress(f"a mail address has at most {LONGEST} characters")
    local, _, domain = text.rpartition("@")
    local, domain = local.lower(), domain.lower().rstrip(".")
    if not local.isascii():
        raise BadAddress("the part of a mail address before its @ is written in Latin letters, digits and signs")
    if len(local) > 64 or _LOCAL.fullmatch(local) is None or local[0] == "'":
        raise BadAddress(
            "give one mail address alone, such as anna@example.ru: without a name, quotes, brackets or blanks"
        )
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            raise BadAddress("the domain of this mail address cannot be read") from None
    labels = domain.split(".")
    if len(labels) < 2 or len(domain) > 253 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise BadAddress("the domain of this mail address is not one: it looks like example.ru")
    if len(local) + 1 + len(domain) > LONGEST:
        raise BadAddress(f"a mail address has at most {LONGEST} characters")
    return f"{local}@{domain}"


def _any_of(kinds: Collection[RecipientKind]) -> str:
    return " or ".join(called for kind, called in CALLED.items() if kind in kinds)
