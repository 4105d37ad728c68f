"""The gateway's library for PHP, unmodified, against the sandbox: every function, in each charset and method."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smsq.worker.sandbox import Profile, Sandbox
from tests.journeys.libraries import Names, Php, php_library

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PHONE, OTHER = "79991234567", "79991234568"
TEXT = "Ваш пароль: 123, никому его не говорите; ждём"
WAYS = [(charset, post) for charset in ("windows-1251", "utf-8", "koi8-r") for post in (False, True)]
IDS = [f"{charset} {'POST' if post else 'GET'}" for charset, post in WAYS]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Profile(deliver_after_s=(0.0, 0.0), visible_after_s=0.0), ports=(0,)) as sandbox:
        yield sandbox


@pytest.fixture
def names(sandbox: Sandbox) -> Iterator[Names]:
    host, port = sandbox.mirrors[0].removeprefix("http://").split(":")
    with Names((host, int(port))) as names:
        yield names


@pytest.fixture
def php(names: Names, request: pytest.FixtureRequest) -> Php:
    charset, post = request.param
    return Php(php_library(), names, charset=charset, post=post)


every_way = pytest.mark.parametrize("php", WAYS, ids=IDS, indirect=True)


@every_way
def test_a_message_and_its_status(php: Php, sandbox: Sandbox, names: Names) -> None:
    """The text arrives as it was written, and its status names it, whatever is in it."""
    sent, brief, full, longer = php(
        ("send_sms", PHONE, TEXT, 0, 0, 11),
        ("get_status", "11", PHONE),
        ("get_status", "11", PHONE, 1),
        ("get_status", "11", PHONE, 2),
    )

    assert (len(sent), sent[:2]) == (4, ["11", "1"])
    assert float(sent[2]) > 0 < float(sent[3])
    assert sandbox.messages(PHONE)[0]["text"] == TEXT
    assert (len(brief), brief[0], brief[2]) == (3, "1", "0")
    assert (len(full), full[0], full[4], full[8]) == (9, "1", PHONE, TEXT)
    assert (len(longer), longer[0], longer[4], longer[11]) == (12, "1", PHONE, TEXT)
    assert set(names.named) == {"smsc.ru"}


@every_way
def test_statuses_of_several_messages(php: Php) -> None:
    """One row for each, with its id and phone."""
    _, _, rows = php(
        ("send_sms", PHONE, "One", 0, 0, 21),
        ("send_sms", OTHER, "Two", 0, 0, 22),
        ("get_status", "21,22", f"{PHONE},{OTHER}"),
    )

    assert [row[3:5] for row in rows] == [["21", PHONE], ["22", OTHER]]


@every_way
def test_prices_and_the_balance(php: Php, sandbox: Sandbox) -> None:
    """Nothing is sent for a price."""
    (cost, parts), balance = php(("get_sms_cost", f"{PHONE},{OTHER}", TEXT), ("get_balance",))

    assert (float(cost) > 0, parts, float(balance) > 0) == (True, "2", True)
    assert sandbox.report()["accepted"] == 0


@every_way
def test_refusals(php: Php) -> None:
    """As an id, or 0, and the negative number of the error."""
    wrong, unknown = php(("send_sms", "12", "Hi"), ("get_status", "99", PHONE))

    assert wrong[1] == "-7"
    assert unknown[0] == "-3"
