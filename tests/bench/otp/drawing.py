"""The picture: how many codes arrived within which time, idle and beside campaigns, in the same scales.

Runs in an environment of its own that has matplotlib: `python drawing.py SAMPLES.json PICTURE.svg`. The same samples
draw the same file. The scale upwards is of the tail, so that one code in a hundred, and in a thousand, can be seen.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "smsq",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)

import matplotlib.pyplot as plt  # noqa: E402 - after the settings

COLOURS = {
    "ours": "#c1121f",
    "otp": "#e58a8f",
    "together": "#7b2d8b",
    "dramatiq": "#3a6ea5",
    "celery": "#3c8a4b",
    "huey": "#b07a12",
}
STEPS = [0, 50, 90, 95, 99, 99.9]
MARKS = {1: "1 ms", 10: "10 ms", 100: "100 ms", 1000: "1 s", 10000: "10 s"}
BETWEEN = [3, 30, 300, 3000]
TITLES = {"idle": "Idle", "loaded": "While campaigns of 1,000,000 run flat out"}
DOTS = 160  # along a line
DEEPEST = 3.4  # on the scale upwards: all but one in 2,500


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.6), sharey=True, sharex=True)
    for panel, situation in zip(panels, ("idle", "loaded"), strict=True):
        for name, program in told["programs"].items():
            if not program[situation]:
                continue
            wide = name == "ours"
            panel.plot(
                *line(program[situation]),
                color=COLOURS[name],
                linewidth=2.4 if wide else 1.6,
                zorder=3 if wide else 2,
                label=program["label"],
            )
        if situation == "loaded" and "ours" in told["programs"]:
            mine = told["programs"]["ours"]
            panel.plot(
                *line(mine["idle"]), color=COLOURS["ours"], linewidth=1.2, linestyle=":", label=f"{mine['label']}, idle"
            )
        panel.set_title(TITLES[situation].replace("1,000,000", f"{told['rows']:,}"), fontsize=11)
        dress(panel)
    panels[0].set_ylabel("share of codes that had arrived")
    for panel in panels:
        panel.set_xlabel("from the call to the gateway")
    lines, labels = panels[-1].get_legend_handles_labels()
    figure.legend(lines, labels, loc="lower center", ncols=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1), w_pad=2.5)
    figure.savefig(sys.argv[2], metadata={"Date": None})


def line(readings: list[float | None]) -> tuple[list[float], list[float]]:
    """Milliseconds, and how deep in the tail they stand; a code that never came (None) keeps the line from its end."""
    ordered = sorted(each for each in readings if each is not None)
    many = len(readings)
    ranks = sorted({int(many * (1 - 10 ** (-DEEPEST * n / DOTS))) for n in range(DOTS + 1)})
    ranks = [rank for rank in ranks if rank < len(ordered)]
    return [ordered[rank] for rank in ranks], [depth(100 * rank / many) for rank in ranks]


def depth(per_cent: float) -> float:
    """Where a share stands on the scale upwards: 0 for none, 1 for nine in ten, 2 for all but one in a hundred."""
    return -math.log10(1 - per_cent / 100)


def dress(panel: plt.Axes) -> None:
    """Scales and marks of a panel."""
    panel.set_xscale("log")
    panel.set_xticks(list(MARKS), list(MARKS.values()))
    panel.set_xticks(BETWEEN, [str(ms) if ms < 1000 else f"{ms // 1000} s" for ms in BETWEEN], minor=True)
    panel.tick_params(axis="x", which="minor", labelsize=8, labelcolor="#777777")
    panel.set_yticks([depth(step) for step in STEPS], [f"{step:g} %" for step in STEPS])
    panel.set_ylim(0, DEEPEST)
    panel.grid(which="both", color="#e4e4e4", linewidth=0.8)
    panel.set_axisbelow(True)


if __name__ == "__main__":
    main()
