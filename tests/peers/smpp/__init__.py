"""npm's `smpp` as a server or a client in a process of its own: a second opinion on our SMPP, for tests and benchmarks.

It is installed once into a cache folder, in the version and with the digests of `package-lock.json`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
INSTALL_S = 180.0
PATIENCE_S = 20.0


class NotHere(Exception):
    """The machine cannot run it; says why."""


def modules() -> Path:
    """The folder of its modules, installed if they are not yet; raises NotHere."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        raise NotHere("npm's SMPP server needs node and npm (Debian: apt install nodejs npm)")
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smsq-tests"
    folder = cache / f"smpp-{hashlib.sha256(lock).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "installed"
    with open(folder / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # several runs may want it at once
        if not done.exists():
            _install(npm, folder)
            done.touch()
    return folder


def _install(npm: str, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder / name)
    argv = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        raise NotHere(f"npm did not install the SMPP server within {INSTALL_S:.0f} s") from None
    if done.returncode:
        raise NotHere(f"npm could not install the SMPP server: {done.stderr.strip().splitlines()[:1]}")


class Peer:
    """One server; `events` are what it says, in order."""

    def __init__(self, **options: Any) -> None:
        environ = {**os.environ, "SMPP_PEER_MODULES": str(modules())}
        argv = ["node", str(HERE / "server.js"), json.dumps(options)]
        self.process = subprocess.Popen(
            argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="peer", daemon=True)
        self._reader.start()
        self.port: int = self.wait("ready")["port"]

    @property
    def url(self) -> str:
        """Its address."""
        return f"smpp://127.0.0.1:{self.port}"

    def wait(self, event: str, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next event of this name; those before it are dropped."""
        until = time.monotonic() + within_s
        while (left_s := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                said = self._said.get(timeout=left_s)
                if said["event"] == event:
                    return said
        raise AssertionError(f"the SMPP peer did not say {event} in {within_s} s")

    def order(self, do: str = "", **next_few: int) -> None:
        """Tell it to do something, or how to treat the next few submits."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do} if do else next_few) + "\n")
        self.process.stdin.flush()

    def count(self) -> dict[str, Any]:
        """What it has counted."""
        self.order("count")
        return self.wait("count")

    def stop(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(json.loads(line))


def client(url: str, **told: Any) -> list[dict[str, Any]]:
    """What npm's client says of one session: bound, submits answered, receipts; raises NotHere."""
    environ = {**os.environ, "SMPP_PEER_MODULES": str(modules())}
    argv = ["node", str(HERE / "client.js"), json.dumps({"url": url, **told})]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextlib.contextmanager
def peer(**options: Any) -> Iterator[Peer]:
    """A server until the end of the block; raises NotHere."""
    server = Peer(**options)
    try:
        yield server
    finally:
        server.stop()
