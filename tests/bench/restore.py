"""A million messages wait, the ledger is lost, and a backup begins a new one on another host.

    python -m tests.bench.restore [--rows N]

Real processes and a sandbox gateway. The campaign sends slowly while the backup is made and for some seconds more, so
that the journals know of sends that the backup lacks. Then Redis is killed and its disk removed. What is measured:
`smsq backup`, `smsq restore` into an empty folder, the start of Redis on it, and `smsq recover`. Then the campaign goes
on for a while, and the gateway counts whether anything came twice.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click

from tests.bench import files
from tests.journeys.server import Server
from tests.journeys.town import Town, build, quiet_ports

ROWS = 1_000_000
SLOWLY = 200  # messages in a second
LATER_S = 10.0  # of sending after the backup
AGAIN_S = 30.0  # of sending after the recovery
PATIENCE_S = 900.0


def command(town: Town, *words: str) -> float:
    """Run a command; how long it took."""
    began = time.monotonic()
    if (code := town.run(*words).wait(PATIENCE_S)) != 0:
        raise SystemExit(f"smsq {words[0]} ended with {code}: {(town.folder / f'{words[0]}.log').read_text()[-2000:]}")
    return time.monotonic() - began


def measure(town: Town, folder: Path, found: dict[str, float]) -> None:
    """The whole story; seconds, bytes and counts by name."""
    rows = int(found["rows"])
    lost = town.server
    assert lost is not None
    assert town.redis_line is not None
    people = files.write(folder / "people.csv", rows)
    words = ("campaign", "run", str(people), "--text", files.OWN_TEXT, "--yes", "--rate", str(SLOWLY))
    found["enrolment_s"] = command(town, *words)
    found["aof_bytes"] = lost.size()
    backup = folder / "ledger.rdb"
    found["backup_s"] = command(town, "backup", str(backup))
    found["backup_bytes"] = backup.stat().st_size
    before = town.count()["accepted"]
    time.sleep(LATER_S)
    lost.kill()
    shutil.rmtree(lost.folder)
    town.wait_for(lambda: not any(town.count()["running"].values()), "the end of what was under way", 60)
    found["sent_after_backup"] = (taken := town.count()["accepted"]) - before

    other = Server(folder / "another host", quiet_ports(1)[0])
    other.folder.mkdir()
    began = time.monotonic()
    found["restore_s"] = command(town, "restore", str(backup), "--into", str(other.folder))
    started = time.monotonic()
    other.start()
    found["start_s"] = time.monotonic() - started
    town.server = other
    del town.views
    town.redis_line.lead_to(("127.0.0.1", other.port))
    town.wait_for(lambda: town.views.halted() == "fell", "the finding that it is an older copy", 60)
    found["recover_s"] = command(town, "recover", "--yes", "--json")
    town.wait_for(town.in_force, "claims being granted again", 60)
    found["lost_to_in_force_s"] = time.monotonic() - began
    said = (town.folder / "recover.log").read_text()
    found["sends_recovered"] = json.loads(said[said.index("{") :])["asked_about"]

    (view,) = town.views.campaigns()
    command(town, "campaign", "resume", view.id)
    command(town, "campaign", "set", view.id, "--rate", "2000")
    time.sleep(AGAIN_S)
    town.wait_for(lambda: not town.views.in_motion()["doubt"], "the end of every doubt", PATIENCE_S)
    command(town, "campaign", "pause", view.id)
    town.wait_for(lambda: not any(town.count()["running"].values()), "the end of what was under way", 60)
    count = town.count()
    found["sent_after_recovery"] = count["accepted"] - taken
    found["twice"] = count["twice"] + count["twice_by_id"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", type=click.IntRange(10_000), default=ROWS, show_default=True, help="Messages that wait.")
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def main(rows: int, as_json: bool) -> None:
    """Measure a backup, its restoring on another host and the recovery."""
    found: dict[str, float] = {"rows": rows}
    with tempfile.TemporaryDirectory(prefix="smsq-restore-") as place:
        town = build(Path(place), redis="line", settings={"SMSQ_LOG_LEVEL": "info"})
        try:
            town.start()
            measure(town, Path(place), found)
        finally:  # what was measured is shown, however it ended
            _show(found, as_json)
            town.stop()


def _show(found: dict[str, float], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, value in found.items():
        click.echo(f"{name:22} {value:,.1f}" if isinstance(value, float) else f"{name:22} {value:,}")


if __name__ == "__main__":
    sys.exit(main())
