"""The table, on the terminal and as the page that a run leaves behind: `docs/doubles.md`."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from tests.bench.doubles.peers import PEERS
from tests.bench.doubles.trial import Row
from tests.bench.environments import CELERY

INTRO = """# Lost answers

Written by `make bench-doubles` (`python -m tests.bench.doubles`). Every program sends the same {messages} messages, one
in a request, to a gateway of its own: `smsq sandbox` in a process of its own, five mirrors, which accepts every message
and then closes the connection without an answer for {share:.0%} of the sends, drawn from seed {seed}. The programs are
in `tests/bench/doubles/`; *lost* (never accepted) and *sent twice* are the gateway's count, the last column is what the
program believes at its end. A program that sends again draws again, and the answer to a refusal can be lost as well, so
the answers lost differ a little.

The gateway does not tell a repetition by its id. The real one refuses the same text to the same phone for a minute
(error 9); whether its mirrors share that memory is not known. So there are two tables: without the guard, as after any
minute, and with it, shared by all mirrors. Behind the guard a repetition within the minute costs nothing but the truth:
the program is told of an error, and believes a message failed that was delivered. Sending those
again later doubles them.
"""
HEAD = (
    "program",
    "messages",
    "answers lost",
    "lost",
    "sent twice",
    "of the lost answers doubled",
    "error 9",
    "believes",
)


def lines(
    tables: Mapping[float, Sequence[Row]],
    missing: Sequence[str],
    *,
    messages: int,
    share: float,
    seed: int,
    command: str,
) -> Iterator[str]:
    """The page, line by line; `missing` are sentences about programs that could not run."""
    yield INTRO.format(messages=messages, share=share, seed=seed)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("dramatiq", "tenacity", "requests", "redis"))
    yield f"* {datetime.now(tz=UTC):%Y-%m-%d}, by `{command}`"
    yield f"* Python {platform.python_version()}; celery {CELERY}; {libraries}"
    yield from (f"* {peer.label}: {peer.how}" for peer in PEERS.values())
    yield from (f"* not run: {sentence}" for sentence in missing)
    for guard_s, rows in tables.items():
        yield f"\n## {title(guard_s)}\n"
        yield f"| {' | '.join(HEAD)} |"
        yield f"|{'---|' * len(HEAD)}"
        yield from (f"| {' | '.join(cells(row))} |" for row in rows)


def title(guard_s: float) -> str:
    """What the gateway of a table does about repetitions."""
    return f"With a guard of {guard_s:g} s" if guard_s else "Without the guard"


def cells(row: Row) -> Sequence[str]:
    """One row as it is printed."""
    counts = (row.messages, row.answers_lost, row.lost, row.twice)
    return (row.label, *map(str, counts), row.doubled, str(row.refused_as_duplicate), str(row.believed))


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows for a terminal, in columns."""
    shown = [HEAD, *map(cells, rows)]
    widths = [max(len(line[place]) for line in shown) for place in range(len(HEAD))]
    for line in shown:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
