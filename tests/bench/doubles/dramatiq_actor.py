"""Stock dramatiq, whose Retries middleware is on by default, with tenacity around `requests` inside the actor.

Loaded by dramatiq's own command line; by itself it is the producer, which prints what the actors noted.
"""

from __future__ import annotations

import json
import os
import time

import dramatiq
import redis
import requests
from dramatiq.brokers.redis import RedisBroker
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from tests.bench.doubles.one_send import one_send, told

NOTED = "doubles:sent"  # a set of the messages whose actor returned
LOOK_S = 0.2

client = redis.Redis.from_url(os.environ["DOUBLES_BROKER"])
dramatiq.set_broker(RedisBroker(url=os.environ["DOUBLES_BROKER"]))  # type: ignore[no-untyped-call]


@retry(
    retry=retry_if_exception_type(requests.RequestException),
    stop=stop_after_attempt(3),
    wait=wait_exponential(multiplier=1, max=10),
    reraise=True,
)
def persistently(n: int) -> None:
    """Send one message, three times at most for troubles of the network."""
    one_send(n)


@dramatiq.actor
def send(n: int) -> None:
    """Send one message; what tenacity lets through, dramatiq tries again from 15 s on, twenty times."""
    persistently(n)
    client.sadd(NOTED, n)


def main() -> None:
    patience_s = float(os.environ["DOUBLES_PATIENCE_S"])
    many = len(told["phones"])
    for n in range(many):
        send.send(n)
    until = time.monotonic() + patience_s
    while time.monotonic() < until and client.scard(NOTED) < many:
        time.sleep(LOOK_S)
    sent = int(client.scard(NOTED))  # type: ignore[arg-type]
    print(json.dumps({"sent": sent, "undecided": many - sent}))


if __name__ == "__main__":
    main()
