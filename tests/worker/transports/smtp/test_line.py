from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.outcomes import Outcome
from smsq.worker.gateway.smtp.server_letters import read
from smsq.worker.transports.smtp import SmtpTransport
from tests.worker.transports.smtp.conftest import GREETED, OFFERED, Kept, Told

Make = Callable[..., SmtpTransport]
Tell = Callable[..., Told]

PHONES = [79990000001, 79990000002]
HI = Outgoing(gateway_id=1000000001, recipients=PHONES, text="Hello: it is open", options=Options())


def test_a_letter_is_handed_over(kept: Kept, make_transport: Make) -> None:
    """The mail server has it, and it says what was meant; nobody says that the gateway accepted it."""
    transport = make_transport(kept.url)
    line = transport.open(kept.url)

    answer = line.send(HI, 2.0)

    assert (answer.outcome, answer.is_complete, answer.is_over) == (Outcome.HANDED_OVER, True, True)
    (mail,) = kept.mails
    letter = read(mail.content)
    assert (mail.sender, letter.id, letter.phones) == ("api@smsc.ru", "1000000001", "+79990000001,+79990000002")
    assert letter.text == "Hello: it is open"


def test_one_line_carries_many_letters(kept: Kept, make_transport: Make) -> None:
    """It is kept while it is quiet, and given out again."""
    transport = make_transport(kept.url)
    first = transport.open(kept.url)
    for _ in range(3):
        line = transport.open(kept.url)
        assert line.is_quiet()
        assert line.send(HI, 2.0).outcome is Outcome.HANDED_OVER
        assert line.is_free()
        line.done(keep=True)
    second = transport.open(kept.url)

    assert len(kept.mails) == 3
    assert second is line
    assert first is not line


# What a mail server does, once it has greeted us, and what that proves.
BEFORE = {
    "closes at the sender": [("MAIL", None)],
    "closes at the recipient": [("MAIL", "250 ok"), ("RCPT", None)],
    "closes instead of waiting for the letter": [("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", None)],
    "says that it is closing": [("MAIL", "421 bye")],
    "is silent at the recipient": [("MAIL", "250 ok"), ("RCPT", ...)],
    "says what is no reply": [("MAIL", "hello")],
    "says more than was asked for": [("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go\r\n250 queued")],
}


@pytest.mark.parametrize("script", BEFORE.values(), ids=BEFORE.keys())
def test_before_a_letter_begins_nothing_was_sent(told: Tell, make_transport: Make, script: list[Any]) -> None:
    """Whatever ends the conversation then: it may be tried again at once."""
    server = told([*GREETED, *script])
    line = make_transport(server.url).open(server.url)

    with pytest.raises(Unreachable):
        line.send(HI, 0.4)

    assert server.letters == []
    assert not line.is_free()


REFUSALS = {
    "the sender, for good": [("MAIL", "550 not you")],
    "the sender, for now": [("MAIL", "451 later")],
    "the recipient, for good": [("MAIL", "250 ok"), ("RCPT", "554 no relaying")],
    "the recipient, for now": [("MAIL", "250 ok"), ("RCPT", "450 busy")],
    "any letter": [("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "503 not now")],
}


@pytest.mark.parametrize("script", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_mail_server_that_takes_no_letters_stops_all_and_refuses_none(
    told: Tell, make_transport: Make, script: list[Any]
) -> None:
    """Its refusal is about us or the server, not about the message: everything waits."""
    server = told([*GREETED, *script])
    answer = make_transport(server.url).open(server.url).send(HI, 2.0)

    assert (answer.outcome, answer.code) == (Outcome.LATER, None)
    assert answer.delay_s == (30.0 if script[-1][1][0] == "4" else 120.0)
    assert server.letters == []


AFTER = {
    "closes": (None, Outcome.UNKNOWN),
    "is silent": (..., Outcome.UNKNOWN),
    "says later": ("451 later", Outcome.UNKNOWN),
    "says that it is closing": ("421 bye", Outcome.UNKNOWN),
    "says what is no reply": ("yes", Outcome.UNKNOWN),
    "says another good word": ("251 forwarded", Outcome.UNKNOWN),
    "asks for more": ("354 more", Outcome.UNKNOWN),
    "refuses it": ("554 spam", Outcome.REFUSED),
    "takes it": ("250 ok", Outcome.HANDED_OVER),
    "takes it in several lines": ("250-ok\r\n250 queued", Outcome.HANDED_OVER),
    "takes it and closes": ("250 ok\r\n421 bye", Outcome.HANDED_OVER),
    "changes its mind within a reply": ("250-ok\r\n550 no", Outcome.UNKNOWN),
}


@pytest.mark.parametrize(("answer", "outcome"), AFTER.values(), ids=AFTER.keys())
def test_after_the_last_dot(told: Tell, make_transport: Make, answer: Any, outcome: Outcome) -> None:
    """Only 250 and a refusal for good are certain; all else may have been taken."""
    server = told([*GREETED, *OFFERED, (".", answer)])
    found = make_transport(server.url).open(server.url).send(HI, 0.5)

    assert found.outcome is outcome
    assert len(server.letters) == 1
    assert found.is_over == (answer not in (..., "yes", "250-ok\r\n550 no"))


def test_a_refused_letter_names_a_code_of_the_gateways(told: Tell, make_transport: Make) -> None:
    """So that reports can say it, and too many of them stop the campaign."""
    server = told([*GREETED, *OFFERED, (".", "554 spam")])
    answer = make_transport(server.url).open(server.url).send(HI, 2.0)

    assert (answer.code, answer.sentence) == (6, "the mail server refused the letter (554)")


def test_more_than_a_letter_holds_leaves_in_several(kept: Kept, make_transport: Make) -> None:
    """Under one id, each recipient in one of them."""
    phones = [79990000000 + n for n in range(200)]
    texts = [f"{n:04d}" + "ж" * 900 for n in range(200)]
    transport = make_transport(kept.url)
    outgoing = Outgoing(gateway_id=7, recipients=phones, text=None, texts=texts, options=Options())

    answer = transport.open(kept.url).send(outgoing, 5.0)

    letters = [read(mail.content) for mail in kept.mails]
    rows = [row for letter in letters for row in letter.text.split("\n")]
    assert answer.outcome is Outcome.HANDED_OVER
    assert 4 < len(letters) < 10
    assert all(len(mail.content) <= 100 * 1024 for mail in kept.mails)
    assert {letter.id for letter in letters} == {"7"}
    assert rows == [f"+{phone}:{text}" for phone, text in zip(phones, texts, strict=True)]
    assert len({letter.message_id for letter in letters}) == len(letters)


@pytest.mark.parametrize(
    "second", [[("MAIL", None)], [("MAIL", "451 later")], [*OFFERED, (".", "554 no")], [*OFFERED, (".", None)]]
)
def test_some_letters_of_several_are_unknown(told: Tell, make_transport: Make, second: list[Any]) -> None:
    """A part is certain, a part is not: each message is asked about."""
    server = told([*GREETED, *OFFERED, (".", "250 ok"), *second])
    texts = ["ж" * 1000 for _ in range(60)]
    outgoing = Outgoing(
        gateway_id=7, recipients=[79990000000 + n for n in range(60)], text=None, texts=texts, options=Options()
    )

    answer = make_transport(server.url).open(server.url).send(outgoing, 2.0)

    assert answer.outcome is Outcome.UNKNOWN


def test_a_refused_first_letter_of_several_refuses_no_message(told: Tell, make_transport: Make) -> None:
    """The server took nothing, and most of the messages were not even offered."""
    server = told([*GREETED, *OFFERED, (".", "554 no")])
    texts = ["ж" * 1000 for _ in range(60)]
    outgoing = Outgoing(
        gateway_id=7, recipients=[79990000000 + n for n in range(60)], text=None, texts=texts, options=Options()
    )

    answer = make_transport(server.url).open(server.url).send(outgoing, 2.0)

    assert answer.outcome is Outcome.LATER
    assert answer.delay_s > 0


def test_a_letter_is_no_larger_than_the_server_takes(told: Tell, make_transport: Make) -> None:
    """As it said in its greeting."""
    greeted = [("", "220 hello"), ("EHLO", "250-hello\r\n250 SIZE 9000")]
    server = told([*greeted, *OFFERED, (".", "250 ok"), *OFFERED, (".", "250 ok"), *OFFERED, (".", "250 ok")])
    texts = ["ж" * 1000 for _ in range(5)]
    outgoing = Outgoing(
        gateway_id=7, recipients=[79990000000 + n for n in range(5)], text=None, texts=texts, options=Options()
    )

    answer = make_transport(server.url).open(server.url).send(outgoing, 2.0)

    assert answer.outcome is Outcome.HANDED_OVER
    assert len(server.letters) > 1
    assert all(len(letter) <= 9000 for letter in server.letters)
    assert any("SIZE=" in heard for heard in server.heard)


def test_what_a_letter_cannot_say_is_refused_before_a_byte(told: Tell, make_transport: Make) -> None:
    """By name; the line can carry the next."""
    server = told([*GREETED, *OFFERED, (".", "250 ok")])
    line = make_transport(server.url).open(server.url)
    wrong = Outgoing(gateway_id=7, recipients=PHONES, text="Hi", options=Options(sender="a:b"))

    with pytest.raises(BadInput, match="sender 'a:b'"):
        line.send(wrong, 2.0)

    assert line.is_free()
    assert line.send(HI, 2.0).outcome is Outcome.HANDED_OVER


def test_no_line_of_a_letter_begins_with_a_dot(told: Tell, make_transport: Make) -> None:
    """It would have to be doubled, and one alone would end the letter."""
    server = told([*GREETED, *OFFERED, (".", "250 ok")])
    line = make_transport(server.url, sender=".api@smsc.ru").open(server.url)
    dots = Outgoing(gateway_id=7, recipients=PHONES, text=".\n..\n" * 100, options=Options())

    assert line.send(dots, 2.0).outcome is Outcome.HANDED_OVER
    assert b"\r\n." not in server.letters[0]
