"""What may stand beside a text: a closed list, each value checked, and a sentence for what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway import extras
from smsq.worker.gateway.http import client_forms
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.options import check_options

GOOD = [
    ("tinyurl", ["0", "1"]),
    ("maxsms", ["1", "10", "99"]),
    ("tz", ["0", "-3", "11", "-15", "4"]),
    ("period", ["0.1", "1", "720", "2.5"]),
    ("userip", ["203.0.113.7", "2001:db8::1"]),
    ("pp", ["12345"]),
]
BAD = [
    ("tinyurl", ["2", "", "yes", "01", "1\n", "١"]),
    ("maxsms", ["0", "100", "-1", "2.0", ""]),
    ("tz", ["12", "-16", "+3", "3.5", "Moscow", "", "٣"]),
    ("period", ["0", "0.05", "721", "1e2", "nan", "-1", ""]),
    ("userip", ["localhost", "203.0.113", "", "203.0.113.7&cost=0"]),
    ("pp", ["a", "", "12345678901"]),
]


@pytest.mark.parametrize(("name", "values"), GOOD, ids=[row[0] for row in GOOD])
def test_what_the_manual_allows_is_taken(name: str, values: list[str]) -> None:
    """Value by value."""
    for value in values:
        check_options(Options(extra={name: value}))


@pytest.mark.parametrize(("name", "values"), BAD, ids=[row[0] for row in BAD])
def test_a_value_that_cannot_be_is_refused(name: str, values: list[str]) -> None:
    """Before anything is enrolled: the gateway would refuse every message of it, or read something else."""
    for value in values:
        with pytest.raises(BadInput):
            check_options(Options(extra={name: value}))


OTHER_KINDS = "hlr ping flash bin push mms mail soc viber whatsapp wap bot tg call".split()
OURS = "id phones mes list nl cost fmt charset err op del login psw apikey".split()
OPTIONS = "sender valid time translit".split()


@pytest.mark.parametrize("name", [*OTHER_KINDS, *OURS, *OPTIONS, "subj", "comment", "fileurl", "smsreq"])
def test_what_makes_something_else_of_a_message_is_refused(name: str) -> None:
    """By its name, whatever the value; and neither a send nor a price that was enrolled before carries it."""
    with pytest.raises(BadInput, match=name):
        check_options(Options(extra={name: "0"}))
    for write in (client_forms.send_same, client_forms.price_same):
        arguments: list[Any] = [Login("me", "pw"), 5, [79991234567], "x", Options(extra={name: "1"})]
        if write is client_forms.price_same:
            del arguments[1]
        with pytest.raises(BadInput, match=name):
            write(*arguments)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hlr", "choose the channel"),
        ("viber", "choose the channel"),
        ("max", "does not send by that channel"),
        ("tg", "choose the channel"),
        ("time", "an option of its own"),
        ("cost", "smsq writes it itself"),
        ("psw", "settings"),
        ("tinyurls", "did you mean 'tinyurl'"),
        ("nonsense", "the fields are"),
        ("a&cost", "does not know it"),
    ],
)
def test_the_sentence_says_what_to_do_instead(name: str, says: str) -> None:
    """Somebody wanted something by it."""
    with pytest.raises(BadInput, match=says):
        check_options(Options(extra={name: "1"}))


def test_some_fields_count_only_beside_another() -> None:
    """Alone the gateway ignores or refuses them."""
    for extra in ({"freq": "10"}, {"imgcode": "w7k"}):
        with pytest.raises(BadInput, match="only beside"):
            check_options(Options(extra=extra))
    check_options(Options(extra={"freq": "10", "period": "2"}))
    check_options(Options(extra={"imgcode": "w7k", "userip": "203.0.113.7"}))


TIMES = [
    "2111261830", "21.11.26 18:30", "2902282359", "9-21", "0-24", "01795262400", "0", "+30", "+1",
]  # fmt: skip
NO_TIMES = [
    "garbage", "", "3113261830", "2111262460", "21.13.26 18:30", "21-9", "9-9", "9-25", "30", "1795262400", "+", "+-1",
    "+1000000", "0-", "2026-11-21T18:30", "21.11.2026 18:30", "0\n", "2902271200", "1&cost=0", "-1",
]  # fmt: skip


@pytest.mark.parametrize("time", TIMES)
def test_the_gateways_forms_of_a_time_are_taken(time: str) -> None:
    """A moment, hours of the day, Unix seconds, minutes from now, at once (the manual's own forms)."""
    check_options(Options(time=time))


@pytest.mark.parametrize("time", NO_TIMES)
def test_a_time_that_cannot_be_is_refused(time: str) -> None:
    """Before anything is enrolled: the gateway answers error 5, and each message would end refused."""
    with pytest.raises(BadInput, match="a time is"):
        check_options(Options(time=time))


WRONG_TYPES: list[Any] = [
    Options(translit=3),
    Options(translit=-1),
    Options(translit="1"),  # type: ignore[arg-type]
    Options(translit=True),
    Options(time=5),  # type: ignore[arg-type]
    Options(sender=5),  # type: ignore[arg-type]
    Options(extra={"tinyurl": 1}),  # type: ignore[dict-item]
    Options(extra=[("tinyurl", "1")]),  # type: ignore[arg-type]
    Options(extra={5: "1"}),  # type: ignore[dict-item]
    Options(channel=["sms"]),  # type: ignore[arg-type]
    {"extra": {}},
    None,
]


@pytest.mark.parametrize("options", WRONG_TYPES, ids=repr)
def test_options_of_wrong_types_are_refused(options: Any) -> None:
    """A program may give anything; nothing of it is enrolled."""
    with pytest.raises(BadInput):
        check_options(options)


def test_no_name_stands_in_both_tables() -> None:
    """What is allowed is not refused."""
    assert not set(extras.ALLOWED) & set(extras.REFUSED)
