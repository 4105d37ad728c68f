"""A campaign over time, as a picture for a terminal: what left and what became final in each minute, hour or day.

Only the counts of each minute are kept. A gap is shown as a gap: that is where a campaign stood still. A bar is drawn
for any width; without colours, or with plain letters, if the terminal wants it so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from smsq.producers.progress import DUMB, NEVER_LEFT, UNSENT
from smsq.producers.report import REJECTED, iso
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.status import FINAL_STATUSES

MINUTE = 60
# Seconds of a line, and how its beginning is written.
STEPS: Final = (
    (MINUTE, "%H:%M"),
    (5 * MINUTE, "%H:%M"),
    (15 * MINUTE, "%d %b %H:%M"),
    (60 * MINUTE, "%d %b %H:%M"),
    (180 * MINUTE, "%d %b %H:%M"),
    (720 * MINUTE, "%d %b %H:%M"),
    (1440 * MINUTE, "%d %b"),
    (7 * 1440 * MINUTE, "%d %b"),
)
MOST_LINES = 30
LEAST_BAR, LONGEST_BAR = 4, 60
_STAYED: Final = frozenset({*UNSENT, *NEVER_LEFT, *REJECTED})
BLOCKS, PLAIN = "█▏▎▍▌▋▊▉", "#"
LEFT_COLOUR, FINAL_COLOUR = "36", "32"


class Timeline:
    """Messages by the minute in which they left and in which they became final."""

    def __init__(self) -> None:
        self.left: Counter[int] = Counter()
        self.final: Counter[int] = Counter()

    def of(self, receipts: Iterable[Receipt]) -> Timeline:
        """The same, with these rows added."""
        for receipt in receipts:
            self.add(receipt)
        return self

    def add(self, receipt: Receipt) -> None:
        """Count one row, if it ever left."""
        if receipt.status in _STAYED or not receipt.submitted_at:
            return
        self.left[receipt.submitted_at // MINUTE] += 1
        if receipt.status in FINAL_STATUSES and receipt.status_at:
            self.final[receipt.status_at // MINUTE] += 1

    def steps(self, most: int = MOST_LINES) -> tuple[int, str, list[tuple[int, int, int]]]:
        """The shortest step that needs at most so many lines: its seconds, its form, and (beginning, left, final)."""
        minutes = self.left.keys() | self.final.keys()
        if not minutes:
            return MINUTE, "%H:%M", []
        first, last = min(minutes) * MINUTE, max(minutes) * MINUTE
        offset = _offset(first)
        step, form = next(((step, form) for step, form in STEPS if (last - first) / step < most - 1), STEPS[-1])
        left, final = (_gathered(counts, step, offset) for counts in (self.left, self.final))
        begin = (first + offset) // step * step - offset
        return step, form, [(at, left[at], final[at]) for at in range(begin, last + 1, step)]

    def as_object(self) -> dict[str, Any]:
        """For machines: every step, gaps too."""
        step, _, rows = self.steps()
        return {
            "step_s": step,
            "steps": [{"from": iso(at), "left": left, "final": final} for at, left, final in rows],
        }

    def lines(self, width: int, *, is_plain: bool = False, is_coloured: bool = False) -> Iterator[str]:
        """The picture in so many columns; `is_plain` for a terminal or an encoding that has no blocks."""
        step, form, rows = self.steps()
        if not rows:
            yield "nothing has left yet"
            return
        most = max(max(left, final) for _, left, final in rows)
        digits = len(str(most))
        label = max(len(_moment(at, form)) for at, _, _ in rows)
        bar = min(LONGEST_BAR, max(LEAST_BAR, (width - label - 2 * digits - 8) // 2))
        yield f"{'':<{label}}  {f'left, each {_spoken(step)}':<{digits + 1 + bar}}  final"
        for at, left, final in rows:
            drawn = [_bar(many, most, bar, is_plain=is_plain) for many in (left, final)]
            if is_coloured:
                drawn = [f"\x1b[{colour}m{each}\x1b[0m" for each, colour in
                         zip(drawn, (LEFT_COLOUR, FINAL_COLOUR), strict=True)]  # fmt: skip
            yield f"{_moment(at, form):<{label}}  {left:>{digits}} {drawn[0]}  {final:>{digits}} {drawn[1]}".rstrip()


def _offset(at: float) -> int:
    """How far this machine's clock is from UTC, so that days begin at its midnight."""
    offset = datetime.fromtimestamp(at).astimezone().utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _gathered(counts: Mapping[int, int], step: int, offset: int) -> Counter[int]:
    found: Counter[int] = Counter()
    for minute, many in counts.items():
        found[(minute * MINUTE + offset) // step * step - offset] += many
    return found


def _moment(at: int, form: str) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime(form)


def _spoken(step: int) -> str:
    for unit, name in ((7 * 86_400, "week"), (86_400, "day"), (3600, "hour"), (60, "minute")):
        if step % unit == 0:
            many = step // unit
            return name if many == 1 else f"{many} {name}s"
    return f"{step} seconds"


def _bar(many: int, most: int, width: int, *, is_plain: bool) -> str:
    """A bar of at most `width` columns; a little more than nothing is not nothing."""
    if is_plain:
        return (PLAIN * max(1 if many else 0, many * width // most)).ljust(width)
    eighths = max(1 if many else 0, many * width * 8 // most)
    whole, part = divmod(eighths, 8)
    return (BLOCKS[0] * whole + (BLOCKS[part] if part else "")).ljust(width)


def draws_plainly(environ: Mapping[str, str], encoding: str) -> bool:
    """Whether a terminal or an encoding has no blocks."""
    try:
        BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return environ.get("TERM", "") in DUMB


def may_colour(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether colours are wanted: https://no-color.org has it that any value of NO_COLOR means none."""
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM", "") not in DUMB
