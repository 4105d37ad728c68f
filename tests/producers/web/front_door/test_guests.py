"""A key that reaches guests alone, and simulated numbers through the front door."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from smsq.producers.api import Smsq
from tests.conftest import Plant
from tests.producers.web.front_door.opened import KEY, PHONE, Opened, opened

GUEST, SIMULATED = "79997654321", "%2B12125550162"


@pytest.fixture
def plant_of_guests(make_plant: Callable[..., Plant]) -> Plant:
    """One caller with a list of its own, inside that of the installation."""
    return make_plant(
        SMSQ_API_KEYS=f"shop:{KEY} guests=+{GUEST}+79990000001",
        SMSQ_GUESTS=f"+{GUEST},+{PHONE}",
        SMSQ_MASS_ASK_EVERY_S="30",
    )


@pytest.fixture
def door(plant_of_guests: Plant) -> Iterator[Opened]:
    """The front door of that plant."""
    with opened(plant_of_guests.runtime) as door:
        yield door


def enrolled(plant: Plant) -> int:
    """How many messages wait in the ledger."""
    return sum(int(plant.ledger.redis.zcard(plant.ledger.key(f"ready:{lane}"))) for lane in ("urgent", "bulk"))


@pytest.mark.parametrize("phones", [PHONE, "79990000001", f"{GUEST},{PHONE}"], ids=["of one list", "other", "mixed"])
def test_a_key_reaches_those_on_both_lists(door: Opened, plant_of_guests: Plant, phones: str) -> None:
    """A stranger among the recipients refuses the whole request, with the gateway's code for a forbidden message."""
    answer = door.get("/sys/send.php", f"phones={phones}&mes=Hi&fmt=3")

    assert answer.told["error_code"] == 6
    assert enrolled(plant_of_guests) == 0


def test_guests_and_simulated_numbers_are_reached(door: Opened, plant_of_guests: Plant) -> None:
    """As any phone."""
    answer = door.get("/sys/send.php", f"phones={GUEST},{SIMULATED}&mes=Hi&fmt=3")

    assert answer.told["cnt"] == 2
    assert enrolled(plant_of_guests) == 2


def test_a_mailing_to_strangers_is_refused(door: Opened, plant_of_guests: Plant) -> None:
    """Whole: nothing of it becomes a campaign."""
    refused = door.get("/sys/jobs.php", f"add=1&name=spring&phones={GUEST},{PHONE}&mes=Hi&fmt=3")
    taken = door.get("/sys/jobs.php", f"add=1&name=spring&phones={GUEST}&mes=Hi&fmt=3")
    with Smsq(plant_of_guests.runtime.settings) as smsq:
        campaigns = smsq.campaigns.list()

    assert refused.told["error_code"] == 6
    assert "id" in taken.told
    assert [view.statuses for view in campaigns] == [{"queued": 1}]


def test_the_price_of_a_simulated_message_is_nothing(door: Opened, plant_of_guests: Plant) -> None:
    """And nobody is asked for it, though no lane of chores is up."""
    answer = door.get("/sys/send.php", f"phones={SIMULATED}&mes=Hi&cost=1&fmt=3")

    assert float(answer.told["cost"]) == 0
    assert plant_of_guests.sandbox.report()["requests"] == {}
