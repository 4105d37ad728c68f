"""A fact: what is known of one message under one gateway id, from any wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.status import Status

MISSING_PART = 241  # a delivery error: over SMPP a part never came, or a text could not be spoken (PROTOCOL D.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The gateway has this message, and this is what became of it; unknown parts are 0.

    `heard` is one that came by a call to us: the signature covers no money, so its cost and parts are taken only if
    nothing is known, and change nothing that the gateway said when it was asked. The same holds for its `result`.
    `network` is the operator's code, if the wire named it. A probe that is called delivered is over only if it is known
    what it found: `has_error` is False if the wire named no delivery error, not even 0; `result` is None if it has no
    fields for results, as a page of history, and empty if it has them and they are.
    """

    gateway_id: int
    recipient: Recipient = field(repr=False)
    status: Status
    error_code: int = 0
    parts: int = 0
    cost: Decimal | None = None
    at: int = 0  # Unix seconds
    heard: bool = False
    result: Mapping[str, str] | None = field(default=None, repr=False)  # as `domain/result.py` has it
    network: str = ""
    has_error: bool = True
