"""The table of the dashboards, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.grafana.generate import campaigns, codes, gateway, overview, servers
from deploy.grafana.generate.frame import RUNBOOK, Page, text_of

FOLDER: Final = Path(__file__).parents[1] / "dashboards"
PAGES: Final[tuple[Page, ...]] = (overview.PAGE, codes.PAGE, campaigns.PAGE, gateway.PAGE, servers.PAGE)


def written(runbook: str = RUNBOOK) -> dict[str, str]:
    """The text of each dashboard by the name of its file."""
    return {f"{page.name}.json": text_of(page, runbook) for page in PAGES}
