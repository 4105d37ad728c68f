"""What became of one message of a send, on a wire that answers for each message by itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """The answer for one message, by the letter that the ledger's verb gets."""

    ACCEPTED = "a"
    REFUSED = "r"
    UNTAKEN = "n"  # certainly not accepted, and it may go again
    UNKNOWN = "u"


@dataclass(frozen=True, slots=True)
class Piece:
    """One message's answer; `code` is an error of `send.php`, `names` are the gateway's own ids of the message."""

    fate: Fate
    code: int = 0
    names: tuple[str, ...] = ()
