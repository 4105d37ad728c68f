"""What the gateway delivers to a worker process over its session: receipts, stored in groups and answered then.

A delivery is answered only once the ledger has it for good; until then the gateway keeps it and delivers it again.
While the ledger is away the thread tries again and again, and the gateway's own window holds back the rest. If the
session has ended, another is bound at once: receipts come also while nothing is sent, and wait at the gateway for a
day only.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from smsq.worker.domain.errors import LedgerTrouble, Unreachable
from smsq.worker.gateway.smpp import receipts
from smsq.worker.ledger.values import Named
from smsq.worker.runtime import Runtime
from smsq.worker.transports.smpp import SmppTransport
from smsq.worker.transports.smpp.session import Delivery

log = logging.getLogger(__name__)

MOST_AT_ONCE = 200
AGAIN_S = 0.5  # between tries while the ledger is away
LOOK_S = 0.5  # between looks whether the process stops


class Receipts:
    """The receipts of one worker process."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._came: SimpleQueue[Delivery] = SimpleQueue()

    def start(self, transport: SmppTransport) -> None:
        """Take what this transport's sessions are delivered, until the process stops."""
        transport.on_delivery = self._came.put
        threading.Thread(target=self.run, args=(transport,), name="receipts", daemon=True).start()

    def run(self, transport: SmppTransport) -> None:
        """Store and answer, and keep a session, until the process stops."""
        while not self._rt.stopping.is_set():
            group = self._next(LOOK_S)
            if group:
                self._store(group)
            elif not transport.is_bound:
                self._bind(transport)

    def _bind(self, transport: SmppTransport) -> None:
        """Bind at the first address that its breaker lets us try; it grows the waits between tries."""
        mirrors = self._rt.send_mirrors
        mirror = mirrors.next_to_ask()  # a tripped one too: what a bind shows closes no breaker
        if mirror is None:
            return
        try:
            transport.warm(mirror)
        except Unreachable as error:
            mirrors.unreachable(mirror)
            log.warning("no session for receipts why=%s", error.sentence)
        else:
            mirrors.reached(mirror)

    def _next(self, wait_s: float) -> list[Delivery]:
        """What has come, after waiting for the first."""
        group: list[Delivery] = []
        try:
            group.append(self._came.get(timeout=wait_s))
            while len(group) < MOST_AT_ONCE:
                group.append(self._came.get_nowait())
        except Empty:
            pass
        return group

    def _store(self, group: Sequence[Delivery]) -> None:
        """Merge the receipts of a group, then answer each of its deliveries; what is no receipt is only noted.

        One that cannot be stored at all is answered and logged: it would come again for ever, and stop those behind it.
        """
        try:
            if not self._is_merged(group):
                return  # without an answer they come again
        except Exception:
            if len(group) > 1:
                for delivery in group:
                    self._store([delivery])
                return
            log.exception("a receipt cannot be stored octets=%d", len(group[0].short.octets))
        for delivery in group:
            delivery.answer()

    def _is_merged(self, group: Sequence[Delivery]) -> bool:
        """Merge what a group says, and wait for the ledger while it is away; False if the process stops."""
        told = [_read(delivery) for delivery in group]
        named = [each for each in told if each is not None]
        while named:
            try:
                self._rt.ledger.advance_named(named, self._rt.settings.ask_every_s[0])
                return True
            except LedgerTrouble as error:
                log.warning("receipts wait for the ledger receipts=%d why=%s", len(named), error.sentence)
                if self._rt.clock.wait(AGAIN_S, self._rt.stopping):
                    return False
        return True


def _read(delivery: Delivery) -> Named | None:
    """A receipt as the ledger takes it; None for what is none, which history and incoming answers show too."""
    if not receipts.is_receipt(delivery.short):
        log.info("a phone's message came octets=%d", len(delivery.short.octets))
        return None
    receipt = receipts.read(delivery.short)
    if receipt is None:
        log.warning("a receipt names no message octets=%d", len(delivery.short.octets))
        return None
    return Named(receipt.name, receipt.fact)
