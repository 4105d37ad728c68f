"""One SMPP session of the sandbox: PDUs in, responses and receipts out, and what goes wrong on its wire."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from smsq.worker.gateway.smpp.server_pdus import (
    Bind,
    BrokenPdu,
    Command,
    CommandStatus,
    Pdu,
    PduStream,
    Submit,
    read_bind,
    read_query,
    read_submit,
    write_bound,
    write_nack,
    write_queried,
    write_response,
    write_submitted,
)
from smsq.worker.gateway.smpp.server_receipts import Delivery, date, state_of, write_receipt
from smsq.worker.gateway.smpp.server_texts import Part
from smsq.worker.sandbox.misfortunes import Stroke
from smsq.worker.sandbox.smpp import SmppInterface
from smsq.worker.sandbox.state import Account

NAME = "sandbox"
BINDS = (Command.BIND_RECEIVER, Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER)
LAST_SEQUENCE = 0x7FFF_FFFF
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset
_NO_PDU = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class SmppSession(asyncio.Protocol):
    """A client's connection to one host, bound or not yet."""

    def __init__(self, interface: SmppInterface, host: int, siblings: set[SmppSession]) -> None:
        self._interface, self._host, self._siblings = interface, host, siblings
        self.loop = interface.loop
        self.last_at = self.loop.time()
        self.account: Account | None = None
        self._bind: Bind | None = None
        self._peer = ""
        self._stream = PduStream()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._is_reading = False
        self._pending = 0  # submits that were not answered yet
        self._sequence = 0
        self._unacknowledged: dict[int, Delivery] = {}

    # --- asyncio's side ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there; it may be turned away at once."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else ""
        self._siblings.add(self)
        if self._interface.gateway.misfortunes.on_connect(self._host, "bind"):
            self.reset()

    def connection_lost(self, exc: Exception | None) -> None:
        """The session is over; what is under way at the gateway goes on without it."""
        self._siblings.discard(self)
        self._transport = None
        account, self.account = self.account, None
        if account is None:
            return
        self._interface.sessions[account.login] -= 1
        if self._bind is not None and self._bind.receives:
            told = list(self._unacknowledged.values())
            self._interface.receipts.left(account.login, self, told)

    def data_received(self, data: bytes) -> None:
        """Bytes of a PDU, or of several; what is answered to all of them leaves in one write."""
        self.last_at = self.loop.time()
        self._is_reading = True
        try:
            for pdu in self._stream.feed(data):
                if self._transport is None or self._transport.is_closing():
                    break
                self._handle(pdu)
        except BrokenPdu as broken:
            self._write(write_nack(broken.status))
            self.close()
        finally:
            self._is_reading = False
            self._flush()

    def _write(self, written: bytes) -> None:
        self._out.append(written)
        if not self._is_reading:
            self._flush()

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def close(self) -> None:
        """Close, once everything that was written has left."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Close so that the client is told of a reset."""
        self._out.clear()
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    # --- PDUs -------------------------------------------------------------------------------------------------

    def _handle(self, pdu: Pdu) -> None:
        try:
            if pdu.command in BINDS:
                self._on_bind(pdu)
            elif pdu.command == Command.SUBMIT:
                self._on_submit(pdu)
            elif pdu.command == Command.ENQUIRE_LINK:
                self._write(write_response(pdu))
            elif pdu.command == Command.UNBIND:
                self._write(write_response(pdu))
                self.close()
            elif pdu.command == Command.QUERY:
                self._on_query(pdu)
            elif pdu.is_response:
                self._on_response(pdu)
            else:  # submit_multi and all else (PROTOCOL H.2)
                self._write(write_nack(CommandStatus.BAD_COMMAND, pdu.sequence))
        except BrokenPdu as broken:
            self._write(write_response(pdu, broken.status))

    def _on_bind(self, pdu: Pdu) -> None:
        interface = self._interface
        interface.gateway.count_request("bind")
        if self._bind is not None:
            self._write(write_response(pdu, CommandStatus.BOUND_ALREADY))
            return
        bind = read_bind(pdu)
        stroke = interface.gateway.misfortunes.on_request(self._host, "bind")
        if stroke is not None and stroke.name == "hang":
            return
        if stroke is not None and stroke.name == "slow":
            self.loop.call_later(stroke.seconds, self._admit, pdu, bind)
            return
        if stroke is not None:
            self._refuse_bind(pdu, CommandStatus.BIND_FAILED if stroke.name == "refuse_bind" else
                              CommandStatus.BAD_PASSWORD)  # fmt: skip
            return
        self._admit(pdu, bind)

    def _admit(self, pdu: Pdu, bind: Bind) -> None:
        found = self._interface.admit(bind, self._peer)
        if not isinstance(found, Account):
            self._refuse_bind(pdu, found)
            return
        if self._transport is None:
            return  # it has not waited for the answer
        self._bind, self.account = bind, found
        self._interface.sessions[found.login] += 1
        self._write(write_bound(pdu, NAME))
        if bind.receives:
            self._interface.receipts.joined(found.login, self)

    def _refuse_bind(self, pdu: Pdu, status: CommandStatus) -> None:
        self._write(write_response(pdu, status))
        self.close()

    def _on_query(self, pdu: Pdu) -> None:
        """Where a message stands (PROTOCOL H.3)."""
        if self.account is None:
            self._write(write_response(pdu, CommandStatus.NOT_BOUND))
            return
        message_id = read_query(pdu).message_id
        standing = self._interface.standing(self.account, message_id)
        if standing is None:
            self._write(write_response(pdu, CommandStatus.QUERY_FAILED))
            return
        _, code, err, at = standing
        done_at = f"{date(at)}00000+" if code > 0 else ""
        self._write(write_queried(pdu, message_id, done_at, state_of(code), err))

    # --- submits ----------------------------------------------------------------------------------------------

    def _on_submit(self, pdu: Pdu) -> None:
        interface, account = self._interface, self.account
        gateway = interface.gateway
        gateway.count_request("submit")
        interface.submits += 1
        if account is None or self._bind is None or not self._bind.sends:
            self._write(write_response(pdu, CommandStatus.NOT_BOUND))
            return
        submit = read_submit(pdu)
        part, text = interface.read(submit, is_iso=self._bind.is_iso)
        if self._pending >= interface.profile.smpp_window:
            gateway.limits_broken["smpp_window"] = gateway.limits_broken.get("smpp_window", 0) + 1
        if interface.is_too_fast(account):
            self._write(write_response(pdu, CommandStatus.THROTTLED))
            return
        has_more = part is not None and part.number < part.total
        stroke = gateway.misfortunes.on_submit(self._host, has_more=has_more)
        if stroke is not None and stroke.name == "close":
            self.close()
            return
        self._pending += 1
        interface.running += 1
        wait_s = gateway.profile.think_s + (stroke.seconds if stroke is not None and stroke.name == "late" else 0.0)
        if wait_s:
            self.loop.call_later(wait_s, self._finish, pdu, account, submit, part, text, stroke)
        else:
            self._finish(pdu, account, submit, part, text, stroke)

    def _finish(
        self, pdu: Pdu, account: Account, submit: Submit, part: Part | None, text: str, stroke: Stroke | None
    ) -> None:
        """The time to think is over; the client may have left, which changes nothing."""
        self._interface.running -= 1
        name = stroke.name if stroke is not None else ""
        if name in _REFUSALS:
            status, message_id = int(_REFUSALS[name]), ""
        elif name == "swallow":
            return
        else:
            status, message_id = self._interface.take(
                account, submit, part, text, peer=self._peer, host=self._host, stroke=stroke
            )
        answer = write_submitted(pdu, message_id) if not status else write_response(pdu, status)
        if stroke is not None and name in ("slow", "early_callback"):
            self.loop.call_later(stroke.seconds, self._answer, answer)
        elif name in _SPOILT:
            self._spoil(name, pdu, answer)
        else:
            self._answer(answer)

    def _answer(self, answer: bytes) -> None:
        self._pending -= 1
        self._write(answer)

    def _spoil(self, name: str, pdu: Pdu, answer: bytes) -> None:
        """Damage the answer to a submit that was done."""
        if name == "lose_answer":
            self.close()
        elif name == "reset":
            self.reset()
        elif name == "cut_between_parts":
            self._answer(answer)
            self.close()
        elif name == "garbage":
            self._answer(_NO_PDU)
        elif name in _ACCEPTED:
            self._answer(write_response(pdu, _ACCEPTED[name]))
        # `hang`: nothing more is said of it, and it keeps its place in the window

    # --- receipts ---------------------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether it may be told another receipt before it acknowledges those on their way."""
        return len(self._unacknowledged) < self._interface.profile.smpp_receipt_window

    def tell(self, delivery: Delivery) -> None:
        """Send one receipt."""
        self._sequence = self._sequence % LAST_SEQUENCE + 1
        self._unacknowledged[self._sequence] = delivery
        self._write(write_receipt(delivery, self._sequence))

    def _on_response(self, pdu: Pdu) -> None:
        """A receipt is acknowledged, by whatever status; other responses are not asked for."""
        if self._unacknowledged.pop(pdu.sequence, None) is not None and self.account is not None:
            self._interface.receipts.acknowledged(self.account.login)


# Nothing was accepted, and this is the answer.
_REFUSALS = {
    "throttled": CommandStatus.THROTTLED,
    "queue_full": CommandStatus.QUEUE_FULL,
    "system_error": CommandStatus.SYSTEM_ERROR,
}
# Accepted, and this is the answer all the same.
_ACCEPTED = {
    "accepted_system_error": CommandStatus.SYSTEM_ERROR,
    "accepted_unknown_code": CommandStatus.VENDOR + 15,
}
_SPOILT = {"lose_answer", "reset", "hang", "cut_between_parts", "garbage", *_ACCEPTED}
