"""How each channel says a code."""

from __future__ import annotations

import pytest

from smsq.worker.domain.otp import TEMPLATES
from smsq.worker.domain.speech import spelled, text_for, voice_for
from smsq.worker.domain.text import MAX_LENGTH, units
from smsq.worker.gateway.channels import CHANNELS


def test_a_call_reads_digit_by_digit_and_twice() -> None:
    """A number would be read as thousands, and nobody can ask a voice to say that again."""
    said = text_for("call", "Your code is {code}", "4821", ttl_s=300, purpose="login")

    assert said == "Your code is 4, 8, 2, 1. Your code is 4, 8, 2, 1"
    assert spelled("0007") == "0, 0, 0, 7"


def test_telegram_gets_the_digits_alone() -> None:
    """Whatever the text around them is elsewhere."""
    assert text_for("tg", "Ваш код: {code}.", "4821", ttl_s=300, purpose="login") == "4821"


def test_an_sms_is_the_template() -> None:
    """Filled in as it stands."""
    assert (
        text_for("sms", "{code} for {purpose}, {minutes} min", "4821", ttl_s=90, purpose="pay") == "4821 for pay, 2 min"
    )


@pytest.mark.parametrize("locale", TEMPLATES)
@pytest.mark.parametrize("name", [row.name for row in CHANNELS.values() if row.codes])
@pytest.mark.parametrize("code", ["4821", "00000000"])
def test_every_channel_takes_what_is_said_by_it(name: str, locale: str, code: str) -> None:
    """In every language there is a text in, with codes of every length."""
    CHANNELS[name].check(text_for(name, TEMPLATES[locale], code, ttl_s=300, purpose="login"))


def test_a_long_text_is_read_once() -> None:
    """The gateway takes a thousand characters."""
    said = text_for("call", "x" * 900 + " {code}", "4821", ttl_s=300, purpose="login")

    assert said.count("4, 8, 2, 1") == 1
    assert units(said) <= MAX_LENGTH


def test_who_reads() -> None:
    """The gateway's own voice reads Russian; Latin letters want another; an SMS has none."""
    assert voice_for("call", TEMPLATES["ru"]) == voice_for("call", TEMPLATES["kk"]) == {}
    assert voice_for("call", TEMPLATES["en"]) == {"voice": "w,en"}
    assert voice_for("sms", TEMPLATES["en"]) == {}
