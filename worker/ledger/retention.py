"""Retention: end late single messages, and remove what was kept long enough, a little at a time.

Times count from the end of a message or a campaign. Texts are removed first, and leave fingerprints if they may be
compared with later ones; then everything is removed, records of enrolment keys included.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.lane import SENDING
from smsq.worker.ledger.campaigns.lately import Lately
from smsq.worker.ledger.ledger import Ledger
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.views import CampaignView, Views

log = logging.getLogger(__name__)

LATE_AT_ONCE = 100  # waiting single messages of each lane looked at in one go
AT_ONCE = 400  # batches removed in one go
DAY_S = 86_400.0


class Retention:
    """Removes what was kept long enough; every method may run twice."""

    def __init__(self, ledger: Ledger, views: Views, *, keep_texts_s: float, keep_days: float) -> None:
        self._ledger = ledger
        self._views = views
        self._keep_texts_s = keep_texts_s
        self._keep_s = keep_days * DAY_S

    def retire(self) -> None:
        """Take campaigns that are over out of the live ones."""
        for campaign in self._views.campaigns(live_only=True):
            if campaign.is_over:
                with translated():
                    self._ledger.redis.zrem(self._ledger.key("live"), campaign.id)

    def end_late(self) -> None:
        """End late single messages, in the order of their hints; a worker's claim would end them too."""
        for lane in SENDING:
            with translated():
                waiting = self._ledger.redis.zrange(self._ledger.key(f"ready:{lane}"), 0, LATE_AT_ONCE - 1)
            refs = [ref for raw in waiting if not (ref := Ref.parse(raw)).campaign]
            if ended := self._ledger.drop_all(refs, "late"):
                log.warning("messages ended late lane=%s count=%d", lane, ended)

    def forget_campaigns(self, now: float) -> bool:
        """Remove what was kept long enough of campaigns that are over; return whether there is more to remove soon."""
        is_more = False
        for campaign in self._views.campaigns():
            if campaign.done_at:
                is_more |= self._forget(campaign, now)
            elif not campaign.is_over:  # begun by an earlier version, or brought back by a restored ledger
                with translated():
                    self._ledger.redis.zadd(self._ledger.key("live"), {campaign.id: campaign.created_at * 1000})
        return is_more

    def forget_singles(self, now: float) -> None:
        """Remove single messages that ended long ago, and the texts of those that ended a while ago."""
        keys, redis = self._ledger.keys, self._ledger.redis
        until = int((now - self._keep_s) * 1000)
        with translated():
            old = [Ref.parse(raw) for raw in redis.zrangebyscore(keys.of("ended"), "-inf", until, start=0, num=AT_ONCE)]
            self._forget_keys(old)
            self._ledger.detach(old)
            self._ledger.forget(old)
        self._forget_texts(int((now - self._keep_texts_s) * 1000))

    def _forget(self, campaign: CampaignView, now: float) -> bool:
        """Remove what is due of one campaign; return whether there is more to remove soon."""
        if campaign.needed_by and self._is_read(campaign.needed_by, now):
            return False
        age_s = now - campaign.done_at
        if age_s >= self._keep_s:
            return not self._remove_campaign(campaign)
        if age_s >= self._keep_texts_s and not campaign.statuses.get("parked"):  # parked ones may still be released
            return not self._remove_texts(campaign)
        return False

    def _is_read(self, heir_id: str, now: float) -> bool:
        """Whether a campaign is being enrolled that is made of this one's messages, or stopped a short while ago."""
        heir = self._views.campaign(heir_id)
        return heir is not None and heir.takes_rows and now - heir.enrolled_at < DAY_S

    def _remove_texts(self, campaign: CampaignView) -> bool:
        """Replace a part of its texts by fingerprints; return whether all texts are gone."""
        keys, redis = self._ledger.keys, self._ledger.redis
        with translated():
            gone, done, personal = redis.hmget(keys.campaign(campaign.id), ["texts_gone", "texts_to", "personal"])
        if gone:
            return True
        lately = Lately(self._ledger)
        if personal == b"1":
            refs, at = self._views.batch_refs(campaign.id), int(done or 0)
            lately.leave_prints(campaign.id, refs[at : at + AT_ONCE])
            if at + AT_ONCE < len(refs):
                with translated():
                    redis.hset(keys.campaign(campaign.id), "texts_to", at + AT_ONCE)
                return False
        self._ledger.detach_of_campaign(campaign.id)
        lately.leave_print(campaign.id)
        log.info("texts removed campaign=%s", campaign.id)
        return True

    def _remove_campaign(self, campaign: CampaignView) -> bool:
        """Remove a part of it, the last batches first; return whether the campaign is gone."""
        keys, redis = self._ledger.keys, self._ledger.redis
        refs = self._views.batch_refs(campaign.id)
        part = refs[-AT_ONCE:]
        self._ledger.forget(part)
        self._ledger.detach_of_campaign(campaign.id)
        with translated():
            if len(part) < len(refs):
                redis.set(
                    keys.campaign(campaign.id, "b"), b"".join(ref.number.to_bytes(4, "big") for ref in refs[:-AT_ONCE])
                )
                return False
            digest = redis.hget(keys.campaign(campaign.id), "digest")
            record = keys.of(f"digest:{digest.decode()}") if digest is not None else ""
            if record and redis.get(record) == campaign.id.encode():  # not that of a later campaign of the same file
                redis.delete(record)
            zones = redis.hget(keys.campaign(campaign.id), "zones") or b""
            redis.delete(*keys.zones(campaign.id, range(zones.count(b"\n") + 1)))
            redis.delete(*(keys.campaign(campaign.id, part) for part in ("b", "x", "l", "a", "y", "m", "k", "h", "")))
            redis.zrem(keys.of("campaigns"), campaign.id)
            redis.zrem(keys.of("live"), campaign.id)
        log.info("campaign removed id=%s", campaign.id)
        return True

    def _forget_texts(self, until: int) -> None:
        """Remove texts of single messages that ended before `until`, and codes that a call said.

        The ledger keeps how far that is done.
        """
        keys, redis = self._ledger.keys, self._ledger.redis
        with translated():
            since = int(redis.hget(keys.of("upkeep"), "texts_to") or 0)
            ended = redis.zrangebyscore(keys.of("ended"), since, until, start=0, num=AT_ONCE, withscores=True)
            if len(ended) == AT_ONCE and ended[0][1] != ended[-1][1]:
                last = int(ended[-1][1])  # more may have ended in that millisecond: it is left for next time
            elif len(ended) == AT_ONCE:
                ended = redis.zrangebyscore(keys.of("ended"), since, last := int(ended[0][1]), withscores=True)
                last += 1
            else:
                last = until + 1
            self._delete_texts([Ref.parse(raw) for raw, _ in ended])
            if ended:
                redis.hset(keys.of("upkeep"), "texts_to", last)

    def _forget_keys(self, refs: Sequence[Ref]) -> None:
        """Remove the records of enrolment keys with their messages: until then a repeat is recognised."""
        keys, redis = self._ledger.keys, self._ledger.redis
        with redis.pipeline(transaction=False) as pipe:
            for ref in refs:
                pipe.hget(keys.shard(ref.number), f"{ref.number}k")
            hashes = [found.decode() for found in pipe.execute() if found is not None]
        if hashes:
            redis.delete(*(keys.of(f"idem:{each}") for each in hashes))

    def _delete_texts(self, refs: Sequence[Ref]) -> None:
        with self._ledger.redis.pipeline(transaction=False) as pipe:
            for ref in refs:
                pipe.hdel(self._ledger.keys.shard(ref.number), f"{ref.number}t", f"{ref.number}s")
            pipe.execute()
        self._ledger.detach(refs)
