"""The gateway's library for PHP, unmodified: every function, in each charset and method.

Against the sandbox, which shows that the sandbox answers as the gateway does; and through the front door.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smsq.worker.sandbox import Profile, Sandbox
from tests.journeys.libraries import Names, Php, php_library
from tests.journeys.town import Town, quiet_ports

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


def wait_for(what: Callable[[], bool], name: str, seconds: float = 20.0) -> None:
    """Look until it is so."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, name
        time.sleep(0.05)


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


BINARY = "0605040B8423F0DC0601AE02056A0045C60C036D79736974652E72750001036D7973697465000101"
FORMATS = {  # number, text, and the channel that it stands for
    1: ("Hi", "flash"),
    2: ("http://example.org/\nTitle", "push"),
    3: ("", "hlr"),
    4: ({"hex": BINARY}, "bin"),
    5: (BINARY + "00", "bin"),
    6: ("", "ping"),
    9: ("Hello", "call"),
    10: ("Hi", "viber"),
    11: ("Hi", "soc"),
}


@every_way
def test_every_kind_of_message(php: Php, sandbox: Sandbox) -> None:
    """By the library's own numbers; bytes arrive as bytes."""
    sent = php(*[("send_sms", PHONE, text, 0, 0, 100 + kind, kind) for kind, (text, _) in FORMATS.items()])
    found = {message["id"]: message for message in sandbox.messages(PHONE)}

    assert [answer[:1] for answer in sent] == [[str(100 + kind)] for kind in FORMATS]
    assert {kind: found[100 + kind]["channel"] for kind in FORMATS} == {
        kind: channel for kind, (_, channel) in FORMATS.items()
    }
    assert [found[number]["text"].upper() for number in (104, 105)] == [BINARY, BINARY + "00"]


@every_way
def test_a_look_up_and_its_result(php: Php, sandbox: Sandbox) -> None:
    """Eleven fields; with all of it, the word HLR stands where the library looks for it."""
    php(("send_sms", PHONE, "", 0, 0, 31, 3))
    wait_for(lambda: sandbox.messages(PHONE)[0]["status"] == "delivered", "its end")
    brief, full, longer = php(
        ("get_status", "31", PHONE),
        ("get_status", "31", PHONE, 1),
        ("get_status", "31", PHONE, 2),
    )

    assert (len(brief), brief[0], len(brief[3]), brief[5]) == (11, "1", 15, "250")
    assert (full[:11], full[14]) == (brief, "HLR")
    assert (longer[:11], longer[17]) == (brief, "HLR")


@every_way
def test_letters_and_files(php: Php, sandbox: Sandbox, tmp_path: Path) -> None:
    """A subject in Cyrillic goes out as raw bytes; files by multipart, in every charset."""
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(bytes(range(256)) * 20)
    letter, mms = php(
        ("send_sms", "ann@example.org", TEXT, 0, 0, 41, 8, "shop@example.org", "subj=Счёт 5", [str(picture)]),
        ("send_sms", PHONE, TEXT, 0, 0, 42, 7, False, "subj=Hi", [str(picture)]),
    )
    found = {message["id"]: message for message in sandbox.messages()}

    assert [letter[0], mms[0]] == ["41", "42"]
    assert [found[number]["text"] for number in (41, 42)] == [TEXT, TEXT]
    assert [file["size"] for number in (41, 42) for file in found[number]["files"]] == [5120, 5120]
    assert found[41]["phone"] == "ann@example.org"


@every_way
def test_further_fields(php: Php, sandbox: Sandbox) -> None:
    """As programs write them by hand behind the rest, a bare & at the end included."""
    long, short = php(
        ("send_sms", PHONE, TEXT * 20, 1, 0, 51, 0, "Shop", "valid=01:00&maxsms=20&tz=2&"),
        ("send_sms", PHONE, "Hi", 0, "9-21", 52, 0, False, "tinyurl=0"),
    )
    found = {message["id"]: message for message in sandbox.messages(PHONE)}

    assert (long[0], short[:2]) == ("51", ["52", "1"])
    assert found[51]["sender"] == "Shop"


def test_a_list_of_texts_by_post(sandbox: Sandbox, names: Names) -> None:
    """Over GET curl refuses the line break in it; so does the published sample."""
    php = Php(php_library(), names, charset="windows-1251", post=True)
    (sent,) = php(("send_sms", "", "", 0, 0, 61, 0, False, f"list={PHONE}:Код 1\n{OTHER}:Код 2"))

    assert sent[:2] == ["61", "2"]
    assert {message["phone"]: message["text"] for message in sandbox.messages()} == {PHONE: "Код 1", OTHER: "Код 2"}


@every_way
def test_a_lost_answer_is_asked_for_at_the_next_name(php: Php, sandbox: Sandbox, names: Names) -> None:
    """The gateway's guard stops the second copy, and the library takes that for a failure."""
    names.strike("cut_after", left=1)
    (sent,) = php(("send_sms", PHONE, TEXT, 0, 0, 71))

    assert names.named == ["smsc.ru", "www2.smsc.ru"]
    assert sent[1] == "-9"
    assert sandbox.report()["accepted"] == 1


SHOP = {"login": "shop", "password": "0123456789abcdef-shop"}
CRM = {"login": "crm", "password": "0123456789abcdef-crm"}
KEYS = ",".join(f"{each['login']}:{each['password']}" for each in (SHOP, CRM)) + " lane=bulk"


def test_through_the_front_door(make_town: Callable[..., Town]) -> None:
    """The same library with another name and key: what it does at the gateway it does here, and is safe from itself."""
    library = php_library()
    port, letters = quiet_ports(2)
    addresses = {"SMSQ_DOOR_ADDR": f"127.0.0.1:{port}", "SMSQ_DOOR_SMTP_ADDR": f"127.0.0.1:{letters}"}
    town = make_town(**addresses, SMSQ_API_KEYS=KEYS)
    with Names(("127.0.0.1", port)) as names:
        plain = Php(library, names, charset="utf-8", post=False, **SHOP)
        town.wait_for(lambda: plain(("get_balance",))[0], "the door", 60)
        for number, (charset, post) in enumerate(WAYS):
            shop = Php(library, names, charset=charset, post=post, letters=letters, **SHOP)
            one_way(shop, names, town, number, f"{charset} {post}")
            the_text_of_a_campaign(Php(library, names, charset=charset, post=post, **CRM), town, number)
        assert set(names.named) == {"smsc.ru", "www2.smsc.ru"}


def one_way(php: Php, names: Names, town: Town, number: int, way: str) -> None:
    """Every function once, in one charset and method."""
    phone, other, text = f"7999200{number}001", f"7999200{number}002", f"Ваш пароль: {number}, ждём; и всё"
    one, two, lost, letter, by_mail = (str(1000 * kind + number) for kind in range(1, 6))
    (cost, parts), balance = php(("get_sms_cost", f"{phone},{other}", text), ("get_balance",))
    assert (float(cost) > 0, parts, float(balance) > 0) == (True, "2", True), way

    sent, drawn, second = php(
        ("send_sms", phone, text, 0, 0, one),
        ("send_sms", phone, text + " 2"),
        ("send_sms", other, text, 0, 0, two),
    )
    assert (sent[:2], second[:2], drawn[1], int(drawn[0]) > 0) == ([one, "1"], [two, "1"], "1", True), way
    asked = ("get_status", f"{one},{two}", f"{phone},{other}")
    town.wait_for(lambda: [row[0] for row in php(asked)[0]] == ["1", "1"], f"their delivery: {way}", 30)
    brief, full, longer, rows = php(
        ("get_status", one, phone), ("get_status", one, phone, 1), ("get_status", one, phone, 2), asked
    )
    assert (len(brief), brief[0], brief[2]) == (3, "1", "0"), way
    assert (len(full), full[4], full[8]) == (9, phone, ""), way  # an urgent text is not kept
    assert (len(longer), longer[4], longer[11]) == (12, phone, ""), way
    assert [row[3:5] for row in rows] == [[one, phone], [two, other]], way
    assert texts_at_the_gateway(town, phone) == {text, text + " 2"}, way

    wrong, unknown, nothing = php(("send_sms", "12", "Hi"), ("get_status", "9", phone), ("send_sms", phone, ""))
    assert (wrong[1], unknown[0], nothing[1]) == ("-7", "-3", "-1"), way

    names.strike("cut_after", left=1)
    first, again = php(("send_sms", other, text + " 3", 0, 0, lost), ("send_sms", other, text + " 3", 0, 0, lost))
    assert (first[:2], again[:2]) == ([lost, "1"], ["0", "-9"]), way

    picture = town.folder / "picture.jpg"
    picture.write_bytes(bytes(range(256)) * 20)
    mail = php(("send_sms", "ann@example.org", text, 0, 0, letter, 8, "shop@example.org", "subj=Счёт", [str(picture)]))[
        0
    ]
    assert mail[:2] == [letter, "1"], way
    arrived = town.wait_for(lambda: messages_at_the_gateway(town, "ann@example.org"), f"the letter: {way}", 30)
    assert [file["size"] for file in arrived[0]["files"]] == [5120], way

    assert php(("send_sms_mail", phone, text + " 4", 0, 0, by_mail)) == [True], way
    town.wait_for(lambda: text + " 4" in texts_at_the_gateway(town, phone), f"what a letter brought: {way}", 30)


def the_text_of_a_campaign(php: Php, town: Town, number: int) -> None:
    """What went by the bulk lane is kept for a day, commas included, under an id that another key uses too."""
    phone, text = f"7999200{number}003", f"Скидка, {number}%, только сегодня"
    php(("send_sms", phone, text, 0, 0, 1000 + number))
    asked = ("get_status", str(1000 + number), phone, 1)
    town.wait_for(lambda: php(asked)[0][0] == "1", "its delivery", 30)

    assert (len(php(asked)[0]), php(asked)[0][8]) == (9, text)


def texts_at_the_gateway(town: Town, phone: str) -> set[str]:
    return {message["text"] for message in messages_at_the_gateway(town, phone)}


def messages_at_the_gateway(town: Town, phone: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{town.control}/_sandbox/messages?limit=1000") as reply:
        return [message for message in json.loads(reply.read())["messages"] if message["phone"] == phone]
