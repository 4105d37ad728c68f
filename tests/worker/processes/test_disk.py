"""A full disk: what is said of it, by whom, and that nothing else happens."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from smsq.worker.processes import disk

ROOT = Path(__file__).parents[3]
FULL = """
import subprocess, sys, threading, time
from pathlib import Path
import redis
from smsq.producers.machine.up import _log_to
from smsq.worker.processes import disk
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.processes.supervisor import Supervisor
from smsq.worker.redis_client import connect

home = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", home], check=True)
log, said = home / "logs/supervisor.log", []

def wait(claim):
    until = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < until, said
        time.sleep(0.02)

def deaths():
    return "".join(said).count("died")

with _log_to(log), EmbeddedRedis(home) as server:
    supervisor = Supervisor(home, [], dependencies=[server], say=said.append)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    filler = open(home / "filler", "wb", buffering=0)
    try:
        while filler.write(b"x" * 4096) == 4096:
            pass
    except OSError:
        pass
    print(disk.trouble(home))
    try:
        connect(server.url).set("key", "x" * 100_000)
    except redis.RedisError as error:
        print(type(error).__name__)
    wait(deaths)
    size = log.stat().st_size
    (home / "filler").unlink()
    filler.close()
    wait(lambda: connect(server.url).set("key", "kept"))
    import logging
    logging.getLogger("smsq.worker.test").info("there is room")
    wait(lambda: "there is room" in log.read_text())
    supervisor.stop()
    thread.join()
print(*said, sep="\\n")
"""


def private_mounts() -> bool:
    """Whether a disk of our own can be mounted here without rights over the machine."""
    try:
        return (
            subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode
            == 0
        )
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not private_mounts(), reason="needs a user namespace that may mount a small disk")
def test_a_full_disk_is_named_and_no_traceback_is_shown(home: Path) -> None:
    """The ledger's server ends at its first write; why is said once, and all goes on when there is room again."""
    home.mkdir()
    ran = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", FULL, home], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    why = f"nothing can be written in {home}/redis: No space left on device"
    assert ran.stdout.splitlines() == [
        "No space left on device",
        "ConnectionError",
        f"the private Redis died and was started again: redis ({why})",
    ]


def test_a_disk_is_measured_and_tried(tmp_path: Path) -> None:
    """Also where the home is not there yet; a trial leaves nothing."""
    room = disk.room(tmp_path / "not" / "yet")

    assert 0 < room.free <= room.total
    assert room.share == room.free / room.total
    assert (disk.trouble(tmp_path), os.listdir(tmp_path)) == ("", [])


def test_what_is_in_the_way_of_writing_is_named(tmp_path: Path) -> None:
    """In the system's words."""
    script = (
        "import pathlib, sys; from smsq.worker.processes import disk; print(disk.trouble(pathlib.Path(sys.argv[1])))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, tmp_path], cwd=ROOT, capture_output=True, text=True, preexec_fn=_no_bytes
    )

    assert ran.stdout == "File too large\n"
    assert os.listdir(tmp_path) == []
    assert disk.trouble(tmp_path / "nowhere") == "No such file or directory"


def _no_bytes() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
