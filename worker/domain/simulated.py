"""Simulated numbers: phones that no operator can assign, and what becomes of a message to each.

`+1 AAA 555 01NN`: in every geographic area code AAA of the North American plan, 555-0100 to 555-0199 are set aside for
films and books, and are assigned to nobody (NANPA, "555 line numbers"; ATIS-0300115, read 2026-11-29). libphonenumber
takes them for valid, so they pass every door of ours as a phone does. A message to one goes all the way through the
ledger; where a request would leave, smsq answers in the gateway's place. The last two digits say how.

A number is only told by its digits where messages are enrolled. From there on the mark is the batch's: its channel in
the ledger, and in metrics, is `CHANNEL`. A batch that an older version enrolled has no mark, and leaves as it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from smsq.worker.domain.phone_kind import kind
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.status import Status

CHANNEL: Final = "simulated"
FIRST_ASK_S: Final = 1.0  # a gateway's callback comes as early
ASK_EVERY_S: Final = (1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
DOUBT_AGAIN_S: Final = 1.0

Answer = Literal["accepted", "refused", "doubt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a message: the answer to its request, then a status after so many seconds.

    `code` is an error of the send, `error` one of the delivery. After a doubt the message is found after `found_s`.
    """

    name: str
    answer: Answer = "accepted"
    code: int = 0
    found_s: float = 0.0
    status: Status = Status.DELIVERED
    error: int = 0
    after_s: float = 2.0

    @property
    def group(self) -> str:
        """Messages of one group may share a request: all of them get the same answer."""
        return f"{self.answer}{self.code or ''}"


def _failed(name: str, error: int, status: Status = Status.UNDELIVERABLE) -> Fate:
    return Fate(name=name, status=status, error=error, after_s=3.0)


def _refused(name: str, code: int) -> Fate:
    return Fate(name=name, answer="refused", code=code, status=Status.REFUSED)


# By the last two digits; any other pair is delivered. Errors: `gateway/numbers.py` has their words.
FATES: Final[dict[int, Fate]] = {
    50: Fate(name="delivered slowly, after a minute", after_s=60.0),
    51: Fate(name="read", status=Status.READ, after_s=6.0),
    52: Fate(name="clicked", status=Status.CLICKED, after_s=8.0),
    60: Fate(name="expired", status=Status.EXPIRED, after_s=10.0),
    61: _failed("undeliverable: subscriber does not exist", 1),
    62: _failed("undeliverable: subscriber is offline", 6),
    63: _failed("undeliverable: no SMS service", 11),
    64: _failed("undeliverable: subscriber is blocked", 13),
    65: _failed("undeliverable: spam filter", 253),
    66: _failed("undeliverable: rejected by the operator", 255),
    70: _failed("refused after it was accepted: wrong number", 249, Status.REFUSED),
    71: _failed("refused after it was accepted: no route", 248, Status.REFUSED),
    76: _refused("refused: message is denied (6)", 6),
    77: _refused("refused: invalid number (7)", 7),
    78: _refused("refused: cannot be reached (8)", 8),
    80: Fate(name="no answer, then found and delivered", answer="doubt", found_s=8.0, after_s=10.0),
    81: Fate(
        name="no answer, then found and undeliverable",
        answer="doubt",
        found_s=8.0,
        status=Status.UNDELIVERABLE,
        error=6,
        after_s=10.0,
    ),
}
DELIVERED: Final = Fate(name="delivered")
_FIRST, _LAST = 12_000_000_000, 19_999_999_999  # of numbers whose area code can be one


def is_simulated(recipient: Recipient) -> bool:
    """Whether this is one of them.

    >>> is_simulated(12025550142), is_simulated(12025550242), is_simulated(19005550142), is_simulated("anna@example.ru")
    (True, False, False, False)
    """
    if type(recipient) is not int or not _FIRST <= recipient <= _LAST or recipient // 100 % 100_000 != 55_501:
        return False
    return kind(recipient) == "mobile"


def fate_of(recipient: Recipient) -> Fate:
    """What becomes of a message to a simulated number.

    >>> fate_of(12025550177).code, fate_of(13125550142).name
    (7, 'delivered')
    """
    return FATES.get(int(recipient) % 100, DELIVERED)


def group_of(recipient: Recipient) -> str:
    """Which messages of a campaign may share a request with one to this recipient: '' for every real one."""
    return fate_of(recipient).group if is_simulated(recipient) else ""


def some(recipients: Iterable[Recipient]) -> Sequence[Recipient]:
    """Those of them that are simulated."""
    return [each for each in recipients if is_simulated(each)]
