"""`smsq health`: an exit code and a sentence, for probes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from smsq.producers.cli import main
from smsq.worker.processes.alive import Alive
from tests.conftest import Plant


def health(plant: Plant | None, home: str, *words: str) -> Result:
    environ = {"SMSQ_HOME": home, "SMSQ_REDIS_URL": plant.runtime.redis_url if plant else "redis://127.0.0.1:1/0"}
    return CliRunner().invoke(main, ["health", *words], env=environ)


def test_what_is_asked_of_one_process(plant: Plant) -> None:
    """0 and 1 are all that a probe hears."""
    home = str(plant.runtime.settings.home)
    absent = [health(plant, home, *words.split()) for words in ("--lane bulk", "--scheduler", "--scheduler --alive")]
    plant.ledger.lead("me", 60)
    Alive(plant.runtime.settings.home, "scheduler").beat()
    there = [health(plant, home, *words.split()) for words in ("--scheduler", "--scheduler --alive")]

    assert ([result.exit_code for result in absent], [result.exit_code for result in there]) == ([1, 1, 1], [0, 0])
    assert all(len(result.output.splitlines()) == 1 for result in absent + there)


def test_the_whole_installation(plant: Plant) -> None:
    """A line for each check, or an object."""
    home = str(plant.runtime.settings.home)
    lines, told = health(plant, home), health(plant, home, "--json")

    assert (lines.exit_code, told.exit_code) == (1, 1)
    assert [line.split()[1] for line in lines.output.splitlines()] == list(json.loads(told.output)["checks"])


@pytest.mark.parametrize("words", ["", "--lane bulk", "--scheduler"])
def test_without_redis(home: str, words: str) -> None:
    """1, with a sentence that has no trace of the program."""
    result = health(None, str(home), *words.split())

    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    assert "Redis does not answer" in result.output


@pytest.mark.parametrize("words", ["--alive", "--lane bulk --scheduler", "--lane fax", "--json --scheduler"])
def test_what_cannot_be_meant(home: str, words: str) -> None:
    """Usage, not health: 2."""
    assert health(None, str(home), *words.split()).exit_code == 2
