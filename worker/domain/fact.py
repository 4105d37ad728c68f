"""A fact: what is known of one message under one gateway id, from any wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The gateway has this message, and this is what became of it; unknown parts are 0.

    `heard` is one that came by a call to us: the signature covers no money, so its cost and parts are taken only if
    nothing is known, and change nothing that the gateway said when it was asked.
    """

    gateway_id: int
    recipient: Recipient = field(repr=False)
    status: Status
    error_code: int = 0
    parts: int = 0
    cost: Decimal | None = None
    at: int = 0  # Unix seconds
    heard: bool = False
