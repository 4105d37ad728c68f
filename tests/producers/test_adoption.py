"""Whose ledger a producer writes to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smsq.producers.adoption import adopt, running
from smsq.producers.api import Smsq
from smsq.worker.domain.errors import BadSettings, LedgerUnreachable
from smsq.worker.settings import Settings


def announce(home: Path, pid: int) -> None:
    """What `smsq up --sandbox` leaves behind while it runs."""
    home.mkdir(parents=True, exist_ok=True)
    told = {
        "redis_url": "unix:///run/x.sock?db=0",
        "broker_url": "unix:///run/y.sock?db=0",
        "home": str(home / "sandbox"),
        "pid": pid,
        "settings": {"SMSQ_BATCH_SIZE": "7", "SMSQ_LOGIN": "demo"},
    }
    (home / "up.json").write_text(json.dumps(told))


def test_a_redis_that_is_named_wins(home: Path) -> None:
    """Nothing is adopted where the environment says where the ledger is."""
    announce(home, os.getpid())
    settings = adopt({"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": "redis://elsewhere/0"})

    assert (settings.redis_url, settings.home, settings.batch_size) == ("redis://elsewhere/0", home, 100)


def test_its_queues_go_with_a_private_ledger_that_is_named(home: Path) -> None:
    """Hints for another server than its workers listen at would lie there unheard; what is named wins."""
    announce(home, os.getpid())
    told = {"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": "unix:///run/x.sock?db=0"}

    assert adopt(told).broker_url == "unix:///run/y.sock?db=0"
    assert Smsq(Settings.load(told)).settings.broker_url == "unix:///run/y.sock?db=0"
    assert adopt({**told, "SMSQ_BROKER_URL": "redis://elsewhere/0"}).broker_url == "redis://elsewhere/0"
    assert adopt({**told, "SMSQ_REDIS_URL": "unix:///run/z.sock?db=0"}).broker_url is None


def test_a_running_up_is_adopted_with_its_settings(home: Path) -> None:
    """Its workers live by them, so they win over the shell's."""
    announce(home, os.getpid())
    settings = adopt({"SMSQ_HOME": str(home), "SMSQ_BATCH_SIZE": "9", "SMSQ_RATE": "5"})

    assert (settings.redis_url, settings.broker_url) == ("unix:///run/x.sock?db=0", "unix:///run/y.sock?db=0")
    assert (settings.home, settings.batch_size, settings.login, settings.rate) == (home / "sandbox", 7, "demo", 5.0)


def test_settings_that_are_given_are_kept(home: Path) -> None:
    """A program that built its own learns only where the ledger of their home is."""
    announce(home, os.getpid())
    given = Settings.load({"SMSQ_HOME": str(home), "SMSQ_LOGIN": "me", "SMSQ_BATCH_SIZE": "9"})
    settings = Smsq(given).settings

    assert (settings.redis_url, settings.broker_url) == ("unix:///run/x.sock?db=0", "unix:///run/y.sock?db=0")
    assert (settings.home, settings.login, settings.batch_size) == (home / "sandbox", "me", 9)
    with pytest.raises(LedgerUnreachable, match=r"nothing runs in .*other"):
        _ = Smsq(Settings.load({"SMSQ_HOME": str(home / "other")})).settings


def test_the_key_of_a_home_wins_where_up_lives_by_it(home: Path) -> None:
    """Its workers open nothing else; where they were told one, so must the producer be."""
    announce(home, os.getpid())
    told = {"SMSQ_HOME": str(home), "SMSQ_SECRET_KEY": "x" * 40}
    assert adopt(told).secret_key == "x" * 40
    up = json.loads((home / "up.json").read_text())
    (home / "up.json").write_text(json.dumps({**up, "own_key": True}))

    assert adopt(told).secret_key is None
    assert Smsq(Settings.load(told)).settings.secret_key is None


def test_one_that_has_died_is_not(home: Path) -> None:
    """A file left behind by a killed supervisor leads nowhere; the sentence says what to start."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    announce(home, dead.pid)

    assert running(home) is None
    with pytest.raises(LedgerUnreachable, match=r"nothing runs in .*home.*`smsq up`.*SMSQ_HOME.*SMSQ_REDIS_URL"):
        adopt({"SMSQ_HOME": str(home)})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}'])
def test_a_file_that_makes_no_sense_is_nobody(home: Path, content: str) -> None:
    """Whatever stands there, a producer says that nothing is up."""
    home.mkdir()
    (home / "up.json").write_text(content)

    assert running(home) is None


@pytest.mark.parametrize(
    ("over", "missing"),
    [
        ({"SMSQ_TRANSPORT": "smpp"}, "set SMSQ_SMPP_URL"),
        ({"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": "smtp://me@mail.example"}, "SMSQ_SMTP_PASSWORD goes with"),
    ],
)
def test_a_producer_needs_no_password_of_a_wire(home: Path, over: dict[str, str], missing: str) -> None:
    """Workers sign in with it; a program that only enrols must still know how messages leave."""
    named = {"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": "redis://elsewhere/0", **over}

    assert adopt(named).transport == over["SMSQ_TRANSPORT"]
    Smsq(environ=named).close()
    with pytest.raises(BadSettings, match=missing):
        Settings.load(named)
