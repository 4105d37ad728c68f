"""The pumping shield in plain values: what a phone counts with, the decision, and its sentence.

Pumping means having a form send codes to numbers whose owner is paid for each: a range of one prefix, from many
addresses, never verified. `worker/ledger/otp/shield.py` does the counting; nothing here reads a clock.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

import phonenumbers

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.limits import NOWHERE, is_region
from smsq.worker.domain.phone_kind import kind

ALLOWED = "allowed"
DENIED_COUNTRY = "denied_country"
DENIED_NUMBER = "denied_number"
HELD = "held"
REFUSED = "refused"
PHONE_LIMIT, CLIENT_LIMIT, PREFIX_LIMIT, COUNTRY_LIMIT = "phone_limit", "client_limit", "prefix_limit", "country_limit"
DAILY_LIMIT, DAILY_COST = "daily_limit", "daily_cost"
CODES: Final = (
    ALLOWED, DENIED_COUNTRY, DENIED_NUMBER, HELD, REFUSED, PHONE_LIMIT, CLIENT_LIMIT, PREFIX_LIMIT, COUNTRY_LIMIT,
    DAILY_LIMIT, DAILY_COST,
)  # fmt: skip

BLOCK_DIGITS, WIDE_DIGITS = 4, 6  # digits a prefix leaves out: ten thousand numbers, a million
EVIDENCE_S = 3600  # sent and verified codes of this long decide about a hold; a released prefix is left alone as long
LONGEST_HOLD_S = 86400  # holds double up to here
REFUSALS: Final = frozenset({7, 8})  # of the gateway: no such number, cannot be reached; 6 is our own text or sender
REFUSED_OF_BLOCK, REFUSED_OF_CLIENT = 10, 5  # so many of them within EVIDENCE_S hold it; of a block by as many clients
PHONES_OF_CLIENT = 3  # for so many phones without a verified code a client is evidence against their prefixes
REFUSED_S = 3600  # a refused phone is not tried again by that channel for so long
SLOTS = 24  # a window slides in steps of a twenty-fourth, and always counts at least itself


class Subjects(NamedTuple):
    """The subjects that a code counts for, besides its phone."""

    block: str  # the number without its last four digits
    wide: str  # without its last six, never less than the calling code and a digit
    region: str  # ISO letters; 001 if a calling code is of no country


@functools.lru_cache(maxsize=4096)
def subjects(phone: int) -> Subjects:
    """The prefixes and the country of a valid phone; +7 and +1 are told apart by the library's plans."""
    digits = str(phone)
    number = phonenumbers.parse(f"+{digits}")
    code = number.country_code or 0
    region = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(code)
    least = len(str(code)) + 1
    block, wide = (digits[: max(least, len(digits) - left)] for left in (BLOCK_DIGITS, WIDE_DIGITS))
    return Subjects(block, wide, region)


def denied_kind(phone: int, channel: str) -> str:
    """What kind of number a phone is if codes by this channel go to it only if its prefix is allowed; else ''.

    A landline can be called; a premium number is paid for whatever comes.
    """
    found = kind(phone)
    return "" if found == "mobile" or (found == "landline" and channel == "call") else found


_PORT = re.compile(r"(?:(\d+\.\d+\.\d+\.\d+)|\[([^\]]+)\])(?::\d{1,5})?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def client_of(written: str) -> str:
    """The client in one form: an address without its port, IPv6 as its /64, which one visitor has whole; else a name.

    IPv4 written as IPv6 is IPv4. Names are compared without blanks and case.

    >>> client_of("203.0.113.7:4711"), client_of("::ffff:203.0.113.7"), client_of("2001:DB8::1:2:3:4")
    ('203.0.113.7', '203.0.113.7', '2001:db8::/64')
    """
    told = " ".join(unicodedata.normalize("NFKC", written).casefold().split())
    if found := _PORT.fullmatch(told):
        told = found[1] or found[2]
    try:
        address = ipaddress.ip_address(told.partition("%")[0] if ":" in told else told)
    except ValueError:
        return told
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if inner := _inner(address):
        return str(inner)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that one of IPv6 stands for: mapped, 6to4, Teredo, NAT64."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def is_list_of_addresses(written: str) -> bool:
    """Whether this is a whole X-Forwarded-For: everything in it but what the nearest proxy added is the visitor's own.

    >>> is_list_of_addresses("198.51.100.9, 203.0.113.7"), is_list_of_addresses("Smith, Jane")
    (True, False)
    """
    told = [each.strip() for each in written.split(",")]
    return len(told) > 1 and all(each[:1].isdigit() or each[:1] in "[:" or "::" in each for each in told)


_COUNTRY_CODES = tuple(str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def named(written: str) -> str:
    """A country or a prefix as rules keep it: `RU`, `7916`. Raises BadInput."""
    told = re.sub(r"[ ()-]", "", written).upper()
    if is_region(told):
        return told
    digits = told.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and 1 <= len(digits) <= 15) or digits.startswith("0"):
        raise BadInput(f"{written!r} is neither a country (two letters, such as KZ) nor a prefix such as +7916")
    if not any(digits.startswith(code) or code.startswith(digits) for code in _COUNTRY_CODES):
        raise BadInput(f"no number begins with +{digits}: give the prefix with its country, such as +7916 for 8 916")
    return digits


def shown(name: str) -> str:
    """A rule's name for people: `KZ`, `+7916…`."""
    return f"+{name}…" if name.isdigit() and name != NOWHERE else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the shield says to one code.

    `code` is one of `CODES`; `why` a sentence about what was counted, never about whom; `would` what would
    have been decided while the shield only watches, '' if it decides. `price` is what was reserved.
    """

    allowed: bool
    code: str = ALLOWED
    why: str = ""
    retry_after_s: float = 0.0
    would: str = ""
    price: Decimal = Decimal(0)


def sentence(code: str, name: str, most: Decimal | int, span_s: int, sent: int, verified: int) -> str:
    """Why a code may not go, for people; `name` is a prefix or a country."""
    within = f"within {_said(span_s)}"
    match code:
        case "denied_country":
            return f"codes to {shown(name)} are not served"
        case "denied_number" if name == "premium":
            return "no codes go to premium and personal numbers: their owners may be paid for each"
        case "denied_number":
            return "no codes go to landlines and free numbers: no text arrives there"
        case "held" if name == "client":
            return f"codes for this client are held: {verified} of the last {sent} were verified"
        case "held" if sent:
            return f"codes to {shown(name)} are held: {verified} of the last {sent} were verified"
        case "held":
            return f"codes to {shown(name)} are held by hand"
        case "refused" if name == "client":
            return "codes for this client are held: the gateway refused too many of them"
        case "refused":
            return "the gateway refused a code to this number a short while ago"
        case "phone_limit":
            return f"a phone gets at most {most} codes {within}"
        case "client_limit":
            return f"a client asks for at most {most} codes {within}"
        case "prefix_limit" | "country_limit":
            return f"numbers of {shown(name)} get at most {most} codes {within}"
        case "daily_limit":
            return f"at most {most} codes go {within}"
        case "daily_cost":
            return f"codes may cost at most {most:f} {within}"
    return ""


def _said(seconds: int) -> str:
    """A time in words.

    >>> _said(600), _said(86400), _said(90)
    ('10 min', '24 h', '90 s')
    """
    for unit, many in (("h", 3600), ("min", 60)):
        if seconds % many == 0:
            return f"{seconds // many} {unit}"
    return f"{seconds} s"


# Rings: how the ledger keeps a window, [span in ms, slot, number, slot, number, …]; `windows.lua` writes them.


def in_window(ring: list[int] | None, now_ms: int, step: int = 2) -> list[int]:
    """The sums of a ring at a time: one number, or sent and verified if `step` is 3."""
    if not ring:
        return [0] * (step - 1)
    first = now_ms // -(-ring[0] // SLOTS) - SLOTS
    rows = [ring[place : place + step] for place in range(1, len(ring), step)]
    return [sum(row[each] for row in rows if row[0] >= first) for each in range(1, step)]
