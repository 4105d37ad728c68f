"""The pytest plugin, as an application uses it: the tests that docs/testing.md shows, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "testing.md"
SETTINGS = """
import pytest

@pytest.fixture(scope="session")
def smsq_settings():
    return {"SMSQ_SHIELD": "on", "SMSQ_SHIELD_PHONE": "1/h"}
"""
FRESH = """
import os
import pytest
from smsq import Smsq
from smsq.worker.domain.errors import TooMany

PHONE = "+79991234567"

@pytest.mark.parametrize("turn", range(3))
def test_nothing_of_another_test_is_met(smsq, turn):
    assert smsq.messages() == []
    first = smsq.send(PHONE, "Hi", key="order-17")
    assert first.created
    smsq.otp.send(PHONE, key="login")
    with pytest.raises(TooMany):
        smsq.otp.send(PHONE, key="again")
    assert [each.text for each in smsq.messages(PHONE, count=2) if not each.codes] == ["Hi"]
    smsq.misfortune("error_500", next=1000)

def test_no_account_of_the_shell_is_met(smsq):
    assert smsq.settings.login == "test"
    assert "SMSQ_APIKEY" not in os.environ
    with Smsq() as own:
        assert own.settings.mirrors == smsq.settings.mirrors
        assert all(base.startswith("http://127.0.0.1:") for base in own.settings.mirrors)

def test_what_does_not_come_is_told(smsq):
    with pytest.raises(AssertionError, match=r"0 of 1 messages were received by \\+79991234567 within 0.1 s"):
        smsq.code_for(PHONE, timeout=0.1)
    smsq.send(PHONE, "1234 or 5678")
    with pytest.raises(AssertionError, match="holds 2 numbers"):
        smsq.code_for(PHONE)
    smsq.send(smsq.phone(), "Hi")
    with pytest.raises(AssertionError, match="holds 0 numbers"):
        smsq.code_for(smsq.messages(count=2)[-1].phone)

def test_a_call_is_read_out(smsq):
    phone = smsq.phone()
    code = smsq.otp.send(phone, channels="call", length=4)
    assert smsq.otp.check(code.id, smsq.code_for(phone)).value == "right"
"""
Suite = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """An application's folder with these files, and its tests run there as its author would."""

    def run(*options: str, **files: str) -> subprocess.CompletedProcess[str]:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        plugin = ("-p", "smsq.testing", "-p", "no:cacheprovider")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *plugin, *options],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "SMSQ_APIKEY": "of-the-shell",
                "SMSQ_HOME": str(tmp_path / "of-the-shell"),
            },
            capture_output=True,
            text=True,
            timeout=240,
        )

    return run


def blocks() -> dict[str, str]:
    """The files that the page shows, by the name in their first line."""
    found = re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return dict(found)


@pytest.mark.timeout(300)
def test_the_tests_of_the_page_pass(suite: Suite) -> None:
    """The example application and its tests, as they stand there."""
    shown = blocks()
    done = suite(**shown)

    assert sorted(shown) == ["login", "test_login"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{shown['test_login'].count('def test_')} passed" in done.stdout


@pytest.mark.timeout(300)
def test_each_test_begins_anew_and_meets_nobody_else(suite: Suite) -> None:
    """Keys, counts, messages and misfortunes of others are gone; the shell's account is out of reach."""
    done = suite(conftest=SETTINGS, test_fresh=FRESH)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


@pytest.mark.timeout(120)
def test_an_installation_that_cannot_start_says_why(suite: Suite) -> None:
    """In the words of the process that could not."""
    wrong = SETTINGS.replace('"1/h"', '"often"')
    done = suite(conftest=wrong, test_it="def test_it(smsq): pass")

    assert done.returncode == 1
    assert "the installation for tests did not start" in done.stdout
    assert "SMSQ_SHIELD_PHONE" in done.stdout


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    """It is loaded by every pytest of the environment, ours too."""
    code = (
        "import sys, smsq.testing;"
        "print({'smsq.worker.runtime', 'smsq.producers.api', 'redis', 'click', 'msgspec'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_pytest_finds_the_plugin() -> None:
    """By the entry point, under a name that `-p no:` can be given."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert told["project"]["entry-points"]["pytest11"] == {"smsq_testing": "smsq.testing"}
