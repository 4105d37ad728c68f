"""`smsq up` where something is in the way: a sentence and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsq.producers.machine import up
from smsq.worker.domain.errors import BadSettings
from smsq.worker.processes.private_redis.redis_server import socket_path
from smsq.worker.settings import Settings

LOGIN = {"SMSQ_LOGIN": "demo", "SMSQ_PASSWORD": "demo"}


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file stands where the folder should."""
    (tmp_path / "file").touch()
    with pytest.raises(BadSettings, match=rf"the home {tmp_path}/file/home cannot be created .*set SMSQ_HOME"):
        up.run({**LOGIN, "SMSQ_HOME": str(tmp_path / "file" / "home")})


def test_without_a_log_in_the_sandbox_is_named(tmp_path: Path) -> None:
    """A newcomer has none."""
    with pytest.raises(BadSettings, match="smsq up --sandbox"):
        up.run({"SMSQ_HOME": str(tmp_path / "home")})


@pytest.mark.parametrize("letter", "#?%[@")
def test_a_socket_s_path_can_stand_in_an_address(tmp_path: Path, letter: str) -> None:
    """A folder with such a letter in its name would end the address there."""
    folder = tmp_path / f"a{letter}b"
    folder.mkdir()
    path = socket_path(folder)
    if path.parent != folder:
        path.parent.rmdir()

    assert letter not in str(path)


def test_a_sandbox_takes_other_ports_where_the_default_ones_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody chose them; a port that was chosen stays, and is refused by name."""
    monkeypatch.setattr(up, "free_port", lambda wanted=0: 4711)  # whoever asks for one gets another
    default = up.with_free_addresses({}, Settings.load({}))
    chosen = up.with_free_addresses({}, Settings.load({"SMSQ_WEB_ADDR": "127.0.0.1:8081"}))

    assert default == {"SMSQ_WEB_ADDR": "127.0.0.1:4711", "SMSQ_METRICS_ADDR": "127.0.0.1:4711"}
    assert "SMSQ_WEB_ADDR" not in chosen
