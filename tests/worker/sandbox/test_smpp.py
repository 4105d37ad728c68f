"""The sandbox over SMPP: binds, submits, limits, parts and receipts, on the same gateway as over HTTP."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from smpplib import gsm

from smsq.worker.sandbox import Profile, Sandbox
from tests.worker.sandbox.conftest import Caller
from tests.worker.sandbox.smpp_client import Answer, RawClient

PHONE = "79991234567"
COMMENT = "\n~~~\n1000000042"
THROTTLED, NOT_BOUND, BAD_PASSWORD, BIND_FAILED, SUBMIT_FAILED = 0x58, 0x04, 0x0E, 0x0D, 0x45


class Station:
    """A sandbox with two SMPP hosts, and clients of it."""

    def __init__(self, **told: Any) -> None:
        self.stack = ExitStack()
        usual = {"deliver_after_s": (0.02, 0.03), "handover_after_s": 0.01}
        profile = Profile(**{**usual, **told})
        self.sandbox = self.stack.enter_context(Sandbox(profile, ports=(0,), smpp_ports=(0, 0)))
        self.http = Caller(self.sandbox.mirrors[0])

    def connect(self, host: int = 1) -> RawClient:
        """A connection that is not bound."""
        return self.stack.enter_context(RawClient(self.sandbox.smpp[host - 1]))

    def bound(self, host: int = 1, **how: Any) -> RawClient:
        """A session."""
        client = self.connect(host)
        assert client.bind(**how).status == 0
        return client

    @property
    def smpp(self) -> dict[str, Any]:
        """What the report says of it."""
        return dict(self.sandbox.report()["smpp"])

    def history(self) -> list[dict[str, Any]]:
        """All messages as history over HTTP shows them."""
        _, body = self.http.post("/sys/get.php", get_messages=1)
        found = json.loads(body)
        return found if isinstance(found, list) else []


@pytest.fixture
def station() -> Iterator[Callable[..., Station]]:
    """Makes sandboxes from fields of a profile; all of it is closed afterwards."""
    made: list[Station] = []

    def make(**told: Any) -> Station:
        made.append(Station(**told))
        return made[-1]

    yield make
    for each in made:
        each.http.connection.close()
        each.stack.close()


def submitted(client: RawClient, text: str | bytes = "Hi", **how: Any) -> Answer:
    """Submit, and the answer to it."""
    client.submit(text, **how)
    return client.read()


# --- binds ------------------------------------------------------------------------------------------------------------


def test_a_session_is_bound_by_the_accounts_password(station: Callable[..., Station]) -> None:
    """A wrong one is refused and the connection closed."""
    town = station(smpp_password="other")
    client = town.connect()

    assert client.bind(password="demo").status == BAD_PASSWORD
    with pytest.raises(EOFError):
        client.read()
    assert town.connect().bind(password="other").status == 0


def test_bad_log_ins_block_the_address_as_over_http(station: Callable[..., Station]) -> None:
    """The fifth within half an hour; then the right one is refused too, and so is HTTP."""
    town = station()
    assert [town.connect().bind(password="wrong").status for _ in range(5)] == [BAD_PASSWORD] * 5

    assert town.connect().bind().status == BIND_FAILED
    assert town.http.send()["error_code"] == 4


def test_an_account_may_have_so_many_sessions(station: Callable[..., Station]) -> None:
    """One that has ended is none."""
    town = station(smpp_sessions=1)
    with town.connect() as first:
        assert first.bind().status == 0
        assert town.connect(2).bind().status == BIND_FAILED
        first.write("unbind")
        assert first.read().command == "unbind_resp"
        with pytest.raises(EOFError):
            first.read()

    assert town.connect(2).bind().status == 0


def test_nothing_is_taken_before_a_bind_or_by_a_receiver(station: Callable[..., Station]) -> None:
    """It is answered, and the connection goes on."""
    town = station()
    client = town.connect()

    assert submitted(client).status == NOT_BOUND
    assert client.bind(kind="bind_receiver").status == 0
    assert submitted(client).status == NOT_BOUND
    assert town.sandbox.report()["accepted"] == 0


def test_other_commands_are_refused(station: Callable[..., Station]) -> None:
    """submit_multi is not implemented (PROTOCOL H.2); a link is asked for and answered."""
    client = station().bound()
    client.socket.sendall(bytes.fromhex("00000010 00000021 00000000 00000009"))
    nack = client.read()
    client.write("enquire_link")

    assert (nack.command, nack.status, nack.sequence) == ("generic_nack", 3, 9)
    assert client.read().command == "enquire_link_resp"


def test_what_is_no_pdu_ends_the_session(station: Callable[..., Station]) -> None:
    """Nothing behind it can be read."""
    client = station().bound()
    client.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")

    assert client.read().command == "generic_nack"
    with pytest.raises(EOFError):
        client.read()


def test_a_silent_session_is_closed(station: Callable[..., Station]) -> None:
    """After two minutes at the gateway (PROTOCOL H.1)."""
    client = station(smpp_silent_s=0.3, peer_close_s=0.5).bound()

    with pytest.raises(EOFError):
        client.read()


# --- submits ----------------------------------------------------------------------------------------------------------


def test_a_submit_is_a_message_like_any_other(station: Callable[..., Station]) -> None:
    """The count, statuses and history over HTTP know it by the id of its answer."""
    town = station()
    answer = submitted(town.bound(), "Hi there" + COMMENT)
    row = town.history()[0]

    assert (answer.status, answer.command) == (0, "submit_sm_resp")
    assert town.http.ask(answer.id, PHONE)["status"] in (-1, 0, 1)
    assert (row["id"], row["phone"], row["message"], row["sender_id"]) == (int(answer.id), PHONE, "Hi there", "Brand")
    assert town.sandbox.report()["accepted"] == 1


def test_the_comment_is_shown_and_neither_sent_nor_charged(station: Callable[..., Station]) -> None:
    """In history, and in a full status."""
    town = station()
    answer = submitted(town.bound(), "x" * 155 + COMMENT)
    told = town.http.ask(answer.id, PHONE, all=1)

    assert (told["message"], told["comment"]) == ("x" * 155, "1000000042")
    assert town.history()[0]["comment"] == "1000000042"
    assert town.sandbox.report()["parts"] == 1


def test_an_account_may_show_no_comments(station: Callable[..., Station]) -> None:
    """Whether a real one does is to be found out."""
    town = station(shows_comments=False)
    submitted(town.bound(), "Hi" + COMMENT)
    row = town.history()[0]

    assert (row["message"], row.get("comment", "")) == ("Hi", "")


def test_two_texts_that_differ_by_their_comment_are_one_text_twice(station: Callable[..., Station]) -> None:
    """The count sees what a person received."""
    town = station(duplicate_window_s=0.0)
    client = town.bound()
    for number in range(2):
        assert submitted(client, f"Hi\n~~~\n{number}").status == 0

    assert town.sandbox.report()["twice"] == 1


@pytest.mark.parametrize(
    ("text", "coding", "system_type"),
    [("Hi {€}", 0, ""), ("Привет", 8, ""), ("Señor", 4, ""), ("Señor", 4, "ISO")],
    ids=["gsm", "ucs-2", "latin", "iso"],
)
def test_every_coding_arrives(station: Callable[..., Station], text: str, coding: int, system_type: str) -> None:
    """As it was written."""
    town = station()
    submitted(town.bound(system_type=system_type), text, coding=coding)

    assert town.history()[0]["message"] == text


def test_more_than_a_hundred_a_second_are_throttled(station: Callable[..., Station]) -> None:
    """With status 0x58; what was throttled was not accepted."""
    town = station(smpp_rate=10)
    client = town.bound()
    with client.together():
        for number in range(30):
            client.submit(f"Hi {number}", registered_delivery=0)
    statuses = [client.read().status for _ in range(30)]

    assert statuses.count(0) == town.sandbox.report()["accepted"]
    assert town.smpp["throttled"] == statuses.count(THROTTLED) > 0
    assert set(statuses) == {0, THROTTLED}


def test_the_guard_of_a_minute_is_the_same_as_over_http(station: Callable[..., Station]) -> None:
    """Whichever way the first one came."""
    town = station()
    client = town.bound()

    assert town.http.send(PHONE, "Hi", sender="Brand").get("cnt") == 1
    assert submitted(client, "Hi").status != 0
    assert submitted(client, "Ho").status == 0
    assert town.sandbox.report()["guarded"] == 1


def test_money_runs_out_over_every_wire(station: Callable[..., Station]) -> None:
    """And a refusal has no id."""
    town = station()
    town.sandbox.account(balance=3.8)
    client = town.bound()

    assert submitted(client, "one").status == 0
    refused = submitted(client, "two")
    assert (refused.status, refused.body) == (0x403, b"")
    assert town.sandbox.report()["balance"] == {"demo": "0.0"}


def test_wrong_numbers_and_denied_texts_are_refused(station: Callable[..., Station]) -> None:
    """By statuses of the standard."""
    client = station(denied_text="casino").bound()

    assert submitted(client, phone="123").status == 0x0B
    assert submitted(client, "casino").status == SUBMIT_FAILED


# --- long texts -------------------------------------------------------------------------------------------------------


def test_parts_are_one_message(station: Callable[..., Station]) -> None:
    """In whatever order they come; each is answered with an id of its own, by which statuses are known."""
    town = station()
    client = town.bound()
    heads = [bytes((5, 0, 3, 7, 3, number)) for number in (3, 1, 2)]
    pieces = [gsm.gsm_encode("end" + COMMENT), b"a" * 153, b"b" * 153]
    for head, piece in zip(heads, pieces, strict=True):
        client.submit(head + piece, esm_class=0x40)
    ids = [client.read().id for _ in range(3)]

    assert len(set(ids)) == 3
    assert [row["message"] for row in town.history()] == ["a" * 153 + "b" * 153 + "end"]
    assert [town.http.ask(each, PHONE)["status"] >= -1 for each in ids] == [True] * 3
    assert (town.sandbox.report()["accepted"], town.sandbox.report()["parts"]) == (1, 3)


def test_parts_may_share_an_id(station: Callable[..., Station]) -> None:
    """Which of the two the gateway does is not known."""
    client = station(smpp_part_ids=False).bound()
    client.submit_parts([b"a" * 153, b"b"])
    answers = [client.read() for _ in range(2)]
    receipt = client.read_receipt()

    assert answers[0].id == answers[1].id == receipt.text.split(" ")[0].removeprefix("id:")


def test_a_character_that_was_cut_in_two_is_lost(station: Callable[..., Station]) -> None:
    """Every part is read by itself, as a handset does."""
    town = station()
    client = town.bound()
    written = "🎉".encode("utf-16-be")
    client.submit_parts([b"\0a" + written[:2], written[2:]], coding=8)
    for _ in range(2):
        client.read()

    assert "🎉" not in town.history()[0]["message"]


def test_parts_of_two_messages_do_not_mix(station: Callable[..., Station]) -> None:
    """By reference, phone and sender."""
    town = station()
    client = town.bound()
    client.submit(b"\x05\x00\x03\x01\x02\x01A1", esm_class=0x40)
    client.submit(b"\x05\x00\x03\x02\x02\x01B1", esm_class=0x40)
    client.submit(b"\x05\x00\x03\x02\x02\x02B2", esm_class=0x40)
    client.submit(b"\x05\x00\x03\x01\x02\x02A2", esm_class=0x40)
    for _ in range(4):
        assert client.read().status == 0

    assert {row["message"] for row in town.history()} == {"A1A2", "B1B2"}


def test_a_part_that_never_comes_is_error_241(station: Callable[..., Station]) -> None:
    """After a minute: not accepted, and its receipt says so (PROTOCOL D.9)."""
    town = station(smpp_parts_s=0.2)
    client = town.bound()
    client.submit(b"\x05\x00\x03\x01\x02\x01A1", esm_class=0x40)
    message_id = client.read().id
    text = client.read_receipt().text
    told = town.http.ask(message_id, PHONE)

    assert f"id:{message_id} " in text
    assert "stat:UNDELIV err:241" in text
    assert (told["status"], told["err"]) == (20, 241)
    assert (town.sandbox.report()["accepted"], town.smpp["incomplete"]) == (0, 1)


# --- receipts ---------------------------------------------------------------------------------------------------------


def test_a_receipt_follows_if_it_was_asked_for(station: Callable[..., Station]) -> None:
    """Else the status goes to the handler's address, and with 2 only a failure is told."""
    town = station(undeliverable=0.0)
    client = town.bound()
    for wanted in (0, 2, 1):
        submitted(client, f"Hi {wanted}", registered_delivery=wanted)
    receipt = client.read_receipt()

    assert receipt.text.startswith("id:3 ")
    assert town.smpp["receipts"]["told"] == 1


def test_a_status_goes_one_way_alone(station: Callable[..., Station]) -> None:
    """To the handler's address only if no receipt was asked for (PROTOCOL H.3)."""
    town = station(callback_url="http://127.0.0.1:9/", deliver_after_s=(3600.0, 3600.0))
    client = town.bound()
    ways = []
    for wanted in (1, 0):
        submitted(client, f"Hi {wanted}", registered_delivery=wanted)
        ways.append((town.sandbox.report()["callbacks"]["pending"], town.smpp["receipts"]["pending"]))

    assert ways == [(0, 1), (1, 1)]


def test_receipts_wait_for_somebody_who_takes_them(station: Callable[..., Station]) -> None:
    """What was not acknowledged is told again, by whichever session; a transmitter takes none."""
    town = station(smpp_receipt_window=2)
    with town.connect() as first:
        assert first.bind().status == 0
        for number in range(3):
            submitted(first, f"Hi {number}", registered_delivery=1)
        told = []
        while len(told) < 2:
            told.append(first.read())
        assert town.smpp["receipts"]["told"] == 2  # the third waits until one of them is acknowledged
    town.bound(kind="bind_transmitter")
    second = town.bound(2, kind="bind_receiver")
    texts = [second.read_receipt().text for _ in range(3)]

    assert {each.split(" ")[0] for each in texts} == {"id:1", "id:2", "id:3"}


def test_receipts_are_kept_for_a_day(station: Callable[..., Station]) -> None:
    """Here each is too old as soon as it is due."""
    town = station(smpp_receipts_kept_s=-1.0)
    client = town.bound()
    submitted(client)
    while not town.smpp["receipts"]["lost"]:
        pass
    client.write("enquire_link")

    assert client.read().command == "enquire_link_resp"
    assert town.smpp["receipts"]["told"] == 0


def test_a_message_can_be_asked_about(station: Callable[..., Station]) -> None:
    """By query_sm, under the id of its answer."""
    town = station()
    client = town.bound()
    message_id = submitted(client).id
    client.read_receipt()
    client.write("query_sm", message_id=message_id, source_addr_ton=0, source_addr_npi=0, source_addr="")
    found = client.read()
    client.write("query_sm", message_id="99", source_addr_ton=0, source_addr_npi=0, source_addr="")

    assert (found.command, found.id, found.body[-2:]) == ("query_sm_resp", message_id, b"\x02\0")
    assert client.read().status == 0x67


# --- misfortunes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [("close", 0), ("lose_answer", 1), ("reset", 1)],
)
def test_a_session_may_end_before_or_after_its_answer(
    station: Callable[..., Station], kind: str, accepted: int
) -> None:
    """What the gateway knows of it is what the client cannot see."""
    town = station()
    town.sandbox.misfortune(kind, next_few=1, command="submit")
    client = town.bound()
    client.submit()

    with pytest.raises((EOFError, ConnectionResetError)):
        client.read()
    assert town.sandbox.report()["accepted"] == accepted


@pytest.mark.parametrize(
    ("kind", "status", "accepted"),
    [
        ("throttled", THROTTLED, 0),
        ("queue_full", 0x14, 0),
        ("system_error", 0x08, 0),
        ("denied", SUBMIT_FAILED, 0),
        ("no_money", 0x403, 0),
        ("unknown_code", 0x40F, 0),
        ("accepted_system_error", 0x08, 1),
        ("accepted_unknown_code", 0x40F, 1),
    ],
)
def test_an_answer_may_refuse_what_was_accepted(
    station: Callable[..., Station], kind: str, status: int, accepted: int
) -> None:
    """Or what was not; the next submit is answered as usual."""
    town = station()
    town.sandbox.misfortune(kind, next_few=1, command="submit")
    client = town.bound()

    assert submitted(client).status == status
    assert town.sandbox.report()["accepted"] == accepted
    assert submitted(client, "other").status == 0


@pytest.mark.parametrize(("kind", "accepted"), [("hang", 2), ("swallow", 1)])
def test_an_answer_may_never_come(station: Callable[..., Station], kind: str, accepted: int) -> None:
    """While the session goes on."""
    town = station()
    town.sandbox.misfortune(kind, next_few=1, command="submit")
    client = town.bound()
    client.submit(registered_delivery=0)
    second = client.submit("other", registered_delivery=0)

    assert client.read().sequence == second
    assert town.sandbox.report()["accepted"] == accepted


def test_an_answer_may_overtake_another(station: Callable[..., Station]) -> None:
    """A slow one is accepted all the same, at once."""
    town = station()
    town.sandbox.misfortune("slow", next_few=1, command="submit", seconds=0.2)
    client = town.bound()
    with client.together():
        sent = [client.submit(text, registered_delivery=0) for text in ("one", "two")]

    assert [client.read().sequence for _ in range(2)] == sent[::-1]
    assert [row["message"] for row in town.history()] == ["one", "two"]


def test_a_submit_may_be_accepted_after_its_client_is_gone(station: Callable[..., Station]) -> None:
    """Late, and nobody hears of it."""
    town = station()
    town.sandbox.misfortune("late", next_few=1, command="submit", seconds=1.0)
    with town.connect() as client:
        client.bind()
        client.submit()
    assert town.sandbox.report()["running"]["sends"] == 1
    while town.sandbox.report()["running"]["sends"]:
        pass

    assert town.sandbox.report()["accepted"] == 1


def test_a_session_may_end_between_two_parts(station: Callable[..., Station]) -> None:
    """The first is accepted and answered; the message is not whole, so it is none."""
    town = station()
    town.sandbox.misfortune("cut_between_parts", next_few=1)
    client = town.bound()
    assert submitted(client, "short", registered_delivery=0).status == 0
    client.submit(b"\x05\x00\x03\x01\x02\x01A1", esm_class=0x40)

    assert client.read().status == 0
    with pytest.raises(EOFError):
        client.read()
    assert (town.sandbox.report()["accepted"], town.smpp["waiting_parts"]) == (1, 1)


def test_a_receipt_may_come_before_the_answer(station: Callable[..., Station]) -> None:
    """Under an id that the client has not heard of yet."""
    town = station()
    town.sandbox.misfortune("early_callback", next_few=1, command="submit", seconds=0.2)
    client = town.bound()
    client.submit()
    receipt = client.read_receipt()

    assert receipt.text.startswith(f"id:{client.read().id} ")


def test_receipts_may_come_twice_or_never(station: Callable[..., Station]) -> None:
    """The status over HTTP is there in any case."""
    town = station()
    client = town.bound()
    town.sandbox.misfortune("receipts_lost", next_few=1)
    lost = submitted(client, "lost").id
    town.sandbox.misfortune("receipts_twice", next_few=1)
    twice = submitted(client, "twice").id
    texts = [client.read_receipt().text.split(" ")[0] for _ in range(2)]

    assert texts == [f"id:{twice}"] * 2
    assert town.http.ask(lost, PHONE)["status"] == 1


def test_bytes_that_are_no_pdu_may_come_behind_an_acceptance(station: Callable[..., Station]) -> None:
    """A client can read nothing more of that session."""
    town = station()
    town.sandbox.misfortune("garbage", next_few=1)
    client = town.bound()
    client.submit()

    assert client.socket.recv(100).startswith(b"HTTP/")
    assert town.sandbox.report()["accepted"] == 1


def test_a_host_may_be_down_and_the_backup_up(station: Callable[..., Station]) -> None:
    """Sessions on it end; the port stays its own."""
    town = station()
    client = town.bound()
    town.sandbox.smpp_host(1, down=True)

    with pytest.raises((EOFError, ConnectionResetError)):
        client.read()
    with pytest.raises(ConnectionRefusedError):
        town.connect()
    assert submitted(town.bound(2)).status == 0
    town.sandbox.smpp_host(1, down=False)
    assert submitted(town.bound(1), "again").status == 0


@pytest.mark.parametrize(("kind", "status"), [("refuse_bind", BIND_FAILED), ("bad_login", BAD_PASSWORD)])
def test_a_bind_may_be_refused(station: Callable[..., Station], kind: str, status: int) -> None:
    """Once, by the first host alone."""
    town = station()
    town.sandbox.misfortune(kind, next_few=1, mirror=1, command="bind")

    assert town.connect(2).bind().status == 0
    assert town.connect(1).bind().status == status
    assert town.connect(1).bind().status == 0


def test_misfortunes_of_http_do_not_befall_a_submit(station: Callable[..., Station]) -> None:
    """Nor the other way round."""
    town = station()
    town.sandbox.misfortune("lose_answer", share=1.0)
    assert submitted(town.bound()).status == 0
    town.sandbox.clear()
    town.sandbox.misfortune("throttled", share=1.0)

    assert town.http.send()["cnt"] == 1


def test_the_control_endpoint_takes_hosts_down(station: Callable[..., Station]) -> None:
    """As it does mirrors."""
    town = station()
    told = json.dumps({"smpp": 2, "down": True}).encode()
    request = urllib.request.Request(f"{town.sandbox.control}/_sandbox/mirrors", told, method="POST")
    with urllib.request.urlopen(request) as reply:
        assert json.loads(reply.read()) == {"ok": True}

    assert [host["down"] for host in town.smpp["hosts"]] == [False, True]
    with (
        pytest.raises(ConnectionRefusedError),
        socket.create_connection(("127.0.0.1", int(town.sandbox.smpp[1].split(":")[2]))),
    ):
        pass
