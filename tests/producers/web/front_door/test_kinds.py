"""Every kind of message that the libraries send, at the front door and as the gateway then gets it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from smsq.worker.domain.batch import Options, Ref
from smsq.worker.domain.errors import LedgerUnreachable
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import Status
from smsq.worker.ledger.front_door.messages import DoorViews
from tests.conftest import Plant
from tests.producers.web.front_door.opened import KEY, PHONE, Opened, encoded, opened

SEND, STATUS = "/sys/send.php", "/sys/status.php"
ANNA = "anna@example.ru"


def kept(plant: Plant, given: str, shown: str) -> tuple[Options, str]:
    """What the ledger keeps of a message: its options and its text."""
    (number,) = plant.ledger.numbers_of("shop", [(given, shown)])
    assert number
    batch = plant.ledger.read([Ref(number)])[0]
    assert batch is not None
    return msgspec.json.decode(batch.options, type=Options), plant.ledger.texts_of([number])[0]


def options(plant: Plant, given: str = "5", shown: str = PHONE) -> dict[str, Any]:
    """The options that were given."""
    return dict(msgspec.json.decode(kept(plant, given, shown)[0].written()))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("mes=Hi", {}),
        ("mes=Hi&flash=1", {"channel": "flash"}),
        ("hlr=1", {"channel": "hlr"}),
        ("mes=&ping=1", {"channel": "ping"}),
        ("mes=Hi&viber=1", {"channel": "viber"}),
        ("mes=Hi&whatsapp=1", {"channel": "whatsapp"}),
        ("mes=Hi&soc=1", {"channel": "soc"}),
        ("mes=4821&tg=1", {"channel": "tg"}),
        ("mes=Hi&call=1&voice=w", {"channel": "call", "voice": "w"}),
        ("mes=Hi&translit=1&valid=01:00&maxsms=2&tinyurl=1",
         {"translit": 1, "valid": "01:00", "maxsms": 2, "tinyurl": True}),
        ("mes=Hi&sender=Shop&sender=.", {"sender": ""}),
        ("mes=Hi&time=0&translit=0&sender=Shop", {"sender": "Shop"}),
        ("mes=Hi&subj=Subject&whatever=1&query", {}),
    ],
    ids=str,
)  # fmt: skip
def test_a_kind_and_its_options(door: Opened, door_plant: Plant, query: str, wanted: dict[str, Any]) -> None:
    """By the fields that choose it; what it does not take is passed over."""
    answer = door.get(SEND, f"phones={PHONE}&id=5&fmt=1&{query}")

    assert answer.text.startswith("5,"), answer.text
    assert options(door_plant) == wanted


def test_two_kinds_at_once_are_none(door: Opened) -> None:
    """Nobody can say which was meant."""
    assert door.get(SEND, f"phones={PHONE}&mes=1234&tg=1&call=1&fmt=1").text == "0,-1"


def test_an_e_mail_goes_to_an_address(door: Opened, door_plant: Plant) -> None:
    """With a subject and a sender that is one too; asked about by the address, however it is written."""
    what = f"phones=Anna@Example.ru&mes=Hi&mail=1&subj={encoded('Тема')}&sender=shop@example.ru&id=5&fmt=1"
    sent = door.get(SEND, what).text
    without = door.get(SEND, "phones=anna@example.ru&mes=Hi&mail=1&id=6&fmt=1").text
    status = door.get(STATUS, "phone=ANNA@example.ru&id=5&fmt=1").text

    assert (sent, without) == ("5,1", "0,-1")
    assert status.startswith("-1,")
    assert options(door_plant, "5", ANNA) == {"channel": "mail", "sender": "shop@example.ru", "subj": "Тема"}


def test_bytes_are_bytes_whatever_the_charset(door: Opened, door_plant: Plant) -> None:
    """With `bin=1` they are in `mes` as they are, with `bin=2` as hex; counted by 140."""
    raw = bytes(range(256))
    who = f"login=shop&psw={KEY}&charset=utf-8&fmt=1&phones={PHONE}".encode()
    quoted = "".join(f"%{octet:02X}" for octet in raw).encode()
    plain = door.post(SEND, who + b"&bin=1&id=5&mes=" + quoted).text
    in_hex = door.post(SEND, who + b"&bin=2&id=6&mes=" + raw[::-1].hex().upper().encode()).text
    wrong = door.post(SEND, who + b"&bin=2&id=7&mes=0xyz").text

    assert (plain, in_hex, wrong) == ("5,2", "6,2", "0,-1")
    assert [kept(door_plant, given, PHONE)[1] for given in ("5", "6")] == [raw.hex(), raw[::-1].hex()]
    assert {kept(door_plant, given, PHONE)[0].channel for given in ("5", "6")} == {"bin"}


def test_a_comment_is_kept_and_not_sent(door: Opened, door_plant: Plant) -> None:
    """It is told with the status, and costs no part."""
    text = encoded("a" * 160 + "\n~~~\norder 17")
    answer = door.get(SEND, f"phones={PHONE}&mes={text}&id=5&fmt=1").text
    told = door.get(STATUS, f"phone={PHONE}&id=5&fmt=3&all=1").told

    assert (answer, told["message"], told["comment"]) == ("5,1", "a" * 160, "order 17")


def test_minutes_count_from_now_and_a_retry_says_the_same(door: Opened, door_plant: Plant) -> None:
    """The message keeps a moment; a repeat of `+30` is a repeat, though it would be another moment by then."""
    first = door.get(SEND, f"phones={PHONE}&mes=Hi&time=%2B30&id=5&fmt=1", host="a").text
    door_plant.runtime.clock.wait(1.1)
    again = door.get(SEND, f"phones={PHONE}&mes=Hi&time=%2B30&id=5&fmt=1", host="b").text
    at = int(options(door_plant)["time"])

    assert (first, again) == ("5,1", "5,1")
    assert 1700 < at - door_plant.runtime.clock.now() < 1801


def test_a_kind_reaches_the_gateway_as_itself(door: Opened, door_plant: Plant) -> None:
    """Through the ledger and a worker."""
    door.get(SEND, f"phones={PHONE}&mes=Hi&flash=1&id=5&fmt=1")
    ledger = door_plant.ledger
    door_plant.send(*(Ref.parse(raw) for raw in ledger.redis.zrange(ledger.key("ready:urgent"), 0, -1)))
    told = door.get(STATUS, f"phone={PHONE}&id=5&fmt=3&all=1").told

    assert (told["status"], told["type"], door_plant.sandbox.messages(PHONE)[0]["channel"]) == (0, 1, "flash")


def waiting(plant: Plant) -> list[Ref]:
    """The messages that wait for a worker."""
    ledger = plant.ledger
    return [Ref.parse(raw) for raw in ledger.redis.zrange(ledger.key("ready:urgent"), 0, -1)]


def test_a_look_up_tells_what_it_found(door: Opened, door_plant: Plant) -> None:
    """In the fields that the libraries cut: eleven, the operator's code as it is, and HLR in the sender's place."""
    door.get(SEND, f"phones={PHONE}&hlr=1&id=5&fmt=1")
    (ref,) = waiting(door_plant)
    door_plant.send(ref)
    batch = door_plant.ledger.read([ref])[0]
    assert batch is not None
    found = {"imsi": "250020012345678", "msc": "79020000000", "mcc": "250", "mnc": "02", "network": "MegaFon"}
    found["country"] = "Russia, Federation"
    known = Fact(
        recipient=int(PHONE), gateway_id=batch.ids[0].gateway_id, status=Status.DELIVERED, at=1476794052, result=found
    )
    door_plant.ledger.advance([known])
    plain = door.get(STATUS, f"phone={PHONE}&id=5&fmt=1").text.split(",")
    whole = door.get(STATUS, f"phone={PHONE}&id=5&fmt=1&all=1").text.split(",")
    wide = door.get(STATUS, f"phone={PHONE}&id=5&fmt=1&all=2").text.split(",")

    assert plain[:1] + plain[3:] == [
        "1", "250020012345678", "79020000000", "250", "02", "Russia  Federation", "MegaFon", "", "",
    ]  # fmt: skip
    assert (len(plain), whole.index("HLR"), wide.index("HLR")) == (11, 14, 17)


def test_files_go_with_an_mms(door: Opened, door_plant: Plant) -> None:
    """They come in front of the fields and are on disk before the answer; with another file it is another message."""

    def send(content: bytes, given: int) -> str:
        fields = {"login": "shop", "psw": KEY, "phones": PHONE, "mes": "Look", "mms": "1", "id": str(given), "fmt": "1"}
        head = b'--XyZ\r\nContent-Disposition: form-data; name="File1"; filename="a.png"\r\n\r\n'
        parts = "".join(
            f'--XyZ\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        body = head + content + b"\r\n" + parts.encode() + b"--XyZ--\r\n"
        return door.post(SEND, body, more="Content-Type: multipart/form-data; boundary=XyZ\r\n").text

    first, repeat, other = send(b"\xff" * 300, 5), send(b"\xff" * 300, 5), send(b"\xfe" * 300, 6)
    (file,) = kept(door_plant, "5", PHONE)[0].files
    needed = door_plant.ledger.needed_files([file.digest])
    door_plant.send(*waiting(door_plant))

    assert (first, repeat, other) == ("5,1", "0,-9", "6,1")
    assert ((file.name, file.size), needed) == (("a.png", 300), {file.digest})
    assert [each.content for each in door_plant.runtime.files.read([file])] == [b"\xff" * 300]
    assert door.get(STATUS, f"phone={PHONE}&id=5&fmt=1").text.startswith("0,")


def test_too_many_files_are_refused_before_anything_is_enrolled(door: Opened, door_plant: Plant) -> None:
    """With the gateway's code for a wrong request."""
    part = 'Content-Disposition: form-data; name="f{0}"; filename="{0}.png"\r\n\r\n{1}\r\n'
    files = "".join("--XyZ\r\n" + part.format(n, "x" * 200) for n in range(60))
    fields = {"login": "shop", "psw": KEY, "phones": PHONE, "mes": "Look", "mms": "1", "id": "5", "fmt": "1"}
    told = "".join(f'--XyZ\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
    body = (files + told + "--XyZ--\r\n").encode()

    assert door.post(SEND, body, more="Content-Type: multipart/form-data; boundary=XyZ\r\n").text == "0,-1"
    assert waiting(door_plant) == []


def test_the_code_of_a_call_is_in_the_answer(door: Opened, door_plant: Plant) -> None:
    """The gateway makes it up and tells it to the worker; the answer waits for that, as at the gateway."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(door.get, SEND, f"phones={PHONE}&call=1&mes=code&id=5&fmt=3")
        while not (refs := waiting(door_plant)):
            door_plant.runtime.clock.wait(0.02)
        door_plant.send(*refs)
        told = asked.result().told

    again = door.get(SEND, f"phones={PHONE}&call=1&mes=code&id=5&fmt=3", host="www2.smsc.example").told

    assert told == again
    assert (told["id"], len(told["code"])) == (5, 6)
    assert door.get(STATUS, f"phone={PHONE}&id=5&fmt=3").told["code"] == told["code"]


def test_a_call_that_is_taken_is_answered_so_though_the_ledger_goes_away(
    door_plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its answer waits for the code: an error would say that it was not taken."""
    look, looks = DoorViews.code_of_call, list[int]()

    def fails_at_first(self: DoorViews, ref: Ref) -> str:
        looks.append(ref.number)
        if len(looks) == 1:
            raise LedgerUnreachable("Redis does not answer")
        return look(self, ref)

    monkeypatch.setattr(DoorViews, "code_of_call", fails_at_first)
    with opened(door_plant.runtime) as door, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(door.get, SEND, f"phones={PHONE}&call=1&mes=code&id=5&fmt=3")
        while not looks:
            door_plant.runtime.clock.wait(0.01)
        door_plant.send(*waiting(door_plant))
        told = asked.result(20).told

    assert (told["id"], len(told["code"])) == (5, 6)
