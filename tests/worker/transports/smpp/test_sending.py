"""A send over a session: what is accepted, what may go again, and what nobody knows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.domain.piece import Fate
from smsq.worker.gateway.outcomes import Outcome, SendAnswer
from smsq.worker.gateway.smpp import server_pdus as pdus
from smsq.worker.gateway.smpp.server_pdus import CommandStatus, Pdu
from smsq.worker.transports.smpp import SmppTransport
from tests.worker.transports.smpp.conftest import Peer, accepted

PHONE = 79990000000


def outgoing(count: int = 1, text: str = "Hello") -> Outgoing:
    recipients = [PHONE + number for number in range(count)]
    return Outgoing(gateway_id=1000000001, recipients=recipients, text=text, options=Options())


def send(transport: SmppTransport, peer: Peer, what: Outgoing, deadline_s: float = 5.0) -> SendAnswer:
    line = transport.open(peer.url)
    try:
        return line.send(what, deadline_s)
    finally:
        line.done(keep=True)


def fates(answer: SendAnswer) -> str:
    return "".join(piece.fate for piece in answer.pieces)


def test_every_message_is_accepted_under_its_name(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Each part by itself, all under one of ours."""
    peer, transport = make_peer(), make_transport()

    answer = send(transport, peer, outgoing(3, "a" * 200))

    assert (answer.outcome, answer.parts, answer.is_over) == (Outcome.ACCEPTED, 6, True)
    assert [piece.names for piece in answer.pieces] == [("id1", "id2"), ("id3", "id4"), ("id5", "id6")]
    assert pdus.read_submit(peer.submits[0]).destination == str(PHONE)


def test_no_more_are_under_way_than_the_window_holds(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """The peer answers only once it has seen that no other comes."""
    owed: list[Pdu] = []
    full = threading.Event()

    def slowly(peer: Peer, pdu: Pdu) -> bytes:
        owed.append(pdu)
        if len(owed) < 4 and len(peer.submits) < 10:
            return b""
        full.set()
        answers = b"".join(pdus.write_submitted(each, "id") for each in owed)
        owed.clear()
        return answers

    peer, transport = make_peer(slowly), make_transport(window=4)

    answer = send(transport, peer, outgoing(10))

    assert (answer.outcome, full.is_set(), peer.most_at_once <= 4) == (Outcome.ACCEPTED, True, True)


def test_places_come_back_whatever_happens(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Else the window would become smaller with each send."""
    peer, transport = make_peer(), make_transport(window=3)

    for _ in range(5):
        send(transport, peer, outgoing(7))

    lines = [transport.open(peer.url) for _ in range(3)]
    assert all(line.is_free() for line in lines)


def test_a_throttled_submit_goes_again_under_the_same_id(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """The gateway said that it did not take it."""
    refused: set[int] = set()

    def throttle(peer: Peer, pdu: Pdu) -> bytes:
        if len(peer.submits) % 3 == 0:
            refused.add(pdu.sequence)
            return pdus.write_response(pdu, CommandStatus.THROTTLED)
        return accepted(peer, pdu)

    peer, transport = make_peer(throttle), make_transport()

    answer = send(transport, peer, outgoing(6))

    assert (answer.outcome, len(refused) >= 2) == (Outcome.ACCEPTED, True)
    taken = [pdus.read_submit(pdu).destination for pdu in peer.submits if pdu.sequence not in refused]
    assert sorted(taken) == [str(PHONE + number) for number in range(6)]


def test_what_stays_throttled_may_go_later(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Nothing of it was accepted, so no question is needed; the whole log-in slows down."""
    peer = make_peer(lambda _, pdu: pdus.write_response(pdu, CommandStatus.THROTTLED))

    answer = send(make_transport(), peer, outgoing(2), 1.0)

    assert (answer.outcome, fates(answer), answer.delay_s > 0) == (Outcome.LATER, "nn", True)


def test_a_refused_message_has_the_error_of_a_send(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Its neighbours are accepted."""

    def one_is_wrong(peer: Peer, pdu: Pdu) -> bytes:
        if len(peer.submits) == 2:
            return pdus.write_response(pdu, CommandStatus.BAD_DESTINATION)
        return accepted(peer, pdu)

    answer = send(make_transport(), make_peer(one_is_wrong), outgoing(3))

    assert (answer.outcome, fates(answer), answer.pieces[1].code) == (Outcome.ACCEPTED_IN_PART, "ara", 7)


@pytest.mark.parametrize("status", [CommandStatus.SYSTEM_ERROR, CommandStatus.SUBMIT_FAILED, CommandStatus.VENDOR])
def test_a_status_that_proves_nothing_is_unknown(
    make_peer: Callable[..., Peer], make_transport: Any, status: int
) -> None:
    """The peer is not taken for a broken one: it answered."""
    peer = make_peer(lambda _, pdu: pdus.write_response(pdu, status))

    answer = send(make_transport(), peer, outgoing())

    assert (answer.outcome, answer.is_well_formed, answer.is_complete) == (Outcome.UNKNOWN, True, True)


def test_what_was_written_is_unknown_and_what_was_not_is_free(
    make_peer: Callable[..., Peer], make_transport: Any
) -> None:
    """If the session dies in between."""

    def cut(peer: Peer, pdu: Pdu) -> bytes:
        if len(peer.submits) < 3:
            return accepted(peer, pdu)
        peer.cut()
        return b""

    answer = send(make_transport(window=1), make_peer(cut), outgoing(6))

    assert (answer.outcome, fates(answer)) == (Outcome.ACCEPTED_IN_PART, "aaunnn")
    assert answer.is_over  # the peer closed it


def test_a_message_of_which_a_part_is_lost_is_unknown(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """With the names of the parts that were accepted: their receipts tell what became of it."""

    def second_part_is_lost(peer: Peer, pdu: Pdu) -> bytes:
        if len(peer.submits) == 2:
            peer.cut()
            return b""
        return accepted(peer, pdu)

    answer = send(make_transport(window=1), make_peer(second_part_is_lost), outgoing(2, "a" * 200))

    assert fates(answer) == "un"
    assert answer.pieces[0].names == ("id1",)


def test_a_message_of_which_a_part_is_refused_is_unknown(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Nobody knows what the phone will show."""

    def second_part_is_wrong(peer: Peer, pdu: Pdu) -> bytes:
        if len(peer.submits) == 2:
            return pdus.write_response(pdu, CommandStatus.BAD_DESTINATION)
        return accepted(peer, pdu)

    answer = send(make_transport(window=1), make_peer(second_part_is_wrong), outgoing(1, "a" * 200))

    assert (answer.outcome, answer.pieces[0].fate) == (Outcome.UNKNOWN, Fate.UNKNOWN)


def test_an_answer_that_does_not_come_is_waited_for_no_longer(
    make_peer: Callable[..., Peer], make_transport: Any
) -> None:
    """Others were answered after it, so the peer has it, and the session goes on."""
    peer = make_peer(lambda peer, pdu: b"" if len(peer.submits) == 1 else accepted(peer, pdu))
    transport = make_transport()

    answer = send(transport, peer, outgoing(3), 0.5)

    assert fates(answer) == "uaa"
    assert send(transport, peer, outgoing()).outcome is Outcome.ACCEPTED
    assert len(peer.binds) == 1


def test_a_silent_peer_ends_the_session(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Octets may wait on the way for as long as it lives, and arrive long after we asked about them."""
    peer = make_peer(lambda peer, pdu: b"")
    transport = make_transport()

    answer = send(transport, peer, outgoing(2), 0.3)

    assert (fates(answer), answer.is_over) == ("uu", False)
    peer.on_submit = accepted
    assert send(transport, peer, outgoing()).outcome is Outcome.ACCEPTED
    assert len(peer.binds) == 2


def test_a_session_that_ended_takes_no_send(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Nothing was written: the claim is released."""
    peer, transport = make_peer(), make_transport()
    line = transport.open(peer.url)
    peer.cut()
    while line.is_quiet():
        threading.Event().wait(0.01)

    with pytest.raises(Unreachable):
        line.send(outgoing(), 1.0)

    assert peer.submits == []


def test_a_session_that_is_taken_for_unbound_is_bound_anew(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """What the peer did not take may go again."""
    peer = make_peer(lambda _, pdu: pdus.write_response(pdu, CommandStatus.NOT_BOUND))
    transport = make_transport()

    answer = send(transport, peer, outgoing(), 1.0)

    peer.on_submit = accepted
    assert fates(answer) == "n"
    assert send(transport, peer, outgoing()).outcome is Outcome.ACCEPTED
