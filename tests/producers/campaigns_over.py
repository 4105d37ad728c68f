"""Campaigns that are over, with the fate of each message chosen by a test; no worker and no gateway."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from smsq.producers.api import Smsq
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Claim

FIRST = 79990000001


def phones(rows: int) -> list[str]:
    """A phone for each row."""
    return [f"+{FIRST + row}" for row in range(rows)]


def claim(smsq: Smsq, ref: Any, nonce: str = "n") -> Claim:
    granted = smsq.runtime.ledger.claim(
        ref, nonce, owner="bulk/h/1/a", mirror="https://one", lease_s=45.0, parallel=500, urgent_slots=3,
        slot_kept_s=75.0, credentials="right",
    )  # fmt: skip
    assert isinstance(granted, Claim), granted
    return granted


def end(smsq: Smsq, campaign_id: str, fates: Mapping[int, Status] | None = None, *, error: int = 1) -> None:
    """Bring every message to its end: row (from 1) to fate, delivered if it has none."""
    ledger, fates = smsq.runtime.ledger, fates or {}
    while refs := ledger.feed(campaign_id, 500, 100)[0]:
        for ref in refs:
            granted = claim(smsq, ref)
            ledger.settle_accepted(granted, len(granted.recipients), Decimal(1), 60.0)
            facts = []
            for recipient in granted.recipients:
                assert isinstance(recipient, int)
                fate = fates.get(recipient - FIRST + 1, Status.DELIVERED)
                bad = fate in (Status.EXPIRED, Status.UNDELIVERABLE, Status.REFUSED)
                facts.append(
                    Fact(
                        gateway_id=granted.gateway_id, recipient=recipient, status=fate, cost=Decimal(1),
                        at=int(ledger.time()), error_code=error if bad else 0,
                    )
                )  # fmt: skip
            ledger.advance(facts)


def waiting(smsq: Smsq, campaign_id: str) -> dict[str, str]:
    """Texts by phone of what a campaign is to send, each claimed once."""
    ledger = smsq.runtime.ledger
    said: dict[str, str] = {}
    while refs := ledger.feed(campaign_id, 500, 100)[0]:
        for ref in refs:
            granted = claim(smsq, ref)
            texts = granted.texts if granted.text is None else [granted.text] * len(granted.recipients)
            for recipient, text in zip(granted.recipients, texts, strict=True):
                assert f"+{recipient}" not in said
                said[f"+{recipient}"] = text
            ledger.settle_accepted(granted, len(granted.recipients), Decimal(1), 60.0)
    return said
