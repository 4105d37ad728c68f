"""Lists of history as evidence of absence: one whole list decides all doubts that began before it.

A list counts from the moment before its first page, and only if every page was read whole, up to the answer without
rows. Before it begins, the same mirror must show the control in its history, and the list must show it again:
messages accepted earlier are on the following pages. What a list shows is merged like any other fact.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum

from smsq.worker.domain.recipient import Recipient
from smsq.worker.gateway.http import HISTORY_PATH, client_forms
from smsq.worker.gateway.http.listing import ListedPage, read_page
from smsq.worker.ledger.batches.asking import Control
from smsq.worker.questions import Means, Pair
from smsq.worker.questions.asker import Asker
from smsq.worker.questions.exchange import ask_mirror
from smsq.worker.questions.history import PAGE, day_of
from smsq.worker.questions.permits import may_ask, note_error, permit, places
from smsq.worker.transports import MAX_PAGE

log = logging.getLogger(__name__)

MOST_PAGES = 200  # of one list; if more was sent since the oldest doubt, only questions are used
CLOCKS_APART_S = 600.0  # by which our clock and the gateway's may differ
KEPT_MINUTES = 10  # a list stays true for its moment; later lists replace it
LEAST_OLD_ROWS = 100  # on one page, all older than the oldest doubt: the rows after them are older still
DAY = timedelta(days=1)  # more on each side, since days are in the account's time zone


class NotListed(Enum):
    """Why there is no list."""

    LATER = "another list is being read, or the minute of the last is not over"
    NOTHING = "history proves nothing here: it cannot be read whole"
    UNSEEN = "it does not show the comment of the control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Everything that the history of one mirror shows as accepted since a moment."""

    mirror: str
    since: float  # Unix seconds
    asked_at: float  # Redis' time before its first page
    began: float  # the same by this process' monotonic clock
    control_at: float  # when the control that it shows was accepted
    shown: frozenset[Pair] = field(repr=False)
    unsaid: Mapping[Recipient | None, int] = field(default_factory=dict, repr=False)  # as `ListedPage` has it

    def may_hold_a_part(self, recipient: Recipient, since: float) -> bool:
        """Whether it shows a message to this recipient, sent since then, that no comment explains.

        The comment stands in the last part: a message of which only others arrived is shown without it.
        """
        youngest = max(self.unsaid.get(recipient, 0), self.unsaid.get(None, 0))
        return youngest >= since - CLOCKS_APART_S


class Lists:
    """The lists of one worker process; each serves all doubts that began before it."""

    def __init__(self, means: Means, asker: Asker) -> None:
        self._means = means
        self._asker = asker
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, bool], Listing] = {}
        self._useless: dict[tuple[str, bool], tuple[float, NotListed]] = {}  # until when, and why

    def of(
        self,
        mirror: str,
        *,
        since: float,
        covers: float,
        after: float,
        began: float = 0.0,
        is_said: bool = False,
    ) -> Listing | NotListed:
        """A list of what `mirror` accepted from `covers` on, read no earlier than `after` (Unix seconds).

        Nor earlier than `began` by this process' monotonic clock. If it has to be read, it begins at `since` and may
        serve other doubts too. With `is_said` its control is a message that only its comment names as ours.
        """
        now = self._means.clock.monotonic()
        kept = self._kept.get((mirror, is_said))
        if kept is not None and now - kept.began > KEPT_MINUTES * self._minute_s:
            self._kept.pop((mirror, is_said), None)
        elif kept is not None and kept.since <= covers and kept.asked_at >= after and kept.began >= began:
            return kept
        useless_until, why = self._useless.get((mirror, is_said), (0.0, NotListed.NOTHING))
        if now < useless_until:
            return why
        if not self._lock.acquire(blocking=False):
            return NotListed.LATER
        try:
            return self._make(mirror, since, is_said=is_said)
        finally:
            self._lock.release()

    @property
    def _minute_s(self) -> float:
        return self._means.settings.mass_ask_every_s

    def _make(self, mirror: str, since: float, *, is_said: bool) -> Listing | NotListed:
        control = self._means.ledger.control_message(self._means.settings.visible_s, is_said=is_said)
        limits = {f"history:{mirror}": (1, self._minute_s)}
        if not may_ask(self._means):
            return NotListed.LATER
        with permit(self._means, "list", 1, limits) as may:
            if not may:
                return NotListed.LATER
            try:
                if control is None:
                    raise _ProvesNothing("nothing was ever accepted that it should show")
                made = _Reading(self._means, self._asker, mirror, control).read(since)
            except _ProvesNothing as why:
                log.info("history proves nothing mirror=%s why=%s", mirror, why)
                because = NotListed.UNSEEN if is_said and isinstance(why, _Unseen) else NotListed.NOTHING
                self._useless[mirror, is_said] = self._means.clock.monotonic() + self._minute_s, because
                return because
        self._kept[mirror, is_said] = made
        log.info("history listed mirror=%s messages=%d", mirror, len(made.shown))
        return made


class _ProvesNothing(Exception):
    """No list can be read here now."""


class _Unseen(_ProvesNothing):
    """The control is not shown: of messages that are known by their comments, perhaps none will ever be."""


class _Reading:
    """A list that is being read."""

    def __init__(self, means: Means, asker: Asker, mirror: str, control: Control) -> None:
        self._means = means
        self._asker = asker
        self._mirror = mirror
        self._control = control
        self._control_seen = 0.0

    def read(self, since: float) -> Listing:
        """Read all pages; raises _ProvesNothing if one is missing or broken, or if the control is missing."""
        oldest = min(since, self._control.accepted_at)
        start = day_of(oldest) - DAY
        self._look_for_control()
        asked_at, began = self._means.ledger.time(), self._means.clock.monotonic()
        shown: set[Pair] = set()
        unsaid: dict[Recipient | None, int] = {}
        before: ListedPage | None = None
        for _ in range(MOST_PAGES):
            if self._means.clock.monotonic() - self._control_seen > self._means.settings.mass_ask_every_s:
                self._look_for_control()
            page = self._page(start, before.last_int_id if before is not None else None)
            shown.update(page.shown)
            for recipient, sent_at in page.unsaid.items():
                unsaid[recipient] = max(unsaid.get(recipient, 0), sent_at)
            if before is not None and page.count:
                _check_order(before, page)
            if not page.count or _is_all_older(page, oldest - CLOCKS_APART_S):
                break
            before = page
        else:
            raise _ProvesNothing(f"there is more than {MOST_PAGES} pages of it")
        if (self._control.gateway_id, self._control.phone) not in shown:
            raise _ProvesNothing("the list lacks the control")
        return Listing(
            mirror=self._mirror,
            since=since,
            asked_at=asked_at,
            began=began,
            control_at=self._control.accepted_at,
            shown=frozenset(shown),
            unsaid=unsaid,
        )

    def _look_for_control(self) -> None:
        """Check that the mirror shows the control: messages show in the order of acceptance, so earlier ones do too."""
        seen = self._means.clock.monotonic()
        page = self._page(day_of(self._control.accepted_at) - DAY, None, self._control.phone)
        if (self._control.gateway_id, self._control.phone) not in page.shown:
            raise _Unseen("it does not show the control")
        self._control_seen = seen

    def _page(self, start: date, prev_id: int | None, phone: int | None = None) -> ListedPage:
        means = self._means
        end = day_of(means.clock.now()) + DAY
        body = client_forms.history(means.login, start, end, prev_id=prev_id, count=PAGE, phone=phone)
        if not may_ask(means):
            raise _ProvesNothing("questions are paused")
        with permit(
            means, "ask", places(means.settings.parallel_asks), {}, patience_s=means.settings.read_timeout_s
        ) as may:
            reply = ask_mirror(means, self._mirror, HISTORY_PATH, body, max_reply=MAX_PAGE) if may else None
        if reply is None:
            raise _ProvesNothing("no whole answer came")
        page = read_page(reply.status, reply.body)
        (means.mirrors.unknown if page.trouble and page.error is None else means.mirrors.good)(self._mirror)
        if page.error is not None:
            note_error(means, "history", page.error)
        if page.trouble:
            raise _ProvesNothing(page.trouble)
        self._asker.learn_page(reply.status, reply.body)
        return page


def _check_order(before: ListedPage, page: ListedPage) -> None:
    """Check that a page continues the one before it, in the same order; raises _ProvesNothing."""
    step = page.first_int_id - before.last_int_id
    directions = {each.is_descending for each in (before, page) if each.count > 1}
    if step == 0 or len(directions | {step < 0}) > 1:
        raise _ProvesNothing("its pages do not join")


def _is_all_older(page: ListedPage, than: float) -> bool:
    """Whether the newest rows come first and this page is older than everything that is wanted."""
    return page.is_descending and page.count >= LEAST_OLD_ROWS and page.newest < than
