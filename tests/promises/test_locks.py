"""What is installed: the same versions everywhere, by hash, from whatever index a machine was told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")


def pinned(name: str) -> dict[str, str]:
    """Package to version, with its marker."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\n\\]+?)\s*\\$", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_everything_has_its_hashes(name: str) -> None:
    """An index that was tampered with installs nothing."""
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)

    assert pinned(name)
    assert [block for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


def test_production_has_what_development_has_without_its_tools() -> None:
    """The same versions were tested; no test runner or compiler stands beside the password."""
    run, develop = pinned("requirements.lock"), pinned("requirements-dev.lock")

    assert {name: develop[name].partition(" ;")[0] for name in run} == {
        name: version.partition(" ;")[0] for name, version in run.items()
    }
    assert {"redis", "dramatiq", "uvicorn"} <= run.keys()
    assert {"pytest", "mypy", "ruff", "hypothesis", "setuptools", "smsutil"} & run.keys() == set()
    assert "pytest" in develop


@pytest.mark.parametrize("name", [*LOCKS, "Makefile", "pyproject.toml", ".ci/run"])
def test_nothing_names_an_index(name: str) -> None:
    """That is the machine's affair; a tool that was told none has a default of its own."""
    text = (ROOT / name).read_text(encoding="utf-8")

    assert re.findall(r"https?://[^\s\"')]*(?:simple|pypi)[^\s\"')]*|--(?:extra-)?index-url \S+", text) == []


def test_the_installer_is_installed_by_hash() -> None:
    """It installs all the rest."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert list(pinned("requirements-uv.lock")) == ["uv"]
    assert "--require-hashes --no-deps -r requirements-uv.lock" in makefile
    assert not re.search(r"install[^\n]*\buv==", makefile)
