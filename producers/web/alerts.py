"""Receives Alertmanager's webhook, and pages the people on call by SMS.

Alertmanager repeats a notice until it is answered with 200, and two of them that watch the same installation send
each notice twice. The same alerts are paged once within `SMSQ_ONCALL_REPEAT`: a page's key follows from them, and the
ledger takes a key once. Nothing here logs a label or an annotation.

The format is version 4 of https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import Conflict, LedgerTrouble, SmsqError
from smsq.worker.domain.text import parts
from smsq.worker.processes.bounded_log import BoundedLog

MAX_BODY = 256 * 1024  # bytes; a notice of a hundred alerts has some 60 KiB
BODY_TIMEOUT_S = 10.0
MOST_PARTS = 2  # of one page
HOUR_S = 3600.0
DEADLINE_S = 1800.0  # a page that is older tells nothing new
SEVERITY = "page"  # other alerts page nobody

log = logging.getLogger(__name__)


class Alert(msgspec.Struct, rename="camel"):
    """One alert of a notice."""

    status: str
    starts_at: datetime
    fingerprint: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Notice(msgspec.Struct, rename="camel"):
    """What Alertmanager posts about one group."""

    group_key: str
    status: str
    alerts: list[Alert]
    version: str = "4"

    @property
    def pages(self) -> list[Alert]:
        """The alerts that page, in the group's own state: those that still fire, or all that are over."""
        return [
            alert
            for alert in self.alerts
            if alert.labels.get("severity") == SEVERITY and (alert.status == "firing") == (self.status == "firing")
        ]


_NOTICE = msgspec.json.Decoder(Notice)


@dataclass(slots=True)
class Hour:
    """How many pages left in the last hour, by this process."""

    most: int
    monotonic: Callable[[], float]
    _left: deque[float] = field(default_factory=deque)
    was_told: bool = False

    def is_full(self) -> bool:
        """Whether no more may leave now."""
        now = self.monotonic()
        while self._left and now - self._left[0] >= HOUR_S:
            self._left.popleft()
            self.was_told = False
        return len(self._left) >= self.most

    def add(self) -> None:
        """One page left."""
        self._left.append(self.monotonic())


class Alerts:
    """The endpoint: 200 paged, or nothing to page · 400 unreadable · 401 wrong key · 404 no key set · 413 · 503.

    `count` is called with the outcome of each page to each person, a word of `smsq_pages_total`. 503 has Alertmanager
    try again: the ledger is away.
    """

    def __init__(self, smsq: Smsq, count: Callable[[str], object] = lambda outcome: None) -> None:
        settings, clock = smsq.settings, smsq.runtime.clock
        self._smsq = smsq
        self._key = settings.alerts_key.reveal().encode() if settings.alerts_key else b""
        self._people = settings.oncall
        self._sender = settings.oncall_sender
        self._repeat_s = settings.oncall_repeat_s
        self._now = clock.now
        self._hour = Hour(settings.oncall_per_hour, clock.monotonic)
        self._count = count
        self._turn = asyncio.Lock()
        self._refused = BoundedLog(lambda why, many: log.warning("alerts refused why=%s many=%d", why, many))

    def look(self) -> None:
        """Tell how many more were refused; call it now and then."""
        self._refused.look()

    async def __call__(self, request: Request) -> Response:
        """Answer one call of Alertmanager."""
        if not self._key:
            return _problem(404, "no alerts are taken here: SMSQ_ALERTS_KEY is not set")
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, b"Bearer " + self._key):
            self._refused.note("no fitting key")
            return _problem(401, "the key of the header Authorization is not SMSQ_ALERTS_KEY")
        try:
            body = await asyncio.wait_for(_body(request), BODY_TIMEOUT_S)
        except (ClientDisconnect, TimeoutError):
            return _problem(408, "the notice did not arrive in time")
        if body is None:
            self._refused.note(f"more than {MAX_BODY} bytes")
            return _problem(413, f"a notice has at most {MAX_BODY} bytes: group by fewer labels, or set max_alerts")
        try:
            notice = _NOTICE.decode(body)
        except msgspec.DecodeError as error:
            self._refused.note("unreadable")
            return _problem(400, f"not a notice of Alertmanager, version 4: {str(error)[:200]}")
        async with self._turn:  # one after the other, so that the limit is one
            return await self._page(notice)

    async def _page(self, notice: Notice) -> Response:
        alerts = notice.pages
        if not alerts or not self._people:
            self._count("ignored")
            why = "no alert of the group has severity=page" if self._people else "SMSQ_ONCALL names nobody"
            return _done(paged=0, why=why)
        outcomes: Counter[str] = Counter()
        name, is_full = self._name(notice, alerts), self._hour.is_full()
        try:
            if is_full and not self._hour.was_told:
                await self._tell_all(
                    f"smsq: {self._hour.most} pages in an hour; further ones are held back", f"{name}:most"
                )
                self._hour.was_told = True
            outcomes += Counter(limited=len(self._people)) if is_full else await self._tell_all(text_of(notice), name)
        except LedgerTrouble as trouble:
            self._count("failed")
            log.error("page not enrolled why=%s", trouble.sentence)
            return _problem(503, "the page could not be enrolled; try again")
        if outcomes["sent"]:
            self._hour.add()
        for outcome in outcomes.elements():
            self._count(outcome)
        return _done(paged=outcomes["sent"], **{word: many for word, many in outcomes.items() if word != "sent"})

    async def _tell_all(self, text: str, name: str) -> Counter[str]:
        """Page each person; how many ended how. Raises LedgerTrouble; what was enrolled before is enrolled once."""
        outcomes: Counter[str] = Counter()
        for place, phone in enumerate(self._people):
            outcomes[await asyncio.to_thread(self._send, phone, text, f"{name}:{place}")] += 1
        return outcomes

    def _send(self, phone: int, text: str, key: str) -> str:
        try:
            sent = self._smsq.send(
                phone,
                text,
                key=key,
                lane="urgent",
                sender=self._sender,
                deadline_s=DEADLINE_S,
                even_opted_out=True,
            )
        except Conflict:  # the same alerts with another number in their summary
            return "grouped"
        except LedgerTrouble:
            raise
        except SmsqError as error:  # refused by a rule: another person may still be reached
            log.error("page refused why=%s", error.sentence)
            return "refused"
        return "sent" if sent.created else "grouped"

    def _name(self, notice: Notice, alerts: Sequence[Alert]) -> str:
        """A key that the same alerts have for as long as one page is enough for them."""
        began = max(alert.starts_at.timestamp() for alert in alerts)  # one that begins anew is another page
        turn = int(max(0.0, self._now() - began) // self._repeat_s) if notice.status == "firing" else 0
        told = [notice.group_key, notice.status, f"{began:.0f}", str(turn), *sorted(a.fingerprint for a in alerts)]
        return "oncall:" + hashlib.sha256("\0".join(told).encode()).hexdigest()[:40]


def text_of(notice: Notice) -> str:
    """A page in at most two parts: what fires or is over, how often, and the first summary.

    >>> from datetime import UTC
    >>> labels = {"alertname": "SmsqNoLeader", "severity": "page"}
    >>> alert = Alert("firing", datetime(2026, 1, 1, tzinfo=UTC), "a", labels)
    >>> text_of(Notice("{}", "firing", [alert, alert]))
    'smsq PAGE: SmsqNoLeader x2'
    """
    alerts = notice.pages
    names = Counter(alert.labels.get("alertname", "an alert without a name") for alert in alerts)
    head = "smsq PAGE: " if notice.status == "firing" else "smsq OK: "
    text = head + ", ".join(f"{name} x{many}" if many > 1 else name for name, many in names.items())
    if summary := next((said for alert in alerts if (said := alert.annotations.get("summary"))), ""):
        text = f"{text}. {summary}"
    text = " ".join(text.split())
    whole = text
    while parts(text) > MOST_PARTS:
        whole = whole[: min(len(whole) - 1, 320)]
        text = whole.rstrip() + "..."
    return text


async def _body(request: Request) -> bytes | None:
    """The body; None if it is too long."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def _done(**told: object) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")


def _problem(status: int, detail: str) -> Response:
    """An error as RFC 9457 describes it."""
    told = {"type": "about:blank", "status": status, "detail": detail}
    return Response(msgspec.json.encode(told), status, media_type="application/problem+json")
