"""`smsq recover` as an operator types it."""

from __future__ import annotations

import json
from typing import Any

from smsq.producers.api import Smsq
from smsq.producers.findings.ledger import state
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger import ClaimRefusal
from smsq.worker.ledger.ids import widest_gap


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
    assert "its rows from range 1 on are missing; run its command again" in shown.output
    assert "1 single messages that were enrolled but never sent" in shown.output
    assert "`smsq recover --yes`" in shown.output
    assert "79991234567" not in shown.output

    done = run("recover", "--yes", "--json")
    told = json.loads(done.output)
    assert done.exit_code == 0
    assert (told["recovered"], told["kept_for_enrolment"], told["without_key"]) == (True, 1, [])
    again = smsq.send("+79991234567", "Hi", key="order-17")
    assert again.created
    assert "nothing to recover" in run("recover").output


def claim(smsq: Smsq, n: int) -> Any:
    """Send one more message, as a worker would."""
    ref = Ref(MessageId.parse(smsq.send(f"+7999200{n:04}", "Hi").id).batch)
    return ref, smsq.runtime.ledger.claim(
        ref, "n", owner="urgent/h/1/a", mirror="https://one", lease_s=45.0, parallel=10, urgent_slots=3,
        slot_kept_s=75.0, credentials="right",
    )  # fmt: skip


def test_ids_that_end_halt_claims_and_go_on_in_a_range_that_was_not_used(run: Any, smsq: Smsq) -> None:
    """Doctor warns long before; the message waits and is not refused; a restart's roll call takes it for no fall."""
    ledger, journal = smsq.runtime.ledger, smsq.runtime.journal
    ledger.redis.set(ledger.key("n:gid"), 2_147_483_640 - 49_999_990)
    assert [(each.level, each.said) for each in state(smsq.runtime) if each.name == "gateway ids"] == [
        ("warn", "49,999,997 are left for sends")
    ]
    ledger.redis.set(ledger.key("n:gid"), 2_147_483_646)
    ref, last = claim(smsq, 0)
    assert last.gateway_id == 2_147_483_647
    assert journal.claim(last.run, last.n, last.gateway_id, ref, "https://one")

    ref, refused = claim(smsq, 1)
    assert (refused.refusal, refused.why) == (ClaimRefusal.HALTED, "ids")
    assert ledger.read([ref])[0].state == BatchState.READY
    assert (smsq.runtime.views.halted(), smsq.runtime.views.depth().one("smsq_gateway_ids_left")) == ("ids", 0)
    assert {each.level for each in state(smsq.runtime) if each.name in ("gateway ids", "sending")} == {"fail"}

    assert run("recover", "--fresh-ids").exit_code == 2
    told = json.loads(run("recover", "--fresh-ids", "--yes", "--json").stdout)
    _, fresh = claim(smsq, 2)
    assert fresh.gateway_id == told["first"]
    assert 1_000_000_000 <= told["first"] < told["last"] < 2_147_483_647 - 1_000_000
    assert smsq.runtime.views.halted() == ""
    assert ledger.report(last.run, journal.host, journal.report()) == ("force", "")
    ledger.redis.set(ledger.key("n:gid"), told["last"])
    assert claim(smsq, 3)[1].why == "ids"


def test_a_fresh_range_keeps_clear_of_every_known_id() -> None:
    """The widest gap; what is used at both its ends is a million away."""
    used = [1_000_000_000, 1_300_000_000, 2_000_000_000, 2_147_483_647]
    assert widest_gap(used) == (1_301_000_001, 1_998_999_999)
    assert widest_gap([]) == (1_000_000_000, 2_147_483_647)


def test_no_gap_is_said(run: Any, smsq: Smsq) -> None:
    """A range that would soon be at its end again is not taken."""
    ledger = smsq.runtime.ledger
    ledger.redis.hset(
        ledger.key("g"), mapping={str(each): "1" for each in range(1_000_000_000, 2_147_483_647, 90_000_000)}
    )
    result = run("recover", "--fresh-ids", "--yes")

    assert result.exit_code == 1
    assert "no range of ids is free" in result.output
