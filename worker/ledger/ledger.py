"""The ledger: the state of every message. Whatever changes that state is one of its verbs.

`Enrolment` enrols messages, `CampaignEnrolment` the rows of a campaign; `CampaignControl` has a person's verbs for a
campaign, `Feeding` the scheduler's, and `Kinship` knows which campaign is made of whose messages. `Waking` has the bell
that wakes workers, `Sending` the verbs around one request, `Asking` those of the status lane, `Names` those of
receipts, `Deciding` an operator's about a doubt; `NeededFiles` knows which files are needed. `OtpRecords` and
`Cascades` keep one-time codes, `Jobs` the questions to the chores lane, and `RollCall` stops a ledger that fell back
from sending. `DoorRequests` enrols what the front door takes, and `DoorJobs` numbers its callers' campaigns; `OptOuts`
keeps the list of those who want no messages, and `Screening` looks them up. `SavedTemplates` keeps texts for campaigns,
`Places` where numbers live; `Snapshots` is what a backup needs. This file adds what has no subject.
"""

from __future__ import annotations

from typing import Self

from redis.exceptions import ResponseError

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.about import About
from smsq.worker.ledger.batches.deciding import Deciding
from smsq.worker.ledger.batches.enrolment import Enrolment
from smsq.worker.ledger.batches.files import NeededFiles
from smsq.worker.ledger.batches.names import Names
from smsq.worker.ledger.batches.waking import Waking
from smsq.worker.ledger.campaigns.control import CampaignControl
from smsq.worker.ledger.campaigns.enrolment import CampaignEnrolment
from smsq.worker.ledger.campaigns.feeding import Feeding
from smsq.worker.ledger.campaigns.kin import Kinship
from smsq.worker.ledger.campaigns.occurring import Occurring
from smsq.worker.ledger.front_door.jobs import DoorJobs
from smsq.worker.ledger.front_door.requests import DoorRequests
from smsq.worker.ledger.ids import Ids
from smsq.worker.ledger.jobs import Jobs
from smsq.worker.ledger.keys import Keys
from smsq.worker.ledger.live_limits import LiveLimits
from smsq.worker.ledger.lua_text import files
from smsq.worker.ledger.optouts.entries import OptOuts
from smsq.worker.ledger.otp.cascades import Cascades
from smsq.worker.ledger.otp.records import OtpRecords
from smsq.worker.ledger.places import Places
from smsq.worker.ledger.runs import RollCall
from smsq.worker.ledger.scripts import FUNCTION, script
from smsq.worker.ledger.snapshots import Snapshots
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.templates import SavedTemplates
from smsq.worker.redis_client import TIMEOUT_S, connect


class Ledger(
    Enrolment,
    Waking,
    CampaignEnrolment,
    CampaignControl,
    Feeding,
    Kinship,
    Occurring,
    Names,
    Deciding,
    RollCall,
    OtpRecords,
    NeededFiles,
    Cascades,
    DoorRequests,
    DoorJobs,
    LiveLimits,
    SavedTemplates,
    OptOuts,
    Jobs,
    Places,
    Ids,
    Snapshots,
    About,
):
    """All verbs, on one client of Redis. Every verb raises LedgerTrouble if Redis cannot do it."""

    @classmethod
    def at(cls, url: str, *, timeout_s: float = TIMEOUT_S) -> Self:
        """The ledger on the Redis at `url`, which is asked nothing yet; `timeout_s` is for one reply."""
        return cls(connect(url, timeout_s=timeout_s), Keys())

    def forget_functions(self) -> list[str]:
        """Delete the functions of other smsq versions from the server, and return their names.

        Nothing is lost: a process that still calls one loads it again.
        """
        with translated():
            try:
                libraries = self.redis.function_list("smsq_*")
            except ResponseError:  # a server without functions, or an older ACL file
                return []
            found = (FUNCTION.fullmatch(library[1].decode()) for library in libraries)
            names = [name[0] for name in found if name and not _is_current(name[1], name[0])]
            for name in names:
                self.redis.function_delete(name)
        return names

    def lead(self, who: str, lasts_s: float) -> bool:
        """Lead the duties for `lasts_s`; False if another scheduler leads."""
        return int(self.call("lead", [self.key("lead")], who, int(lasts_s * 1000))[0]) == 1

    def stand_down(self, who: str) -> None:
        """Stop leading at once, so that a standby can take over without a wait."""
        with translated():
            if self.redis.get(self.key("lead")) == who.encode():
                self.redis.delete(self.key("lead"))

    def leases(self) -> list[Ref]:
        """Batches that are being sent now; never more than there are slots."""
        with translated():
            return [Ref.parse(ref) for ref in self.redis.zrange(self.key("lease"), 0, -1)]


def _is_current(verb: str, function: str) -> bool:
    return verb in files() and script(verb).function == function
