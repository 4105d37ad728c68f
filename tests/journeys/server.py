"""A Redis of its own that a journey may kill, freeze, fill, starve of disk, cut back or put back to an old copy."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import redis

from smsq.worker.processes.parent import ask_kernel
from smsq.worker.processes.private_redis.redis_server import find_server
from smsq.worker.redis_client import connect
from tests.journeys.proxy import Proxy

START_S = 20.0


_SLOW = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
static int late(long call, int fd) {
    int told = open(getenv("JOURNEY_SLOW"), O_WRONLY | O_APPEND);
    if (told >= 0) {
        if (write(told, ".", 1) == 1) usleep(250000);
        close(told);
    }
    return syscall(call, fd);
}
int fsync(int fd) { return late(SYS_fsync, fd); }
int fdatasync(int fd) { return late(SYS_fdatasync, fd); }
"""


def end_with_us() -> None:
    ask_kernel(signal.SIGKILL)


def slow_syncs(folder: Path) -> tuple[Path, Path]:
    """A library for LD_PRELOAD that makes each fsync take a quarter of a second longer, and what tells it to.

    It does so while the file JOURNEY_SLOW is there, and adds a byte to it each time. Skips where there is no compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a slow fsync needs a C compiler")
    source, library = folder / "slow.c", folder / "slow.so"
    source.write_text(_SLOW)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True, capture_output=True)
    return library, folder / "slow.told"


class Server:
    """One server on a loopback port, its append-only file synced before every answer."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.environ: dict[str, str] = {}  # what its environment has besides ours
        self.options: list[str] = []  # what it is told besides, or otherwise
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Straight to the server, past any proxy."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, most_bytes: int = 0) -> None:
        """Start it; `most_bytes` is as much as a file of its may hold, 0 for no limit."""
        self.folder.mkdir(parents=True, exist_ok=True)
        argv = [find_server(None, self.folder), "--port", str(self.port), "--bind", "127.0.0.1"]
        argv += ["--dir", str(self.folder), "--logfile", str(self.folder / "redis.log"), "--daemonize", "no"]
        argv += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction"]
        argv += self.options
        self._process = subprocess.Popen(
            argv,
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_us,
            restore_signals=False,  # a file that may not grow is an error then, not the end of the process
        )
        if most_bytes:
            self.limit_disk(most_bytes)
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.is_running:
            with contextlib.suppress(redis.RedisError), contextlib.closing(connect(self.url, timeout_s=1.0)) as client:
                client.ping()
                return
            time.sleep(0.02)
        raise AssertionError(f"no Redis: {(self.folder / 'redis.log').read_text()[-1500:]}")

    def client(self) -> redis.Redis:
        return connect(self.url)

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, as a system that shuts down would."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(20)

    def freeze(self, seconds: float) -> None:
        """Stand still for so long: every connection stays open, nobody is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def lose_power(self, proxy: Proxy, fsync_s: float = 0.3) -> int:
        """The power fails while an fsync has taken `fsync_s` already; how many bytes that cost.

        All clients come through `proxy`. Replies are held, so that nothing executed from then on is
        acknowledged to anybody; what the file held right after is the last completed fsync. The server
        is killed and the file cut back to that. To every client this is what a power failure looks like.
        """
        proxy.holds_replies = True
        durable = self._newest_file().stat().st_size
        time.sleep(fsync_s)
        self.kill()
        newest = self._newest_file()
        lost = newest.stat().st_size - durable
        os.truncate(newest, durable)
        proxy.cut_all()
        proxy.holds_replies = False
        return lost

    def cut_back(self, size: int) -> None:
        """Only so many bytes of its append-only file had reached the disk when the power failed; it is dead already."""
        newest = self._newest_file()
        assert newest.stat().st_size > size
        os.truncate(newest, size)

    def limit_disk(self, most_bytes: int | None) -> None:
        """No file may grow beyond so many bytes from now on; None for as many as it likes."""
        limit = resource.RLIM_INFINITY if most_bytes is None else most_bytes
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def size(self) -> int:
        """Bytes of the append-only file that grows."""
        return self._newest_file().stat().st_size

    def copy_to(self, place: Path) -> None:
        """A copy of its data, taken between two writes where it is running."""
        if not self.is_running:
            shutil.copytree(self.folder, place)
            return
        os.kill(self.pid, signal.SIGSTOP)
        try:
            shutil.copytree(self.folder, place)
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def restore(self, place: Path) -> None:
        """Put a copy back; the server is down."""
        shutil.rmtree(self.folder)
        shutil.copytree(place, self.folder)

    def _newest_file(self) -> Path:
        return max((self.folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime_ns)
