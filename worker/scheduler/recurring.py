"""Recurring campaigns: at each occurrence a campaign of its own, of the rows that were enrolled for the origin.

An occurrence is known by its origin and its moment, so it is begun once, by whichever scheduler and however often. Its
rows are enrolled a few ranges at a time, so that other duties do not wait. One that comes up late, since everything was
down or the campaign was paused, is begun within `GRACE_S`, else skipped; its origin then says so. One that was begun
goes on after a restart however late it is, since some of its rows may have left. Rows that are no longer on the guest
list are among its rejects.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from smsq.worker.domain.campaign import GOING, OVER, Range
from smsq.worker.domain.errors import BadInput, Conflict
from smsq.worker.domain.zones import local_time
from smsq.worker.ledger import Plan
from smsq.worker.ledger.campaigns.copying import Copying
from smsq.worker.ledger.campaigns.kin import Kin
from smsq.worker.ledger.campaigns.occurring import Recurring as Occurrences
from smsq.worker.ledger.campaigns.reach import reachable
from smsq.worker.ledger.orders import SCHEDULER, ordered_by
from smsq.worker.ledger.views import CampaignView
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

LOOK_S = 1.0
PORTION_S = 0.02  # of enrolment in one tick
GRACE_S = 3600.0  # how late an occurrence may begin


@dataclass
class Enrolling:
    """An occurrence that is being enrolled: its ranges that are to come, and how many rows they have had."""

    ranges: Iterator[Range]
    done: int  # ranges that were in before
    rows: int = 0


class Recurring:
    """Every second, or all the time while an occurrence is being enrolled."""

    every_s = LOOK_S

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._enrolling: dict[str, Enrolling] = {}

    def tick(self, now: float) -> None:
        """Begin the occurrences that are due, or skip those that are too late."""
        busy = False
        with ordered_by(SCHEDULER):
            for origin_id, state in self._rt.ledger.due_occurrences(now):
                try:
                    busy |= self._advance(origin_id, state, now)
                except BadInput as error:
                    log.error("occurrence not begun campaign=%s why=%s", origin_id, error.sentence)
        self.every_s = 0.02 if busy else LOOK_S

    def _advance(self, origin_id: str, state: str, now: float) -> bool:
        """Do a portion for one origin; whether there is more to do at once."""
        origin = self._rt.views.campaign(origin_id)
        if origin is None or origin.recurring is None:
            return False
        told, at = origin.recurring, origin.recurring.next_at
        digest = hashlib.sha256(f"every {origin.id} {at:.0f}".encode()).hexdigest()
        begun = self._rt.views.campaign_of(digest)
        if begun is not None and (begun.closed or begun.state in OVER):
            return self._note(origin.id, told, made=begun.id)
        if begun is None and state not in GOING:
            return False  # paused: when it goes on, what is late by then is begun or skipped
        if begun is None and now - at > GRACE_S:
            return self._skip(origin.id, told, now)
        if begun is None or begun.id not in self._enrolling:
            begun_id = self._begin(origin, digest, at)
        else:
            begun_id = begun.id
        return self._enrol(origin, begun_id)

    def _skip(self, origin_id: str, told: Occurrences, now: float) -> bool:
        """Skip what is too late; the newest one that may still begin is the next."""
        following, missed = told.next_at, 0
        while 0 < following < now - GRACE_S:
            following, missed = told.after(following), missed + 1
        hours = (now - told.next_at) / 3600
        why = (
            f"it could not begin within an hour of its moment: the scheduler was down or it was paused ({hours:.1f} h)"
        )
        log.warning("occurrence skipped campaign=%s", origin_id)
        self._rt.ledger.occur(origin_id, told.next_at, following, why=why, missed=missed)
        return True

    def _begin(self, origin: CampaignView, digest: str, at: float) -> str:
        """Begin an occurrence, or go on with it after a restart; its id."""
        ledger = self._rt.ledger
        copying = self._rt.copying(origin)
        opened = ledger.open_campaign(self._plan(origin, copying, digest, at), kin=Kin(origin=origin.id, word="every"))
        copied = copying.ranges(copying.choose(None).rows, opened.batch_size)
        ranges = (reachable(part, origin.options, copying.count, ledger.guests) for part in copied)
        self._enrolling[opened.id] = Enrolling(ranges=ranges, done=opened.ranges)
        log.info("occurrence begun campaign=%s origin=%s", opened.id, origin.id)
        return opened.id

    def _enrol(self, origin: CampaignView, begun_id: str) -> bool:
        """Enrol a portion of an occurrence."""
        ledger, clock, job = self._rt.ledger, self._rt.clock, self._enrolling[begun_id]
        until = clock.monotonic() + PORTION_S
        try:
            for part in job.ranges:
                job.rows += part.rows
                if part.n > job.done:
                    ledger.enrol_range(
                        begun_id, part.n, part.batches, part.rejects, job.rows, channel=origin.options.channel,
                        on_doubt=origin.on_doubt, zones=part.zones,
                    )  # fmt: skip
                if clock.monotonic() >= until:
                    return True
            ledger.close_campaign(begun_id)
        except Conflict as error:  # a person has cancelled it, or its rows are no longer kept
            log.warning("occurrence incomplete campaign=%s why=%s", begun_id, error.sentence)
        except BaseException:
            del self._enrolling[begun_id]  # it begins again from its first range: what is in is known by its number
            raise
        del self._enrolling[begun_id]
        return True

    def _note(self, origin_id: str, told: Occurrences, made: str) -> bool:
        self._rt.ledger.occur(origin_id, told.next_at, told.following, made=made)
        return True

    def _plan(self, origin: CampaignView, copying: Copying, digest: str, at: float) -> Plan:
        assert origin.recurring is not None
        day = local_time(origin.recurring.zone, at)
        options = origin.options
        if options.time is not None:  # the moment at which the gateway was to send is past
            options = msgspec.structs.replace(options, time=None, tz=None)
        return Plan(
            name=f"{origin.name} {day:%Y-%m-%d}",
            digest=digest,
            text=copying.text,
            template=origin.template,
            options=options,
            batch_size=self._rt.settings.batch_size,
            rate=origin.rate or None,
            budget=origin.budget or None,
            part_price=origin.part_price,
            window=origin.window or None,
            on_doubt=origin.on_doubt,
            file=origin.file,
            topic=origin.topic,
            weight=origin.weight,
            stop_if_bad=origin.stop_if_bad,
            auto_resume=origin.auto_resume,
            words=origin.words,
            cap=origin.cap,
            language=origin.language,
            plain_chars=origin.plain_chars,
            saved_as=origin.saved_as,
        )
