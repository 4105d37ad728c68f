"""Trying it first, with the processes of an installation: simulated numbers among real ones, guests, own tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsq.producers.api import Smsq
from smsq.producers.cli.campaign_trial import fate_of, try_first
from smsq.producers.intake.drafts import draft
from smsq.producers.testing.tested import Installation, TestedSmsq
from smsq.worker.ledger.views import CampaignView

GUEST, STRANGER = "+79991230001", "+79991230002"
UNDELIVERABLE, REFUSED, DOUBTFUL, DELIVERED = "+12125550162", "+12125550177", "+12125550180", "+13125550100"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One whose workers keep a guest list."""
    made = Installation(tmp_path_factory.mktemp("trying"), {"SMSQ_GUESTS": GUEST})
    made.start()
    yield made
    made.stop()


@pytest.fixture
def smsq(installation: Installation) -> Iterator[TestedSmsq]:
    """A program's way in, with the same list."""
    with TestedSmsq(installation) as way_in:
        yield way_in


def done(smsq: Smsq, campaign_id: str, seconds: float = 90.0) -> CampaignView:
    """The campaign once everything has ended."""
    until = time.monotonic() + seconds
    while not (view := smsq.campaigns.show(campaign_id)).is_over:
        assert time.monotonic() < until, view.statuses
        time.sleep(0.1)
    return view


def test_a_campaign_ends_in_every_way_and_only_guests_are_reached(smsq: TestedSmsq) -> None:
    """Doubt, refusal and failure are the simulated rows'; the gateway got one message."""
    phones = [UNDELIVERABLE, GUEST, REFUSED, STRANGER, DOUBTFUL, DELIVERED]
    view = smsq.campaigns.run(
        [{"phone": phone, "name": f"N{n}"} for n, phone in enumerate(phones)], text="Hello {name}", name="mixed"
    )
    done(smsq, view.id)
    found = {receipt.phone: (receipt.status, receipt.error_code) for receipt in smsq.campaigns.report(view.id)}

    assert found == {
        UNDELIVERABLE: ("undeliverable", 6),
        GUEST: ("delivered", 0),
        REFUSED: ("refused", 7),
        STRANGER: ("invalid", 0),
        DOUBTFUL: ("delivered", 0),
        DELIVERED: ("delivered", 0),
    }
    assert [each.phone for each in smsq.messages()] == [GUEST]
    assert [receipt.row for receipt in smsq.campaigns.report(view.id)] == [1, 2, 3, 4, 5, 6]


def test_a_producer_without_the_list_does_not_pass_the_workers(installation: Installation, smsq: TestedSmsq) -> None:
    """They ask it again where a request would leave."""
    environ = {name: value for name, value in installation.environ.items() if name != "SMSQ_GUESTS"}
    with Smsq(environ=environ) as careless:
        lone = careless.send(STRANGER, "Hi").id
        view = careless.campaigns.run([GUEST, STRANGER], text="Hello", name="careless")
        done(careless, view.id)
        until = time.monotonic() + 30
        while (receipt := careless.status(lone)).status == "queued" and time.monotonic() < until:
            time.sleep(0.05)

        assert (receipt.status, receipt.error_code) == ("refused", 250)
        assert careless.campaigns.show(view.id).statuses == {"refused": 2}
    assert smsq.messages() == []


def test_tests_reach_oneself_alone(smsq: TestedSmsq, tmp_path: Path) -> None:
    """As they would leave; the campaign itself is not there."""
    path = tmp_path / "people.csv"
    path.write_text(f"phone,name\n{DELIVERED},Ann\n{UNDELIVERABLE},Maximiliana\n")
    drafted = draft(path, text="Hi {name}")
    before = [view.id for view in smsq.campaigns.list()]
    sent = try_first(smsq, drafted, GUEST, (), yes=True)
    code = fate_of(smsq, sent, follow=True, is_shown=False)

    assert (code, [each["status"] for each in sent]) == (0, ["delivered"] * len(sent))
    assert {(each.phone, each.text) for each in smsq.messages()} == {(GUEST, "Hi Ann"), (GUEST, "Hi Maximiliana")}
    assert [view.id for view in smsq.campaigns.list()] == before
