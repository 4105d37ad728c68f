"""The codec alone: smpplib's PDUs over one socket, a window of so many, one thread; nothing is written down."""

from __future__ import annotations

import json
import socket
import struct
import sys
import time

from smpplib import smpp

TEXT = b"Your code is 4821"


class _Counter:
    """What smpplib takes sequence numbers from."""

    sequence = 0

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence


def main() -> None:
    told = json.loads(sys.argv[1])
    counter, left, free, answered, waiting = _Counter(), told["submits"], told["window"], 0, b""
    line = socket.create_connection(("127.0.0.1", told["port"]))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(smpp.make_pdu("bind_transceiver", client=counter, system_id="bench", password="bench").generate())
    assert struct.unpack(">L", line.recv(4096)[8:12])[0] == 0, "the bind was refused"
    began, cpu, phone = time.perf_counter(), time.process_time(), told["first"]
    while answered < told["submits"]:
        written = []
        while left and free:
            written.append(_submit(counter, phone))
            phone, left, free = phone + 1, left - 1, free - 1
        if written:
            line.sendall(b"".join(written))
        waiting += line.recv(65536)
        while len(waiting) >= 16 and len(waiting) >= (length := struct.unpack_from(">L", waiting)[0]):
            waiting, answered, free = waiting[length:], answered + 1, free + 1
    took = time.perf_counter() - began
    print(json.dumps({"seconds": took, "cpu_s": {"client": time.process_time() - cpu}}))


def _submit(counter: _Counter, phone: int) -> bytes:
    made = smpp.make_pdu(
        "submit_sm", client=counter, source_addr_ton=5, source_addr_npi=1, source_addr="Brand", dest_addr_ton=1,
        dest_addr_npi=1, destination_addr=str(phone), registered_delivery=0, data_coding=0, short_message=TEXT,
    )  # fmt: skip
    return bytes(made.generate())


if __name__ == "__main__":
    main()
