"""Codes: as likely as one another, read as typed, their channels and texts parsed at the door."""

from __future__ import annotations

import secrets
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain import otp as codes
from smsq.worker.domain import text as texts
from smsq.worker.domain.errors import BadChannel
from smsq.worker.domain.otp import Step


@pytest.mark.parametrize("length", range(4, 9))
def test_codes_have_their_length(length: int) -> None:
    """Zeros in front included."""
    made = {codes.derive(secrets.token_bytes(32), length) for _ in range(300)}

    assert {len(code) for code in made} == {length}
    assert codes.derive(bytes(32), length) == "0" * length


def test_every_digit_is_as_likely() -> None:
    """At every place, within six deviations; a bias of one in ten would be seen."""
    many = 20_000
    made = [codes.derive(secrets.token_bytes(32), 6) for _ in range(many)]
    for place in range(6):
        counted = Counter(code[place] for code in made)
        assert all(abs(counted[str(digit)] - many / 10) < 6 * (many * 0.09) ** 0.5 for digit in range(10))


@given(st.text("0123456789", min_size=1, max_size=12), st.data())
def test_what_stands_between_digits_is_not_read(digits: str, data: st.DataObject) -> None:
    """Spaces, dashes and dots of all kinds; a zero of another script is a zero."""
    between = st.text(" -\u2013\u2014\u00a0\u202f.\u200b\t\n", max_size=2)
    zeros = st.sampled_from([0x30, 0x660, 0x6F0, 0x966, 0xFF10])
    typed = "".join(chr(data.draw(zeros) + int(each)) + data.draw(between) for each in digits)

    assert codes.read_back(typed) == digits if len(typed) <= 64 else codes.read_back(typed) == ""


@pytest.mark.parametrize(
    "mark", [*map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xAD, 0x61C, 0x180E, 0x200B, 0xFEFF])]
)
def test_signs_that_nobody_sees_are_not_typed(mark: str) -> None:
    """A code pasted out of a message comes in marks of direction, or with a mark between its digits."""
    assert codes.read_back(f"{mark}482{mark}107{mark}") == "482107"


@given(st.text(max_size=80))
def test_reading_never_fails(typed: str) -> None:
    """Whatever is typed, it is digits or nothing."""
    read = codes.read_back(typed)

    assert read == "" or (read.isascii() and read.isdigit())


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "00:01"), (60, "00:01"), (60.0004, "00:01"), (61, "00:02"), (300, "00:05"), (3600, "01:00"),
     (86_399, "24:00"), (86_400, "24:00"), (-5, "00:01")],
)  # fmt: skip
def test_lifetimes_as_the_gateway_takes_them(seconds: float, said: str) -> None:
    """Hours and minutes, rounded up, from a minute to a day."""
    assert codes.valid_for(seconds) == said


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        ("sms", (Step("sms"),)),
        (" sms ", (Step("sms"),)),
        ("sms:20s,tg:20s,call", (Step("sms", 20), Step("tg", 20), Step("call"))),
        ("sms: 1.5 m , call", (Step("sms", 90), Step("call"))),
    ],
)
def test_channels_are_read(written: str, steps: tuple[Step, ...]) -> None:
    """Each with how long it is waited for; what is written back is read the same."""
    assert codes.steps_of(written) == steps
    assert codes.steps_of(codes.written(steps)) == steps


@pytest.mark.parametrize(
    "written",
    ["", ",", "sms,", "sms,call", "SMS", "sms:20x", "sms:-1s", "sms:9999s,call", "a:1s," * 5 + "b", "sms;call"],
)
def test_what_are_no_channels_is_refused(written: str) -> None:
    """A wait that is missing too: nothing says when the next would be tried."""
    with pytest.raises(BadChannel):
        codes.steps_of(written)


@pytest.mark.parametrize("locale", codes.TEMPLATES)
def test_every_language_fits_in_one_part(locale: str) -> None:
    """With the longest code; and nobody takes it for a command."""
    text = codes.render(codes.TEMPLATES[locale], "88888888", ttl_s=86_400, purpose="x")
    texts.check(text)

    assert texts.parts(text) == 1
    assert text.count("88888888") == 1


def test_a_template_is_taken_in_tidied() -> None:
    """Its line breaks are one character, as in every text."""
    assert codes.template_of(79991234567, None, "Code:\r\n{code}") == "Code:\n{code}"
