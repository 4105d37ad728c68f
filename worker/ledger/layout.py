"""The layout of a batch in the ledger: an array packed with MessagePack, with an array for each gateway id.

Places count from 0 here and from 1 in Lua, which gets them from `constants.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from smsq.worker.domain.lane import SENDING

# Of the whole ledger, beside its run; a ledger without the number has layout 1. Raise it only if a process of the
# version before would misread what this one writes: both cannot share a ledger then, and an upgrade stops everything.
LAYOUT = 1
OF_ROWS = " "  # before the options of a batch of a campaign, if its rows have options of their own
EXEMPT = "x"  # in the place of the number by which a message was screened, if it goes to those who opted out too
RESENT_BY = ("", "operator", "sender")  # by `Meta.RESENT`: who accepted that it may arrive twice


class Meta(IntEnum):
    """Places in a batch's meta."""

    STATE = 0
    LANE = 1
    COUNT = 2
    FIRST_ROW = 3
    FENCE = 4
    CLAIMS = 5
    DEATHS = 6
    POLICY = 7
    DEADLINE = 8
    ENROLLED = 9
    PARTS = 10
    CHANNEL = 11  # the meta of a campaign's batch ends here until its first claim,
    OPTIONS = 12  # that of a single message, and of rows with options of their own, here
    OWNER = 13
    NONCE = 14
    LEASE = 15
    IDS = 16
    WHY = 17
    RESENT = 18
    SOLO = 19
    SINCE = 20
    ASKED = 21
    KEY = 22
    # Few batches have these three. Marks of messages that left and of which the gateway did not tell all when asked:
    # the cost (a callback told it, or nothing did), or what a probe found; delivery errors too large for a receipt,
    # each ` index:error`; 1 if there is anything beside the receipts.
    UNTOLD = 23
    ODD = 24
    BESIDE = 25


class BesidePlace(IntEnum):
    """Places in the record of one message beside its receipt; from `VALUES` on the values of `domain.result.FIELDS`."""

    INDEX = 0
    COUNT = 1  # of parts, if that is too large for a receipt; else 0
    VALUES = 2


BESIDE_SIZE = 16  # messages whose records are in one field: a fact then writes a kilobyte or two, not a whole batch


class IdPlace(IntEnum):
    """Places in the array of one gateway id of a batch."""

    GID = 0
    ID_STATE = 1
    MIRROR = 2
    CLAIMED_AT = 3
    MEMBERS = 4
    ABSENTS = 5
    MONEY = 6
    DOUBLED = 7


def hint_again_ms(lane: str) -> float:
    """After how many ms a batch that was handed out and not claimed is hinted again.

    The score of a ready batch is made with it. The half at its end tells it from a batch that may not go before its
    score.
    """
    return SENDING[lane].hint_again_s * 1000 - 0.5


def packed_meta(told: Mapping[Meta, int | str]) -> bytes:
    """The packed meta of a new batch, up to the last place that is given; places not given are 0."""
    meta: list[int | str] = [0] * (max(told) + 1)
    for place, value in told.items():
        meta[place] = value
    return msgspec.msgpack.encode(meta)
