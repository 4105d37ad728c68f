"""The command: run every program through the same lost answers, print the table, write the page."""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import click

from tests.bench.doubles import page
from tests.bench.doubles.peers import PEERS
from tests.bench.doubles.trial import Row, trial
from tests.bench.environments import NotToBeHad
from tests.bench.programs import ROOT

GUARDS_S = (0.0, 60.0)
PATIENCE_S = 240.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--messages", type=click.IntRange(10), default=200, show_default=True)
@click.option("--share", type=click.FloatRange(0, 0.5), default=0.1, show_default=True, help="Of the answers, lost.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed loses the same answers.")
@click.option("--only", multiple=True, type=click.Choice(list(PEERS)), help="These alone; no page is written.")
@click.option("--guard", "guards", multiple=True, type=float, metavar="S", help="The gateway's; no page.  [0 and 60]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the page here, whatever was run.")
def main(
    messages: int, share: float, seed: int, only: tuple[str, ...], guards: tuple[float, ...], out: Path | None
) -> None:
    """Send through lost answers, ours and theirs, and write docs/doubles.md; exits 1 if ours lost or doubled any."""
    say = partial(click.echo, err=True)
    for name in [name for name in os.environ if name.startswith("SMSQ_")]:
        del os.environ[name]  # deaf to the shell's: no ledger and no account but the trial's
    tables: dict[float, list[Row]] = {}
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="smsq-doubles-") as place:
        for guard_s in guards or GUARDS_S:
            click.echo(f"\n{page.title(guard_s)}")
            rows = tables[guard_s] = []
            for name in only or PEERS:
                folder = Path(place) / f"{name}-{guard_s:g}"
                folder.mkdir()
                say(f"  {PEERS[name].label} …")
                how = {"messages": messages, "share": share, "seed": seed, "guard_s": guard_s}
                with trial(folder, **how, patience_s=PATIENCE_S) as running:  # type: ignore[arg-type]
                    try:
                        rows.append(Row.of(PEERS[name].label, running, PEERS[name].run(running, say)))
                    except NotToBeHad as reason:
                        missing[name] = str(reason)
                        say(f"  left out: {reason}")
            click.echo("\n".join(page.table(rows)))
    if out is None and not (only or guards):
        out = ROOT / "docs" / "doubles.md"
    if out is not None:
        told = " ".join(["python -m tests.bench.doubles", *sys.argv[1:]])
        how = {"messages": messages, "share": share, "seed": seed, "command": told}
        out.write_text("\n".join(page.lines(tables, list(missing.values()), **how)) + "\n", encoding="utf-8")  # type: ignore[arg-type]
        say(f"written: {out.name}")
    ours = [row for rows in tables.values() for row in rows if row.label == PEERS["smsq"].label]
    sys.exit(any(row.lost or row.twice or row.limits_broken or row.believed.failed for row in ours))


if __name__ == "__main__":
    main()
