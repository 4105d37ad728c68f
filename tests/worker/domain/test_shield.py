"""What a phone counts with, and how a decision is said."""

from __future__ import annotations

import pytest

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.shield import (
    CODES,
    client_of,
    in_window,
    is_list_of_addresses,
    named,
    sentence,
    shown,
    subjects,
)


@pytest.mark.parametrize(
    ("phone", "block", "wide", "region"),
    [
        (79161234567, "7916123", "79161", "RU"),
        (77011234567, "7701123", "77011", "KZ"),
        (12025550123, "1202555", "12025", "US"),
        (14165550123, "1416555", "14165", "CA"),
        (447911123456, "44791112", "447911", "GG"),
        (393331234567, "39333123", "393331", "IT"),
        (870773111632, "87077311", "870773", "001"),
        (29051234, "2905", "2905", "SH"),  # short: never less than the calling code and a digit
    ],
)
def test_a_phone_counts_with_its_prefixes_and_its_country(phone: int, block: str, wide: str, region: str) -> None:
    """Countries that share a calling code are told apart."""
    assert subjects(phone) == (block, wide, region)


@pytest.mark.parametrize(
    ("said", "name"), [("kz", "KZ"), ("001", "001"), ("+7 916", "7916"), ("7(916)123-45", "791612345"), ("us", "US")]
)
def test_rules_name_countries_and_prefixes(said: str, name: str) -> None:
    """As people write them."""
    assert named(said) == name
    assert named(shown(name).removesuffix("…")) == name


@pytest.mark.parametrize("said", ["", "Russia", "+", "0916", "XX", "+79161234567890123"])
def test_other_names_are_refused(said: str) -> None:
    """With what a name looks like."""
    with pytest.raises(BadInput, match="neither a country"):
        named(said)


@pytest.mark.parametrize("said", ["89161", "+89", "210"])
def test_a_prefix_of_no_country_is_refused(said: str) -> None:
    """Whoever writes 8 for +7 would hold nobody."""
    with pytest.raises(BadInput, match="no number begins with"):
        named(said)


@pytest.mark.parametrize("code", CODES[1:])
def test_every_refusal_has_a_sentence(code: str) -> None:
    """And it is about numbers, never about a person."""
    said = sentence(code, "7916123", 5, 600, 0, 0)

    assert said
    assert "known" not in said


def test_a_window_leaves_out_what_is_over() -> None:
    """And counts a slot more rather than one less."""
    ring = [2400, 100, 5, 101, 2, 124, 1]  # slots of 100 ms

    assert in_window(ring, 12_499) == [8]
    assert in_window(ring, 12_500) == [3]
    assert in_window(None, 0, 3) == [0, 0]
    assert in_window([2400, 100, 5, 1, 124, 2, 2], 12_500, 3) == [2, 2]


@pytest.mark.parametrize(
    ("written", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7:4711 ", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("2002:cb00:7107:beef::1", "203.0.113.7"),  # 6to4
        ("2001:0:4136:e378:8000:63bf:34ff:8ef8", "203.0.113.7"),  # Teredo
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("2001:DB8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("  Alice\u00a0 SMITH ", "alice smith"),
        ("user%7", "user%7"),
        ("203.0.113.777", "203.0.113.777"),
    ],
)
def test_a_client_is_the_same_however_it_is_written(written: str, client: str) -> None:
    """Addresses by what one visitor has of them, names without their blanks and case; and once is enough."""
    assert client_of(written) == client
    assert client_of(client.removesuffix("/64")) == client


@pytest.mark.parametrize(
    ("written", "is_list"),
    [("198.51.100.9, 203.0.113.7", True), ("::1,203.0.113.7", True), ("Smith, Jane", False), ("203.0.113.7", False)],
)
def test_a_list_of_addresses_is_told_from_a_name(written: str, is_list: bool) -> None:
    """A visitor writes all of it but the last."""
    assert is_list_of_addresses(written) == is_list
