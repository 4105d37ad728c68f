"""`smsq init` against a gateway that counts: what it asks, what it writes, and what it leaves if it is stopped."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from smsq.producers import first_settings
from smsq.producers.cli import main
from smsq.producers.first_settings import FirstSettings
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.sandbox import Profile, Sandbox
from smsq.worker.settings import Settings

DEAF = {name: None for name in os.environ if name.startswith("SMSQ_")}


@pytest.fixture(scope="module")
def gateway() -> Iterator[Sandbox]:
    """One mirror; its log-in is demo, its password demo."""
    sandbox = Sandbox(Profile(), ports=(0,)).start()
    yield sandbox
    sandbox.stop()


def init(gateway: Sandbox | None, folder: Path, *words: str, typed: str = "demo\n", **environ: str) -> Result:
    """Run it without a terminal; the password comes by standard input."""
    mirrors = ",".join(gateway.mirrors) if gateway else "http://127.0.0.1:1"
    argv = ["init", "--mirrors", mirrors, "--folder", str(folder), *words]
    return CliRunner().invoke(main, argv, input=typed, env={**DEAF, **environ})


def content(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


WITH_PASSWORD = ("--login", "demo", "--password-file", "-")


def test_what_is_written_is_what_every_process_reads(
    gateway: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner's alone, whatever the umask; no secret is in the settings or on the screen."""
    before = os.umask(0)
    try:
        result = init(gateway, tmp_path, *WITH_PASSWORD, "--callback-url", "https://sms.example.org/callback")
    finally:
        os.umask(before)
    written = (tmp_path / "smsq.toml").read_text(encoding="utf-8")
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in content(tmp_path)}
    monkeypatch.chdir(tmp_path)
    settings = Settings.load({}, tmp_path / "smsq.toml")

    assert (result.exit_code, "balance" in result.output) == (0, True), result.output
    assert modes == {
        **dict.fromkeys(("smsq.toml", "secrets/password", "secrets/callback_secret"), 0o600),
        "secrets": 0o700,
    }
    assert (settings.login, settings.password and settings.password.reveal()) == ("demo", "demo")
    assert settings.callback_secret is not None
    assert settings.callback_secret.reveal() not in written + result.output
    assert "https://sms.example.org/callback?charset=utf-8&fmt=3&sha1=1" in result.output


def test_a_wrong_password_is_tried_once_and_nothing_is_written(gateway: Sandbox, tmp_path: Path) -> None:
    """Several refused log-ins would block the address."""
    before = gateway.report(with_statuses=False)["mirrors"][0]["requests"]
    result = init(gateway, tmp_path, *WITH_PASSWORD, typed="wrong\n")

    assert (result.exit_code, content(tmp_path)) == (3, set()), result.output
    assert "refuses this log-in" in result.output
    assert "wrong\n" not in result.output
    assert gateway.report(with_statuses=False)["mirrors"][0]["requests"] == before + 1


def test_nothing_is_written_without_a_gateway_unless_that_is_wanted(tmp_path: Path) -> None:
    """No mirror can be reached: 4, and a way to go on."""
    refused = init(None, tmp_path, *WITH_PASSWORD)
    before = content(tmp_path)
    taken = init(None, tmp_path, *WITH_PASSWORD, "--no-check")

    assert (refused.exit_code, before, taken.exit_code) == (4, set(), 0), refused.output
    assert content(tmp_path) == {"smsq.toml", "secrets", "secrets/password"}


def test_what_is_there_is_replaced_only_by_force(gateway: Sandbox, tmp_path: Path) -> None:
    """Also a secret alone; and with force everything is new."""
    (tmp_path / "secrets").mkdir(mode=0o755)
    (tmp_path / "secrets" / "password").write_text("old")
    refused = init(gateway, tmp_path, *WITH_PASSWORD)
    kept = (tmp_path / "secrets" / "password").read_text()
    forced = init(gateway, tmp_path, *WITH_PASSWORD, "--force")

    assert (refused.exit_code, kept, forced.exit_code) == (2, "old", 0), forced.output
    assert (tmp_path / "secrets" / "password").read_text() == "demo\n"
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("--yes",), {}),
        (("--login", "demo", "--yes"), {}),
        (("--password-file", "-", "--yes"), {}),
        ((*WITH_PASSWORD, "--apikey-file", "-"), {}),
        (("--login", "demo", "--password-file", "/nowhere/at/all"), {}),
        ((*WITH_PASSWORD, "--redis", "http://host"), {}),
    ],
)
def test_what_is_missing_or_wrong_is_usage(
    gateway: Sandbox, tmp_path: Path, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    """Nothing is asked for without a terminal, and nothing is written."""
    result = init(gateway, tmp_path, *words, **environ)

    assert (result.exit_code, content(tmp_path)) == (2, set()), result.output


def test_a_redis_that_forgets_is_refused(
    gateway: Sandbox, tmp_path: Path, redis: redis_py.Redis, redis_server: EmbeddedRedis
) -> None:
    """With what cures it: workers would not start on it. An address with a password is a secret."""
    refused = init(gateway, tmp_path, *WITH_PASSWORD, "--redis", redis_server.url)
    redis.config_set("appendfsync", "always")
    try:
        taken = init(gateway, tmp_path, *WITH_PASSWORD, SMSQ_REDIS_URL=redis_server.url)
    finally:
        redis.config_set("appendfsync", "no")
    hidden = FirstSettings(plain={"login": "a"}, secrets={"redis_url": "redis://u:pass@h:1/0"}).toml()

    assert (refused.exit_code, taken.exit_code) == (1, 0), refused.output + taken.output
    assert "CONFIG SET appendfsync always" in refused.output
    assert ("pass" in hidden, 'redis_url_file = "secrets/redis_url"' in hidden) == (False, True)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_end_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Ctrl-C or a full disk at any file."""
    calls = []

    def fails(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > at:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fails)
    told = FirstSettings(plain={"login": "a"}, secrets={"password": "p", "callback_secret": "c" * 16})
    with pytest.raises(KeyboardInterrupt):
        first_settings.write(tmp_path, told)

    assert content(tmp_path) == set()


def test_odd_values_are_read_back_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, backslashes, letters of any language."""
    login, password = 'a"\\\té\x7f', "p'\"\\ж"
    first_settings.write(tmp_path, FirstSettings(plain={"login": login}, secrets={"password": password}))
    monkeypatch.chdir(tmp_path)
    settings = Settings.load({}, tmp_path / "smsq.toml")

    assert (settings.login, settings.password and settings.password.reveal()) == (login, password)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_person_at_a_terminal(gateway: Sandbox, tmp_path: Path) -> None:
    """Asked one by one; the password is not shown; Ctrl-C at the password leaves nothing."""
    steps = [("Brand", "\n"), ("API key", "n\n"), ("Log-in", "demo\n"), ("Password", "\x03")]
    code, _ = at_a_terminal(gateway, tmp_path, steps)
    assert (code, content(tmp_path)) == (130, set())

    steps[-1:] = [("Password", "demo\n"), ("Redis", "\n"), ("Public address", "\n")]
    code, shown = at_a_terminal(gateway, tmp_path, steps)
    assert code == 0, shown
    assert content(tmp_path) == {"smsq.toml", "secrets", "secrets/password"}
    assert "Password: \r\n" in shown


def at_a_terminal(gateway: Sandbox, folder: Path, steps: list[tuple[str, str]]) -> tuple[int, str]:
    """Run it on a terminal of its own, type each answer when its question is there; exit code and screen."""
    argv = [sys.executable, "-P", "-m", "smsq", "init", "--mirrors", gateway.mirrors[0]]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        for name in DEAF:
            os.environ.pop(name, None)
        os.execv(argv[0], argv)
    shown, until = "", time.monotonic() + 90
    waiting, seen = list(steps), 0
    with contextlib.suppress(OSError):  # the end of a terminal whose process is gone
        while time.monotonic() < until:
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 4096).decode("utf-8", "replace")
            if waiting and waiting[0][0] in shown[seen:] and shown.rstrip(" ").endswith(":"):
                seen = len(shown)
                os.write(terminal, waiting.pop(0)[1].encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown
