"""The transport over SMPP: one bound session for each worker process, and lines that are free places of its window.

A line dies with its session. Then what was written is doubtful and what was not is free. A submit is never
written again unless the gateway said that it did not take it. The dialect is in `gateway/smpp/`.
"""

from __future__ import annotations

from smsq.worker.transports.smpp.transport import SmppTransport as SmppTransport
