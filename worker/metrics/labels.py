"""What the labels of metrics are: each a closed set, never a phone, a text, an id or a campaign."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smsq.worker.domain.blocking import GATEWAY_LIMITS
from smsq.worker.domain.campaign import STANDINGS
from smsq.worker.domain.lane import LANES, QUEUES
from smsq.worker.domain.shield import CODES
from smsq.worker.domain.sick import Sick
from smsq.worker.domain.status import BatchState
from smsq.worker.domain.stops import STOPS

STATES: Final = {str(state.value): state.name.lower() for state in BatchState}  # by the ledger's numbers
GATEWAY_CODES: Final = range(1, 10)  # those of the gateway's tables; it may invent any number


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


LABELS: Final[dict[str, str]] = {
    "lane": _listed(LANES),
    "queue": _listed(QUEUES) + "; of `smsq_bell_up` also `urgent.ledger`, by which the ledger itself wakes a worker",
    "channel": "a row of `gateway/channels.py`, or `simulated` for messages to simulated numbers",
    "network": "an operator's country and network code, such as `25001`, of the first 50 seen; `other` for the rest",
    "status": "a name that reports show (`domain/status.py`)",
    "state": "of a batch: " + _listed(STATES.values()) + "; of a campaign: " + _listed(STANDINGS),
    "command": "`send`, `status`, `balance`, `price`, `history`, `answers`",
    "limit": "; ".join(f"`{name}`: {row.most} {row.meaning}" for name, row in GATEWAY_LIMITS.items()),
    "reason": _listed(STOPS),
    "server": "`ledger`, `broker`; both have the same values if they are one server",
    "place": "`home`: `SMSQ_HOME` of this host",
    "version": "a version of smsq",
    "page": "a page of the front door: `send`, `status`, `balance`, `jobs`, `history`, `info`, `other`",
    "mirror": "a host of `SMSQ_MIRRORS`, with its port if that is not the usual one",
    "by": "who chose: `operator`, or `sender` (`on_doubt` resend)",
    "outcome": "how it ended, in one word",
    "code": "an error code of the gateway's table, or `other`",
    "actor": "an actor's name",
    "why": "why a channel was tried for a code (`domain/cascade.py`), or why it was not: `cost`, `shield`",
    "halt": "`fell` (the ledger fell back), `hosts` (some are missing from the roll call), `ids`, `login`, `money`",
    "ailment": _listed(Sick) + ": see `worker/domain/sick.py`",
    "decision": _listed(CODES),
    "country": "a country's two letters, or `001` for networks of none",
    "rule": "`block` or `monitor` (`smsq countries`)",
    "alarm": "`unknown-batch`, `foreign-id` and the like; see the runbook",
}
