from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import smtplib
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from smsq.producers.web.front_door.letters import MAX_MAIL
from smsq.producers.web.front_door.server import Door
from smsq.worker.domain.batch import Ref
from smsq.worker.letterbox import Letterbox
from tests.conftest import Plant
from tests.producers.web.front_door.opened import KEY, KEYS, PHONE, Opened

TO = "send@send.smsc.example"
OTHER = "crm:another-key-of-a-caller may=ask"


class Mailed(Opened):
    """A front door that takes letters too."""

    smtp_port = 0

    def post(self, mail: bytes, *, to: str = TO, auth: bool = False) -> tuple[int, str]:  # type: ignore[override]
        """What a letter is answered, at its recipient or after its last line."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port, local_hostname="[127.0.0.1]", timeout=20) as line:
            line.ehlo()
            if auth:
                line.login("shop", KEY)
            line.mail("api@smsc.example")
            code, words = line.rcpt(to)
            if code == 250:
                code, words = line.data(mail)
            return code, words.decode()

    async def _serve(self) -> None:
        door = Door(self.smsq)
        self.server = server = door.server
        self.port = await server.listen("127.0.0.1", 0)
        box = Letterbox(door.letters, hostname="door", most=MAX_MAIL)
        await box.start("127.0.0.1", 0)
        self.smtp_port = box.port
        self._is_open.set()
        while not self._ends.is_set():
            server.look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ends.wait(), 0.01)
        box.stop()
        await server.stop()


@pytest.fixture
def letters_of(make_plant: Callable[..., Plant]) -> Iterator[Callable[..., tuple[Plant, Mailed]]]:
    """A plant and its front door, which takes letters."""
    made: list[Mailed] = []

    def make(minute_s: str = "30") -> tuple[Plant, Mailed]:
        plant = make_plant(SMSQ_API_KEYS=f"{KEYS},{OTHER}", SMSQ_MASS_ASK_EVERY_S=minute_s)
        made.append(Mailed(plant.runtime))
        return plant, made[-1]

    yield make
    for door in made:
        door.close()


def letter(
    text: str = "Hi",
    *,
    line: str = "",
    charset: str = "windows-1251",
    name: str = "",
    given: str = "0",
    phones: str = PHONE,
) -> bytes:
    """A letter as PHP writes it: raw bytes in the library's charset, and no word about MIME."""
    line = line or f"shop:{KEY}:{given}:0:0,0,:{phones}:{text}"
    named = f"Message-ID: <{name}@client>\r\n" if name else ""
    head = f"{named}From: api@smsc.example\r\nContent-Type: text/plain; charset={charset}\r\n\r\n"
    return head.encode() + line.encode("cp1251" if charset == "windows-1251" else charset) + b"\r\n"


def sent(plant: Plant) -> list[str]:
    """The texts of everything that was enrolled, sent to the gateway."""
    for ref in plant.ledger.redis.zrange(plant.ledger.key("ready:urgent"), 0, -1):
        plant.send(Ref.parse(ref))
    return [row["text"] for row in reversed(plant.sandbox.messages())]


@pytest.mark.parametrize("charset", ["windows-1251", "koi8-r", "utf-8"])
def test_a_letter_of_the_php_library_is_sent(letters_of: Callable[..., tuple[Plant, Mailed]], charset: str) -> None:
    """By bytes on a socket, as its mail server writes them."""
    plant, door = letters_of()
    mail = letter("Код: 4821, не говорите\nникому", charset=charset).replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n")
    said = [b"HELO php\r\n", b"MAIL FROM:<api@smsc.example>\r\n", f"RCPT TO:<{TO}>\r\n".encode(), b"DATA\r\n"]
    with socket.create_connection(("127.0.0.1", door.smtp_port), 20) as line, line.makefile("rb") as answers:
        heard = [answers.readline()]
        for each in said:
            line.sendall(each)
            heard.append(answers.readline())
        line.sendall(mail + b".\r\n")
        heard.append(answers.readline())

    assert [each[:3] for each in heard] == [b"220", b"250", b"250", b"250", b"354", b"250"]
    assert re.fullmatch(rb"250 taken, id \d+\r\n", heard[-1])
    assert sent(plant) == ["Код: 4821, не говорите\nникому"]


def test_a_letter_of_the_c_sharp_library_is_sent(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """Base64, with a log-in at the mail server."""
    plant, door = letters_of()
    body = base64.encodebytes(f"shop:{KEY}:4711:0:0,0,:{PHONE}:Привет: мир".encode())
    head = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"

    assert door.post(head + body, auth=True) == (250, "taken, id 4711")
    assert sent(plant) == ["Привет: мир"]
    told = door.get("/sys/status.php", f"id=4711&phone={PHONE}&fmt=3").told
    assert told["status"] in (-1, 0, 1)


def test_a_letter_with_a_key_alone(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """Its line begins with a colon."""
    plant, door = letters_of()

    assert door.post(letter(line=f":{KEY}:0:0:0,0,:{PHONE}:Hi"))[0] == 250
    assert sent(plant) == ["Hi"]


def test_a_list_of_texts(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """Each its own; a number that is none is left out."""
    plant, door = letters_of()

    assert door.post(letter(line=f"shop:{KEY}:0:0:0,0,::79991234567:Hi Ann\n79991234568:Hi Bob\n12:no"))[0] == 250
    assert sent(plant) == ["Hi Ann", "Hi Bob"]


@pytest.mark.parametrize(
    ("mail", "answer"),
    [
        (b"Subject: hello\r\n\r\nDear Sir or Madam", "the text of a letter begins with login:password"),
        (letter(line=f"shop:{KEY}x:0:0:0,0,:{PHONE}:Hi"), "the log-in or the key of this letter is wrong"),
        (letter(line=f"nobody:{KEY}:0:0:0,0,:{PHONE}:Hi"), "the log-in or the key of this letter is wrong"),
        (letter(line=f"crm:another-key-of-a-caller:0:0:0,0,:{PHONE}:Hi"), "the key crm may not do this"),
        (letter(line=f"shop:{KEY}:0:0:0,12,:{PHONE}:Hi"), "12 is no format that a letter can have"),
        (letter(line=f"shop:{KEY}:0:0:0,0,,1:{PHONE}:Hi"), "a test letter would be sent for real here"),
        (letter(line=f"shop:{KEY}:0:tomorrow:0,0,:{PHONE}:Hi"), "a time is"),
        (letter(phones="12"), "there is no recipient"),
        (letter(""), "there is no text"),
    ],
)
def test_what_is_no_letter_of_ours_is_refused_with_a_sentence(
    letters_of: Callable[..., tuple[Plant, Mailed]], mail: bytes, answer: str
) -> None:
    """Its sender learns here what the gateway would never say; nothing is enrolled."""
    plant, door = letters_of()

    code, words = door.post(mail)

    assert (code, words[: len(answer)]) == (554, answer)
    assert KEY not in words
    assert sent(plant) == []


@pytest.mark.parametrize("to", ["anna@smsc.example", "postmaster@send.smsc.example", "sender@x"])
def test_nothing_is_passed_on(letters_of: Callable[..., tuple[Plant, Mailed]], to: str) -> None:
    """It is no mail server: other recipients are refused before the letter."""
    _, door = letters_of()

    code, words = door.post(letter(), to=to)

    assert (code, words[:22]) == (550, "this is no mail server")


def test_the_same_letter_again_is_no_second_message(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """A mail server that got no answer brings it again, long after the minute, and under the same name."""
    plant, door = letters_of("0.1")
    first = door.post(letter(name="a1"))
    time.sleep(0.2)

    assert door.post(letter(name="a1")) == first
    assert sent(plant) == ["Hi"]
    (said,) = plant.ledger.redis.keys("*door:said:*")
    assert plant.ledger.redis.ttl(said) > 5 * 86_400  # as long as mail servers try


def test_the_same_content_within_the_minute_is_one_message(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """Whatever the letters are called, with a name and without."""
    plant, door = letters_of()

    assert [door.post(letter(name=name))[0] for name in ("a1", "a2", "")] == [250, 250, 250]
    assert [door.post(letter("Ho"))[0] for _ in range(2)] == [250, 250]
    assert sent(plant) == ["Hi", "Ho"]


def test_the_same_content_after_the_minute_is_another_message(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """It was meant: neither a name nor an id says that it is the same."""
    plant, door = letters_of("0.1")
    for name in ("", "", "a1", "a2"):
        assert door.post(letter(name=name))[0] == 250
        time.sleep(0.2)

    assert plant.ledger.redis.zcard(plant.ledger.key("ready:urgent")) == 4


def test_the_same_id_and_content_is_the_same_letter(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """At any time; with other content it is another message under that id, as at the gateway."""
    plant, door = letters_of("0.1")
    for text in ("Hi", "Hi", "Ho"):
        assert door.post(letter(text, given="77")) == (250, "taken, id 77")
        time.sleep(0.2)

    assert sent(plant) == ["Hi", "Ho"]


def test_without_a_ledger_a_letter_is_to_come_again(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """A mail server keeps it and tries later; nothing is half-written."""
    plant, door = letters_of()
    plant.ledger.redis.hset(plant.ledger.key("ctl"), "fell", "1")

    code, words = door.post(letter(name="a1"))
    assert (code, words) == (451, "nothing can be taken now; try again later")

    plant.ledger.redis.hdel(plant.ledger.key("ctl"), "fell")
    assert door.post(letter(name="a1"))[0] == 250
    assert sent(plant) == ["Hi"]


def test_a_letter_that_is_too_large_is_refused(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """Before it is read; a library's text in one long line is not."""
    plant, door = letters_of()

    assert door.post(letter("x" * 200_000))[0] in (500, 552)
    assert door.post(letter("ж" * 1000))[0] == 250
    assert [len(text) for text in sent(plant)] == [1000]


def test_a_letter_to_thousands_is_refused(letters_of: Callable[..., tuple[Plant, Mailed]]) -> None:
    """As a request with so many is: one call to the ledger has no room for them."""
    plant, door = letters_of()
    phones = ",".join(str(79990000000 + number) for number in range(3000))

    code, words = door.post(letter(phones=phones))

    assert (code, "at most 500 messages" in words) == (554, True)
    assert not plant.ledger.redis.keys("*door:past:*")
