"""Findings about the gateway's callbacks: whether they come, and whether their public address leads here."""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from smsq.producers.findings import Finding

if TYPE_CHECKING:
    from smsq.worker.runtime import Runtime
    from smsq.worker.settings import Settings

# What `smsq web` answers to a call that has no status and no signature, as `producers/web/callback.py` writes it.
OURS = ("not understood", "the signature does not fit", "callbacks are not configured")
REGISTER = "register it in the gateway's user settings (docs/quickstart.md, Statuses by callback)"


def address(settings: Settings) -> Iterator[Finding]:
    """Whether the public address, if it is told, leads to `smsq web`; asked as the gateway would, without a status."""
    url = settings.callback_url
    if url is None:
        return
    try:
        code, body = _get(url, settings.connect_timeout_s)
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        cure = (
            "look at its name, its certificate and the proxy in front of `smsq web`; from here it need not be reachable"
        )
        yield Finding("callback address", "warn", f"SMSQ_CALLBACK_URL cannot be reached from here: {why}", cure)
        return
    if not any(ours in body for ours in OURS):
        said = f"SMSQ_CALLBACK_URL leads elsewhere: it answers {code}, and not as `smsq web` does"
        yield Finding("callback address", "fail", said, "have the proxy hand /callback to SMSQ_WEB_ADDR of `smsq web`")
    elif "not configured" in body:
        said = "SMSQ_CALLBACK_URL leads to a `smsq web` without SMSQ_CALLBACK_SECRET"
        yield Finding("callback address", "fail", said, "set it there; until then all callbacks are refused")
    else:
        yield Finding("callback address", "ok", "SMSQ_CALLBACK_URL leads to `smsq web`")


def lately(runtime: Runtime) -> Iterator[Finding]:
    """When the last callback was stored."""
    at = runtime.ledger.callback_at()
    if at is not None:
        ago_s = max(0.0, runtime.ledger.time() - at)
        yield Finding("callbacks", "ok", f"the last one was stored {ago_s:.0f} s ago")
    elif runtime.settings.callback_secret is not None:
        said = "none has ever come; statuses are asked for instead, and are later"
        yield Finding("callbacks", "warn", said, f"start `smsq web`, and {REGISTER}")


def _get(url: str, timeout_s: float) -> tuple[int, str]:
    """The answer to a GET: its status and the beginning of its body; redirects are not followed, as by the gateway."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    line: http.client.HTTPConnection
    if parts.scheme == "https":
        line = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
    else:
        line = http.client.HTTPConnection(host, port, timeout=timeout_s)
    with contextlib.closing(line):
        line.request("GET", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}")
        answer = line.getresponse()
        return answer.status, answer.read(1000).decode("utf-8", "replace")
