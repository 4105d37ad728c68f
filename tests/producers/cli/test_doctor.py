"""What `smsq doctor` says of a ledger that stands, in the states in which something waits."""

from __future__ import annotations

from typing import Any

from producers.cli.doctor import Finding, _state
from worker.ledger import Claim


def findings(plant: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in _state(plant.runtime)}


def claimed(plant: Any) -> Claim:
    settings = plant.runtime.settings
    claim = plant.ledger.claim(
        plant.enrol(), "n", owner="urgent/h/1/a", mirror=plant.sandbox.mirrors[0], lease_s=settings.lease_s,
        parallel=10, urgent_slots=3, slot_kept_s=75.0, credentials="x",
    )  # fmt: skip
    assert isinstance(claim, Claim)
    return claim


def test_slots_of_requests_that_went_astray_are_named(plant: Any) -> None:
    """One that is under way is nothing to say."""
    claim = claimed(plant)
    assert "slots" not in findings(plant)
    plant.ledger.doubt(claim, "no_answer", 1.0)

    found = findings(plant)["slots"]
    assert (found.level, found.said) == ("warn", "requests that went astray keep slots of the log-in: 1 urgent")
