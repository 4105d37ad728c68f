"""When codes are sent: at random moments, the same for every program; needs the standard library alone.

A sampler is a process that reads orders from its standard input, one JSON object a line, and answers each
with one line: every code's phone, and when its call began and returned, in nanoseconds of the monotonic clock.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle

from tests.bench.files import phones

FIRST_CODE_PHONE = 79_000_000_000  # no campaign file here has numbers that begin with 7900
TEXT = "Your code is 4821"
BULK_TEXT = "Your order is ready. We are open daily from 9 to 21."
BULK_SIZE = 100  # recipients in one request, for all
CAMPAIGN_ROWS = 1_000_000
LOOK_S = 0.01

Send = Callable[[int], object]
Times = tuple[int, int, int]  # phone, began, returned


def serve(send: Send) -> None:
    """Carry out orders until the input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        taken = burst(send, **order) if "threads" in order else sample(send, **order)
        print(json.dumps(taken), flush=True)


def sample(send: Send, *, first: int, many: int, least_s: float, most_s: float, seed: int) -> list[Times]:
    """Send a code to `many` phones from `first` on, each after a random pause."""
    taken = []
    for phone, pause_s in zip(range(first, first + many), pauses(seed, least_s, most_s), strict=False):
        time.sleep(pause_s)
        began = time.monotonic_ns()
        send(phone)
        taken.append((phone, began, time.monotonic_ns()))
    return taken


def pauses(seed: int, least_s: float, most_s: float) -> Iterator[float]:
    """Seconds between two codes, the same for the same seed."""
    chance = random.Random(seed)
    while True:
        yield chance.uniform(least_s, most_s)


def burst(send: Send, *, first: int, many: int, threads: int) -> list[Times]:
    """Send them all as fast as so many threads can."""
    taken: list[Times] = []

    def part(start: int) -> None:
        for phone in range(first + start, first + many, threads):
            began = time.monotonic_ns()
            send(phone)
            taken.append((phone, began, time.monotonic_ns()))

    running = [threading.Thread(target=part, args=(start,)) for start in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return taken


def restock(waiting: Callable[[], int], give: Callable[[list[str]], object], rows: int) -> None:
    """Keep `rows` recipients waiting in a peer's queue, `BULK_SIZE` in a message; prints a line once there are."""
    parts: Iterator[list[str]] = cycle(_parts([f"+{phone}" for phone in phones(rows)]))
    is_told = False
    while True:
        lacking = rows // BULK_SIZE - waiting()
        for _ in range(lacking):
            give(next(parts))
        if not is_told:
            print("{}", flush=True)
            is_told = True
        time.sleep(LOOK_S)


def _parts(written: list[str]) -> list[list[str]]:
    return [written[at : at + BULK_SIZE] for at in range(0, len(written), BULK_SIZE)]
