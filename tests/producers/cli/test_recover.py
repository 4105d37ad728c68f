"""`smsq recover` as an operator types it."""

from __future__ import annotations

import json
from typing import Any

from smsq.producers.api import Smsq
from smsq.worker.domain.batch import MessageId, Ref


def lose_everything(smsq: Smsq) -> int:
    """One message sent, one only enrolled, a campaign; then Redis is emptied. The id of the first."""
    ledger, journal = smsq.runtime.ledger, smsq.runtime.journal
    sent = Ref(MessageId.parse(smsq.send("+79991234567", "Hi", key="order-17").id).batch)
    smsq.send("+79991234568", "Hi", key="order-18")
    smsq.campaigns.run([{"phone": "+79991234569"}], text="Hello")
    claim: Any = ledger.claim(
        sent, "n", owner="urgent/h/1/a", mirror="https://one", lease_s=45.0, parallel=10, urgent_slots=3,
        slot_kept_s=75.0, credentials="right",
    )  # fmt: skip
    assert journal.claim(claim.run, claim.n, claim.gateway_id, claim.ref, "https://one", claim.known_as)
    ledger.redis.flushall()
    return int(claim.gateway_id)


def test_nothing_to_recover(run: Any) -> None:
    """Said in a sentence, with exit code 0."""
    assert "nothing to recover" in run("recover").output
    assert json.loads(run("recover", "--json").output) == {"fell": "", "recovered": False, "given_up": []}


def test_it_shows_before_it_does(run: Any, smsq: Smsq) -> None:
    """What is missing and what to type; then does it, and sending goes on."""
    gateway_id = lose_everything(smsq)

    shown = run("recover")
    assert shown.exit_code == 2
    assert "1 sends that it has forgotten" in shown.output
    assert f"under gateway id {gateway_id}" in shown.output
    assert "its rows from range 1 on are gone; run its command again" in shown.output
    assert "1 single messages that were enrolled and never sent" in shown.output
    assert "`smsq recover --yes`" in shown.output
    assert "79991234567" not in shown.output

    done = run("recover", "--yes", "--json")
    told = json.loads(done.output)
    assert done.exit_code == 0
    assert (told["recovered"], told["kept_for_enrolment"], told["without_key"]) == (True, 1, [])
    again = smsq.send("+79991234567", "Hi", key="order-17")
    assert again.created
    assert "nothing to recover" in run("recover").output
