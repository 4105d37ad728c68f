"""get.php: the history of what a caller sent, out of our ledger; nothing comes in through us, so answers are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from smsq.producers.web.front_door.callers import Caller
from smsq.producers.web.front_door.connection import Answer
from smsq.producers.web.front_door.statuses import Known, told_of
from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.http.server import shapes
from smsq.worker.gateway.http.server.form import Form
from smsq.worker.gateway.http.server.lists import HistoryRequest, read_get, write_history, write_nothing
from smsq.worker.gateway.http.server.statuses import Told

MAIL = 8

Listed = tuple[int, str]  # a message's number and the caller's id


class Past:
    """Answers requests for history; `listed` and `find` are the ledger's and block."""

    def __init__(
        self,
        listed: Callable[[str, str], Sequence[Listed]],
        find: Callable[[Sequence[int]], list[Known | None]],
        keep_days: int,
        now: Callable[[], float],
    ) -> None:
        self._listed = listed
        self._find = find
        self._keep_days = keep_days
        self._now = now

    def answer(self, form: Form, caller: Caller) -> Answer:
        """Answer one request. Raises FormError, LedgerTrouble."""
        request = read_get(form)
        content_type = shapes.content_type(request.fmt, request.charset)
        if not isinstance(request, HistoryRequest):
            return Answer(body=write_nothing(request.fmt, request.charset), content_type=content_type)
        told = self._page(request, caller)
        return Answer(body=write_history(told, request.charset, request.fmt), content_type=content_type)

    def _page(self, request: HistoryRequest, caller: Caller) -> list[Told]:
        """The next rows behind `prev_id`, in the order of their numbers."""
        page: list[Told] = []
        for day in self._days(request):
            rows = [row for row in self._listed(caller.name, f"{day:%Y-%m-%d}") if row[0] > request.prev_id]
            for start in range(0, len(rows), request.count):
                part = rows[start : start + request.count]
                found = self._find([number for number, _ in part])
                for (_, given), each in zip(part, found, strict=True):
                    if each is None or not _is_wanted(request, told := _told(each, given)):
                        continue
                    page.append(told)
                    if len(page) >= request.count:
                        return page
        return page

    def _days(self, request: HistoryRequest) -> list[date]:
        today = datetime.fromtimestamp(self._now(), MOSCOW).date()
        oldest = today - timedelta(days=self._keep_days)
        first, last = max(request.start or oldest, oldest), min(request.end or today, today)
        return [first + timedelta(days=day) for day in range((last - first).days + 1)]


def _told(found: Known, given: str) -> Told:
    return told_of(found, int(given) if given.isdigit() else given, found.receipt.phone.removeprefix("+"))


def _is_wanted(request: HistoryRequest, told: Told) -> bool:
    if request.recipients and told.phone not in request.recipients:
        return False
    return request.is_mail is None or request.is_mail == (told.type == MAIL)
