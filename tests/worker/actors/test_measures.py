"""From a spike to the log: what an attempt counts, and which batches are named."""

from __future__ import annotations

import logging
import re
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from smsq.worker.actors.measures import EVERY_S, Measures
from smsq.worker.domain.batch import Ref
from smsq.worker.metrics import Metrics


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        """Unix seconds."""
        return self.seconds

    monotonic = now


class Counted:
    """Measures on a clock and a registry of the test's own."""

    def __init__(self) -> None:
        self.clock, self.registry = Clock(), CollectorRegistry()
        runtime: Any = SimpleNamespace(clock=self.clock, metrics=Metrics(self.registry), traces=None)
        self.measures = Measures(runtime)

    def claim(self, number: int = 7, *, lane: str = "urgent", waited_s: float = 0.1) -> Any:
        """A claim that was enrolled so long ago."""
        return SimpleNamespace(
            ref=Ref(number, "k7xm2" if lane == "bulk" else ""), gateway_id=1_900_000_001, lane=lane,
            enrolled_at=self.clock.seconds - waited_s, attempt=2,
        )  # fmt: skip


@pytest.fixture
def counted(caplog: pytest.LogCaptureFixture) -> Counted:
    """With warnings and what is above them in the log."""
    caplog.set_level(logging.WARNING)
    return Counted()


def test_a_quick_attempt_is_counted_and_not_logged(counted: Counted, caplog: pytest.LogCaptureFixture) -> None:
    """Nor one of a campaign that waited for its turn for hours."""
    counted.measures.answered(counted.claim(), "https://smsc.ru", "accepted", 0.2)
    counted.measures.accepted(counted.claim())
    counted.measures.accepted(counted.claim(lane="bulk", waited_s=7200))

    def value(name: str, **labels: str) -> float | None:
        return counted.registry.get_sample_value(name, labels)

    assert value("smsq_gateway_requests_total", command="send", mirror="smsc.ru", outcome="accepted") == 1
    assert value("smsq_enrol_to_accept_seconds_count", lane="urgent") == 1
    assert value("smsq_enrol_to_accept_seconds_count", lane="bulk") == 1
    assert caplog.messages == []


def test_slow_ones_are_named_now_and_then(counted: Counted, caplog: pytest.LogCaptureFixture) -> None:
    """Each kind for itself: the first at once, later ones with the number of those that were not."""
    for number in (1, 2, 3):
        counted.measures.accepted(counted.claim(number, waited_s=8))
    counted.measures.answered(counted.claim(4, lane="bulk"), "https://smsc.ru", "unknown", 30.0)
    counted.clock.seconds += EVERY_S
    counted.measures.accepted(counted.claim(5, waited_s=9))

    assert caplog.messages == [
        "batch was slow batch=1 id=1900000001 lane=urgent waited_s=8.0 attempt=2 others=0",
        "answer was slow batch=4@k7xm2 id=1900000001 lane=bulk mirror=smsc.ru outcome=unknown took_s=30.0 others=0",
        "batch was slow batch=5 id=1900000001 lane=urgent waited_s=9.0 attempt=2 others=2",
    ]


def test_one_name_leads_through_the_whole_way_of_a_batch(plant: Any, caplog: pytest.LogCaptureFixture) -> None:
    """From the send to the doubt and its end; without a phone."""
    caplog.set_level(logging.DEBUG, "smsq")
    plant.sandbox.misfortune("lose_answer", next_few=1)
    ref = plant.enrol()
    plant.send(ref)
    lines = [line for line in caplog.messages if f"batch={ref} " in line]
    ids = {id_ for line in lines for id_ in re.findall(r" id=(\d+)", line)}

    assert [line.split(" batch=")[0] for line in lines] == ["attempt ended", "doubt began", "outcome unknown"]
    assert len(ids) == 1
    assert "79991234567" not in caplog.text
