"""What a look-up brings to light: the number's own, unless it was changed."""

from __future__ import annotations

import pytest

from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.http.server.statuses import LOOKED_UP
from smsq.worker.sandbox.lookups import Lookups

PHONE = "79991234567"


def test_a_result_follows_from_the_number() -> None:
    """All eight fields, the same in every run; codes may begin with 0 and stay as they are."""
    found = Lookups().result(PHONE, True)

    assert tuple(found) == LOOKED_UP
    assert found == Lookups().result(PHONE, True)
    assert found["imsi"].startswith(found["mcc"] + found["mnc"])


def test_who_is_not_reached_has_no_sim_to_tell_of() -> None:
    """Only what the number itself says."""
    found = Lookups().result(PHONE, False)

    assert (found["imsi"], found["msc"], found["mcc"]) == ("", "", "250")


def test_some_are_abroad() -> None:
    """About one in twenty."""
    abroad = [n for n in range(2000) if Lookups().result(str(79990000000 + n), True)["rcn"]]

    assert 50 < len(abroad) < 150


def test_a_changed_number_ends_as_it_was_told() -> None:
    """Field by field; the rest stays its own."""
    lookups = Lookups()
    lookups.change(PHONE, {"err": "6", "status": "20", "rcn": "Belarus"})

    assert lookups.verdict(PHONE, 1, 0) == (20, 6)
    assert lookups.verdict("79991234568", 1, 0) == (1, 0)
    assert lookups.result(PHONE, True)["rcn"] == "Belarus"


@pytest.mark.parametrize(
    ("phone", "told"),
    [
        pytest.param("anna@example.com", {}, id="no phone"),
        pytest.param(PHONE, {"colour": "red"}, id="no such field"),
        pytest.param(PHONE, {"err": "six"}, id="an error in words"),
    ],
)
def test_what_cannot_be_changed_is_said(phone: str, told: dict[str, str]) -> None:
    """By a sentence for the control endpoint."""
    with pytest.raises(BadInput):
        Lookups().change(phone, told)
