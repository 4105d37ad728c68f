"""The guest list."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsq.worker.domain.errors import BadPhone, NotAGuest
from smsq.worker.domain.guests import EVERYBODY, Guests, read

ANNA, BORIS, SIMULATED = 79991234567, 79997654321, 12025550177


def test_without_a_list_everybody_can_be_reached() -> None:
    """And nothing is wrapped or looked at."""
    parse = lambda written, region: ANNA  # noqa: E731

    assert EVERYBODY.admits(ANNA)
    assert EVERYBODY.checked(parse) is parse
    assert EVERYBODY.outside([ANNA]) == []


def test_guests_are_read_as_people_write_phones(tmp_path: Path) -> None:
    """With commas, or one in a line of a file, which may have comments; an address is one too."""
    path = tmp_path / "guests.txt"
    path.write_text("# our own phones\n+7 999 123-45-67  # Anna\n\n89997654321\nanna@example.ru\n")

    assert read("+79991234567, 8 999 765-43-21").names == {ANNA, BORIS}
    assert read(str(path)).names == {ANNA, BORIS, "anna@example.ru"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("+79991234567,12", "number 2: too few digits"),
        ("/nowhere/guests.txt", "the path of a file that can be read"),
    ],
)
def test_what_cannot_be_read_is_named(written: str, said: str) -> None:
    """By its place, since a list of phones is not repeated in an error."""
    with pytest.raises(ValueError, match=said):
        read(written)


def test_a_stranger_is_refused_with_a_sentence() -> None:
    """It says whose list it is, and shows no whole phone; simulated numbers are nobody's."""
    guests = Guests(frozenset({ANNA}))
    with pytest.raises(NotAGuest, match=r"7999\*\*\*4321 is not on the guest list \(SMSQ_GUESTS\)"):
        guests.check(BORIS)
    guests.check(ANNA)
    guests.check(SIMULATED)

    assert issubclass(NotAGuest, BadPhone)
    assert guests.outside([ANNA, BORIS, SIMULATED]) == [BORIS]


def test_a_key_reaches_those_who_are_on_both_lists() -> None:
    """Its own and the installation's."""
    both = Guests(frozenset({ANNA, BORIS}), "the key try").among(Guests(frozenset({ANNA})))

    assert both.names == {ANNA}
    assert both.of == "the key try and SMSQ_GUESTS"
    assert EVERYBODY.among(both) == both.among(EVERYBODY) == both
