"""A raw SMPP client for the sandbox's tests: smpplib's codec over a plain socket, nothing repeated or kept."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from smpplib import gsm, smpp

READ_S = 5.0


@dataclass(frozen=True)
class Answer:
    """What came: smpplib's name of the command, its status, sequence number and body."""

    command: str
    status: int
    sequence: int
    body: bytes

    @property
    def id(self) -> str:
        """The first string of its body."""
        return self.body.split(b"\0")[0].decode()

    @property
    def text(self) -> str:
        """The short message of a deliver_sm."""
        return smpp.parse_pdu(self.whole, client=_Counter(), allow_unknown_opt_params=True).short_message.decode(
            "latin-1"
        )

    @property
    def whole(self) -> bytes:
        """The PDU again."""
        code = {"deliver_sm": 5}[self.command]
        return struct.pack(">LLLL", 16 + len(self.body), code, self.status, self.sequence) + self.body


_NAMES = {
    0x80000000: "generic_nack", 0x80000003: "query_sm_resp", 0x80000004: "submit_sm_resp", 5: "deliver_sm",
    0x80000006: "unbind_resp", 0x80000015: "enquire_link_resp", 0x15: "enquire_link",
    0x80000001: "bind_resp", 0x80000002: "bind_resp", 0x80000009: "bind_resp",
}  # fmt: skip


class _Counter:
    """What smpplib takes sequence numbers from."""

    def __init__(self) -> None:
        self.sequence = 0

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence


class RawClient:
    """One connection to one host; a context manager."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port or 0), timeout=READ_S)
        self._counter = _Counter()
        self._waiting = b""
        self._held: list[bytes] | None = None

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def write(self, command: str, **fields: Any) -> int:
        """Send one PDU; its sequence number."""
        made = smpp.make_pdu(command, client=self._counter, **fields)
        if self._held is not None:
            self._held.append(made.generate())
        else:
            self.socket.sendall(made.generate())
        return int(made.sequence)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is written in this block leaves at its end, in one piece."""
        held = self._held = []
        yield
        self._held = None
        self.socket.sendall(b"".join(held))

    def read(self) -> Answer:
        """The next PDU; raises EOFError at the end of the session, TimeoutError after a while."""
        while len(self._waiting) < 16 or len(self._waiting) < struct.unpack(">L", self._waiting[:4])[0]:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._waiting += data
        length, command, status, sequence = struct.unpack(">LLLL", self._waiting[:16])
        body, self._waiting = self._waiting[16:length], self._waiting[length:]
        return Answer(_NAMES[command], status, sequence, body)

    def bind(
        self, system_id: str = "demo", password: str = "demo", kind: str = "bind_transceiver", **more: Any
    ) -> Answer:
        """Bind, and what was answered."""
        self.write(kind, system_id=system_id, password=password, **more)
        return self.read()

    def submit(self, text: str | bytes = "Hi", phone: str = "79991234567", *, coding: int = 0, **more: Any) -> int:
        """Submit a text of one part, or bytes as they are; its sequence number."""
        encode = {0: gsm.gsm_encode, 4: lambda said: said.encode("latin-1"), 8: lambda said: said.encode("utf-16-be")}
        fields = {
            "source_addr_ton": 5, "source_addr_npi": 1, "source_addr": "Brand", "dest_addr_ton": 1, "dest_addr_npi": 1,
            "destination_addr": phone, "registered_delivery": 1, "data_coding": coding,
            "short_message": text if isinstance(text, bytes) else encode[coding](text),
        }  # fmt: skip
        return self.write("submit_sm", **{**fields, **more})

    def submit_parts(self, pieces: list[bytes], *, reference: int = 42, coding: int = 0, **more: Any) -> list[int]:
        """Submit the parts of a long text; their sequence numbers."""
        heads = [bytes((5, 0, 3, reference, len(pieces), number)) for number in range(1, len(pieces) + 1)]
        return [
            self.submit(head + piece, coding=coding, esm_class=0x40, **more)
            for head, piece in zip(heads, pieces, strict=True)
        ]

    def acknowledge(self, receipt: Answer) -> None:
        """Answer a deliver_sm."""
        self.socket.sendall(struct.pack(">LLLL", 17, 0x80000005, 0, receipt.sequence) + b"\0")

    def read_receipt(self) -> Answer:
        """The next deliver_sm, acknowledged; what else comes before it is put aside."""
        while True:
            found = self.read()
            if found.command == "deliver_sm":
                self.acknowledge(found)
                return found
