"""Where numbers live, as the gateway has said: the time zone of phones with the same first seven digits, since when.

In Russia such a block of numbers belongs to one region. If the gateway says two, all their zones are kept, since nobody
knows which is the recipient's.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

from smsq.worker.domain.zones import different
from smsq.worker.ledger.store import Store, translated

MOST_PLACES = 20_000  # blocks that are kept: as many as a large country has
KEPT_DAYS = 400  # after which it must be said again
MOST_ZONES = 4  # of one block; of more nothing is known
_DAY_S = 86_400
_TABLE = msgspec.msgpack.Decoder(dict[int, str])


class Places(Store):
    """The table of places; its fields are seven digits, its values a zone and the day of Unix time."""

    def learn_places(self, zones: Mapping[int, str]) -> None:
        """Note zones by the first seven digits of phones. A full table takes no new ones until old ones are removed."""
        if not zones:
            return
        key, today = self.key("places"), int(self.time_here() // _DAY_S)
        with translated():
            known = self.redis.hmget(key, list(zones))
            room = MOST_PLACES - self.redis.hlen(key)
            told: dict[int, str] = {}
            for (head, zone), old in zip(zones.items(), known, strict=True):
                room -= old is None
                if old is not None or room >= 0:
                    told[head] = f"{_joined(old, zone)} {today}"
            if told:
                self.redis.hset(key, mapping=told)

    def places(self) -> dict[int, str]:
        """Zones by the first seven digits of phones; those that were said long ago are left out."""
        oldest = int(self.time_here() // _DAY_S) - KEPT_DAYS
        with translated():
            raw = self.redis.hgetall(self.key("places"))
        split = ((int(head), *value.decode().split(" ")) for head, value in raw.items())
        return {head: zone for head, zone, day in split if zone and int(day) >= oldest}

    def forget_places(self) -> int:
        """Remove those that were said long ago; return how many."""
        oldest = int(self.time_here() // _DAY_S) - KEPT_DAYS
        with translated():
            raw = self.redis.hgetall(self.key("places"))
            old = [head for head, value in raw.items() if int(value.rpartition(b" ")[2]) < oldest]
            return int(self.redis.hdel(self.key("places"), *old)) if old else 0

    def keep_places(self, campaign_id: str, places: Mapping[int, str]) -> dict[int, str]:
        """Keep the table that a campaign's rows are grouped by, unless it has one already; return the one it has.

        The gateway says something new every day, and a campaign that goes on must be cut as it was begun.
        """
        key = self.keys.campaign(campaign_id, "k")
        with translated():
            self.redis.set(key, zlib.compress(msgspec.msgpack.encode(places), 6), nx=True)
            return _TABLE.decode(zlib.decompress(self.redis.get(key)))

    def fell_back_on(self, digest: str) -> bool:
        """Whether messages of a file with this digest left before the ledger fell back, and are not known any more."""
        with translated():
            return any(known.startswith(f"{digest}/".encode()) for known in self.redis.hkeys(self.key("stubs")))


def _joined(old: bytes | None, zone: str) -> str:
    """What is known of a block afterwards: one zone, several, or '' if they are too many."""
    if old is None:
        return zone
    before = old.decode().rpartition(" ")[0]
    zones = different([*filter(None, before.split("&")), *zone.split("&")]) if before else ()
    return "&".join(zones) if len(zones) <= MOST_ZONES else ""
