"""A session: kept alive, answered, left in order, and bound where messages are to go."""

from __future__ import annotations

import datetime
import queue
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smsq.worker.clock import Clock
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.outcomes import Outcome
from smsq.worker.gateway.smpp import server_pdus as pdus
from smsq.worker.gateway.smpp.server_pdus import Command
from smsq.worker.gateway.smpp.short import Short
from smsq.worker.transports.smpp import line as line_module
from smsq.worker.transports.smpp import session as session_module
from smsq.worker.transports.smpp.session import Delivery
from tests.worker.transports.smpp.conftest import Peer, accepted

ONE = Outgoing(gateway_id=1000000001, recipients=[79990000000], text="Hello", options=Options())


class Hands(Clock):
    """A monotonic clock that jumps when told to."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def wait_for(what: Callable[[], Any]) -> None:
    """Until it is so, five seconds at most."""
    for _ in range(500):
        if what():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def test_a_silent_link_is_asked_about(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """After a minute; a peer that answers nothing is left after two."""
    hands = Hands()
    peer, transport = make_peer(), make_transport(clock=hands)
    session = transport._bound(peer.url, 2.0)

    hands.ahead = 61.0
    assert peer.next().command == Command.ENQUIRE_LINK
    assert session.is_alive

    peer._answer = lambda pdu: b""  # type: ignore[method-assign]

    def is_left() -> bool:
        hands.ahead += 200.0
        return not session.is_alive

    wait_for(is_left)


def test_the_peers_questions_are_answered(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Those that we know; any other is told that we do not."""
    peer, transport = make_peer(), make_transport()
    transport.warm(peer.url)

    peer.send(pdus.write(Command.ENQUIRE_LINK, 7) + pdus.write(0x0103, 8))

    first, second = peer.next(), peer.next()
    assert (first.command, first.sequence) == (0x80000015, 7)
    assert (second.command, second.sequence, second.status) == (Command.NACK, 8, 3)


def test_a_delivery_is_answered_by_whoever_stored_it(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Not before: else the peer would forget a receipt that we lost."""
    peer, transport = make_peer(), make_transport()
    came: queue.Queue[Delivery] = queue.Queue()
    transport.on_delivery = came.put
    transport.warm(peer.url)

    peer.send(pdus.write_deliver(5, "79990000000", "Shop", b"id:1 stat:DELIVRD err:000", {}))
    delivery = came.get(timeout=5)
    assert peer.others.empty()
    delivery.answer()

    answer = peer.next()
    assert (answer.command, answer.sequence, answer.status) == (0x80000005, 5, 0)
    assert delivery.short.octets == b"id:1 stat:DELIVRD err:000"


def test_what_came_right_behind_the_bind_is_not_lost(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """The gateway delivers as soon as we are bound."""
    peer, transport = make_peer(), make_transport()
    came: queue.Queue[Delivery] = queue.Queue()
    transport.on_delivery = came.put
    original = pdus.write_bound

    def with_more(pdu: Any, name: str) -> bytes:
        return original(pdu, name) + pdus.write_deliver(5, "79990000000", "Shop", b"id:1", {})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdus, "write_bound", with_more)
        transport.warm(peer.url)

    assert came.get(timeout=5).short.octets == b"id:1"


def test_a_delivery_that_cannot_be_read_is_refused(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """So that it does not come for ever; the session goes on."""
    peer, transport = make_peer(), make_transport()
    transport.warm(peer.url)

    peer.send(pdus.write(Command.DELIVER, 5, b"\x00\x01"))

    assert peer.next().status == session_module.CANNOT_READ
    assert transport.open(peer.url).send(ONE, 2.0).outcome is Outcome.ACCEPTED


def test_bytes_that_are_no_pdu_end_the_session(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Nothing behind them can be believed."""
    peer, transport = make_peer(), make_transport()
    line = transport.open(peer.url)

    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    wait_for(lambda: not line.is_quiet())


def test_the_end_is_in_order(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """An unbind and its answer."""
    peer, transport = make_peer(), make_transport()
    transport.open(peer.url).send(ONE, 2.0)

    transport.close()

    assert peer.next().command == Command.UNBIND


def test_a_peer_that_unbinds_gets_its_answer_and_no_submit(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """The next send binds anew."""
    peer, transport = make_peer(), make_transport()
    line = transport.open(peer.url)

    peer.send(pdus.write(Command.UNBIND, 9))

    assert peer.next().command == 0x80000006
    wait_for(lambda: not line.is_quiet())
    assert transport.open(peer.url).send(ONE, 2.0).outcome is Outcome.ACCEPTED
    assert len(peer.binds) == 2


@pytest.mark.parametrize(
    ("status", "why"), [(0x0E, "password"), (0x0F, "log-in"), (0x05, "bound already"), (0x99, "0x99")]
)
def test_a_refused_bind_is_not_repeated_at_once(
    make_peer: Callable[..., Peer], make_transport: Any, status: int, why: str
) -> None:
    """The gateway counts wrong passwords; the pause grows, and ends."""
    hands = Hands()
    peer, transport = make_peer(), make_transport(clock=hands)
    peer.bind_status = status

    for _ in range(3):
        with pytest.raises(Unreachable, match=why):
            transport.open(peer.url)
    assert len(peer.binds) == 1

    hands.ahead = 6.0
    with pytest.raises(Unreachable):
        transport.open(peer.url)
    hands.ahead = 12.0
    with pytest.raises(Unreachable):
        transport.open(peer.url)
    assert len(peer.binds) == 2

    hands.ahead, peer.bind_status = 30.0, 0
    assert transport.open(peer.url).is_free()


def test_a_line_grows_old(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """A thread that was held up for minutes must not write: its claim may have been taken for absent meanwhile."""
    hands = Hands()
    peer, transport = make_peer(), make_transport(clock=hands)
    line = transport.open(peer.url)

    hands.ahead = line_module.GOOD_S + 0.1

    assert not line.is_quiet()
    with pytest.raises(Unreachable):
        line.send(ONE, 2.0)
    line.done(keep=True)
    again = transport.open(peer.url)
    assert again.send(ONE, 2.0).outcome is Outcome.ACCEPTED
    hands.ahead += line_module.GOOD_S - 0.5
    assert again.is_free()  # an answer makes it young again
    assert (len(peer.submits), len(peer.binds)) == (1, 1)


def test_a_submit_whose_turn_comes_too_late_is_not_written(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """It waited for others that write on the same session."""
    hands = Hands()
    peer, transport = make_peer(), make_transport(clock=hands)
    session = transport._bound(peer.url, 2.0)

    with pytest.raises(Unreachable):
        session.submit([session_module.Submit(0, Short(dest="79990000000"))], print, hands.monotonic() - 0.1)

    assert session.owes == 0


def test_no_password_is_in_an_error(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Nor in what a bind prints."""
    peer, transport = make_peer(), make_transport()
    peer.bind_status = 0x0E

    with pytest.raises(Unreachable) as caught:
        transport.open(peer.url)

    assert "secret" not in str(caught.value) + repr(transport._terms)


def test_one_session_serves_all_threads(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Bound once, however many ask for it at the same time."""
    peer, transport = make_peer(), make_transport()
    done = []

    def work() -> None:
        line = transport.open(peer.url)
        done.append(line.send(ONE, 5.0).outcome)
        line.done(keep=True)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (done, len(peer.binds)) == ([Outcome.ACCEPTED] * 20, 1)


def test_the_backup_takes_over_and_gives_back(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """A session that is replaced still gets its answers, and unbinds after them."""
    slow = threading.Event()

    def later(peer: Peer, pdu: Any) -> bytes:
        slow.wait(5)
        return accepted(peer, pdu)

    first, backup, transport = make_peer(), make_peer(later), make_transport()
    outcomes: list[Outcome] = []
    line = transport.open(backup.url)
    thread = threading.Thread(target=lambda: outcomes.append(line.send(ONE, 5.0).outcome))
    thread.start()
    wait_for(lambda: backup.submits)

    assert transport.open(first.url).send(ONE, 2.0).outcome is Outcome.ACCEPTED
    assert not line.is_quiet()
    slow.set()
    thread.join()

    assert outcomes == [Outcome.ACCEPTED]
    assert backup.next().command == Command.UNBIND


def test_a_silent_host_is_left_for_its_backup(make_peer: Callable[..., Peer], make_transport: Any) -> None:
    """Codes do not wait until its answers are given up."""
    hands = Hands()
    peer, transport = make_peer(lambda peer, pdu: b""), make_transport(clock=hands, has_backup=True)
    line = transport.open(peer.url)
    thread = threading.Thread(target=lambda: line.send(ONE, 60.0))
    thread.start()
    wait_for(lambda: peer.submits)

    hands.ahead = 6.0

    with pytest.raises(Unreachable, match="silent"):
        transport.open(peer.url)
    peer.cut()
    thread.join()


def test_a_host_that_is_not_there_cannot_be_reached(make_transport: Any) -> None:
    """Nothing was written."""
    with pytest.raises(Unreachable, match="refused"):
        make_transport().open("smpp://127.0.0.1:1")


def test_a_host_that_does_not_answer_the_bind_cannot_be_reached(
    make_peer: Callable[..., Peer], make_transport: Any
) -> None:
    """Within the time for connecting."""
    peer, transport = make_peer(), make_transport(connect_timeout_s=0.3)
    peer._answer = lambda pdu: b""  # type: ignore[method-assign]

    with pytest.raises(Unreachable, match="too long"):
        transport.open(peer.url)


def test_over_tls_with_a_certificate_of_our_own(
    make_peer: Callable[..., Peer], make_transport: Any, tmp_path: Path
) -> None:
    """The gateway's is verified, ours is shown."""
    server, client, ca = certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    context.load_cert_chain(server)
    context.verify_mode = ssl.CERT_REQUIRED
    peer = make_peer(context=context)

    good = make_transport(ca_file=ca, certificate=client)
    assert good.open(peer.url).send(ONE, 5.0).outcome is Outcome.ACCEPTED
    with pytest.raises(Unreachable, match="certificate"):
        make_transport().open(peer.url)


def certificates(folder: Path) -> tuple[str, str, str]:
    """Files of a server's certificate, a client's and their authority's."""
    now = datetime.datetime.now(datetime.UTC)

    def make(name: str, issuer: Any = None) -> tuple[Any, Any, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer, signed_by = (key, subject) if issuer is None else (issuer[1], issuer[0].subject)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(signed_by)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .sign(signer, hashes.SHA256())
        )
        pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = folder / f"{name}.pem"
        path.write_bytes(pem)
        return made, key, str(path)

    authority = make("authority")
    return make("server", authority)[2], make("client", authority)[2], authority[2]
