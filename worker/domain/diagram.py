"""Draws the tables of `status.py` into `docs/journey.md`: `python -m smsq.worker.domain.diagram`.

What stands between two markers of that page is written from here and nowhere else; with `--check`
nothing is written and the exit code says whether the page is current.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from smsq.worker.domain.status import BATCH_MOVES, STATUS_TABLE, UNDECIDED_NAMES, BatchState, Status

PAGE = Path(__file__).resolve().parents[2] / "docs" / "journey.md"


def batches() -> str:
    """The moves of a batch as a mermaid diagram, and each with its reason as a table."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_word(BatchState.READY)}: enrol"]
    verbs: dict[tuple[str, str], list[str]] = {}
    for move in BATCH_MOVES:
        arrow = verbs.setdefault((_word(move.source), _word(move.target)), [])
        if move.verb not in arrow:
            arrow.append(move.verb)
    lines += [f"    {source} --> {target}: {', '.join(names)}" for (source, target), names in verbs.items()]
    lines += [f"    {_word(BatchState.SETTLED)} --> [*]", "```", ""]
    lines += ["| from | verb | to | because |", "|---|---|---|---|"]
    lines += [f"| {_word(m.source)} | {m.verb} | {_word(m.target)} | {m.why} |" for m in BATCH_MOVES]
    return "\n".join(lines)


def statuses() -> str:
    """The verdicts on a message in the order of their ranks."""
    lines = ["| status | rank | final | proves that the gateway took it |", "|---|---|---|---|"]
    undecided = ", ".join(f"`{name}`" for name in UNDECIDED_NAMES.values())
    for status, row in sorted(STATUS_TABLE.items(), key=lambda pair: (pair[1].rank, pair[0])):
        name = undecided if status is Status.UNDECIDED else f"`{status.name.lower()}`"
        lines.append(f"| {name} | {row.rank} | {_yes(row.is_final)} | {_yes(row.proves_acceptance)} |")
    return "\n".join(lines)


DRAWINGS: dict[str, Callable[[], str]] = {"batches": batches, "statuses": statuses}


def drawn(
    page: str, drawings: Mapping[str, Callable[[], str]] = DRAWINGS, by: str = "smsq.worker.domain.diagram"
) -> str:
    """The page with every drawing made anew by the module `by`; raises ValueError if a marker is missing."""
    for name, draw in drawings.items():
        begin, end = f"<!-- {name}: written by python -m {by} -->", f"<!-- end of {name} -->"
        before, begun, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not (begun and ended):
            raise ValueError(f"the page has no markers for {name}")
        page = f"{before}{begin}\n\n{draw()}\n\n{end}{after}"
    return page


def renew(page: Path, make: Callable[[str], str]) -> int:
    """Write a page anew, or with `--check` only look; the exit code."""
    written = page.read_text(encoding="utf-8")
    fresh = make(written)
    if "--check" in sys.argv[1:]:
        return int(fresh != written)
    page.write_text(fresh, encoding="utf-8")
    return 0


def _word(state: BatchState) -> str:
    return state.name.lower()


def _yes(claim: bool) -> str:
    return "yes" if claim else ""


if __name__ == "__main__":
    sys.exit(renew(PAGE, drawn))
