"""The country of a phone, the quick way: the same as the library's."""

from __future__ import annotations

import phonenumbers
import pytest

from smsq.worker.domain.region import region_of
from smsq.worker.domain.shield import subjects


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_country_has_its_own(region: str) -> None:
    """By its example numbers of each kind."""
    for kind in (0, 1, 2, 3, 4, 6, 7):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None and phonenumbers.is_valid_number(number):
            phone = int(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:])
            assert region_of(phone) == subjects(phone).region, phone


def test_numbers_of_plus_seven() -> None:
    """Russia and Kazakhstan share it: by every code of three digits."""
    wrong = [
        phone
        for code in range(300, 1000)
        for phone in (70_000_000_000 + code * 10_000_000 + 1_234_567,)
        if phonenumbers.is_valid_number(phonenumbers.parse(f"+{phone}")) and region_of(phone) != subjects(phone).region
    ]
    assert wrong == []
