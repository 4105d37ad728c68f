"""The country of a phone, quickly: what rules for countries are asked about, a million times in a campaign."""

from __future__ import annotations

from typing import Final

import phonenumbers

from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.shield import subjects

# Calling codes that are of one country alone; in the others the library looks at the number.
_ALONE: Final[dict[str, str]] = {
    str(code): regions[0]
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    if len(regions) == 1 and regions[0] != "001"
}
_KAZAKH: Final = ("76", "77")
_MOBILE: Final = "79"


def region_of(recipient: Recipient) -> str:
    """ISO letters of a valid phone's country, 001 for networks of none; '' for an address, which has no country.

    >>> region_of(79991234567), region_of(77011234567), region_of(4915112345678), region_of("anna@example.ru")
    ('RU', 'KZ', 'DE', '')
    """
    if not isinstance(recipient, int):
        return ""
    digits = str(recipient)
    if digits.startswith(_MOBILE) and digits[:3] != "794":
        return "RU"
    if digits.startswith(_KAZAKH):
        return "KZ"
    for length in (1, 2, 3):
        if (region := _ALONE.get(digits[:length])) is not None:
            return region
    return subjects(recipient).region
