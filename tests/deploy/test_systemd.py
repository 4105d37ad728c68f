"""deploy/systemd: systemd understands every line, and the services may do little."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from smsq.worker.domain.lane import LANES
from tests.deploy.described import DEPLOY, check_command, unknown_settings

FOLDER = DEPLOY / "systemd"
COMMON = FOLDER / "smsq-.service.d" / "common.conf"
SERVICES = sorted(FOLDER.glob("*.service"))
INSTANCES = [f"smsq-worker@{lane}.service" for lane in LANES]
UNITS = ["smsq.target", *INSTANCES, *(path.name for path in SERVICES if "@" not in path.name)]
MOST_EXPOSURE = 3.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze: apt install systemd"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units with a program that every machine has: systemd looks whether it is there."""
    folder = tmp_path_factory.mktemp("systemd") / "units"
    shutil.copytree(FOLDER, folder)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace("/opt/smsq/bin/smsq", "/bin/true"))
    return folder


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """systemd-analyze, with these units before the machine's own."""
    environ = {"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_COLORS": "0", "LANG": "C.UTF-8"}
    return subprocess.run(["systemd-analyze", *words], env=environ, capture_output=True, text=True)


@needs_systemd
def test_systemd_has_nothing_to_say(installed: Path) -> None:
    """An unknown key is printed, and does not fail: so any output does."""
    done = analyze(installed, "verify", *UNITS)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("unit", ["smsq-worker@bulk.service", *UNITS[len(INSTANCES) + 1 :]])
def test_a_service_may_do_little(unit: str, installed: Path) -> None:
    """By systemd's own measure, from 0 to 10."""
    done = analyze(installed, "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)

    assert found, done.stderr
    assert float(found[1]) <= MOST_EXPOSURE


def test_what_the_units_name_exists() -> None:
    """Commands with their options, settings, and a loaded secret behind each file."""
    for path in SERVICES:
        text = COMMON.read_text() + path.read_text()
        words = re.findall(r"^ExecStart=/opt/smsq/bin/smsq (.*)$", text, re.MULTILINE)
        named = dict(re.findall(r"^Environment=(SMSQ_\w+)=(.*)$", text, re.MULTILINE))
        loaded = set(re.findall(r"^LoadCredential=([\w-]+):/etc/smsq/secrets/", text, re.MULTILINE))
        assert len(words) == 1
        check_command([word.replace("%i", "bulk") for word in words[0].split() if not word.startswith("$")])
        assert unknown_settings(list(named)) == set()
        assert {value for name, value in named.items() if name.endswith("_FILE")} == {
            f"/run/credentials/%n/{secret}" for secret in loaded
        }


def test_the_target_wants_what_a_machine_needs() -> None:
    """Every lane, and every service but the front door, which few have."""
    wanted = set(" ".join(re.findall(r"^Wants=(.*)$", (FOLDER / "smsq.target").read_text(), re.MULTILINE)).split())

    assert wanted == set(UNITS) - {"smsq.target", "smsq-door.service"}
    assert all("WantedBy=smsq.target" in path.read_text() for path in SERVICES)


def test_a_stop_and_a_silence_leave_time_for_a_request() -> None:
    """A worker finishes what it sends, 35 s with the defaults, and is not called frozen meanwhile."""
    worker = (FOLDER / "smsq-worker@.service").read_text()

    assert "Type=notify" in COMMON.read_text()
    assert int(re.findall(r"^TimeoutStopSec=(\d+)", worker, re.MULTILINE)[0]) >= 60
    assert int(re.findall(r"^WatchdogSec=(\d+)", COMMON.read_text(), re.MULTILINE)[0]) >= 60


def test_every_loaded_secret_is_made(tmp_path: Path) -> None:
    """By deploy/make-secrets, but for the account's password."""
    subprocess.run([DEPLOY / "make-secrets", tmp_path / "made"], check=True, capture_output=True)
    text = "".join(path.read_text() for path in [COMMON, *SERVICES])
    named = set(re.findall(r"^LoadCredential=[\w-]+:/etc/smsq/secrets/(\S+)$", text, re.MULTILINE))

    assert {name for name in named if not (tmp_path / "made" / name).is_file()} == {"password"}
