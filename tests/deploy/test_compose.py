"""deploy/compose.yaml and the secrets it needs: valid, without rights, each container with a home of its own."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from smsq.producers.machine.up import SANDBOX_PROFILE, free_port
from smsq.worker.acl import broker, ledger
from smsq.worker.domain import api_key
from smsq.worker.domain.lane import LANES
from smsq.worker.processes.lane import LAST_BEAT_S
from smsq.worker.processes.private_redis.redis_server import find_server
from smsq.worker.settings import Settings
from tests.deploy.described import DEPLOY, ROOT, check_command, loaded, settings_in, unknown_settings

FILES = [DEPLOY / "compose.yaml", DEPLOY / "compose.sandbox.yaml"]
BASE, SANDBOX = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES)
SERVICES: dict[str, dict[str, Any]] = BASE["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
SENDS = set(LANES)
CHILD_STOPS_S = 45.0  # of `Child.stop_timeout_s`


def words_of(command: list[str] | str) -> list[str]:
    """A command as the container gets it, with the defaults of its variables."""
    words = shlex.split(command) if isinstance(command, str) else command
    return [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in words]


def test_the_files_follow_the_schema() -> None:
    """Of the compose specification."""
    done = subprocess.run(
        [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *FILES],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_container_may_do_more_than_it_must(name: str) -> None:
    """No rights, no writing but in named places, an end to what it may use, and no port for the world."""
    service = SERVICES[name]

    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in service["security_opt"]
    assert "memory" in service.get("deploy", {}).get("resources", {}).get("limits", {}) or name == "smsq"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert service["restart"] == ("no" if name == "smsq" else "unless-stopped")
    if name in ("ledger", "broker"):
        assert service["networks"] == ["inside"]
    assert ":latest" not in service["image"] or name in OURS


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_ours_are_told_exists(name: str) -> None:
    """Commands with their options, settings, the secrets behind them, checks of health, and servers to wait for."""
    service = SERVICES[name]
    given = {target(secret) for secret in service["secrets"]}
    files = {value for key, value in service["environment"].items() if key.endswith("_FILE")}

    if "command" in service:
        check_command(words_of(service["command"]))
    if (test := service["healthcheck"].get("test")) and test[1] == "smsq":
        check_command(test[2:])
    assert unknown_settings(list(service["environment"])) == set()
    assert files == {f"/run/secrets/{target}" for target in given}
    assert service["depends_on"] == {server: {"condition": "service_healthy"} for server in ("ledger", "broker")}


def test_each_container_has_a_home_of_its_own_and_none_can_be_doubled() -> None:
    """Two containers with one home would be one host with two journals; a name of its own keeps `--scale` away."""
    homes = Counter(
        mount.split(":")[0]
        for service in SERVICES.values()
        for mount in service.get("volumes", ())
        if mount.split(":")[1] == "/var/lib/smsq"
    )

    assert set(homes.values()) == {1}
    assert len(homes) == len(OURS)
    assert set(homes) <= set(BASE["volumes"])
    for name in OURS - {"smsq"}:
        assert SERVICES[name]["container_name"].endswith(f"-{name}")
    assert all("replicas" not in service.get("deploy", {}) for service in SERVICES.values())


def test_a_stop_leaves_time_for_what_is_under_way() -> None:
    """More than the supervisor gives its workers, its exporter and the sign-off together."""
    settings = Settings.load({})
    needs_s = CHILD_STOPS_S + 5.0 + LAST_BEAT_S + 5.0

    assert settings.read_timeout_s + 5 < CHILD_STOPS_S
    for name in SENDS:
        assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= needs_s


def test_every_lane_has_a_container_and_every_container_is_scraped() -> None:
    """The targets of Prometheus are the services with an exporter."""
    exporters = {name for name in OURS - {"door"} if "--exporter" in SERVICES[name].get("command", ())}
    targets = yaml.safe_load((DEPLOY / "compose" / "targets.yml").read_text(encoding="utf-8"))[0]["targets"]

    assert set(SERVICES) >= SENDS
    assert set(targets) == {f"{name}:9191" for name in exporters}


def test_the_sandbox_changes_only_what_is_there() -> None:
    """Another name, so that no real ledger meets it; the times of `smsq up --sandbox` on both sides."""
    told = settings_in(DEPLOY / "compose" / "sandbox.env")
    settings = loaded({**told, "SMSQ_PASSWORD_FILE": str(DEPLOY / "compose" / "sandbox-password")})
    own = SANDBOX["services"]["sandbox"]

    assert SANDBOX["name"] != BASE["name"]
    assert set(SANDBOX["services"]) == OURS | {"sandbox"}
    assert SANDBOX_PROFILE.items() <= told.items()
    assert settings.account == "smsc.ru/demo"
    check_command(own["command"])
    assert own["environment"] == {
        "SANDBOX_PASSWORD": (DEPLOY / "compose" / "sandbox-password").read_text().strip(),
        "SANDBOX_CALLBACK_SECRET": (DEPLOY / "compose" / "sandbox-callback-secret").read_text().strip(),
    }


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What deploy/make-secrets makes."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run([DEPLOY / "make-secrets", folder], check=True, capture_output=True)
    (folder / "password").write_text("of the account\n")
    return folder


def test_every_secret_is_made(secrets: Path) -> None:
    """All that the containers are given, but for the account's password; only the owner reaches the folder."""
    named = [Path(row["file"]) for row in BASE["secrets"].values()]

    assert secrets.stat().st_mode & 0o077 == 0
    assert [path for path in named if not (secrets / path.relative_to("secrets")).is_file()] == []
    kept_out = ["deploy/secrets/password", "deploy/smsq.env"]
    ignored = subprocess.run(["git", "check-ignore", *kept_out], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.split() == kept_out or not (ROOT / ".git").exists()


def test_a_container_starts_with_its_secrets(secrets: Path) -> None:
    """Every address and every secret is one that the settings take, and each address names a user of its server."""
    for name in sorted(OURS):
        held = {target(secret): BASE["secrets"][source(secret)]["file"] for secret in SERVICES[name]["secrets"]}
        values = {
            variable: str(secrets / Path(held[Path(value).name]).relative_to("secrets"))
            for variable, value in SERVICES[name]["environment"].items()
            if variable.endswith("_FILE")
        }
        settings = loaded({**values, "SMSQ_LOGIN": "me"})
        role = "worker" if name in LANES else "operator" if name == "smsq" else re.sub(r"-\d$", "", name)

        assert (settings.redis_url or "").startswith(f"redis://{role}:")
        assert (settings.broker_url or "").startswith(f"redis://{role}:")
        assert role in ledger()
        assert role in broker()
        if settings.api_keys:
            assert api_key.read(settings.api_keys.reveal())


def target(secret: str | dict[str, str]) -> str:
    """The name of a secret in the container."""
    return secret if isinstance(secret, str) else secret["target"]


def source(secret: str | dict[str, str]) -> str:
    """The name of a secret at the top of the file."""
    return secret if isinstance(secret, str) else secret["source"]


def test_a_second_run_keeps_what_is_there_and_a_removed_secret_is_drawn_anew(secrets: Path) -> None:
    """That is how a secret is changed; addresses and rights follow, in the files that are there."""
    before = {path: path.read_text() for path in secrets.rglob("*") if path.is_file()}
    inode = (secrets / "ledger.acl").stat().st_ino
    (secrets / "ledger" / "worker").unlink()
    subprocess.run([DEPLOY / "make-secrets", secrets, "rediss://db:6380/2"], check=True, capture_output=True)
    after = {path: path.read_text() for path in secrets.rglob("*") if path.is_file()}
    changed = {str(path.relative_to(secrets)) for path in after if before[path] != after[path]}
    password = after[secrets / "ledger" / "worker"].strip()

    assert changed - {f"{role}/redis-url" for role in ledger()} == {"ledger/worker", "ledger.acl"}
    assert after[secrets / "worker" / "redis-url"] == f"rediss://worker:{password}@db:6380/2\n"
    assert (secrets / "ledger.acl").stat().st_ino == inode


@pytest.mark.parametrize("server", ["ledger", "broker"])
def test_the_servers_start_as_they_are_told_and_let_the_exporter_in(server: str, secrets: Path, tmp_path: Path) -> None:
    """A real server with the words of the file: the rights are loaded, and it keeps what it must."""
    port = free_port()
    durable = {"ledger": ("yes", "always"), "broker": ("no", "everysec")}
    program, *words = words_of(SERVICES[server]["command"])
    told = [str(secrets / f"{server}.acl") if word == "/run/secrets/users.acl" else word for word in words]
    place = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    with subprocess.Popen([find_server(None, tmp_path), *told, *place], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            next(line for line in process.stdout if "Ready to accept connections" in line)
            who = {"username": "exporter", "password": (secrets / server / "exporter").read_text().strip()}
            admin = {"username": "admin", "password": (secrets / server / "admin").read_text().strip()}
            with redis.Redis(port=port, **who) as client:  # type: ignore[arg-type]
                assert client.ping()
            with redis.Redis(port=port, decode_responses=True, **admin) as client:  # type: ignore[arg-type]
                kept = client.config_get("append*", "save", "maxmemory-policy")
            with redis.Redis(port=port) as client, pytest.raises(redis.AuthenticationError):
                client.ping()
        finally:
            process.kill()

    assert program == "valkey-server"
    assert kept["maxmemory-policy"] == "noeviction"
    assert kept["save"] == ""
    assert (kept["appendonly"], kept["appendfsync"]) == durable[server]
