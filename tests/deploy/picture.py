"""Draws a committed dashboard as Grafana would place it, with values of a Prometheus: a picture to look at, as SVG.

    python -m tests.deploy.picture http://127.0.0.1:9090 overview --minutes 30 --out overview.svg

Titles, places, units, words, levels and queries are those of the file; fonts and colours are like Grafana's dark ones.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.deploy.dashboards import CHOSEN, FOLDER, board, filled
from tests.deploy.units import scaled, shown

COLUMN, ROW, GAP = 60, 38, 8  # pixels, as on a screen of 1440
PALETTE = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300")
COLOURS = {
    "green": "#73bf69", "dark-green": "#37872d", "orange": "#ff9830", "red": "#f2495c", "dark-red": "#c4162a",
    "yellow": "#fade2a", "blue": "#5794f2", "light-blue": "#8ab8ff", "purple": "#b877d9", "text": "#ccccdc",
}  # fmt: skip
POINTS = 150  # of a line


@dataclass(frozen=True, slots=True)
class Span:
    """What is shown: from when to when (Unix seconds), and for how long rates are taken."""

    begin: float
    end: float
    rate: str

    @property
    def step(self) -> float:
        return max(1.0, (self.end - self.begin) / POINTS)


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a panel: its name, and values by time; None for no number."""

    name: str
    points: list[tuple[float, float | None]]

    @property
    def last(self) -> float | None:
        return self.points[-1][1] if self.points else None


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    x: float
    y: float
    w: float
    h: float


def drawn(name: str, url: str, span: Span) -> str:
    """The dashboard of that name as SVG."""
    file = board(FOLDER / f"{name}.json")
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in file["panels"]) * ROW + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{24 * COLUMN}" height="{height}" font-family="sans-serif">',
        f'<rect width="100%" height="100%" fill="#111217"/>{text(16, 30, file["title"], 20)}',
    ]
    for panel in file["panels"]:
        place = panel["gridPos"]
        box = Box(
            place["x"] * COLUMN + GAP / 2, place["y"] * ROW + 46, place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
        )
        if panel["type"] == "row":
            parts.append(text(box.x + 4, box.y + 20, panel["title"], 15))
            continue
        inner = Box(box.x + 8, box.y + 26, box.w - 16, box.h - 32)
        parts.append(f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.w:g}" height="{box.h:g}" rx="2" fill="#181b1f"/>')
        kind = KINDS[panel["type"]]
        parts += kind(panel, [*found(panel, url, span)], inner, span)
        parts.append(text(box.x + 8, box.y + 18, panel["title"], 13))
    return "\n".join([*parts, "</svg>\n"])


def found(panel: dict[str, Any], url: str, span: Span) -> Iterator[Series]:
    """The series of a panel's queries."""
    for target in panel["targets"]:
        query = {"query": filled(target["expr"], {**CHOSEN, "$__rate_interval": span.rate})}
        if target.get("instant"):
            kind, query = "query", query | {"time": f"{span.end:.3f}"}
        else:
            times = {"start": f"{span.begin:.3f}", "end": f"{span.end:.3f}", "step": f"{span.step:g}"}
            kind, query = "query_range", query | times
        with urllib.request.urlopen(f"{url}/api/v1/{kind}?{urllib.parse.urlencode(query)}", timeout=60) as reply:
            result = json.load(reply)["data"]["result"]
        for each in result:
            values = {float(at): float(value) for at, value in each.get("values") or [each["value"]]}
            many = int((span.end - span.begin) / span.step) + 1
            steps = [span.begin + n * span.step for n in range(many)] if "values" in each else [*values]
            at = {round(moment - span.begin): value for moment, value in values.items()}
            points = [(step, number(at.get(round(step - span.begin)))) for step in steps]
            yield Series(legend(target["legendFormat"], each["metric"]), points)


def number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def legend(form: str, labels: dict[str, str]) -> str:
    """A series's name: `{{lane}}` filled; by its labels if the form is Grafana's own."""
    if form == "__auto":
        return " ".join(labels.values())
    for name, value in labels.items():
        form = form.replace("{{" + name + "}}", value)
    return form


def stat(panel: dict[str, Any], series: Sequence[Series], box: Box, span: Span) -> Iterator[str]:
    """A large value on the colour of its level."""
    defaults = panel["fieldConfig"]["defaults"]
    value = series[0].last if series else None
    words, colour = worded(defaults, value)
    back = panel["options"]["colorMode"] == "background" and colour != "text"
    if back:
        yield (
            f'<rect x="{box.x - 8:g}" y="{box.y - 26:g}" width="{box.w + 16:g}" height="{box.h + 32:g}" rx="2" '
            f'fill="{COLOURS[colour]}" fill-opacity="0.75"/>'
        )
    size = min(34.0, box.w / max(1, len(words)) * 1.6)
    yield text(box.x + box.w / 2, box.y + box.h / 2 + size / 3, words, size, anchor="middle", bold=True)


def worded(defaults: dict[str, Any], value: float | None) -> tuple[str, str]:
    """How a value is shown: its words and the name of its colour."""
    if value is None:
        return str(defaults.get("noValue", "no data")), "text"
    for mapping in defaults.get("mappings") or []:
        result = mapping["options"].get(f"{value:g}") if mapping["type"] == "value" else None
        if result:
            return result["text"], result["color"]
    colour = "text"
    for step in (defaults.get("thresholds") or {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    return shown(value, defaults.get("unit", ""), defaults.get("decimals")), colour


def timeseries(panel: dict[str, Any], series: Sequence[Series], box: Box, span: Span) -> Iterator[str]:
    """Lines over a grid with its legend below."""
    defaults = panel["fieldConfig"]["defaults"]
    rows = [*legends(series, box.w)]
    plot = Box(box.x + 68, box.y, box.w - 72, box.h - 18 - 16 * len(rows))
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    lines = [*stacked_up(series)] if stacked else [*series]
    if not any(value is not None for each in lines for _, value in each.points):
        yield text(box.x + box.w / 2, box.y + box.h / 2, "No data", 14, anchor="middle", colour="#8e8e9a")
        return
    levels = [step for step in (defaults.get("thresholds") or {}).get("steps", []) if step["value"] is not None]
    dashed = defaults["custom"].get("thresholdsStyle", {}).get("mode") == "dashed"
    most = defaults.get("max") or top(lines)
    ticks, most = scaled(most)
    for tick in ticks:
        y = plot.y + plot.h * (1 - tick / most)
        yield f'<line x1="{plot.x:g}" x2="{plot.x + plot.w:g}" y1="{y:.1f}" y2="{y:.1f}" stroke="#2c3235"/>'
        yield text(plot.x - 5, y + 4, shown(tick, defaults["unit"], None), 11, anchor="end", colour="#8e8e9a")
    for part in range(5):
        at = time.strftime("%H:%M", time.gmtime(span.begin + (span.end - span.begin) * part / 4))
        anchor = {0: "start", 4: "end"}.get(part, "middle")
        yield text(plot.x + plot.w * part / 4, plot.y + plot.h + 14, at, 11, anchor=anchor, colour="#8e8e9a")
    for step in levels if dashed else []:
        if step["value"] <= most:
            y = plot.y + plot.h * (1 - step["value"] / most)
            yield (
                f'<line x1="{plot.x:g}" x2="{plot.x + plot.w:g}" y1="{y:.1f}" y2="{y:.1f}" '
                f'stroke="{COLOURS[step["color"]]}" stroke-dasharray="6 6"/>'
            )
    colours = [*coloured(panel, series)]
    for each, colour in reversed([*zip(lines, colours, strict=True)]):
        alert = each.name == "alert above"
        yield line(each, plot, span, most, colour, 0.0 if alert else 0.35 if stacked else 0.06, dashed=alert)
    for place, row in enumerate(rows):
        y = plot.y + plot.h + 32 + 16 * place
        for x, n in row:
            yield f'<rect x="{box.x + x:g}" y="{y - 6:g}" width="12" height="3" fill="{colours[n]}"/>'
            yield text(box.x + x + 16, y, series[n].name, 12)


def stacked_up(series: Sequence[Series]) -> Iterator[Series]:
    """Each with the sum of those below it."""
    below: dict[float, float] = {}
    for each in series:
        for at, value in each.points:
            below[at] = below.get(at, 0.0) + (value or 0.0)
        yield Series(each.name, [(at, below[at]) for at, _ in each.points])


def coloured(panel: dict[str, Any], series: Sequence[Series]) -> Iterator[str]:
    """Fixed colours by name, else those of the palette in turn."""
    palette = cycle(PALETTE)
    fixed = {
        override["matcher"]["options"]: COLOURS[value["value"]["fixedColor"]]
        for override in panel["fieldConfig"]["overrides"]
        for value in override["properties"]
        if value["id"] == "color"
    }
    return (fixed.get(each.name) or next(palette) for each in series)


def legends(series: Sequence[Series], width: float, most: int = 3) -> Iterator[list[tuple[float, int]]]:
    """Rows of names: where each begins and its number; what does not fit into a few rows is not named."""
    row: list[tuple[float, int]] = []
    x, rows = 0.0, 0
    for n, each in enumerate(series):
        wide = 30 + 6.6 * len(each.name)
        if row and x + wide > width:
            yield row
            row, x, rows = [], 0.0, rows + 1
            if rows == most:
                return
        row.append((x, n))
        x += wide
    if row:
        yield row


def timeline(panel: dict[str, Any], series: Sequence[Series], box: Box, span: Span) -> Iterator[str]:
    """A bar for each series, cut where its value changes."""
    defaults = panel["fieldConfig"]["defaults"]
    high = min(26.0, box.h / max(1, len(series)))
    wide = min(box.w * 0.45, 12 + max((6.4 * len(each.name) for each in series), default=0))
    for place, each in enumerate(series):
        y = box.y + place * high
        yield text(box.x + wide - 6, y + high / 2 + 4, each.name, 11, anchor="end")
        for value, group in groupby(each.points, lambda point: point[1]):
            moments = [at for at, _ in group]
            begin, end = (
                wide + (box.w - wide) * part for part in (share(moments[0], span), share(moments[-1] + span.step, span))
            )
            if value is not None:
                yield (
                    f'<rect x="{box.x + begin:.1f}" y="{y + 2:.1f}" width="{end - begin:.1f}" height="{high - 4:.1f}" '
                    f'fill="{COLOURS[worded(defaults, value)[1]]}" fill-opacity="0.8"/>'
                )


def table(panel: dict[str, Any], series: Sequence[Series], box: Box, span: Span) -> Iterator[str]:
    """Names and values, as many as fit."""
    names = panel["transformations"][0]["options"]["renameByName"]
    yield text(box.x, box.y + 12, "  ·  ".join(names.values()), 12, colour="#6e9fff")
    defaults = panel["fieldConfig"]["defaults"]
    for place, each in enumerate(series[: int(box.h / 20) - 1], 1):
        value = worded(defaults, each.last)[0] if "Value" in names else ""
        yield text(box.x, box.y + 12 + 20 * place, f"{each.name}   {value}", 12)


KINDS = {"stat": stat, "timeseries": timeseries, "state-timeline": timeline, "table": table}


def share(at: float, span: Span) -> float:
    return min(1.0, (at - span.begin) / (span.end - span.begin))


def top(series: Sequence[Series]) -> float:
    return max((value for each in series for _, value in each.points if value is not None), default=0.0) or 1.0


def line(series: Series, box: Box, span: Span, most: float, colour: str, fill: float, *, dashed: bool) -> str:
    """A line with gaps where there is no value, and the area below it."""

    def place(at: float, value: float) -> str:
        part = min(1.0, max(0.0, value / most))
        return f"{box.x + box.w * share(at, span):.1f},{box.y + box.h * (1 - part):.1f}"

    drawing, dashes = [], ' stroke-dasharray="6 6"' if dashed else ""
    for known, group in groupby(series.points, lambda point: point[1] is not None):
        if known:
            places = [place(at, value or 0.0) for at, value in group]
            area = f"M{places[0].partition(',')[0]},{box.y + box.h:.1f}L{'L'.join(places)}V{box.y + box.h:.1f}Z"
            drawing.append(f'<path d="{area}" fill="{colour}" fill-opacity="{fill}"/>')
            drawing.append(f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}"{dashes}/>')
    return "".join(drawing)


def text(
    x: float, y: float, words: str, size: float, *, anchor: str = "start", bold: bool = False, colour: str = "#ccccdc"
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(words)}</text>"
    )


def main() -> None:
    """Draw one dashboard."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.picture", description="Draw a dashboard as SVG.")
    parser.add_argument("url", help="of Prometheus")
    parser.add_argument("name", help="of the dashboard")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", default="1m", help="for $__rate_interval")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    now = time.time()
    asked.out.write_text(
        drawn(asked.name, asked.url, Span(now - 60 * asked.minutes, now, asked.rate)), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
