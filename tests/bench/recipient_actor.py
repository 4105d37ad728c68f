"""The actor of the peer with one dramatiq message per recipient: stock dramatiq, stock `requests`.

Loaded by dramatiq's own command line; the queue and the gateway are named in the environment.
"""

from __future__ import annotations

import os
import threading

import dramatiq
import requests
from dramatiq.brokers.redis import RedisBroker

MIRROR = os.environ.get("BENCH_MIRROR", "")
LOGIN = os.environ.get("BENCH_LOGIN", "")
PASSWORD = os.environ.get("BENCH_PASSWORD", "")

broker = RedisBroker(url=os.environ["BENCH_BROKER"])  # type: ignore[no-untyped-call]
dramatiq.set_broker(broker)
_mine = threading.local()


@dramatiq.actor
def send(phone: str, text: str) -> None:
    """Send one message on this thread's session; anything but an acceptance raises, and dramatiq tries again."""
    if not hasattr(_mine, "session"):
        _mine.session = requests.Session()
    form = {"login": LOGIN, "psw": PASSWORD, "fmt": 3, "charset": "utf-8", "cost": 3, "phones": phone, "mes": text}
    answer = _mine.session.post(f"{MIRROR}/sys/send.php", data=form, timeout=30).json()
    if "error_code" in answer:
        raise RuntimeError(f"the gateway said {answer['error_code']}")
