"""Backup and restore: what is in it, into what it goes, and what a restored ledger does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.host.journal import Journal
from smsq.worker.host.master import Master
from smsq.worker.ledger import Ledger
from smsq.worker.ledger.views import Views
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.redis_client import connect

ACCOUNT = "smsc.ru/demo"
Run = Callable[..., Any]


@pytest.fixture
def backup(run: Run, smsq: Smsq, tmp_path: Path) -> Path:
    """A backup with a campaign of three and a code in it."""
    smsq.campaigns.run([{"phone": f"+7999123456{n}"} for n in range(3)], text="Hello", name="spring")
    smsq.send("+79991234560", "Hi", key="order-17", lane="bulk")
    result = run("backup", str(tmp_path / "ledger.rdb"), "--json")
    assert result.exit_code == 0, result.output
    return tmp_path / "ledger.rdb"


@pytest.fixture
def elsewhere(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The home of another machine, without a Redis: what commands use from now on."""
    monkeypatch.delenv("SMSQ_REDIS_URL")
    monkeypatch.delenv("SMSQ_BROKER_URL")
    monkeypatch.setenv("SMSQ_HOME", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def restored(run: Run, backup: Path, elsewhere: Path) -> Iterator[Ledger]:
    """The ledger that was begun with the backup."""
    assert run("restore", str(backup)).exit_code == 0
    with EmbeddedRedis(elsewhere, dies_with_parent=True) as server:
        ledger = Ledger(connect(server.url))
        yield ledger
        ledger.close()


def test_a_backup_says_what_is_in_it(run: Run, smsq: Smsq, backup: Path) -> None:
    """Digest, run, numbers and time; nobody else may read it; a file that exists is left alone."""
    manifest = json.loads(backup.with_name("ledger.rdb.json").read_text())
    ledger = smsq.runtime.ledger

    assert manifest["ledger"]["run"] == ledger.beat().run
    assert (manifest["ledger"]["account"], manifest["ledger"]["campaigns"]) == (ACCOUNT, 1)
    assert manifest["ledger"]["n"] == ledger.contained()[ledger.beat().run]
    assert manifest["bytes"] == backup.stat().st_size
    assert {path.stat().st_mode & 0o777 for path in backup.parent.glob("ledger.rdb*")} == {0o600}
    again = run("backup", str(backup))
    assert (again.exit_code, "never takes another's place" in again.output) == (2, True)


def test_a_folder_gives_a_backup_a_name(run: Run, smsq: Smsq, tmp_path: Path) -> None:
    """For a timer: one line, a new name each time."""
    (tmp_path / "kept").mkdir()
    result = run("backup", str(tmp_path / "kept"))

    assert result.exit_code == 0
    name, manifest = files_of(tmp_path / "kept")
    assert (name.startswith("smsq-"), manifest) == (True, f"{name}.json")
    assert "0 campaigns" in result.stdout


def test_a_snapshot_that_is_not_seen_from_here_is_no_backup(run: Run, smsq: Smsq, tmp_path: Path) -> None:
    """Another folder, one of another server: told with what to do, and nothing stays behind."""
    for folder in ("nowhere", "another"):
        (tmp_path / "another").mkdir(exist_ok=True)
        result = run("backup", str(tmp_path / "ledger.rdb"), "--data", str(tmp_path / folder))
        assert result.exit_code == 2
        assert "--data" in result.output

    assert [path.name for path in tmp_path.glob("*ledger*")] == []


def test_a_restored_ledger_is_whole_and_sends_nothing(restored: Ledger, backup: Path) -> None:
    """All that was enrolled is there; it counts as one that fell back until a host has reported."""
    (view,) = Views(restored).campaigns()

    assert (view.name, view.rows, view.statuses["queued"]) == ("spring", 3, 3)
    assert restored.beat().fell.startswith("a backup of 2")
    assert not restored.beat().in_force


def test_if_nothing_is_missing_it_goes_on_by_itself(restored: Ledger, home: Path) -> None:
    """Every journal's knowledge is in the backup, so the roll call clears it."""
    master = Master(restored, Journal(home))
    master.establish(ACCOUNT)

    assert master.tick()
    assert restored.beat().in_force


def test_what_was_sent_after_the_backup_is_a_fall(restored: Ledger, smsq: Smsq, home: Path) -> None:
    """A journal knows a claim that the backup does not."""
    ref = Ref(MessageId.parse(smsq.send("+79991234560", "Hi", key="order-17", lane="bulk").id).batch)
    claim: Any = smsq.runtime.ledger.claim(
        ref, "n", owner="bulk/h/1/a", mirror="https://one", lease_s=45.0, parallel=10, urgent_slots=3,
        slot_kept_s=75.0, credentials="right",
    )  # fmt: skip
    assert Journal(home).claim(claim.run, claim.n, claim.gateway_id, claim.ref, "https://one", claim.known_as)
    master = Master(restored, Journal(home))
    master.establish(ACCOUNT)

    assert not master.tick()
    assert "knows gateway id" in restored.beat().fell


def test_a_new_home_waits_for_the_old_one(
    run: Run, restored: Ledger, home: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal is empty; giving the old one up pauses what is not over first."""
    shutil.copy(home / "secret.key", elsewhere)
    monkeypatch.setenv("SMSQ_REDIS_URL", f"unix://{elsewhere}/redis/redis.sock?db=0")
    waits = run("recover")
    assert (waits.exit_code, "this host's journals know of 0 sends" in waits.output) == (2, True)
    (old,) = set(restored.hosts()) - {Journal(elsewhere).host}
    result = run("recover", "--without", old, "--yes", "--json")

    assert result.exit_code == 0
    assert restored.beat().in_force
    assert [view.standing for view in Views(restored).campaigns()] == ["paused"]


@pytest.mark.parametrize("where", ["redis.aof", "appendonlydir"])
def test_only_an_empty_ledger_is_restored_into(run: Run, backup: Path, elsewhere: Path, where: str) -> None:
    """One that has data is left as it is."""
    folder = elsewhere / "redis" / where if where == "appendonlydir" else elsewhere / "redis"
    folder.mkdir(parents=True)
    (folder / "redis.aof").touch()
    result = run("restore", str(backup))

    assert result.exit_code == 2
    assert "an empty ledger only" in result.output
    assert not (elsewhere / "redis" / "appendonly.aof").exists()


def test_a_server_that_runs_is_not_restored_into(run: Run, backup: Path, elsewhere: Path) -> None:
    """Neither a private one nor one of somebody's own; a folder may be named for the latter."""
    with EmbeddedRedis(elsewhere, dies_with_parent=True):
        assert "a private Redis runs in" in run("restore", str(backup)).output
    shutil.rmtree(elsewhere)
    os.environ["SMSQ_REDIS_URL"] = "redis://127.0.0.1:1/0"
    assert "name its empty data folder with --into" in run("restore", str(backup)).output
    (elsewhere / "data").mkdir(parents=True)

    assert run("restore", str(backup), "--into", str(elsewhere / "data")).exit_code == 0
    assert files_of(elsewhere / "data") == ["appendonly.aof"]


def test_a_damaged_backup_is_refused(run: Run, backup: Path, elsewhere: Path) -> None:
    """A byte that changed, an end that is missing, a manifest that is missing or broken: nothing is restored."""
    manifest = backup.with_name("ledger.rdb.json")
    whole, told = backup.read_bytes(), manifest.read_bytes()
    damages: dict[str, Callable[[], object]] = {
        "is damaged": lambda: backup.write_bytes(whole[:-20] + b"x" + whole[-19:]),
        "is damaged:": lambda: backup.write_bytes(whole[:-1]),
        "is no snapshot": lambda: backup.write_bytes(b"text"),
        "is no manifest": lambda: manifest.write_bytes(told[:20]),
        "is missing": manifest.unlink,
    }
    for said, damage in damages.items():
        backup.write_bytes(whole)
        manifest.write_bytes(told)
        damage()
        result = run("restore", str(backup))
        assert said in result.output
        assert result.exit_code in (1, 2)
        assert (
            files_of(elsewhere / "redis") == ["owner.lock", "server.lock"] if (elsewhere / "redis").exists() else True
        )
