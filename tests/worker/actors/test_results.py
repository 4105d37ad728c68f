"""What a send brings beside a status, from the request to the receipt: results of probes, a call's code; files."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from smsq.worker.domain.batch import MessageId, Options, Ref, pack
from smsq.worker.domain.receipt import Receipt
from smsq.worker.gateway.results import read_result
from smsq.worker.ledger import Plan
from smsq.worker.sandbox.sends import code_of

FIRST = 79990000000


def probes(plant: Any, phones: Sequence[int], channel: str) -> Ref:
    """A campaign of one batch of probes, handed out."""
    options = Options(channel=channel)
    opened = plant.ledger.open_campaign(
        Plan(name="probes", digest=secrets.token_hex(8), text="", template="", options=options)
    )
    packed = pack(list(phones), None, list(range(1, len(phones) + 1)), len(phones))
    plant.ledger.enrol_range(opened.id, 1, [packed], [], len(phones), channel=channel)
    plant.ledger.close_campaign(opened.id)
    ref: Ref = plant.ledger.feed(opened.id, 1, 100)[0][0]
    return ref


def receipts(plant: Any, ref: Ref, many: int) -> list[Receipt]:
    return [plant.runtime.views.receipt(MessageId(ref.number, place)) for place in range(many)]


def until(plant: Any, look: Callable[[], object], is_so: Callable[[], bool]) -> None:
    """Look again and again; the test's own time-out is the end of patience."""
    while not is_so():
        look()
        plant.runtime.clock.wait(0.05)


@pytest.mark.parametrize("channel", ["hlr", "ping"])
@pytest.mark.parametrize("way", ["asks", "history"])
def test_a_probe_brings_its_result(plant: Any, channel: str, way: str) -> None:
    """By questions with their fields; pages of history have none, so for look-ups the questions go on."""
    phones = [FIRST + each for each in range(18)]
    ref = probes(plant, phones, channel)
    plant.send(ref)

    def look() -> None:
        if way == "history":
            plant.asks.read_history()
        plant.asks.ask_statuses([str(ref)])

    def is_over() -> bool:
        return plant.ledger.redis.zcard(plant.ledger.key("asks")) == 0

    until(plant, look, is_over)

    looked_up = plant.sandbox.call(
        lambda server: [
            {is_reached: server.gateway.lookups.result(str(phone), is_reached) for is_reached in (True, False)}
            for phone in phones
        ]
    )
    found = receipts(plant, ref, len(phones))
    assert {each.status for each in found} <= {"delivered", "undeliverable", "expired"}
    told = [dict(each.result) for each in found]
    pairs = zip(looked_up, found, strict=True)
    expected = [read_result(known[each.status == "delivered"]) for known, each in pairs]
    if channel == "hlr":
        assert told == expected
    else:
        assert all(not each or each == want for each, want in zip(told, expected, strict=True))


def test_a_call_brings_the_code_that_it_says(plant: Any) -> None:
    """The gateway makes it up and tells it in its answer; it is shown with the message, and nowhere else."""
    ref = plant.enrol(text="code", options=Options(channel="call"))

    plant.send(ref)

    said = plant.sandbox.call(lambda server: [code_of(record) for record in server.gateway.accounts["demo"].records])
    assert [dict(each.result) for each in receipts(plant, ref, 1)] == [{"code": said[0]}]
    assert len(said[0]) == 6


def test_files_arrive_as_they_were_kept(plant: Any) -> None:
    """With every field of the message before them, whatever is in either."""
    contents = {"offer.pdf": b"%PDF\r\n--x\r\n\x00\xff" * 5000, 'a"b; filename="c.txt': b"x", "договор.txt": b"\r\n"}
    files = tuple(plant.runtime.files.keep(name, io.BytesIO(content), 10**6) for name, content in contents.items())
    text = "Привет & = + %20\n--boundary"
    options = Options(channel="mail", sender="shop@example.ru", subj="Тема: 1+1=2 & ещё", files=files)

    ref = plant.enrol("anna@example.ru", text, options=options)
    plant.send(ref)

    (record,) = plant.sandbox.call(lambda server: list(server.gateway.accounts["demo"].records))
    assert record.messages == [("anna@example.ru", text)]
    assert (record.sender, record.extra["subj"]) == ("shop@example.ru", "Тема: 1+1=2 & ещё")
    assert [(came.size, came.digest) for came in record.files] == [(file.size, file.digest[:16]) for file in files]
    assert [came.name for came in record.files] == ["offer.pdf", "a%22b; filename=%22c.txt", "договор.txt"]
    assert plant.statuses(ref)[0] in ("accepted", "delivered", "read")
