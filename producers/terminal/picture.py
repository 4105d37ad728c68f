"""The picture of an installation that `smsq top` draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from smsq.producers.progress import duration
from smsq.producers.report import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from smsq.producers.standing import CampaignNow, LaneNow, MirrorNow, Now

NARROW = 70  # columns; below, less is shown
BAR = 16
ALARM, WARN, GOOD, DIM = "bold red", "yellow", "green", "dim"


def drawn(picture: Now, width: int, most_campaigns: int = 20) -> RenderableType:
    """The picture for a terminal of `width` columns, with so many campaigns at most."""
    parts: list[RenderableType] = [_head(picture), *_alarms(picture), _lanes(picture.lanes, width), _money(picture)]
    if picture.mirrors is None:
        parts.append(Text("mirrors: the metrics page of this host does not answer (SMSQ_METRICS_ADDR)", style=DIM))
    elif picture.mirrors:
        parts.append(_mirrors(picture.mirrors))
    parts += _campaigns(picture.campaigns, width, most_campaigns)
    return Group(*parts)


def _head(picture: Now) -> Text:
    return Text.assemble(
        ("smsq ", "bold"),
        f"{picture.requests:.1f} requests/s · {picture.accepted:.0f} accepted/s · {picture.final:.0f} final/s",
        (f" · {picture.pending} without a status", "" if picture.pending else DIM),
    )


def _alarms(picture: Now) -> list[Text]:
    """What somebody must look at, the worst first."""
    doubles = f"{picture.doubles} messages were accepted twice" if picture.doubles else ""
    missing = f"{picture.missing_hosts} hosts are missing from the roll call" if picture.missing_hosts else ""
    countries = f", {picture.country_holds} of them whole countries" if picture.country_holds else ""
    held = f"the shield holds {picture.holds} prefixes or countries{countries}" if picture.holds else ""
    doubts = f"{picture.doubts} requests are in doubt" if picture.doubts else ""
    parked = f"{picture.parked} wait for a person: `smsq doubts list`" if picture.parked else ""
    sick = ", ".join(f"{many} {why}" for why, many in picture.sick.items())
    said = (
        (f"old picture: {picture.trouble}" if picture.trouble else "", ALARM),
        (f"halted: {picture.halted}" if picture.halted else "", ALARM),
        (missing if not picture.halted else "", ALARM),
        (doubles, ALARM),
        ("" if picture.is_led else "no scheduler leads", ALARM),
        (picture.back_off, WARN),
        (f"processes that cannot send: {sick}" if sick else "", WARN),
        ("; ".join(filter(None, (doubts, parked))), WARN),
        (held, ALARM if picture.country_holds else WARN),
    )
    return [Text(printable(line), style=style) for line, style in said if line]


def _table(*columns: str) -> Table:
    """A table without lines: the first column to the left, numbers to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=DIM, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def _lanes(lanes: Sequence[LaneNow], width: int) -> Table:
    is_wide = width >= NARROW
    columns = ("lane", "up", "queued", "ready", "sending", "doubtful", "oldest")
    table = _table(*columns) if is_wide else _table("lane", "up", "queued", "oldest")
    for lane in lanes:
        up = Text(str(lane.processes), style=ALARM if not lane.processes or lane.ails else "")
        if lane.ails:
            up.append(f" ({lane.ails})")
        oldest = Text(duration(lane.oldest_s) if lane.oldest_s else "", style=WARN if lane.oldest_s > 60 else "")
        cells: list[RenderableType] = [lane.name, up, _number(lane.queued)]
        if is_wide:
            cells += [_number(lane.ready), _number(lane.sending), Text(_number(lane.doubtful), style=WARN)]
        table.add_row(*cells, oldest)
    return table


def _number(many: int) -> str:
    return str(many) if many else ""


def _money(picture: Now) -> Text:
    """Balance, what the queue will cost, and the ledger's memory."""
    line = Text()
    if picture.balance is not None:
        is_short = picture.queued_cost is not None and picture.queued_cost > picture.balance
        cost = "" if picture.queued_cost is None else f", queued messages cost about {picture.queued_cost:.2f}"
        line.append(f"balance {picture.balance:.2f}{cost}", style=ALARM if is_short else "")
    elif picture.queued_cost:
        line.append(f"queued messages cost about {picture.queued_cost:.2f}")
    if picture.memory is not None:
        of = f" of {size(picture.memory_limit)}" if picture.memory_limit else ""
        is_full = picture.memory_limit and picture.memory > 0.8 * picture.memory_limit
        line.append(" · " if line else "")
        line.append(f"ledger {size(picture.memory)}{of}", style=ALARM if is_full else "")
    return line


def size(count: int) -> str:
    """Bytes for people.

    >>> size(900), size(3_200_000), size(70 * 10**9)
    ('900 B', '3.2 MB', '70.0 GB')
    """
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _mirrors(mirrors: Sequence[MirrorNow]) -> Table:
    table = _table("mirror", "state", "sends/s", "took")
    for mirror in mirrors:
        state = Text("up", style=GOOD) if mirror.is_up else Text("down", style=ALARM)
        took = f"{mirror.seconds * 1000:.0f} ms" if mirror.seconds is not None else ""
        table.add_row(printable(mirror.name), state, f"{mirror.requests:.1f}" if mirror.requests else "", took)
    return table


def _campaigns(campaigns: Sequence[CampaignNow], width: int, most: int) -> list[RenderableType]:
    if not campaigns:
        return [Text("no campaign runs", style=DIM)]
    is_wide = width >= NARROW
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(5 if is_wide else 3):
        table.add_column(no_wrap=True, overflow="ellipsis")
    shown = sorted(campaigns, key=lambda each: each.rate, reverse=True)[:most]
    parts: list[RenderableType] = [table]
    for each in shown:
        share = f"{each.left}/{each.messages}"
        name = Text(f"{each.id} {printable(each.name)}", style="bold", overflow="ellipsis", no_wrap=True)
        name.truncate(max(8, width // 3), overflow="ellipsis")
        state = Text(each.state, style=WARN if each.state == "paused" else "")
        if is_wide:
            bar = ProgressBar(total=max(1, each.messages), completed=each.left, width=BAR)
            table.add_row(name, state, bar, share, f"{each.rate:.0f}/s" if each.rate else "")
        else:
            table.add_row(name, state, share)
    said = [f"{each.id} waits: {each.waits}" for each in shown if each.waits]
    parts += [Text(printable(line), style=WARN) for line in said]
    if len(campaigns) > most:
        parts.append(Text(f"and {len(campaigns) - most} more: `smsq campaign list`", style=DIM))
    return parts
