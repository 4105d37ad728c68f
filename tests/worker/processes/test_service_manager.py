"""What a service manager hears of our processes: that they work, that they still do, and that they stop."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from smsq.producers.machine.up import free_port
from smsq.worker.processes.beats import Pulse
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.processes.service_manager import VARIABLES, ServiceManager

ROOT = Path(__file__).parents[3]


class Hearing:
    """A service manager: the socket, and what was said to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(30.0)

    def hear(self) -> list[str]:
        """The lines of the next datagram."""
        return self.socket.recv(4096).decode().splitlines()

    def hear_all(self) -> list[str]:
        """All lines that wait."""
        lines: list[str] = []
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                lines += self.hear()
        self.socket.settimeout(30.0)
        return lines

    def until(self, wanted: str) -> list[str]:
        """All lines up to one that is `wanted`."""
        lines: list[str] = []
        while wanted not in lines:
            lines += self.hear()
        return lines


@pytest.fixture
def hearing() -> Iterator[Hearing]:
    """A socket in the abstract name space: no path is too long for it."""
    heard = Hearing(f"\0smsq-test-{os.getpid()}-{secrets.token_hex(4)}")
    yield heard
    heard.socket.close()


def address_of(hearing: Hearing) -> str:
    """As systemd writes it into the environment."""
    return "@" + hearing.path[1:]


def test_a_process_says_once_that_it_works_and_once_a_second_that_it_still_does(hearing: Hearing) -> None:
    """A start that waits for Redis asks for more time; nothing is said twice."""
    now = [0.0]
    manager = ServiceManager(hearing.path, monotonic=lambda: now[0])
    for now[0] in (0.0, 0.5, 0.9):
        manager.alive()
    starting = hearing.hear_all()
    manager.ready("working for the bulk lane")
    manager.ready()
    for now[0] in (1.0, 1.5, 2.5):
        manager.alive()
    working = hearing.hear_all()
    manager.stopping()
    manager.stopping()

    assert starting == ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=30000000"]
    assert working == ["READY=1", "STATUS=working for the bulk lane", "WATCHDOG=1", "WATCHDOG=1"]
    assert hearing.hear_all() == ["STOPPING=1", "STATUS=stopping: requests under way are finished first"]


def test_no_child_speaks_for_its_parent(hearing: Hearing, tmp_path: Path) -> None:
    """What names the manager is taken out of the environment, by a pulse too; a socket with a path is heard as well."""
    environ = {"NOTIFY_SOCKET": address_of(hearing), "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1", "HOME": "/"}
    Pulse.of_process(environ).manager.ready()
    assert environ == {"HOME": "/"}
    assert hearing.hear()[0] == "READY=1"

    named = Hearing(str(tmp_path / "s"))
    with contextlib.closing(named.socket):
        Pulse.of_process({"NOTIFY_SOCKET": named.path}).beat()
        assert named.hear()[0] == "WATCHDOG=1"


def test_without_a_manager_nothing_is_said_and_nothing_is_waited_for(tmp_path: Path) -> None:
    """No socket, one that is gone, and one that is not read."""
    for told in ("", "relative", str(tmp_path / "gone")):
        manager = ServiceManager.of_process({"NOTIFY_SOCKET": told})
        manager.ready()
        manager.alive()
        manager.stopping()
    full = Hearing(str(tmp_path / "full"))
    with contextlib.closing(full.socket):
        manager = ServiceManager(full.path)
        for turn in range(1000):
            manager.status(str(turn))
        assert full.hear() == ["STATUS=0"]


COMMANDS = {
    "a worker": ["worker", "--lane", "chores"],
    "several workers and an exporter": ["worker", "--lane", "chores", "--processes", "2", "--exporter"],
    "scheduler": ["scheduler"],
    "web": ["web"],
    "door": ["door"],
    "exporter": ["exporter"],
}


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_each_process_tells_systemd_how_it_is(
    argv: Sequence[str], hearing: Hearing, redis_server: EmbeddedRedis, redis: object, home: Path
) -> None:
    """It begins to work, goes on, and ends in order: READY, WATCHDOG, STOPPING, exit code 0."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SMSQ_") and name not in VARIABLES},
        "NOTIFY_SOCKET": address_of(hearing),
        "WATCHDOG_USEC": "60000000",
        "SMSQ_HOME": str(home),
        "SMSQ_ACCEPT_LOSS": "1",
        "SMSQ_REDIS_URL": redis_server.url,
        "SMSQ_LOGIN": "me",
        "SMSQ_PASSWORD": "x",
        "SMSQ_MIRRORS": f"http://127.0.0.1:{free_port()}",
        **{f"SMSQ_{name}_ADDR": f"127.0.0.1:{free_port()}" for name in ("WEB", "DOOR", "METRICS")},
    }
    process = subprocess.Popen([sys.executable, "-P", "-m", "smsq", *argv], env=environ, cwd=ROOT)
    try:
        before = hearing.until("READY=1")
        hearing.until("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        hearing.until("STOPPING=1")

        assert process.wait(30.0) == 0
        assert "STOPPING=1" not in before
    finally:
        process.kill()
        process.wait()
