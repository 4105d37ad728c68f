"""The ledger: the truth about every message. Everything that changes a message's state is one of its verbs.

`Enrolment` brings messages in, `CampaignEnrolment` the rows of a campaign, `CampaignControl` is what a person does to
one and `Feeding` what the scheduler does; `Sending` is what an actor does around one request, `Asking` what the status
lane does, `Deciding` what an operator does about a doubt; `OtpRecords` and `Cascades` keep one-time codes, `Jobs` the
questions to the chores lane, and `RollCall` keeps a fallen ledger from sending. This file adds what has no subject.
"""

from __future__ import annotations

from redis.exceptions import ResponseError

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.about import About
from smsq.worker.ledger.batches.asking import Asking
from smsq.worker.ledger.batches.deciding import Deciding
from smsq.worker.ledger.batches.enrolment import Enrolment
from smsq.worker.ledger.campaigns.control import CampaignControl
from smsq.worker.ledger.campaigns.enrolment import CampaignEnrolment
from smsq.worker.ledger.campaigns.feeding import Feeding
from smsq.worker.ledger.ids import Ids
from smsq.worker.ledger.jobs import Jobs
from smsq.worker.ledger.lua_text import files
from smsq.worker.ledger.otp.cascades import Cascades
from smsq.worker.ledger.otp.records import OtpRecords
from smsq.worker.ledger.runs import RollCall
from smsq.worker.ledger.scripts import FUNCTION, script
from smsq.worker.ledger.store import translated


class Ledger(
    Enrolment,
    CampaignEnrolment,
    CampaignControl,
    Feeding,
    Asking,
    Deciding,
    RollCall,
    OtpRecords,
    Cascades,
    Jobs,
    Ids,
    About,
):
    """All verbs on one client."""

    def forget_functions(self) -> list[str]:
        """Delete functions of other versions of smsq from the server, and return their names.

        Nothing is lost by it: a process that still calls one loads it again.
        """
        with translated():
            try:
                libraries = self.redis.function_list("smsq_*")
            except ResponseError:  # a server without functions, or an older file of rights
                return []
            found = (FUNCTION.fullmatch(library[1].decode()) for library in libraries)
            names = [name[0] for name in found if name and not _is_current(name[1], name[0])]
            for name in names:
                self.redis.function_delete(name)
        return names

    def lead(self, who: str, lasts_s: float) -> bool:
        """Lead the duties for `lasts_s`, or find that somebody else does."""
        return int(self.call("lead", [self.key("lead")], who, int(lasts_s * 1000))[0]) == 1

    def stand_down(self, who: str) -> None:
        """Stop leading at once, so that a standby need not wait."""
        with translated():
            if self.redis.get(self.key("lead")) == who.encode():
                self.redis.delete(self.key("lead"))

    def leases(self) -> list[Ref]:
        """Batches being sent now; never more than there are slots."""
        with translated():
            return [Ref.parse(ref) for ref in self.redis.zrange(self.key("lease"), 0, -1)]


def _is_current(verb: str, function: str) -> bool:
    return verb in files() and script(verb).function == function
