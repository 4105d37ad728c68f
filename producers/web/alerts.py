"""Pages the people on call by SMS: what Alertmanager posts to `/alerts` of `smsq web`.

A page is one text for a group of alerts, to each phone of SMSQ_ONCALL, by the urgent lane. Its enrolment key is made of
the group, its status, its alerts and when the newest began, so whatever is posted twice is paged once: a repeat, the
second of two Alertmanagers, a try after a lost answer. Nothing is kept here, and the answer is 200 only once the page
is in the ledger. A text has no phone in it, and no log line has a text.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from smsq.worker.domain.errors import Conflict, LedgerTrouble, SmsqError
from smsq.worker.domain.text import parts, tidied
from smsq.worker.ledger import Enrolled
from smsq.worker.processes.bounded_log import BoundedLog

MAX_BODY = 256 * 1024  # bytes; a group of a hundred alerts has some 100,000
PAGES = "page"  # the label `severity` of alerts that wake somebody
MOST_PARTS = 2  # of one text
HOUR_S = 3600.0
LATE_S = 1800.0  # a page that could not leave for so long tells nothing new any more

log = logging.getLogger(__name__)


class Alert(msgspec.Struct, frozen=True):
    """One alert of a notification, as far as it is read."""

    fingerprint: str
    startsAt: datetime  # noqa: N815 - the names of Alertmanager's webhook, version 4
    status: Literal["firing", "resolved"] = "firing"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Notification(msgspec.Struct, frozen=True):
    """What Alertmanager posts."""

    version: Literal["4"]
    groupKey: str  # noqa: N815
    status: Literal["firing", "resolved"]
    alerts: list[Alert]


class Admit(Protocol):
    """Whether one more page may leave: the pages of the last hour by their keys, counted in the ledger."""

    def __call__(self, page: str, most: int, within_s: float) -> tuple[bool, str]: ...


_READER = msgspec.json.Decoder(Notification)


class Pager:
    """Turns notifications into texts. Thread-safe; `send`, `admit` and `now` are the ledger's and the clock's."""

    def __init__(
        self,
        send: Callable[..., Enrolled],
        admit: Admit,
        phones: Sequence[int],
        *,
        sender: str | None,
        per_hour: int,
        repeat_s: float,
        now: Callable[[], float],
    ) -> None:
        self._send = send
        self._admit = admit
        self._phones = phones
        self._sender = sender
        self._per_hour = per_hour
        self._repeat_s = repeat_s
        self._now = now

    def page(self, told: Notification) -> str:
        """Page the group; a word of the metric: sent, grouped, limited, refused, ignored. Raises LedgerTrouble."""
        alerts = [each for each in told.alerts if each.labels.get("severity") == PAGES and each.status == told.status]
        if not alerts:
            return "ignored"
        key = key_of(told, alerts, self._now(), self._repeat_s)
        may, window = self._admit(key, self._per_hour, HOUR_S)
        if may:
            return self._to_all(key, text_of(told.status, alerts))
        held = f"{self._per_hour} pages within the hour: more are held back. Look at Alertmanager."
        self._to_all(f"held:{window}", f"[smsq] {held}")
        return "limited"

    def _to_all(self, key: str, text: str) -> str:
        """Enrol it for each phone; what is enrolled already stays as it is."""
        outcomes = set()
        for phone in self._phones:
            try:
                sent = self._send(
                    phone,
                    text,
                    key=_digest("oncall", key, str(phone)),
                    sender=self._sender,
                    lane="urgent",
                    deadline_s=LATE_S,
                    even_opted_out=True,
                )
                outcomes.add("sent" if sent.created else "grouped")
            except Conflict:  # the same page with a figure that has changed meanwhile
                outcomes.add("grouped")
            except LedgerTrouble:
                raise
            except SmsqError as error:
                log.error("page refused why=%s", type(error).__name__)
                outcomes.add("refused")
        return next((word for word in ("sent", "grouped") if word in outcomes), "refused")


def key_of(told: Notification, alerts: Sequence[Alert], now: float, repeat_s: float) -> str:
    """What makes this page the same as another: an alert that begins anew, or a repeat after `repeat_s`, is none.

    Repeats are counted from the beginning of the newest alert, so that two Alertmanagers that post within seconds of
    each other count alike.
    """
    began = max(each.startsAt.timestamp() for each in alerts)
    times = int(max(0.0, now - began) // repeat_s) if repeat_s and told.status == "firing" else 0
    return _digest(told.groupKey, told.status, *sorted(each.fingerprint for each in alerts), f"{began:.0f}", str(times))


def text_of(status: str, alerts: Sequence[Alert]) -> str:
    """The text: what, how often, and the first summary, shortened to two parts.

    >>> at = datetime.fromtimestamp(0, UTC)
    >>> text_of("firing", [Alert("a", at, labels={"alertname": "SmsqNoLeader"}, annotations={"summary": "Not led."})])
    '[FIRING] SmsqNoLeader: Not led.'
    """
    counts = Counter(each.labels.get("alertname", "alert") for each in alerts)
    names = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in counts.items())
    summary = next(filter(None, (each.annotations.get("summary") for each in alerts)), "")
    word = "FIRING" if status == "firing" else "OK"
    text = tidied(" ".join(_without_phones(f"[{word}] {names}{': ' if summary else ''}{summary}").split()))
    while parts(text) > MOST_PARTS:
        text = text[: -max(2, len(text) // 20)].rstrip(" .") + "..."
    return text


def _without_phones(text: str) -> str:
    """A text with each run of seven digits and more cut to its last two: a label may hold what must not leave."""
    found, digits = [], ""
    for char in f"{text}\0":
        if char.isdigit():
            digits += char
            continue
        found.append(digits if len(digits) < 7 else f"..{digits[-2:]}")
        found.append(char)
        digits = ""
    return "".join(found).removesuffix("\0")


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Alerts:
    """The endpoint `/alerts`: answers with problem details (RFC 9457) if nothing was paged and something is wrong."""

    def __init__(self, key: str, pager: Pager, count: Callable[[str], None], in_thread: Callable[..., Any]) -> None:
        self._key = key.encode()
        self._pager = pager
        self._count = count
        self._in_thread = in_thread
        self._refused = BoundedLog(lambda why, many: log.warning("alerts refused why=%s many=%d", why, many))

    def look(self) -> None:
        """Tell how many more were refused; call it now and then."""
        self._refused.look()

    async def __call__(self, request: Request) -> Response:
        """Answer one notification."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._key):
            return self._problem(401, "the key is missing or wrong", {"WWW-Authenticate": "Bearer"})
        body = await _body(request)
        if body is None:
            return self._problem(413, f"more than {MAX_BODY} bytes")
        try:
            told = _READER.decode(body)
        except msgspec.DecodeError as error:  # a sentence about types and places, without values
            return self._problem(400, f"not a notification of Alertmanager, version 4: {error}")
        try:
            outcome = await self._in_thread(self._pager.page, told)
        except LedgerTrouble as error:
            self._count("failed")
            return self._problem(503, f"not paged: {error.sentence}", {"Retry-After": "5"})
        self._count(outcome)
        log.info("alerts taken alerts=%d status=%s outcome=%s", len(told.alerts), told.status, outcome)
        return Response(msgspec.json.encode({"outcome": outcome}), media_type="application/json")

    def _problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
        self._refused.note(detail)
        body = msgspec.json.encode({"type": "about:blank", "title": TITLES[status], "status": status, "detail": detail})
        return Response(body, status, headers, media_type="application/problem+json")


TITLES = {400: "Bad Request", 401: "Unauthorized", 413: "Content Too Large", 503: "Service Unavailable"}


async def _body(request: Request) -> bytes | None:
    """The whole body, None if it is longer than we take; what was cut off is not JSON any more."""
    found = b""
    try:
        async for piece in request.stream():
            found += piece
            if len(found) > MAX_BODY:
                return None
    except ClientDisconnect:
        return b""
    return found
