"""`smsq door`: a process of its own, that stops when it is told to and says why it does not start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from click.testing import Result

from smsq.producers.machine.up import children, free_port
from smsq.worker.settings import Settings
from tests.producers.web.front_door.opened import KEY, KEYS, Line

Start = Callable[..., tuple[subprocess.Popen[bytes], int]]


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    """Start one; its process and its port."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(**more: str) -> tuple[subprocess.Popen[bytes], int]:
        port = free_port()
        told = {**environ, "SMSQ_API_KEYS": KEYS, "SMSQ_DOOR_ADDR": f"127.0.0.1:{port}", **more}
        argv = [sys.executable, "-m", "smsq", "--parent", str(os.getpid()), "door"]
        process = subprocess.Popen(argv, env={**os.environ, **told}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        started.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if b"front door started" in line:
                return process, port
        raise AssertionError("it did not start")

    yield begin
    for process in started:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(start: Start, how: signal.Signals) -> None:
    """A send is taken; a stop is no error; the log has neither key nor phone nor text."""
    process, port = start()
    with Line(port) as line:
        answer = line.get("/sys/send.php", "phones=79991234567&mes=Canary4821&id=5&fmt=1").text
    process.send_signal(how)
    assert process.stderr is not None
    said = process.stderr.read()

    assert (answer, process.wait(20)) == ("5,1", 0)
    assert b"front door stopped" in said
    assert not any(word in said for word in (KEY.encode(), b"79991234567", b"Canary4821"))


def test_without_an_address_there_is_none(run: Callable[..., Result], environ: dict[str, str]) -> None:
    """It says which setting is missing; `smsq up` runs it only if that is there."""
    said = run("door")
    without = [child.name for child in children(Settings.load(environ), {}, None)]
    with_one = children(Settings.load({**environ, "SMSQ_DOOR_ADDR": "127.0.0.1:8081"}), {}, None)

    assert (said.exit_code, "SMSQ_DOOR_ADDR is not set" in said.output) == (2, True)
    assert "door" not in without
    assert [(child.nice, child.stop_order) for child in with_one if child.name == "door"] == [(0, 1)]


def test_an_address_that_is_taken_is_named(start: Start, environ: dict[str, str]) -> None:
    """With the setting that gives another."""
    _, port = start()
    told = {**os.environ, **environ, "SMSQ_API_KEYS": KEYS, "SMSQ_DOOR_ADDR": f"127.0.0.1:{port}"}
    done = subprocess.run([sys.executable, "-m", "smsq", "door"], env=told, capture_output=True, text=True, check=False)

    assert (done.returncode, "set SMSQ_DOOR_ADDR to another address" in done.stderr) == (1, True)
