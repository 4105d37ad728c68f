"""The gateway's stand-in: accepts every send at once, stamps codes on arrival, counts the other recipients.

A process of its own. It keeps no message, so that tens of millions may pass; a code is a request for one phone
from `FIRST_CODE_PHONE` on. `GET /bench/count` and `GET /bench/stamps` tell, `POST /bench/reset` forgets.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smsq.worker.gateway.http import BALANCE_PATH, SEND_PATH
from smsq.worker.sandbox import new_loop
from smsq.worker.sandbox.http import Connection, Request
from smsq.worker.sandbox.mirrors import JSON
from smsq.worker.sandbox.ports import BACKLOG
from tests.bench.otp.pace import FIRST_CODE_PHONE
from tests.bench.programs import start, stop

PHONES = re.compile(rb"(?:^|&)phones=(?:%2B)?(\d+)([^&]*)")
ID = re.compile(rb"(?:^|&)id=(\d+)")
COMMA = b"%2C"
CODE_PHONES = range(FIRST_CODE_PHONE, FIRST_CODE_PHONE + 10_000_000)


class StandIn:
    """The running stand-in, as the measurement speaks to it."""

    def __init__(self, mirror: str) -> None:
        self.mirror = mirror

    def count(self) -> dict[str, Any]:
        """`recipients`, `requests`, `codes`, and when that was, in nanoseconds of the monotonic clock."""
        found: dict[str, Any] = self._get("count")
        return found

    def stamps(self) -> list[tuple[int, int]]:
        """Phone and arrival of every code since the last reset, in order."""
        return [(phone, at) for phone, at in self._get("stamps")]

    def reset(self) -> None:
        """Forget everything."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.mirror}/bench/reset", b"", method="POST")):
            pass

    def _get(self, name: str) -> Any:
        with urllib.request.urlopen(f"{self.mirror}/bench/{name}", timeout=60) as answer:
            return json.load(answer)


@contextlib.contextmanager
def stand_in(folder: Path, think_ms: float = 0.0) -> Iterator[StandIn]:
    """Start it; every send is answered after `think_ms`."""
    argv = [sys.executable, "-m", "tests.bench.otp.stand_in", str(think_ms)]
    process = start(argv, log=folder / "gateway.log")
    try:
        yield StandIn(json.loads(process.stdout.readline())["mirror"])
    finally:
        stop(process)


class Tally:
    """What arrived."""

    def __init__(self, think_s: float) -> None:
        self.think_s = think_s
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.recipients = self.requests = 0
        self.stamps: list[tuple[int, int]] = []

    def send(self, body: bytes, at: int) -> bytes:
        """Note one send that arrived at `at`; its answer. A body without phones counts for none."""
        found, known = PHONES.search(body), ID.search(body)
        phone, rest = (int(found[1]), found[2]) if found else (0, b"")
        many = 1 + rest.count(COMMA)
        self.requests += 1
        if many == 1 and phone in CODE_PHONES:
            self.stamps.append((phone, at))
        elif found:
            self.recipients += many
        return b'{"id": %d, "cnt": %d, "cost": "%d", "balance": "1000000"}' % (
            int(known[1]) if known else 1,
            many,
            many,
        )

    def count(self) -> dict[str, int]:
        """The figures so far."""
        counted = {"recipients": self.recipients, "requests": self.requests, "codes": len(self.stamps)}
        return {**counted, "at_ns": time.monotonic_ns()}


class Arrival(Connection):
    """A connection whose requests are stamped once they have been read whole."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connections: set[Connection], tally: Tally) -> None:
        super().__init__(loop, connections)
        self._tally = tally

    def handle(self, request: Request) -> None:
        """Stamp, note, answer."""
        at = time.monotonic_ns()
        if request.path == SEND_PATH:
            answer = self._tally.send(request.body, at)
            if self._tally.think_s:
                self.loop.call_later(self._tally.think_s, self.reply, 200, answer, JSON)
            else:
                self.reply(200, answer, JSON)
        elif request.path == BALANCE_PATH:
            self.reply(200, b'{"balance": "1000000", "currency": "RUR"}', JSON)
        elif request.path == "/bench/count":
            self.reply(200, json.dumps(self._tally.count()).encode(), JSON)
        elif request.path == "/bench/stamps":
            self.reply(200, json.dumps(self._tally.stamps).encode(), JSON)
        elif request.path == "/bench/reset":
            self._tally.reset()
            self.reply(200, b"{}", JSON)
        else:
            self.reply(404, b"not here")


def main() -> None:
    loop, connections, tally = new_loop(), set[Connection](), Tally(float(sys.argv[1]) / 1000)
    listening = loop.create_server(lambda: Arrival(loop, connections, tally), "127.0.0.1", 0, backlog=BACKLOG)
    port = loop.run_until_complete(listening).sockets[0].getsockname()[1]
    print(json.dumps({"mirror": f"http://127.0.0.1:{port}"}), flush=True)
    loop.run_forever()


if __name__ == "__main__":
    main()
