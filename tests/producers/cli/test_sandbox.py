"""`smsq sandbox messages` and `misfortunes`: what the sandbox that runs received, and what befalls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smsq.producers.cli import UNREACHABLE, USAGE, main
from smsq.producers.machine.sandbox import ask
from smsq.worker.domain.batch import MessageId
from smsq.worker.sandbox import Profile, Sandbox
from tests.conftest import Plant
from tests.worker.sandbox.conftest import Caller

ROOT = Path(__file__).parents[3]
Type = Callable[..., Result]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """One that delivers at once."""
    with Sandbox(Profile(deliver_after_s=(0.0, 0.0), handover_after_s=0.0), ports=(0, 0)) as started:
        yield started


@pytest.fixture
def caller(sandbox: Sandbox) -> Iterator[Caller]:
    """A client of its first mirror."""
    client = Caller(sandbox.mirrors[0])
    yield client
    client.connection.close()


@pytest.fixture
def type_(sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """The command, in the home of an `smsq up --sandbox` with that sandbox."""
    home.mkdir()
    told = {"pid": os.getpid(), "redis_url": "unix:///x", "broker_url": "unix:///y", "home": str(home / "sandbox")}
    (home / "up.json").write_text(json.dumps({**told, "control": sandbox.control}))
    monkeypatch.setenv("SMSQ_HOME", str(home))
    return lambda *words: CliRunner().invoke(main, ["sandbox", *words], catch_exceptions=False)


def test_the_code_that_just_came_is_seen(type_: Type, caller: Caller) -> None:
    """The newest last, as one reads a terminal; of one phone as people write it."""
    caller.send("+79161234567", "Your code is 4821", id=1)
    caller.send("+79161234568", "Another\x1b[2J", id=2)
    all_of_them = type_("messages")

    assert all_of_them.exit_code == 0
    lines = all_of_them.stdout.splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == [
        "+79161234567  delivered  Your code is 4821",
        "+79161234568  delivered  Another?[2J",
    ]
    of_one = type_("messages", "8 (916) 123-45-67", "--json")
    assert [json.loads(line)["text"] for line in of_one.stdout.splitlines()] == ["Your code is 4821"]
    nothing = type_("messages", "+79161234569")
    assert (nothing.stdout, nothing.stderr) == ("", "nothing was received for this phone\n")


def test_what_comes_is_followed(sandbox: Sandbox, caller: Caller) -> None:
    """Each line as it comes."""
    command = [sys.executable, "-m", "smsq", "sandbox", "messages", "--follow", "--control", sandbox.control]
    caller.send("+79161234567", "one", id=1)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        heard = [process.stdout.readline()]
        for number, text in enumerate(("two", "three"), 2):
            caller.send("+79161234567", text, id=number)
            heard.append(process.stdout.readline())
        process.terminate()

    assert [line.split()[-1] for line in heard] == ["one", "two", "three"]


def test_misfortunes_are_ordered_and_ended(type_: Type, caller: Caller) -> None:
    """One after the other, by share or for the next few; all of them end at once."""
    assert "lose_answer" in type_("misfortunes").stdout
    assert "in force: 0 misfortunes" in type_("misfortunes").stderr
    type_("misfortunes", "empty", "--next", "2")
    told = type_("misfortunes", "slow", "--share", "5%", "--mirror", "2", "--seconds", "0.1")
    assert told.stdout == "empty: the next 2 send requests\nslow: 5% of all send requests at mirror 2\n"
    assert "throttled: the next 2 submit requests" in type_("misfortunes", "throttled", "--next", "2").stdout
    type_("misfortunes", "slow", "--share", "0", "--mirror", "2")
    ended = type_("misfortunes", "--end")

    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", "in force: 0 misfortunes\n")
    assert "cnt" in caller.send(id=1)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["misfortunes", "empty"], "--next or --share"),
        (["misfortunes", "--next", "2"], "--next or --share"),
        (["misfortunes", "empty", "--next", "2", "--share", "5%"], "--next or --share"),
        (["misfortunes", "rain", "--next", "2"], "there is no misfortune called 'rain'"),
        (["misfortunes", "empty", "--next", "2", "--mirror", "9"], "mirrors are numbered 1 to 2"),
        (["messages", "123"], "too few digits"),
    ],
)
def test_wrong_words_are_said(type_: Type, words: list[str], part: str) -> None:
    """By the command or by the sandbox."""
    result = type_(*words)

    assert result.exit_code == USAGE
    assert part in result.stderr


def test_no_sandbox_to_ask(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where it looked, and how another is named."""
    monkeypatch.setenv("SMSQ_HOME", str(home))
    result = CliRunner().invoke(main, ["sandbox", "messages"])
    assert result.exit_code == UNREACHABLE
    for part in ("no `smsq up --sandbox` runs in", str(home), "SMSQ_HOME", "--control"):
        assert part in result.stderr

    result = CliRunner().invoke(main, ["sandbox", "messages", "--control", "http://127.0.0.1:9"])
    assert result.exit_code == UNREACHABLE
    assert "no sandbox answers at http://127.0.0.1:9" in result.stderr


@pytest.mark.parametrize("as_json", [False, True])
def test_a_sandbox_that_began_anew_has_forgotten(
    make_plant: Callable[..., Plant], home: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """Who waits for a status hears that none comes; what was not sent yet is not lost."""
    plant = make_plant(profile=Profile(deliver_after_s=(9000.0, 9000.0), handover_after_s=9000.0))
    single, (batch,), later = plant.enrol(), plant.campaign([79991234568]), plant.enrol(79991234569)
    plant.send(single, batch)
    up = {"pid": os.getpid(), "redis_url": plant.runtime.redis_url, "broker_url": plant.runtime.broker_url}
    told = {**up, "home": str(home), "control": plant.sandbox.control}
    (home / "up.json").write_text(json.dumps(told))
    monkeypatch.setenv("SMSQ_HOME", str(home))
    said = "and forgot what was sent to it before: no status will come"

    def shown(*words: str) -> str:
        result = CliRunner().invoke(main, [*words, *(["--json"] if as_json else [])], catch_exceptions=False)
        return result.stdout if not as_json else json.loads(result.stdout).get("waits", "")

    assert said not in shown("status", str(MessageId(single.number, 0)))
    until = time.monotonic() + 60
    while said not in shown("status", str(MessageId(single.number, 0))):  # the ledger counts whole seconds
        assert time.monotonic() < until
        ask(plant.sandbox.control, "reset", {})

    assert said in shown("campaign", "show", batch.campaign)
    assert said not in shown("status", str(MessageId(later.number, 0)))
