"""Letters a second on one connection, and what each costs us: `python -m tests.bench.letters [SECONDS]`.

The mail server is the one behind the sandbox and the door, in a process of its own, and answers at once. Beside our
transport stands what a programmer writes: one `smtplib.SMTP` and its `send_message`. Programs take turns, and the
median of the turns counts.
"""

from __future__ import annotations

import asyncio
import os
import smtplib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from smsq.worker.domain.batch import Options
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.outcomes import Outcome
from smsq.worker.letterbox import Letterbox, Mail
from smsq.worker.transports.smtp import MailServer, SmtpTransport

TURNS = 5
PHONES = {"one message": 1, "a batch of 100": 100}
TEXT = "Здравствуйте! Ваш заказ ждёт вас до пятницы, с 9 до 21."

Post = Callable[[int], None]  # hand over the letter of this id


class _Clerk:
    async def recipient(self, address: str, context: dict[str, Any]) -> str:
        return "250 ok"

    async def take(self, mail: Mail, context: dict[str, Any]) -> str:
        return "250 ok"

    def lets_in(self, login: str, password: str) -> bool:
        return True


async def _serve() -> None:
    box = Letterbox(_Clerk(), hostname="bench", most=200_000)
    await box.start("127.0.0.1", 0)
    print(box.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the process that started it has gone
    box.stop()


@contextmanager
def _server() -> Iterator[str]:
    argv = [sys.executable, "-m", "tests.bench.letters", "serve"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"smtp://127.0.0.1:{int(process.stdout.readline())}"
        process.communicate()


@contextmanager
def ours(url: str, phones: int) -> Iterator[Post]:
    """As the workers do it: a line is taken, looked at, a letter handed over, the line given back."""
    transport = SmtpTransport(
        MailServer.at(url), login=Login("me", "secret"), sender="api@smsc.ru", recipient="send@send.smsc.ru"
    )
    recipients = [79990000000 + n for n in range(phones)]

    def post(number: int) -> None:
        line = transport.open(url)
        outgoing = Outgoing(gateway_id=number, recipients=recipients, text=TEXT, options=Options())
        assert line.send(outgoing, 5.0).outcome is Outcome.HANDED_OVER
        line.done(keep=True)

    yield post
    transport.close()


@contextmanager
def stock(url: str, phones: int) -> Iterator[Post]:
    """What a programmer writes: one connection, and its `send_message`."""
    host, _, port = url.removeprefix("smtp://").partition(":")
    numbers = ",".join(f"+{79990000000 + n}" for n in range(phones))
    with smtplib.SMTP(host, int(port), local_hostname="[127.0.0.1]") as server:

        def post(number: int) -> None:
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = "api@smsc.ru", "send@send.smsc.ru", ""
            message.set_content(f"me:secret:{number}:0:0,0,:{numbers}:{TEXT}", charset="utf-8", cte="base64")
            server.send_message(message)

        yield post


def measured(post: Post, seconds: float) -> tuple[float, float]:
    """Letters a second, and µs of our processor time for each."""
    post(1)
    began, used, many = time.monotonic(), time.process_time(), 0
    while time.monotonic() - began < seconds:
        many += 1
        post(1_000_000_000 + many)
    took = time.monotonic() - began
    return many / took, (time.process_time() - used) / many * 1e6


def main(seconds: float) -> None:
    """Measure and print a table."""
    print(f"load before {os.getloadavg()[0]:.1f}, {TURNS} turns of {seconds:g} s")
    with _server() as url:
        for what, phones in PHONES.items():
            readings: dict[str, list[tuple[float, float]]] = {"smsq": [], "smtplib": []}
            for _ in range(TURNS):
                for name, program in (("smsq", ours), ("smtplib", stock)):
                    with program(url, phones) as post:
                        readings[name].append(measured(post, seconds))
            for name, turns in readings.items():
                rate, cpu = (statistics.median(values) for values in zip(*turns, strict=True))
                print(f"{what:16} {name:8} {rate:8.0f} letters/s {cpu:6.0f} µs of our processor a letter")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
