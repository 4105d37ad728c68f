"""Questions to the gateway: statuses, history, price and balance. Never a send.

`exchange.py` puts one question and `permits.py` keeps to the gateway's limits; the other files are the questions, and
what their answers prove. Actors decide when to ask and what follows.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from smsq.worker.clock import Clock
from smsq.worker.domain.recipient import Recipient
from smsq.worker.gateway.login import Login
from smsq.worker.ledger import Ledger
from smsq.worker.metrics import Metrics
from smsq.worker.settings import Settings
from smsq.worker.transports.mirrors import Mirrors

if TYPE_CHECKING:  # its libraries are installed with workers only
    from smsq.worker.transports.http import HttpTransport

Pair = tuple[int, Recipient]  # gateway id and who it is for: by these the gateway knows a message


class Means(Protocol):
    """What a question needs; a `Runtime` has all of it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def stopping(self) -> threading.Event: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def mirrors(self) -> Mirrors: ...
    @property
    def http(self) -> HttpTransport: ...
    @property
    def login(self) -> Login: ...
    @property
    def credentials(self) -> str: ...
