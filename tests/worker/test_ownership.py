"""Files that decide where a password goes are their owner's; others who may read one are told of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smsq.worker import ownership
from smsq.worker.domain.errors import BadSettings
from smsq.worker.settings import Settings, secret_files

NOBODY = 65534
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a setting, as an editor leaves it."""
    path = tmp_path / "smsq.toml"
    path.write_text("batch_size = 7\n", encoding="utf-8")
    path.chmod(0o644)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


def test_what_is_our_own_will_do(file: Path, home: Path) -> None:
    """Others may read a file without secrets; a home need not be there yet."""
    home.chmod(0o755)

    assert Settings.load({"SMSQ_HOME": str(home)}, file).batch_size == 7
    assert Settings.load({"SMSQ_HOME": str(home / "none")}).home == home / "none"


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o602])
def test_a_file_that_others_may_write_is_refused(file: Path, mode: int) -> None:
    """They would choose the mirror that gets the password: the path, owner and mode, and the command that cures it."""
    file.chmod(mode)

    with pytest.raises(BadSettings, match=rf"{file}.*\(owner \w+, mode {mode:04o}\).*chmod go-w {file}"):
        Settings.load({}, file)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_home_that_others_may_write_is_refused(home: Path, mode: int) -> None:
    """Their `up.json` would name the ledger; `/tmp` is no home."""
    home.chmod(mode)

    with pytest.raises(BadSettings, match=rf"SMSQ_HOME, {home}, .*mode {mode:04o}.*chmod go-w {home}"):
        Settings.load({"SMSQ_HOME": str(home)})


@is_root
def test_what_belongs_to_somebody_else_is_refused(file: Path, home: Path) -> None:
    """A file in a folder that all share, a home of another service: whose it is, and how to go on."""
    os.chown(file, NOBODY, NOBODY)
    os.chown(home, NOBODY, NOBODY)

    with pytest.raises(BadSettings, match=rf"{file}, belongs to nobody, and this process runs as root: .*sudo -u nobo"):
        Settings.load({}, file)
    with pytest.raises(BadSettings, match=rf"{home}, belongs to nobody.*chown -R root {home}"):
        Settings.load({"SMSQ_HOME": str(home)})


def test_no_file_names_a_program(file: Path) -> None:
    """`redis_server` would run whatever lies in a folder that somebody was handed."""
    file.write_text('redis_server = "./valkey-server"\n', encoding="utf-8")

    with pytest.raises(BadSettings, match="redis_server names a program, which no file may; set SMSQ_REDIS_SERVER"):
        Settings.load({}, file)


def test_who_may_read_a_secret_is_told_with_the_cure(file: Path) -> None:
    """Group and others; nothing is said of a file that is its owner's alone, or not there."""
    told = ownership.readable_by_others(file)
    file.chmod(0o600)

    assert told == f"others may read {file} (mode 0644); chmod 600 {file}"
    assert ownership.readable_by_others(file) == ownership.readable_by_others(file / "none") == ""


def test_every_file_with_a_secret_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that settings name, from the environment and from the file, which counts itself once it holds one."""
    monkeypatch.chdir(tmp_path)
    Path("smsq.toml").write_text('password_file = "pw"\n', encoding="utf-8")
    without = secret_files({"SMSQ_CALLBACK_SECRET_FILE": "/run/secret"})
    Path("smsq.toml").write_text('redis_url = "redis://:x@db"\n', encoding="utf-8")

    assert without == [Path("pw"), Path("/run/secret")]
    assert secret_files({}) == [Path("smsq.toml")]


@pytest.mark.parametrize(
    ("mirrors", "clear"),
    [
        ("https://a, http://127.0.0.1:1, http://[::1]:2, http://localhost", []),
        ("http://10.0.0.5, https://a", ["http://10.0.0.5"]),
        ("http://localhost.example.org", ["http://localhost.example.org"]),
    ],
)
def test_mirrors_without_tls_off_this_machine(mirrors: str, clear: list[str]) -> None:
    """The log-in travels with every request."""
    assert Settings.load({"SMSQ_MIRRORS": mirrors}).clear_mirrors == clear
