"""What kind of number a phone is: as the library says, sooner for most of +7."""

from __future__ import annotations

import phonenumbers
import pytest

from smsq.worker.domain.phone_kind import _MOBILE_7, kind

KINDS = {
    "Russian mobile": (79161234567, "mobile"),
    "Kazakh mobile": (77011234567, "mobile"),
    "Moscow": (74951234567, "landline"),
    "Kazakh landline": (77172123456, "landline"),
    "free": (78001234567, "landline"),
    "premium": (78091234567, "premium"),
    "personal": (78081234567, "premium"),
    "American premium": (19005550123, "premium"),
    "American, of either kind": (12025550123, "mobile"),
    "British premium": (449012345678, "premium"),
    "British personal": (447012345678, "premium"),
    "British mobile": (447911123456, "mobile"),
    "Berlin": (4930123456, "landline"),
}


@pytest.mark.parametrize(("phone", "expected"), KINDS.values(), ids=KINDS.keys())
def test_a_phone_has_a_kind(phone: int, expected: str) -> None:
    """One that texts reach, one that they do not, one that somebody is paid for."""
    assert kind(phone) == expected


def test_the_short_way_agrees_with_the_library() -> None:
    """Each code in its table is mobile as a whole."""
    numbers = [phonenumbers.parse(f"+7{code}{n:03}1234") for code in sorted(_MOBILE_7) for n in range(0, 1000, 43)]
    valid = [number for number in numbers if phonenumbers.is_valid_number(number)]

    assert len(valid) > 2000
    assert {phonenumbers.number_type(number) for number in valid} == {phonenumbers.PhoneNumberType.MOBILE}
