"""Runs in the copy of the tree that `test_extending.py` makes, on an installation: what was added works."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import requests

import smsq as package
from smsq.testing import TestedSmsq
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadSettings
from smsq.worker.metrics import Metrics
from smsq.worker.processes.exporter import Exporter, build_registry
from smsq.worker.settings import Settings


@pytest.fixture(scope="session")
def smsq_settings() -> dict[str, str]:
    """The new setting, with another value than its default."""
    return {"SMSQ_CENSUS_MOST": "2"}


def until(claim: Callable[[], bool]) -> None:
    """Look until `claim` holds; half a minute is a failure."""
    deadline = time.monotonic() + 30
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def page(smsq: TestedSmsq) -> str:
    """The page of metrics as a scraper gets it."""
    registry = build_registry(smsq.settings.home, smsq.runtime.views.depth, {})
    with Exporter(registry, "127.0.0.1:0") as exporter:
        return requests.get(exporter.url, timeout=10).text


def test_this_is_the_copy() -> None:
    """Not the tree from which it was made."""
    assert package.__file__.startswith(__file__.partition("/tests/")[0])


def test_the_setting_is_read_and_checked() -> None:
    """With its default, from the environment, and with a sentence for what will not do."""
    assert Settings.load({}).census_most == 1000
    assert Settings.load({"SMSQ_CENSUS_MOST": "7"}).census_most == 7
    with pytest.raises(BadSettings, match="SMSQ_CENSUS_MOST"):
        Settings.load({"SMSQ_CENSUS_MOST": "many"})


def test_a_message_goes_by_the_channel(smsq: TestedSmsq) -> None:
    """The gateway's half knows it by its field, and the metrics by its name."""
    phone = smsq.phone()
    smsq.send(phone, "4821", options=Options(channel="pigeon"))

    (message,) = smsq.messages(phone, count=1)

    assert (message.channel, message.text) == ("pigeon", "4821")
    until(lambda: 'channel="pigeon"' in page(smsq))


def test_the_duty_ticks_and_its_metric_is_on_the_page(smsq: TestedSmsq) -> None:
    """The scheduler of the installation counts what there is, as far as the setting lets it."""
    ledger = smsq.runtime.ledger
    for name in ("one", "two", "three"):
        smsq.campaigns.run([{"phone": smsq.phone()}], text=f"Hi from {name}", name=name)

    until(lambda: 'smsq_censuses_total{found="some"}' in page(smsq))
    until(lambda: ledger.redis.get(ledger.key("census")) == b"2")


def test_the_verb_runs(smsq: TestedSmsq) -> None:
    """On a real Redis, and twice as well as once."""
    assert smsq.runtime.ledger.census(9) == 3
    assert smsq.runtime.ledger.census(9) == 3


def test_the_metric_of_a_process_is_counted() -> None:
    """In the registry of whoever counts; all processes are summed as the other metrics are."""
    Metrics.of_process().counted("campaigns")
