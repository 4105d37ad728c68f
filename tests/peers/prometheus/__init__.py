"""Prometheus, Alertmanager and their tools: those on the `PATH`, else Debian's packages, unpacked and not installed.

`python -m tests.peers.prometheus` prints the folder of the programs.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.peers import debian
from tests.peers.debian import NotHere

__all__ = ["NotHere", "alertmanager", "folder", "program"]

PACKAGES = ("prometheus", "prometheus-alertmanager")
TEMPLATES = b"/usr/share/prometheus/alertmanager"  # where Debian's Alertmanager insists on finding its own


def program(name: str) -> str:
    """The path of `prometheus`, `promtool` or `amtool`; raises NotHere."""
    return shutil.which(name) or str(folder() / name)


def alertmanager() -> tuple[str, Path | None]:
    """The path of Alertmanager, and the folder to start it in if that matters; raises NotHere."""
    installed = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
    return (installed, None) if installed else (str(_movable(folder())), folder().parents[1])


def _movable(programs: Path) -> Path:
    """A copy that looks for its templates below the current folder: the same bytes, but for the place of a slash."""
    copy = programs / "alertmanager"
    if not copy.exists():
        relative = TEMPLATES[1:] + b"/"
        new = programs / f"alertmanager.{os.getpid()}"
        new.write_bytes((programs / "prometheus-alertmanager").read_bytes().replace(TEMPLATES, relative))
        new.chmod(0o755)
        new.replace(copy)
    return copy


def folder() -> Path:
    """The folder of Debian's programs, fetched if they are not there yet; raises NotHere."""
    return debian.unpacked("prometheus", PACKAGES, " ".join(PACKAGES)) / "usr" / "bin"
