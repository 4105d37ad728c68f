"""Copies and retries of campaigns some of whose recipients were erased."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import Conflict
from smsq.worker.domain.status import Status
from smsq.worker.ledger.optouts.forgetting import Forgetting
from tests.producers.campaigns_over import FIRST, end, phones, waiting
from tests.producers.test_again import people


@pytest.fixture(params=["1", "100"], ids=["single", "together"])
def smsq(environ: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Smsq]:
    """A program's way in; the one who is erased is alone in a batch, or among others."""
    with Smsq(environ={**environ, "SMSQ_BATCH_SIZE": request.param}) as way_in:
        yield way_in


def erase(smsq: Smsq, row: int) -> None:
    done = Forgetting(smsq.runtime.ledger).forget(FIRST + row - 1)
    assert done.messages == 1


@pytest.mark.parametrize("text", ["Hi {name}", "Hi"])
def test_a_copy_leaves_out_who_was_erased(smsq: Smsq, text: str) -> None:
    """Its row says so, and the others get what they got."""
    campaign = smsq.campaigns.run(people(3), text=text, name="spring").id
    end(smsq, campaign)
    erase(smsq, 2)
    remade = smsq.campaigns.copied(campaign)
    copy = smsq.campaigns.enrol_remade(remade)

    assert (remade.erased, remade.found.messages, copy.statuses) == (1, 2, {"queued": 2, "invalid": 1})
    (row,) = [each for each in smsq.campaigns.report(copy.id) if each.status == "invalid"]
    assert (row.row, row.phone, row.error) == (2, "", "its recipient was erased (smsq forget)")
    said = {phone: text.replace("{name}", f"Anna {n}") for n, phone in enumerate(phones(3), 1) if n != 2}
    assert waiting(smsq, copy.id) == said


def test_an_interrupted_copy_goes_on_though_somebody_was_erased(smsq: Smsq, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ranges are cut as they were: no row is lost or comes twice."""
    for name, most in (("RANGE_ROWS", 1), ("RANGE_BATCHES", 2)):
        monkeypatch.setattr(f"smsq.worker.ledger.campaigns.copying.{name}", most)
    rows = 3 * 2 * smsq.settings.batch_size
    campaign = smsq.campaigns.run(people(rows), text="Hi {name}", name="spring").id
    end(smsq, campaign)

    def killed(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        smsq.campaigns.copy(campaign, enrolled=killed)
    erase(smsq, 1)
    erase(smsq, rows)
    copy = smsq.campaigns.copy(campaign)

    assert (copy.rows, copy.closed, copy.statuses) == (rows, True, {"queued": rows - 1, "invalid": 1})
    assert set(waiting(smsq, copy.id)) == set(phones(rows)[:-1])


def test_a_retry_leaves_out_who_was_erased(smsq: Smsq) -> None:
    """They are no part of what it takes; if nobody else is left, it says why."""
    campaign = smsq.campaigns.run(people(3), text="Hi {name}", name="spring").id
    end(smsq, campaign, {1: Status.UNDELIVERABLE, 2: Status.UNDELIVERABLE})
    erase(smsq, 2)
    wanted = smsq.campaigns.wanted(failed=True, unsent=False, parked=False, reasons=())
    remade = smsq.campaigns.retried(campaign, wanted)
    assert (remade.erased, len(remade.rows), remade.found.messages) == (1, 1, 1)
    erase(smsq, 1)
    with pytest.raises(Conflict, match="but for 2 messages whose recipients were erased: there is nothing to retry"):
        smsq.campaigns.retry(campaign)
    end(smsq, campaign)
    erase(smsq, 3)
    with pytest.raises(Conflict, match="but for erased recipients, campaign"):
        smsq.campaigns.copy(campaign)
