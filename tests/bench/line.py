"""What one POST costs the client: our line, the one before it, a stock session, and the least there could be.

    python -m tests.bench.line [--rounds 5] [--posts 2000]

CPU time of this process for a request of 100 phones and its answer over one kept connection; the gateway's stand-in
is a process of its own. All take turns round by round; a figure is a median, with the least and the greatest.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httptools
import requests

from smsq.worker.domain.batch import Options
from smsq.worker.gateway.http import SEND_PATH
from smsq.worker.gateway.http.client_forms import send_same
from smsq.worker.gateway.login import Login
from smsq.worker.transports.http import HttpTransport
from tests.bench import files
from tests.bench.figures import Spread
from tests.bench.otp.stand_in import stand_in
from tests.bench.programs import LOGIN, PASSWORD
from tests.worker.transports.http.oracle import Oracle, OracleSocket

PHONES = 100
DEADLINE_S = 30.0
Post = Callable[[bytes], bytes]


@contextmanager
def ours(mirror: str) -> Iterator[Post]:
    """As the workers do it: a line is taken, looked at, spoken on once, and given back."""
    transport = HttpTransport()

    def post(body: bytes) -> bytes:
        line = transport.open(mirror)
        assert line.is_quiet()
        reply = line.say(SEND_PATH, body, DEADLINE_S)
        line.done(keep=True)
        return reply.body

    yield post
    transport.close()


@contextmanager
def before(mirror: str) -> Iterator[Post]:
    """The adapter of `requests` over `urllib3` and `http.client`, on a connection that is never made again."""
    with _connected(OracleSocket(), mirror) as line:
        oracle = Oracle(line, mirror)

        def post(body: bytes) -> bytes:
            assert line.is_quiet()
            line.deadline = line.monotonic() + DEADLINE_S
            return oracle.see(SEND_PATH, body, 256 * 1024).body

        yield post


@contextmanager
def stock(mirror: str) -> Iterator[Post]:
    """What a programmer writes: one session, and its `post`."""
    with requests.Session() as session:
        yield lambda body: session.post(mirror + SEND_PATH, data=body, timeout=DEADLINE_S).content


@contextmanager
def least(mirror: str) -> Iterator[Post]:
    """A bare socket and the parser, with no deadline over the whole, no adapter, and none of the checks."""
    head = f"POST {SEND_PATH} HTTP/1.1\r\nHost: {urlsplit(mirror).netloc}\r\nContent-Length: ".encode()
    with _connected(socket.socket(), mirror) as line:

        def post(body: bytes) -> bytes:
            line.sendall(b"%b%d\r\n\r\n%b" % (head, len(body), body))
            answer = _Pieces()
            parser = httptools.HttpResponseParser(answer)
            while not answer.is_over:
                parser.feed_data(line.recv(65536))
            return b"".join(answer.pieces)

        yield post


class _Pieces:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.is_over = False

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.is_over = True


LINES = {
    "our line": ours,
    "the line before: http.client under urllib3": before,
    "requests.Session().post": stock,
    "a bare socket and httptools": least,
}


@contextmanager
def _connected(line: Any, mirror: str) -> Iterator[Any]:
    with line:
        line.connect((urlsplit(mirror).hostname, urlsplit(mirror).port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield line


def cpu_us(post: Post, body: bytes, posts: int) -> float:
    """CPU microseconds of one POST."""
    began = time.process_time()
    for _ in range(posts):
        answer = post(body)
    spent = time.process_time() - began
    if b'"cnt": %d' % PHONES not in answer:
        raise SystemExit(f"the stand-in said {answer!r}")
    return spent / posts * 1e6


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Turns of each.")
@click.option("--posts", type=click.IntRange(10), default=2000, show_default=True, help="In one turn.")
def main(rounds: int, posts: int) -> None:
    """Print what one POST costs the client."""
    phones = list(files.phones(PHONES))
    body = send_same(Login(LOGIN, PASSWORD), 1_000_000_001, phones, files.ONE_TEXT, Options())
    found: dict[str, list[float]] = {name: [] for name in LINES}
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as folder, ExitStack() as stack:
        mirror = stack.enter_context(stand_in(Path(folder))).mirror
        posted = {name: stack.enter_context(each(mirror)) for name, each in LINES.items()}
        for post in posted.values():
            cpu_us(post, body, posts // 10)
        names = list(LINES)
        for n in range(rounds):
            shift = n % len(names)
            for name in [*names[shift:], *names[:shift]]:
                found[name].append(cpu_us(posted[name], body, posts))
    for name, readings in found.items():
        times = [each / mine for each, mine in zip(readings, found["our line"], strict=True)]
        click.echo(f"{name}: {Spread.of(readings).shown(' µs')}, {Spread.of(times).shown(' ×')} of ours")


if __name__ == "__main__":
    sys.exit(main())
