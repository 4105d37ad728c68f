"""Our transport against an SMPP server that is none of ours: npm's `smpp`, in a process of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.domain.piece import Fate
from smsq.worker.gateway.outcomes import Outcome, SendAnswer
from smsq.worker.gateway.smpp import receipts
from smsq.worker.gateway.smpp.pdus import Bind
from smsq.worker.transports.smpp import SmppTransport
from smsq.worker.transports.smpp.session import Delivery
from smsq.worker.transports.smpp.transport import Terms
from tests.peers import smpp

PHONE = 79991234567
COMMENT = "\n~~~\nsmsq:1000000001"
PATIENCE_S = 10.0


class Ours:
    """A transport to one server, and what the server delivered."""

    def __init__(self, peer: smpp.Peer, password: str = "demo", system_type: str = "", window: int = 50) -> None:
        self.peer = peer
        terms = Terms(bind=Bind(system_id="demo", password=password, system_type=system_type), window=window)
        self.transport = SmppTransport(terms, connect_timeout_s=5.0)
        self.transport.on_delivery = self._deliver
        self.delivered: list[receipts.ReceiptOf] = []
        self.has_delivered = threading.Event()

    def _deliver(self, delivery: Delivery) -> None:
        found = receipts.read(delivery.short)
        assert found is not None
        self.delivered.append(found)
        delivery.answer()
        self.has_delivered.set()

    def send(self, *texts: str, deadline_s: float = PATIENCE_S, **options: Any) -> SendAnswer:
        """Send each text to a phone of its own, in one request."""
        outgoing = Outgoing(
            gateway_id=1_000_000_001,
            recipients=[PHONE + n for n in range(len(texts))],
            text=None,
            texts=texts,
            options=Options(**options),
        )
        line = self.transport.open(self.peer.url)
        try:
            return line.send(outgoing, deadline_s)
        finally:
            line.done(keep=True)


Make = Callable[..., Ours]


@pytest.fixture
def ours() -> Iterator[Make]:
    """Makes transports, each to a server that is told what to be: `ours(receipts=True)`."""
    with ExitStack() as stack:

        def make(told: dict[str, Any] | None = None, **how: Any) -> Ours:
            try:
                running = stack.enter_context(smpp.peer(**(told or {})))
            except smpp.NotHere as why:
                pytest.skip(str(why))
            made = Ours(running, **how)
            stack.callback(made.transport.close)
            return made

        yield make


def test_one_session_carries_all_sends(ours: Make) -> None:
    """Bound once as a transceiver; each message is answered by the server's own id."""
    line = ours()
    answers = [line.send("one"), line.send("two", "three")]
    bind = line.peer.wait("bind")

    assert [answer.outcome for answer in answers] == [Outcome.ACCEPTED] * 2
    assert [piece.names for answer in answers for piece in answer.pieces] == [("1",), ("2",), ("3",)]
    assert (bind["command"], bind["login"], bind["good"]) == ("bind_transceiver", "demo", True)
    assert line.peer.count()["binds"] == 1


@pytest.mark.parametrize(
    ("text", "coding"),
    [("Hi {€} Äñ@", 0), ("Привет 🎉", 8)],
    ids=["gsm", "ucs-2"],
)
def test_a_text_is_read_as_it_was_written(ours: Make, text: str, coding: int) -> None:
    """By another's codec, with our id behind it."""
    line = ours()
    line.send(text, sender="Brand")
    said = line.peer.wait("submit")

    assert (said["text"], said["coding"]) == (text + COMMENT, coding)
    assert (said["from"], said["to"], said["receipt"]) == ("Brand", str(PHONE), 1)


def test_latin_letters_are_bytes_of_their_own(ours: Make) -> None:
    """On a session of type ISO."""
    line = ours(system_type="ISO")
    line.send("Señor")
    bind, said = line.peer.wait("bind"), line.peer.wait("submit")

    assert bind["type"] == "ISO"
    assert bytes.fromhex(said["octets"]).decode("latin-1") == "Señor" + COMMENT
    assert said["coding"] == 4


@pytest.mark.parametrize("text", ["x" * 152 + "€" + "y" * 100, "ж" * 66 + "🎉" + "ы" * 40], ids=["gsm", "ucs-2"])
def test_parts_are_joined_by_their_headers(ours: Make, text: str) -> None:
    """No character is cut in two, and the comment is whole in the last."""
    line = ours()
    answer = line.send(text)
    said = [line.peer.wait("submit") for _ in range(2)]
    headers = [bytes.fromhex(each["header"]) for each in said]

    assert "".join(each["text"] for each in said) == text + COMMENT
    assert said[1]["text"].endswith(COMMENT)
    assert [header[-2:] for header in headers] == [b"\x02\x01", b"\x02\x02"]
    assert headers[0][:-1] == headers[1][:-1]
    assert answer.pieces[0].names == ("1", "2")


def test_what_is_throttled_is_sent_again_and_slower(ours: Make) -> None:
    """The server counts each that it took once."""
    line = ours()
    line.peer.order(throttle=7)
    answer = line.send(*(f"text {n}" for n in range(20)))
    counted = line.peer.count()

    assert [piece.fate for piece in answer.pieces] == [Fate.ACCEPTED] * 20
    assert (counted["throttled"], counted["submits"]) == (7, 27)


def test_no_answer_is_unknown(ours: Make) -> None:
    """For that message alone; nothing is submitted twice."""
    line = ours()
    line.peer.order(silence=1)
    answer = line.send("lost", "found", deadline_s=1.0)

    assert [piece.fate for piece in answer.pieces] == [Fate.UNKNOWN, Fate.ACCEPTED]
    assert line.peer.count()["submits"] == 2


def test_a_session_that_ends_leaves_what_was_written_in_doubt(ours: Make) -> None:
    """And the next send binds another."""
    line = ours()
    line.peer.order(cut=1)
    answer = line.send("lost")
    again = line.send("next")

    assert [answer.outcome, again.outcome] == [Outcome.UNKNOWN, Outcome.ACCEPTED]
    counted = line.peer.count()
    assert (counted["submits"], counted["binds"]) == (2, 2)


@pytest.mark.parametrize("how", ["early", "twice", "as usual"])
def test_receipts_are_taken_and_acknowledged(ours: Make, how: str) -> None:
    """Before the answer too, and with fields that nobody has described."""
    line = ours({"receipts": True})
    if how != "as usual":
        line.peer.order(**{how: 1})
    line.send("Hi")
    acknowledged = line.peer.wait("acknowledged")
    assert line.has_delivered.wait(PATIENCE_S)
    found = line.delivered[0]

    assert (acknowledged["id"], acknowledged["status"]) == ("1", 0)
    assert (found.name, found.fact.status.name, found.fact.recipient) == ("1", "DELIVERED", PHONE)
    assert (str(found.fact.cost), found.fact.parts, found.fact.error_code) == ("3.8000", 1, 0)


def test_a_link_that_is_asked_for_answers(ours: Make) -> None:
    """The server's question is not taken for an answer to ours."""
    line = ours()
    line.send("Hi")
    line.peer.order("enquire")

    assert line.peer.wait("enquired")["command"] == "enquire_link_resp"
    assert line.send("again").outcome is Outcome.ACCEPTED


def test_a_server_that_unbinds_is_bound_again(ours: Make) -> None:
    """For the next send."""
    line = ours()
    line.send("Hi")
    line.peer.order("unbind")
    line.peer.order("close")
    while line.peer.count()["sessions"]:
        pass
    ends = time.monotonic() + PATIENCE_S
    while (outcome := line.send("again").outcome) is Outcome.UNKNOWN:  # it met the end of the session
        assert time.monotonic() < ends

    assert outcome is Outcome.ACCEPTED
    assert line.peer.count()["binds"] == 2


def test_a_wrong_password_is_said_and_nothing_sent(ours: Make) -> None:
    """And it is not shown."""
    line = ours(password="wrong")

    with pytest.raises(Unreachable, match="wrong password") as caught:
        line.send("Hi")
    assert "wrong'" not in repr(caught.value)
    assert line.peer.wait("bind")["good"] is False


def test_it_leaves_in_order(ours: Make) -> None:
    """With an unbind."""
    line = ours()
    line.send("Hi")
    line.transport.close()

    assert line.peer.wait("unbind") == {"event": "unbind"}
    while line.peer.count()["sessions"]:
        pass
