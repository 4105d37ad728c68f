"""How a batch lies in the ledger: an array packed with MessagePack, with an array for each of its gateway ids.

The places are counted from 0 here and from 1 in Lua, which is told them by `constants.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from smsq.worker.domain.lane import SENDING

RESENT_BY = ("", "operator", "sender")  # who had it sent again while an earlier attempt might live, by `Meta.RESENT`


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
    OPTIONS = 12  # that of a single message here
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
    # Two more that few batches have: marks of messages that left and whose cost the gateway was not heard to say when
    # asked (a callback named it, or nobody did); delivery errors too large for a receipt, ` index:error` each.
    UNTOLD = 23
    ODD = 24


class IdPlace(IntEnum):
    """Places in what is known of one gateway id of a batch."""

    GID = 0
    ID_STATE = 1
    MIRROR = 2
    CLAIMED_AT = 3
    MEMBERS = 4
    ABSENTS = 5
    MONEY = 6
    DOUBLED = 7


def hint_again_ms(lane: str) -> float:
    """When a batch that was handed out and is not claimed is hinted again.

    That is its score in the set of ready ones, and the half behind it tells it from one that may not go before then.
    """
    return SENDING[lane].hint_again_s * 1000 - 0.5


def packed_meta(told: Mapping[Meta, int | str]) -> bytes:
    """The meta of a new batch, up to the last place that is told; what is not told is 0."""
    meta: list[int | str] = [0] * (max(told) + 1)
    for place, value in told.items():
        meta[place] = value
    return msgspec.msgpack.encode(meta)
