"""docs/deploy.md: each command that can be run here is run, and each other says what it needs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.described import DEPLOY, ROOT, check_command

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SECTIONS = {
    section.split("\n", 1)[0]: section for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}  # by heading
NEEDS = {"One machine with systemd": "systemd", "Docker Compose": "Docker", "Kubernetes": "a cluster"}
# What is run by a test of ours wherever it stands; the rest of a section needs what the section says.
RUN_ELSEWHERE = {"cp", "deploy/make-secrets", "smsq"}
FOREIGN = {
    "systemd": {
        *("python3", "/opt/smsq/bin/python", "install", "systemd-sysusers", "systemd-tmpfiles", "systemd-analyze"),
        *("systemctl", "journalctl", "deploy/systemd/smsq-operator"),
    },
    "Docker": {"docker"},
    "a cluster": {"kubectl", "docker"},
}


def commands(text: str) -> list[list[str]]:
    """The command lines in indented code."""
    fenced = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = re.findall(r"^(?: {4}| {7})([a-z/].*)$", fenced, re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("heading", SECTIONS)
def test_a_command_that_is_not_run_here_says_what_it_needs(heading: str) -> None:
    """By the first line of its section."""
    section, needs = SECTIONS[heading], NEEDS.get(heading)
    allowed = RUN_ELSEWHERE | (FOREIGN[needs] if needs else set())

    assert {words[0] for words in commands(section)} <= allowed
    if needs:
        first = section.split("\n")[2]
        assert first.startswith("*Needs ")
        assert needs in first


def test_what_the_commands_name_is_there() -> None:
    """Files of the repository, services of Compose with our own commands behind them, overlays."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    seen = 0
    for words in commands(PAGE):
        named = [word.split(":")[0] for word in words if word.startswith("deploy/")]
        missing = [
            name for name in named if not list(ROOT.glob(name)) and "/secrets" not in name and ".env" not in name
        ]
        assert missing == [], words
        if words[:2] == ["docker", "compose"] and "run" in words:
            command = words[words.index("smsq") :]
            assert command[0] in services
            check_command(command[1:])
            seen += 1
        if words[0] == "kubectl" and "--" in words:
            assert words[words.index("--") + 1] == "smsq"
            check_command(words[words.index("--") + 2 :])
            seen += 1

    assert seen >= 4


def test_the_commands_that_need_nothing_are_run(tmp_path: Path) -> None:
    """Copying the example and making secrets, in a copy of deploy/, each as it stands, and twice."""
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets", "__pycache__"))
    ours = [
        words for words in commands(PAGE) if words[0] in ("cp", "deploy/make-secrets") and "/etc/" not in str(words)
    ]
    for words in [*ours, *ours]:
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    assert len(ours) >= 5
    assert (tmp_path / "deploy" / "secrets" / "worker" / "redis-url").is_file()
    assert (tmp_path / "deploy" / "kubernetes" / "overlays" / "production" / "secrets" / "ledger.acl").is_file()


def test_an_operator_has_the_settings_of_the_services(tmp_path: Path) -> None:
    """The script reads them as systemd does: values with spaces, and nothing in them is run."""
    subprocess.run([DEPLOY / "make-secrets", tmp_path / "secrets"], check=True, capture_output=True)
    (tmp_path / "smsq.env").write_text("# a comment\nSMSQ_KEEP_TEXTS=24 h\nSMSQ_LOGIN=$(touch x)\n\nPATH=/none\n")
    script = (DEPLOY / "systemd" / "smsq-operator").read_text().replace("/etc/smsq", str(tmp_path))
    script = script.replace("runuser -u smsq -- /opt/smsq/bin/smsq", "/usr/bin/env")
    done = subprocess.run(
        ["sh", "-c", script, "smsq-operator"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("SMSQ_"))

    assert done.stderr == ""
    assert (told["SMSQ_KEEP_TEXTS"], told["SMSQ_LOGIN"]) == ("24 h", "$(touch x)")
    assert told["SMSQ_REDIS_URL"].startswith("redis://operator:")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["make-secrets", "redis/with-passwords", "systemd/smsq-operator"])
def test_a_script_may_be_run(name: str) -> None:
    """It has the right, stops at the first error, and is plain sh."""
    path = DEPLOY / name
    text = path.read_text(encoding="utf-8")

    assert path.stat().st_mode & 0o111
    assert text.startswith("#!/bin/sh\n")
    assert "\nset -eu\n" in text
    assert subprocess.run(["sh", "-n", path]).returncode == 0
