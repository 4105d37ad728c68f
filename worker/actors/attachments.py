"""The files of a claim, read on this host before anything is sent; without them the claim is for another host."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

from smsq.worker.domain.errors import FilesTrouble, LedgerTrouble
from smsq.worker.domain.files import Attached
from smsq.worker.ledger import Claim
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LAST_PAUSE_S = 0.5, 60.0  # until a claim that could not be sent here is tried again, by any host


class Attachments:
    """The files for the sends of one worker process."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def of(self, claim: Claim) -> Sequence[Attached] | None:
        """The files of this claim; None, counted, logged and noted for `smsq doctor`, if one is not here."""
        if not claim.options.files:
            return ()
        try:
            return self._rt.files.read(claim.options.files)
        except FilesTrouble as error:
            self._rt.metrics.files_missing(claim.lane)
            log.error("files not here, left to another host batch=%s why=%s", claim.ref, error.sentence)
            with contextlib.suppress(LedgerTrouble):
                self._rt.ledger.note_fileless(self._rt.journal.place, claim.ref, error.sentence)
            return None


def pause_s(claim: Claim) -> float:
    """How long nobody tries it again: short at first, since another host may have the files."""
    return float(min(LAST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(10, claim.attempt - 1)))
