"""Journeys on which the ledger is lost for good, and a backup is all that is left of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.server import Server
from tests.journeys.test_fallbacks import settled
from tests.journeys.town import Town, quiet_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RATE = 500  # messages in a second, so that the loss falls into the middle


def told(town: Town, *words: str) -> dict[str, Any]:
    """What a command of this installation says with --json."""
    (town.folder / f"{words[0]}.log").unlink(missing_ok=True)
    process = town.run(*words, "--json")
    code = process.wait(120)
    said = (town.folder / f"{words[0]}.log").read_text()
    assert code == 0, said
    found: dict[str, Any] = json.loads(said[said.index("{") : said.rindex("}") + 1])
    return found


@pytest.mark.fault
def test_a_backup_is_restored_on_another_host(make_town: Callable[..., Town], tmp_path: Path) -> None:
    """Redis and its disk lost in the middle of a campaign: the backup on another host, `smsq recover`, 0/0."""
    town = make_town(redis="line", think_ms=50, SMSQ_BATCH_SIZE="50")
    lost = town.server
    assert lost is not None
    assert town.redis_line is not None
    journey = town.campaign(4000, rate=RATE)
    for n in range(3):
        journey.send(key=f"before-{n}")
    journey.wait_until_sending(0.1, 60)
    manifest = told(town, "backup", str(tmp_path / "ledger.rdb"))
    assert manifest["ledger"]["unfinished"] == 1

    later = journey.file(600)  # enrolled after the backup: only the journals will know
    assert journey.run_file(later).wait(120) == 0
    for n in range(3):
        town.smsq.send(town.next_phone + n, "Your code is 4821", key=f"after-{n}")
    journey.wait_until_sending(0.4, 60)
    lost.kill()
    taken = settled(town, journey)
    shutil.rmtree(lost.folder)

    other = Server(tmp_path / "another host", quiet_ports(1)[0])
    other.folder.mkdir()
    assert told(town, "restore", str(tmp_path / "ledger.rdb"), "--into", str(other.folder))["restored"]
    other.start()
    town.server = other  # from now on
    del town.views
    town.redis_line.lead_to(("127.0.0.1", other.port))
    town.wait_for(lambda: town.views.halted() == "fell", "the finding that it is an older copy", 30)
    assert journey.accepted() == taken

    missing = told(town, "recover", "--yes")
    assert missing["recovered"]
    assert missing["sends"]
    assert [each["from_range"] for each in missing["campaigns"]] == [1]
    assert missing["paused"] == journey.campaigns
    town.wait_for(town.in_force, "claims being granted again", 20)
    for n in range(3):
        journey.send(key=f"after-{n}")
    assert journey.run_file(later).wait(120) == 0
    journey.older.update(journey.campaigns)
    journey.adopt()
    town.smsq.campaigns.resume(journey.campaigns[0])
    journey.verdict(within_s=150)
