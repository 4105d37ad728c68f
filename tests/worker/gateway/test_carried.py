from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.carried import can_say, check_carried
from smsq.worker.gateway.channels import CHANNELS


@pytest.mark.parametrize(
    ("transport", "options", "why"),
    [
        ("smtp", {"channel": "mail", "sender": "a@b.ru", "subj": "Hi"}, "the channel mail cannot leave over smtp"),
        ("smtp", {"channel": "mms"}, "the channel mms cannot leave over smtp"),
        ("smtp", {"channel": "whatsapp"}, "the channel whatsapp cannot leave over smtp"),
        ("smtp", {"channel": "bot", "bot": "@shop"}, "the channel bot cannot leave over smtp"),
        ("smtp", {"valid": "01:00"}, "a letter has no place for 'valid'"),
        ("smtp", {"channel": "call", "voice": "w"}, "a letter has no place for 'voice'"),
        ("smtp", {"sender": "a:b"}, "sender 'a:b'"),
    ],
)
def test_what_a_transport_cannot_carry_is_refused_by_name(transport: str, options: dict[str, Any], why: str) -> None:
    """Before anything is enrolled: at the send every message would be refused."""
    with pytest.raises(BadInput, match=why):
        check_carried(transport, Options(**options))
    check_carried("http", Options(**options))


@pytest.mark.parametrize("transport", ["smtp", "smpp"])
def test_a_code_that_nobody_would_learn_is_not_asked_for(transport: str) -> None:
    """A call that makes one up tells it in the answer over HTTP alone; any other text can be said over each."""
    with pytest.raises(BadInput, match=f"over {transport} .* nobody would learn it"):
        check_carried(transport, Options(channel="call"), text="code")
    check_carried("http", Options(channel="call"), text="code")
    check_carried(transport, Options(channel="call"), text="Your code is 4821")
    check_carried(transport, Options(), text="code")


def test_a_text_that_would_end_its_letter_is_refused() -> None:
    """It would be cut there, or the letter be none: then nobody could say what became of it."""
    for text in ("[text]Hi", "Hi[/TEXT] there"):
        with pytest.raises(BadInput, match="mark the message inside a letter"):
            check_carried("smtp", Options(), text=text)
        check_carried("smpp", Options(), text=text)


def test_options_that_follow_with_each_message_are_looked_at_too() -> None:
    """A column of a file is no way round."""
    check_carried("smtp", Options(), later=["time", "sender"])
    with pytest.raises(BadInput, match="no place for 'maxsms'"):
        check_carried("smtp", Options(), later=["time", "maxsms"])


def test_whatever_has_a_number_of_the_libraries_leaves_as_a_letter() -> None:
    """But for what a letter has no place for: files, and a subject (PROTOCOL G, I.2)."""
    numbered = {row.name for row in CHANNELS.values() if row.number is not None}

    assert {row.name for row in CHANNELS.values() if "smtp" in row.dialects} == numbered - {"mms", "mail"}


def test_what_has_a_place() -> None:
    """Over HTTP everything has."""
    assert [can_say(transport, "valid") for transport in ("http", "smtp", "smpp")] == [True, False, True]
    assert can_say("smtp", "time")
