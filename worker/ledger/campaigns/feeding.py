"""The scheduler's verbs for campaigns: hand out the next batches, end those that a cancelled campaign holds."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.hours import Opening
from smsq.worker.ledger.batches.sending import Sending
from smsq.worker.ledger.layout import hint_again_ms
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.values import Running

HANDED_OUT = 256  # more batches than a feed keeps ahead
HANDED_OUT_S = 10.0  # a batch that waits longer, such as for the morning, leaves its place to others
MOST_OPENINGS = 16  # of each zone: a week, and more


class Feeding(Sending):
    """The verbs of the duties `feed` and `windup`."""

    def feed(self, campaign_id: str, many: int, blind_most: int, zones: Sequence[int] = ()) -> tuple[list[Ref], str]:
        """Hand out the next batches of a campaign: their references, or none and why it waits.

        The id '' stands for single messages: those that came back since they were paced. `zones` are places of its
        time zones that are open, the first of them before the others; not used for a campaign without zones.

        With references, `awake` in the reason says that no hint is needed, since the workers claim the next by
        themselves, and `rate` that its rate lets no more go soon.
        """
        keys = [self.keys.campaign(campaign_id), self.keys.campaign(campaign_id, "b")]
        keys += [self.key(name) for name in ("ready:bulk", "run", "ctl", "blind", "slots:bulk")]
        keys += [self.keys.campaign(campaign_id, "h"), self.key("bucket"), *self.keys.zones(campaign_id, zones)]
        reply = self.call("feed", keys, campaign_id or "-", many, hint_again_ms("bulk"), blind_most, *zones)
        if reply[0] == b"fed":
            return [Ref.parse(ref) for ref in reply[2:]], reply[1].decode().strip()
        return [], reply[1].decode()

    def move_due(self, campaign_id: str, zones: int, many: int = HANDED_OUT) -> int:
        """Let batches whose moment has come be handed out, at most so many; `zones` is how many zones there are."""
        keys = [self.keys.campaign(campaign_id), self.keys.campaign(campaign_id, "m")]
        reply = self.call("move_due", [*keys, *self.keys.zones(campaign_id, range(zones))], many)
        return int(reply[1])

    def set_openings(
        self, campaign: Running, mark: str, openings: Sequence[Sequence[Opening]], *, is_changed: bool
    ) -> bool:
        """Write down when a campaign's zones are open; False if it has another window, or other zones, by now.

        `mark` is what `Running.opened` then is. With `is_changed` batches that wait for the openings of another window
        are looked at again.
        """
        packed = [b"".join(struct.pack(">II", *each) for each in zone[:MOST_OPENINGS]) for zone in openings]
        reply = self.call(
            "set_openings",
            [self.keys.campaign(campaign.id), self.key("ready:bulk")],
            campaign.id,
            campaign.window,
            "\n".join(campaign.zones),
            mark,
            "1" if is_changed else "",
            *packed,
        )
        return reply[0] == b"written"

    def set_window(self, campaign_id: str, window: str) -> None:
        """Give a campaign another window (`Hours.written`), '' for none; the scheduler then opens and closes by it."""
        with translated():
            self.redis.hset(self.keys.campaign(campaign_id), "window", window)

    def handed_out(self) -> int:
        """How many batches of campaigns are handed out and may go now, or in a moment."""
        with translated():
            until = (self.time_here() + HANDED_OUT_S) * 1000
            return int(self.redis.zcount(self.key("ready:bulk"), "-inf", until))

    def wind_up(self, campaign_id: str, batches: int, messages: int) -> int:
        """End at most so many batches, and about so many messages, that a cancelled campaign still holds.

        Returns how many batches this round has left to look at. With none left the next call begins a new round, since
        a batch that was being sent may have come back. Batches that were handed out go first: they hold others up.
        """
        key = self.keys.campaign(campaign_id)
        with translated():
            fields = self.redis.hmget(key, ["wound", "fed", "batches", "batch_size"])
        wound, fed, all_of_it, size = (int(value or 0) for value in fields)
        wound = wound if wound < all_of_it else 0
        place = (max(0, fed - HANDED_OUT) + wound) % max(1, all_of_it)
        many = max(1, min(batches, messages // max(1, size), all_of_it - wound, all_of_it - place))
        with translated():
            packed = self.redis.getrange(self.keys.campaign(campaign_id, "b"), place * 4, (place + many) * 4 - 1)
        refs = [Ref(number, campaign_id) for (number,) in struct.iter_unpack(">I", packed)]
        if not refs:
            return 0
        shards = list(dict.fromkeys(self.keys.shard(ref.number) for ref in refs))
        keys = [key, self.keys.campaign(campaign_id, "h")]
        keys += [self.key(name) for name in ("ready:bulk", "run", "totals", "stubs")]
        pairs: list[Argument] = []
        for ref in refs:
            pairs += [str(ref), shards.index(self.keys.shard(ref.number)) + 1]
        reply = self.call("wind_up", [*keys, *shards], wound + len(refs), *pairs)
        if reply[0] != b"wound":
            return 0
        self.drop_all([Ref.parse(raw) for raw in reply[2:]], "cancelled")
        return all_of_it - wound - len(refs)
