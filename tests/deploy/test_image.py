"""The image: its description is clean, and the commands in it make an installation that works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.described import DEPLOY, ROOT, check_command, loaded, unknown_settings

DOCKERFILE = DEPLOY / "Dockerfile"
TEXT = DOCKERFILE.read_text(encoding="utf-8")
STAGES = re.split(r"^(?=FROM )", TEXT, flags=re.MULTILINE)[1:]


def instructions(stage: str, name: str) -> list[str]:
    """What stands behind each instruction of this name, its lines joined."""
    joined = re.sub(r"\\\n\s*", "", "".join(f"{line}\n" for line in stage.splitlines() if not line.startswith("#")))
    return [found.strip() for found in re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)]


def test_hadolint_has_nothing_to_say() -> None:
    """Not even at the level of style."""
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed: make setup")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_image_runs_as_nobody_in_particular() -> None:
    """A number, since Kubernetes checks no names; commands without a shell, so that signals arrive."""
    last = STAGES[-1]
    environment = dict(pair.split("=", 1) for pair in instructions(last, "ENV")[0].split())

    assert instructions(last, "USER") == ["10001:10001"]
    assert instructions(last, "ENTRYPOINT") == ['["smsq"]']
    assert instructions(last, "STOPSIGNAL") == ["SIGTERM"]
    assert unknown_settings([*environ_of_smsq(environment)]) == set()
    assert loaded(environ_of_smsq(environment)).log_style == "json"
    assert not re.search(r"^ADD ", TEXT, re.MULTILINE)
    assert not re.search(r"https?://", TEXT)


def environ_of_smsq(environment: dict[str, str]) -> dict[str, str]:
    """The settings among these."""
    return {name: value for name, value in environment.items() if name.startswith("SMSQ_")}


def test_its_health_is_a_command() -> None:
    """Which there is, with its options."""
    words = re.findall(r'"([^"]+)"', instructions(STAGES[-1], "HEALTHCHECK")[0])

    assert words[0] == "smsq"
    check_command(words[1:])


def test_what_is_copied_reaches_the_builder() -> None:
    """`.dockerignore` names what is let through, and nothing else of a checkout is sent."""
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    copied = {name for stage in STAGES for row in instructions(stage, "COPY") if "--from" not in row
              for name in row.split()[:-1]}  # fmt: skip

    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_commands_of_the_build_make_an_installation_that_works(tmp_path: Path) -> None:
    """Those of the first stage, in folders of their own: a wheel without links to the checkout, and a whole demo."""
    build, source, installed = STAGES[0], tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    for row in instructions(build, "COPY"):
        for name in row.split()[:-1]:
            copy(ROOT / name, source / name)
    for row in instructions(build, "RUN"):
        script = row.replace("/opt/smsq", str(installed)).replace("/src", str(source))
        script = re.sub(r"(?<![\w/.-])python -m venv", f"{sys.executable} -m venv", script)
        done = subprocess.run(["sh", "-ec", script], cwd=source, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    shutil.rmtree(source)
    environ = {"PATH": f"{installed / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": "/tmp"}
    smsq = installed / "bin" / "smsq"
    place = subprocess.run(
        [installed / "bin" / "python", "-P", "-c", "import smsq.worker.ledger as ledger; print(ledger.__file__)"],
        cwd=tmp_path, env=environ, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    demo = subprocess.run([smsq, "demo"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300)

    assert place.startswith(str(installed))
    assert demo.returncode == 0, demo.stderr[-2000:]


def copy(source: Path, target: Path) -> None:
    """As COPY does: links stay links."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
