"""The supervisor: it starts processes, starts dead ones again, kills silent ones, and stops all in order.

Children have sessions of their own, so Ctrl-C reaches the supervisor alone. They write their logs themselves and the
supervisor only reads them, so that a slow or frozen supervisor does not slow them. The servers that all children need
(Redis) are started first and stopped last.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Protocol

import msgspec

from smsq.worker.domain.errors import SmsqError
from smsq.worker.processes import beats, metrics_folder
from smsq.worker.processes.child_log import ChildLog, Seldom
from smsq.worker.processes.locks import try_lock
from smsq.worker.processes.niceness import make_session_nice
from smsq.worker.processes.private_redis.embedded import Fall

TICK_S = 0.2
BEAT_CHECK_S = 1.0
STEADY_S = 10.0  # a child that lived for so long is started again at once
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
LONGEST_PAUSE_KILLED_S = 1.0  # it was killed from outside: nothing says that this will go on
ANNOUNCER_ENDS_S = 1.0  # a terminal that takes no more output is not waited for
STOPPING = "stopping: requests under way are finished first, which can take a minute; a second Ctrl-C stops at once"
HURRYING = "stopping at once: what is unfinished is picked up at the next start"
GIVE_UP_AFTER = 3  # failures of a child that was never steady: it cannot be started

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running.

    `env` is its whole environment; `nice` is how much nicer than the supervisor it is. Children with a lower
    `stop_order` are stopped first. A child is killed when its last beat is `silent_after_s` seconds old: in our pipe,
    if it ever beat there, else in the ledger. None means that it does not beat.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(kw_only=True)
    nice: int = field(default=0, kw_only=True)
    stop_order: int = field(default=0, kw_only=True)
    stop_timeout_s: float = field(default=45.0, kw_only=True)  # longer than one request to the gateway
    silent_after_s: float | None = field(default=None, kw_only=True)


class Dependency(Protocol):
    """A server that all children need: started before them, stopped after them."""

    @property
    def name(self) -> str:
        """Its name in logs."""

    def ensure(self) -> Fall | None:
        """Start it again if it is gone; return what happened to it, None if it runs."""

    def stop(self) -> None:
        """Stop it cleanly."""


class Supervisor:
    """Runs `children` until told to stop.

    `heartbeat(pid)` returns how many seconds ago that process last beat in the ledger, None if that is not known; while
    it raises no child is killed. `tick` is called five times a second from the main loop, and `sign_off` when all
    children have ended in order, unless a second stop was asked for. `say` shows a line to the person at the terminal.
    `announce` is the content of `up.json` besides the pid. `front` is the folder of that file and of the lock
    `<name>.lock`, which keeps a second one of that name from running there (default: `home`).
    """

    def __init__(
        self,
        home: Path,
        children: Sequence[Child],
        *,
        dependencies: Sequence[Dependency] = (),
        heartbeat: Callable[[int], float | None] = lambda pid: None,
        tick: Callable[[], None] = lambda: None,
        sign_off: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda line: None,
        announce: Mapping[str, object] | None = None,
        verbose: bool = False,
        name: str = "up",
        front: Path | None = None,
    ) -> None:
        self._home = home
        self._name = name
        self._front = front or home
        self._dependencies = dependencies
        self._heartbeat = heartbeat
        self._tick = tick
        self._sign_off = sign_off
        self._say = _tolerant(say)
        self._say_seldom = Seldom(self._say)
        self._announce = announce
        self._kept = [_Kept(child, home, self._say, verbose) for child in children]
        self._asked = 0  # how often we were asked to stop
        self._beats_checked_at = 0.0

    def stop(self, *_: object) -> None:
        """Ask the loop to stop; a second call hurries it. Safe in a signal handler and from any thread."""
        self._asked += 1

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._asked > 0

    def run(self) -> int:
        """Run until asked to stop; 0 then, 1 if a child could not be started. Raises SmsqError if another runs here."""
        for folder in (self._front, self._home):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = try_lock(self._front / f"{self._name}.lock")
        if lock is None:
            raise SmsqError(f"another supervisor already runs in {self._front}")
        with self._signals():
            try:
                metrics_folder.clean(self._home)
                if self._announce is not None:
                    _write_private(self._up_json, {**self._announce, "pid": os.getpid()})
                return self._loop()
            finally:
                self._stop_all()
                if self._announce is not None:
                    self._up_json.unlink(missing_ok=True)
                os.close(lock)

    def pids(self) -> dict[str, int]:
        """The children that run, by name."""
        return {kept.child.name: kept.pid for kept in self._kept if kept.pid}

    @property
    def _up_json(self) -> Path:
        return self._front / "up.json"

    def _loop(self) -> int:
        while not self._asked:
            for dependency in self._dependencies:
                self._look_after(dependency)
            for kept in self._kept:
                kept.look()
                if kept.is_hopeless:
                    self._say(f"{kept.child.name} cannot be started: {kept.last_words}")
                    return 1
            self._check_beats()
            self._run_tick()
            time.sleep(TICK_S)
        return 0

    def _look_after(self, dependency: Dependency) -> None:
        try:
            if fall := dependency.ensure():
                _log.error("dependency started again name=%s fate=%s why=%s", dependency.name, fall.fate, fall.why)
                why = f" ({fall.why})" if fall.why else ""
                self._say_seldom(f"the private Redis {fall.fate} and was started again: {dependency.name}{why}")
        except (SmsqError, OSError) as error:
            why = error.sentence if isinstance(error, SmsqError) else type(error).__name__
            _log.error("dependency cannot be started name=%s why=%s", dependency.name, why)
            self._say_seldom(f"the private Redis cannot be started: {dependency.name} ({why})")

    def _check_beats(self) -> None:
        now = time.monotonic()
        if now - self._beats_checked_at < BEAT_CHECK_S:
            return
        self._beats_checked_at = now
        for kept in self._kept:
            limit = kept.child.silent_after_s
            if limit is None or not kept.pid or kept.lived_s < limit:
                continue
            if kept.silent_s is not None and kept.silent_s <= limit:
                continue
            try:
                silent_s = self._heartbeat(kept.pid)
            except Exception as error:  # the beats cannot be read now: no child is killed for that
                _log.warning("beats cannot be read why=%s", type(error).__name__)
                for each in self._kept:
                    each.excuse()  # its loop may wait for the same Redis
                return
            silent_s = silent_s if kept.silent_s is None else kept.silent_s
            if silent_s is not None and silent_s > limit:
                _log.error("child silent name=%s pid=%d silent_s=%.1f", kept.child.name, kept.pid, silent_s)
                self._say(f"{kept.child.name} was silent for {silent_s:.0f} s and is restarted")
                kept.kill()

    def _run_tick(self) -> None:
        self._run(self._tick)

    def _run(self, turn: Callable[[], None]) -> None:
        try:
            turn()
        except Exception as error:  # the loop that keeps everything alive goes on
            _log.error("tick failed why=%s", type(error).__name__)

    def _stop_all(self) -> None:
        """Stop all children in order, each group together; a further request to stop kills what is left."""
        in_order = sorted(self._kept, key=lambda kept: kept.child.stop_order)
        for _, group in groupby(in_order, key=lambda kept: kept.child.stop_order):
            leaving = [kept for kept in group if kept.pid]
            for kept in leaving:
                kept.terminate()
            deadline = time.monotonic() + max((kept.child.stop_timeout_s for kept in leaving), default=0.0)
            while any(kept.is_running() for kept in leaving):
                self._run_tick()  # children may need it to finish
                if self._asked > 1 or time.monotonic() > deadline:
                    for kept in leaving:
                        kept.kill()
                time.sleep(0.02)
        for kept in self._kept:
            kept.close()
        if self._asked == 1:
            self._run(self._sign_off)
        for dependency in reversed(self._dependencies):
            dependency.stop()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Handle SIGINT, SIGTERM and SIGHUP while running; outside of the main thread only `stop` works."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        lines: SimpleQueue[str] = SimpleQueue()  # a handler may put lines here at any point, but must not write

        def ask(signum: int, frame: FrameType | None) -> None:
            lines.put(HURRYING if self.is_stopping else STOPPING)
            self.stop()

        def tell() -> None:
            while line := lines.get():
                self._say(line)

        announcer = threading.Thread(target=tell, name="announcer", daemon=True)  # the loop may be busy with a server
        announcer.start()
        before = {signum: signal.signal(signum, ask) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
            lines.put("")
            announcer.join(ANNOUNCER_ENDS_S)


class _Kept:
    """One child and its history."""

    def __init__(self, child: Child, home: Path, say: Callable[[str], None], verbose: bool) -> None:
        self.child = child
        self.log = ChildLog(home / "logs" / f"{child.name}.log", child.name, say, verbose=verbose)
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0  # not before, monotonic
        self._quick_deaths = 0
        self._failed_starts = 0
        self._was_steady = False
        self._is_session_nice = True
        self._listener: beats.Listener | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    @property
    def lived_s(self) -> float:
        return time.monotonic() - self._started_at

    @property
    def silent_s(self) -> float | None:
        """Seconds since its last beat in our pipe; None if it never beat there."""
        return self._listener.silent_s if self._listener is not None else None

    def excuse(self) -> None:
        """Do not count its silence until now."""
        if self._listener is not None:
            self._listener.excuse()

    @property
    def is_hopeless(self) -> bool:
        return not self._was_steady and self._failed_starts >= GIVE_UP_AFTER

    @property
    def last_words(self) -> str:
        return f"{self.log.last_line or 'it said nothing'} (see {self.log.path})"

    def look(self) -> None:
        """Start it if it should run and does not; note its death."""
        self.log.read()
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                if self._listener is not None:
                    self._listener.listen()
                self._was_steady = self._was_steady or self.lived_s >= STEADY_S
                self._is_session_nice = self._is_session_nice or make_session_nice(self._process.pid, self.child.nice)
                return
            self._bury(code)
        if time.monotonic() >= self._start_at and not self.is_hopeless:
            self._start()

    def is_running(self) -> bool:
        self.log.read()
        return self._process is not None and self._process.poll() is None

    def terminate(self) -> None:
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)  # a frozen child could not handle the signal

    def kill(self) -> None:
        """Send SIGKILL to its whole session; that works on a frozen child too."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Clean up after it has ended; it is not started again."""
        self._listen_no_more()
        self.log.close()

    def _listen_no_more(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _send(self, signum: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signum)

    def _start(self) -> None:
        metrics_folder.move_dead(self._home)
        folder = metrics_folder.folder(self._home, self.child.name)
        self._started_at = time.monotonic()
        told, inherited = {metrics_folder.VARIABLE: str(folder)}, []
        if self.child.silent_after_s is not None:
            self._listener = beats.Listener()
            told[beats.VARIABLE] = str(self._listener.writer)
            inherited.append(self._listener.writer)
        try:
            self._process = subprocess.Popen(
                list(self.child.argv),
                env={**self.child.env, **told},
                stdin=subprocess.DEVNULL,
                stdout=self.log.writer,
                stderr=self.log.writer,
                start_new_session=True,
                pass_fds=inherited,
            )
        except OSError as error:
            self._listen_no_more()
            raise SmsqError(f"{self.child.name} cannot be started: {error}") from None
        if self._listener is not None:
            self._listener.began()
        self._is_session_nice = not self.child.nice
        if self.child.nice:
            with contextlib.suppress(OSError):  # it may have ended already
                os.setpriority(os.PRIO_PROCESS, self._process.pid, min(19, os.nice(0) + self.child.nice))
        _log.info("child started name=%s pid=%d", self.child.name, self._process.pid)

    def _bury(self, code: int) -> None:
        lived_s = self.lived_s
        self._process = None
        self._listen_no_more()
        self._quick_deaths = 0 if lived_s >= STEADY_S else self._quick_deaths + 1
        self._failed_starts += code > 0 and not self._was_steady
        longest_s = LONGEST_PAUSE_S if code > 0 else LONGEST_PAUSE_KILLED_S
        pause_s = min(FIRST_PAUSE_S * 2 ** (self._quick_deaths - 2), longest_s) if self._quick_deaths > 1 else 0.0
        self._start_at = time.monotonic() + pause_s
        _log.error(
            "child ended name=%s code=%d lived_s=%.1f pause_s=%.1f%s",
            self.child.name,
            code,
            lived_s,
            pause_s,
            " crash loop" if self._quick_deaths >= GIVE_UP_AFTER else "",
        )


def _tolerant(say: Callable[[str], None]) -> Callable[[str], None]:
    """Wrap `say` so that a closed terminal, or a file on a full disk, raises nothing."""

    def said(line: str) -> None:
        with contextlib.suppress(OSError):
            say(line)

    return said


def _write_private(path: Path, content: Mapping[str, object]) -> None:
    """Replace `path` atomically by a file that only its owner can read."""
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(content))
    fresh.replace(path)
