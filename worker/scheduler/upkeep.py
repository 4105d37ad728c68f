"""Upkeep: late singles end, and what was kept long enough goes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.campaigns.lately import Lately
from smsq.worker.ledger.keys import LANES
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.views import CampaignView
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

LATE_AT_ONCE = 100  # waiting singles looked at in one tick, of each lane
KEPT_LOOK_S = 60.0  # between two looks at campaigns that are over
AT_ONCE = 400  # batches removed in one tick


class Upkeep:
    """Every second; a little at a time, so that nothing waits behind it."""

    every_s = 1.0

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._looked_at = float("-inf")

    def tick(self, now: float) -> None:
        """Look at what is over; of campaigns that are over there may be many, which are looked at now and then."""
        for campaign in self._rt.views.campaigns(live_only=True):
            if campaign.is_over:
                with translated():
                    self._rt.ledger.redis.zrem(self._rt.ledger.key("live"), campaign.id)
        if now - self._looked_at >= KEPT_LOOK_S:
            self._looked_at = now
            self._look_at_kept(now)
        self._end_late()
        self._forget_singles(now)

    def _end_late(self) -> None:
        """A worker's claim ends what is late; without one it ends here, in the order it is hinted."""
        ledger = self._rt.ledger
        for lane in LANES:
            with translated():
                waiting = ledger.redis.zrange(ledger.key(f"ready:{lane}"), 0, LATE_AT_ONCE - 1)
            refs = [ref for raw in waiting if not (ref := Ref.parse(raw)).campaign]
            if ended := ledger.drop_all(refs, "late"):
                log.warning("messages ended late lane=%s count=%d", lane, ended)

    def _look_at_kept(self, now: float) -> None:
        for campaign in self._rt.views.campaigns():
            if campaign.done_at and self._forget(campaign, now):
                self._looked_at = float("-inf")  # there is more of it
            elif not campaign.is_over:  # one that an earlier version began, or that a restored ledger brought back
                with translated():
                    self._rt.ledger.redis.zadd(self._rt.ledger.key("live"), {campaign.id: campaign.created_at * 1000})

    def _forget(self, campaign: CampaignView, now: float) -> bool:
        """Whether something of it is left that should go soon."""
        age_s = now - campaign.done_at
        if age_s >= self._rt.settings.keep_days * 86400.0:
            return not self._remove_campaign(campaign)
        if age_s >= self._rt.settings.keep_texts_s and not campaign.statuses.get("parked"):  # may yet be released
            return not self._remove_texts(campaign)
        return False

    def _remove_texts(self, campaign: CampaignView) -> bool:
        """Put fingerprints in the place of a part of its texts; whether all are gone."""
        keys, redis = self._rt.ledger.keys, self._rt.ledger.redis
        with translated():
            gone, done, personal = redis.hmget(keys.campaign(campaign.id), ["texts_gone", "texts_to", "personal"])
        if gone:
            return True
        lately = Lately(self._rt.ledger)
        if personal == b"1":
            refs, at = self._rt.views.batch_refs(campaign.id), int(done or 0)
            lately.leave_prints(campaign.id, refs[at : at + AT_ONCE])
            if at + AT_ONCE < len(refs):
                with translated():
                    redis.hset(keys.campaign(campaign.id), "texts_to", at + AT_ONCE)
                return False
        lately.leave_print(campaign.id)
        log.info("texts removed campaign=%s", campaign.id)
        return True

    def _remove_campaign(self, campaign: CampaignView) -> bool:
        """Remove a part of it, the last batches first; whether it is gone."""
        keys, redis = self._rt.ledger.keys, self._rt.ledger.redis
        refs = self._rt.views.batch_refs(campaign.id)
        part = refs[-AT_ONCE:]
        self._rt.ledger.forget(part)
        with translated():
            if len(part) < len(refs):
                redis.set(
                    keys.campaign(campaign.id, "b"), b"".join(ref.number.to_bytes(4, "big") for ref in refs[:-AT_ONCE])
                )
                return False
            digest = redis.hget(keys.campaign(campaign.id), "digest")
            record = keys.of(f"digest:{digest.decode()}") if digest is not None else ""
            if record and redis.get(record) == campaign.id.encode():  # not a later campaign's of the same file
                redis.delete(record)
            redis.delete(*(keys.campaign(campaign.id, part) for part in ("b", "x", "l", "h", "")))
            redis.zrem(keys.of("campaigns"), campaign.id)
            redis.zrem(keys.of("live"), campaign.id)
        log.info("campaign removed id=%s", campaign.id)
        return True

    def _forget_singles(self, now: float) -> None:
        keys, redis = self._rt.ledger.keys, self._rt.ledger.redis
        until = int((now - self._rt.settings.keep_days * 86400.0) * 1000)
        texts_until = int((now - self._rt.settings.keep_texts_s) * 1000)
        with translated():
            old = [Ref.parse(raw) for raw in redis.zrangebyscore(keys.of("ended"), "-inf", until, start=0, num=AT_ONCE)]
            self._forget_keys(old)
            self._rt.ledger.forget(old)
        self._forget_texts(texts_until)

    def _forget_texts(self, until: int) -> None:
        """Texts of singles go in the order of their ends; how far that has come is kept, whoever leads."""
        keys, redis = self._rt.ledger.keys, self._rt.ledger.redis
        with translated():
            since = int(redis.hget(keys.of("upkeep"), "texts_to") or 0)
            ended = redis.zrangebyscore(keys.of("ended"), since, until, start=0, num=AT_ONCE, withscores=True)
            if len(ended) == AT_ONCE and ended[0][1] != ended[-1][1]:
                last = int(ended[-1][1])  # more may have ended in that millisecond: it is next time's
            elif len(ended) == AT_ONCE:
                ended = redis.zrangebyscore(keys.of("ended"), since, last := int(ended[0][1]), withscores=True)
                last += 1
            else:
                last = until + 1
            self._delete_fields([Ref.parse(raw) for raw, _ in ended], "t")
            if ended:
                redis.hset(keys.of("upkeep"), "texts_to", last)

    def _forget_keys(self, refs: Sequence[Ref]) -> None:
        """The records of enrolment keys go with their messages: a repeated order is known as long as its message is."""
        with self._rt.ledger.redis.pipeline(transaction=False) as pipe:
            for ref in refs:
                pipe.hget(self._rt.ledger.keys.shard(ref.number), f"{ref.number}k")
            hashes = [found.decode() for found in pipe.execute() if found is not None]
        if hashes:
            self._rt.ledger.redis.delete(*(self._rt.ledger.key(f"idem:{each}") for each in hashes))

    def _delete_fields(self, refs: Sequence[Ref], *which: str) -> None:
        with self._rt.ledger.redis.pipeline(transaction=False) as pipe:
            for ref in refs:
                pipe.hdel(self._rt.ledger.keys.shard(ref.number), *(f"{ref.number}{field}" for field in which))
            pipe.execute()
