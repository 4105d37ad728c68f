"""Gateway ids run out: how many are left, and a range to go on with that was not used lately.

Ids are counted up from a random start to the largest that the gateway accepts. A fresh range lies below that start, if
no id was ever used there; else it is the widest gap between ids that the ledger still keeps or that a journal names.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from smsq.worker.domain.errors import LedgerHalted, LedgerTrouble, SmsqError
from smsq.worker.ledger.runs import GATEWAY_ID_LAST, GATEWAY_ID_LOW, LEFT_FREE
from smsq.worker.ledger.store import Store, translated

FEW_LEFT = 50_000_000  # a person should act from here on
LEAST_GAP = 2 * FEW_LEFT  # a smaller gap would soon be used up
TRIES = 5


class Ids(Store):
    """The verbs of a person about the counter of gateway ids."""

    def ids_left(self) -> int:
        """How many ids may still be given."""
        with translated():
            counter, last = self.redis.get(self.key("n:gid")), self.redis.hget(self.key("run"), "gid_last")
        return max(0, int(last or GATEWAY_ID_LAST) - int(counter or 0))

    def fresh_ids(self, also: Iterable[int]) -> tuple[int, int]:
        """Go on in a range without any id of the ledger or of `also`; return its first and last id.

        Raises SmsqError if no gap is wide enough, LedgerHalted if the run is not in force.
        """
        keys = [self.key(name) for name in ("run", "n:gid", "ctl")]
        known = set(also)
        for _ in range(TRIES):
            with translated():
                counter = int(self.redis.get(self.key("n:gid")) or 0)
                begin = int(self.redis.hget(self.key("run"), "birth") or 0)
                used = known.union(map(int, self.redis.hkeys(self.key("g"))), (counter,))
            never = min(used) >= begin and begin - LEFT_FREE - GATEWAY_ID_LOW >= LEAST_GAP
            first, last = (GATEWAY_ID_LOW, begin - LEFT_FREE - 1) if never else widest_gap(used)
            if last - first < LEAST_GAP:
                raise SmsqError(
                    f"no range of ids is free: the widest gap between those used lately has {max(0, last - first):,}; "
                    "lower SMSQ_KEEP_DAYS, and try again once older messages are gone"
                )
            first += secrets.randbelow((last - first) // 10)  # a ledger that is wiped later must not use these again
            word = self.call("fresh_ids", keys, counter, first - 1, last)[0].decode()
            if word == "fresh":
                return first, last
            if word == "halted":
                raise LedgerHalted("the ledger gives out no ids at the moment; see `smsq doctor`, and try again")
        raise LedgerTrouble("workers kept taking ids meanwhile; stop them and try again")


def widest_gap(used: Iterable[int]) -> tuple[int, int]:
    """The first and last id of the widest gap between these, a million away from each.

    >>> widest_gap([1_900_000_000, 2_147_483_647])
    (1000000000, 1898999999)
    """
    edges = sorted(each for each in used if GATEWAY_ID_LOW <= each <= GATEWAY_ID_LAST)
    begins = [GATEWAY_ID_LOW, *(each + LEFT_FREE + 1 for each in edges)]
    ends = [*(each - LEFT_FREE - 1 for each in edges), GATEWAY_ID_LAST]
    return max(zip(begins, ends, strict=True), key=lambda gap: gap[1] - gap[0])
