"""Progress of a campaign: counts by status, the rate, the time left and the cost.

On a terminal it is redrawn in place; elsewhere it is a line every few seconds, or every minute while nothing changes.
Looking changes nothing: the campaign
goes on when the reader stops.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, TextIO

from smsq.producers import waits
from smsq.producers.moments import plain
from smsq.producers.report import printable
from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BadCredentials, BadInput, LedgerUnreachable
from smsq.worker.ledger.views import CampaignView

if TYPE_CHECKING:
    from rich.table import Table

LOOK_EVERY_S = 0.5
LINE_EVERY_S = 5.0
SAME_EVERY_S = 60.0  # a line that says what the last one said
RATE_OVER_S = 20.0  # the rate is that of the last so many seconds
DUMB = ("dumb", "unknown", "")  # terminals that cannot draw over what they have shown
PATIENCE_S = 10.0  # a log-in that is refused for so long stays refused
GOOD = ("delivered", "read", "clicked")
BAD = ("expired", "undeliverable", "refused", "late")
CANCELLED = ("cancelled",)  # by a person: no failure
LEFT_OUT = ("optout", "blocked", "capped")  # as their recipients or our own rules want it: no failure either
UNSENT = ("queued", "sending")
NEVER_LEFT = ("cancelled", "late", "optout", "blocked", "capped")


class ReadSide(waits.ReadSide, Protocol):
    """What progress needs of the ledger's read side."""

    def campaign(self, campaign_id: str) -> CampaignView | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A campaign at one moment."""

    view: CampaignView
    rate: float  # messages per second that left
    left_s: float | None  # until all have left, None if that cannot be told
    waits: str  # why nothing of it is sent now, '' if something is or may be

    def count(self, *names: str) -> int:
        """How many messages have one of these statuses."""
        return sum(self.view.statuses.get(name, 0) for name in names)

    @property
    def messages(self) -> int:
        """Rows that are messages."""
        return self.view.messages

    @property
    def left(self) -> int:
        """Messages that have left, whatever their status."""
        return self.messages - self.count(*UNSENT, *NEVER_LEFT)

    @property
    def left_said(self) -> str:
        """How long until all have left, or that they have and statuses are still missing."""
        if not self.messages or self.count(*UNSENT):
            return f"left {duration(self.left_s)}"
        sent = "the rest is cancelled" if self.count(*CANCELLED) else "all sent"
        return sent if self.view.is_over else f"{sent}, waiting for statuses"

    def line(self) -> str:
        """All of it in one line."""
        said = [f"{self.view.id} {self.view.standing}"]
        said += [f"{name} {self.count(*names)}/{self.messages}" for name, names in (("delivered", GOOD),)]
        counts = (("queued", UNSENT), ("sent", ("accepted",)), ("failed", BAD), ("doubtful", ("doubtful",)))
        said += [f"{name} {self.count(*names)}" for name, names in (*counts, ("parked", ("parked",)))]
        said += [f"cancelled {self.count(*CANCELLED)}"] if self.count(*CANCELLED) else []
        said += [f"left out {self.count(*LEFT_OUT)}"] if self.count(*LEFT_OUT) else []
        said += [f"{self.rate:.0f}/s", self.left_said, f"cost {plain(self.view.cost)}"]
        return " · ".join(said) + (f" · {self.waits}" if self.waits else "")


class Watch:
    """Looks at one campaign again and again."""

    def __init__(self, read_side: ReadSide, campaign_id: str, clock: Clock, parallel: int) -> None:
        self._read_side = read_side
        self._parallel = parallel
        self._id = campaign_id
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()
        self._refused_since: float | None = None
        self._last: CampaignView | None = None

    def look(self) -> Picture:
        """The campaign now. Raises BadCredentials if the gateway goes on refusing the log-in."""
        try:
            view = self._read_side.campaign(self._id)
            reason = self._why(view) if view is not None else ""
        except LedgerUnreachable as error:
            if self._last is None:
                raise
            view, reason = self._last, error.sentence
        if view is None:
            raise BadInput(
                f"there is no campaign {self._id}, or it is no longer kept; `smsq campaign list` shows what there is"
            )
        self._last = view
        left = view.messages - sum(view.statuses.get(name, 0) for name in (*UNSENT, *NEVER_LEFT))
        rate = self._rate(left)
        unsent = sum(view.statuses.get(name, 0) for name in UNSENT)
        left_s = unsent / rate if rate > 0 else (0.0 if not unsent else None)
        return Picture(view=view, rate=rate, left_s=left_s, waits=reason)

    def _rate(self, left: int) -> float:
        now = self._clock.monotonic()
        self._seen.append((now, left))
        while now - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        (then, before), took = self._seen[0], now - self._seen[0][0]
        return (left - before) / took if took > 0 and then < now else 0.0

    def _why(self, view: CampaignView) -> str:
        if view.is_over:
            return ""
        self._give_up_on_login(self._read_side.brakes().halted)
        return waits.why(self._read_side, view, self._clock.now(), self._parallel)

    def _give_up_on_login(self, halted: str) -> None:
        if halted != "login":
            self._refused_since = None
            return
        now = self._clock.monotonic()
        self._refused_since = self._refused_since or now
        if now - self._refused_since > PATIENCE_S:
            raise BadCredentials(f"nothing is lost, but {waits.halt(halted)}", code=2)


def follow(
    watch: Watch,
    out: TextIO | None = None,
    *,
    clock: Clock,
    line_every_s: float = LINE_EVERY_S,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Picture:
    """Show progress until the campaign is over or `is_wanted` returns False; return the last picture."""
    out = out or sys.stderr
    is_live = out.isatty() and os.environ.get("TERM", "dumb") not in DUMB
    if is_live and find_spec("rich") is not None:  # it is installed with workers
        return _redrawn(watch, out, clock, is_wanted)
    return _lines(watch, out, clock, line_every_s, is_wanted)


def _lines(watch: Watch, out: TextIO, clock: Clock, every_s: float, is_wanted: Callable[[], bool]) -> Picture:
    said, said_at = "", float("-inf")
    while True:
        picture = watch.look()
        is_last = picture.view.is_over or not is_wanted()
        line = picture.line()
        if is_last or clock.monotonic() - said_at >= (every_s if line != said else SAME_EVERY_S):
            said, said_at = line, clock.monotonic()
            out.write(line + "\n")
            out.flush()
        if is_last:
            return picture
        clock.wait(LOOK_EVERY_S)


def _redrawn(watch: Watch, out: TextIO, clock: Clock, is_wanted: Callable[[], bool]) -> Picture:
    from rich.console import Console
    from rich.live import Live

    picture = watch.look()
    console = Console(file=out)
    with Live(_table(picture, console.width), console=console, auto_refresh=False, transient=False) as live:
        while not picture.view.is_over and is_wanted():
            clock.wait(LOOK_EVERY_S)
            picture = watch.look()
            live.update(_table(picture, console.width), refresh=True)
    return picture


def _table(picture: Picture, width: int) -> Table:
    """The picture in `width` columns: the bar is shortened first, then long values go on the next line."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    view = picture.view
    ended = picture.count(*GOOD, *BAD, *CANCELLED, *LEFT_OUT, "parked")
    counted = f"{ended}/{picture.messages}"
    bar = max(4, min(40, width - len(counted) - 4))
    grid = Table.grid(padding=(0, 2))
    grid.add_row(Text(f"campaign {view.id} {printable(view.name)}", style="bold"), view.standing)
    grid.add_row(ProgressBar(total=max(1, picture.messages), completed=ended, width=bar), counted)
    for name, style, names in _LINES:
        count = picture.count(*names)
        if names in (CANCELLED, LEFT_OUT) and not count:
            continue
        grid.add_row(Text(name, style=style if count else "dim"), str(count))
    grid.add_row("rate", f"{picture.rate:.0f}/s")
    grid.add_row("time left", picture.left_said.removeprefix("left "))
    grid.add_row("cost", plain(view.cost))
    if picture.waits:
        grid.add_row(Text("waits", style="yellow"), printable(picture.waits))
    return grid


_LINES = (
    ("queued", "cyan", UNSENT),
    ("sent", "blue", ("accepted",)),
    ("delivered", "green", GOOD),
    ("failed", "red", BAD),
    ("cancelled", "dim", CANCELLED),
    ("left out", "dim", LEFT_OUT),
    ("doubtful", "yellow", ("doubtful",)),
    ("parked", "magenta", ("parked",)),
)


def duration(seconds: float | None) -> str:
    """A time for people.

    >>> duration(4), duration(75), duration(7300), duration(None)
    ('4 s', '1 min 15 s', '2 h 1 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
