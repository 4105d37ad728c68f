"""Writes every dashboard: `python -m deploy.grafana.generate [--runbook URL] [--out FOLDER]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.grafana.generate.all import FOLDER, written
from deploy.grafana.generate.frame import RUNBOOK


def main() -> None:
    """Write the files, one line for each."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.generate", description="Write the dashboards.")
    parser.add_argument("--runbook", default=RUNBOOK, metavar="URL", help="where people read docs/runbook.md")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER", help=f"instead of {FOLDER.name}/")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, text in written(asked.runbook).items():
        (asked.out / name).write_text(text, encoding="utf-8")
        print(asked.out / name)


if __name__ == "__main__":
    main()
