"""What kind of number a phone is: whether a text reaches anybody there, and who is paid for it.

As libphonenumber tells kinds. If it cannot tell a mobile from a landline (+1), or knows no kind, a phone is taken
for one that texts reach.
"""

from __future__ import annotations

import functools
from typing import Final, Literal

import phonenumbers
from phonenumbers import PhoneNumberType as Type

Kind = Literal["mobile", "landline", "premium"]

LANDLINE: Final = frozenset({Type.FIXED_LINE, Type.TOLL_FREE, Type.UAN, Type.VOICEMAIL, Type.PAGER})
PREMIUM: Final = frozenset(
    {Type.PREMIUM_RATE, Type.SHARED_COST, Type.PERSONAL_NUMBER}
)  # somebody is paid by the caller

# Codes of +7 of which every number is mobile, as in the library: most phones are told by three digits.
_MOBILE_7: Final = frozenset(
    [str(code) for code in range(900, 1000)]
    + "700 701 702 705 706 707 708 747 760 761 762 763 764 771 775 776 777 778 785".split()
)


def kind(phone: int) -> Kind:
    """What kind of number a valid phone is.

    >>> kind(79161234567), kind(74951234567), kind(78091234567), kind(12025550123)
    ('mobile', 'landline', 'premium', 'mobile')
    """
    digits = str(phone)
    if digits[0] == "7" and digits[1:4] in _MOBILE_7:
        return "mobile"
    return _by_library(digits)


@functools.lru_cache(maxsize=4096)
def _by_library(digits: str) -> Kind:
    told = phonenumbers.number_type(phonenumbers.parse(f"+{digits}"))
    return "landline" if told in LANDLINE else "premium" if told in PREMIUM else "mobile"
