"""The supervisor over real processes: restarts, silence, order, hurry, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from smsq.worker.domain.errors import LedgerUnreachable, SmsqError
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.processes.supervisor import HURRYING, STOPPING, Child, Supervisor
from smsq.worker.redis_client import connect

ROOT = Path(__file__).parents[3]
FOREVER = "while :; do sleep 0.05; done"
AUTOGROUP = Path("/proc/self/autogroup")


def child(name: str, script: str, **options: object) -> Child:
    """A shell script as a child."""
    return Child(name, ["sh", "-c", script], env={"PATH": os.environ["PATH"]}, **options)  # type: ignore[arg-type]


@contextmanager
def running(supervisor: Supervisor) -> Iterator[list[int]]:
    """The supervisor in a thread; yields where its exit code will be."""
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(supervisor.run()))
    thread.start()
    try:
        yield codes
    finally:
        supervisor.stop()
        thread.join(20)
        assert not thread.is_alive()


def await_true(claim: Callable[[], object], seconds: float = 10) -> None:
    """Look until `claim` holds; so many seconds are a failure."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_dead_child_is_started_again(home: Path) -> None:
    """Killed from outside, it has a new process soon."""
    supervisor = Supervisor(home, [child("a", FOREVER)])
    with running(supervisor) as codes:
        await_true(lambda: supervisor.pids())
        first = supervisor.pids()["a"]
        os.kill(first, signal.SIGKILL)
        await_true(lambda: supervisor.pids().get("a") not in (None, first))

    assert codes == [0]


def test_kills_from_outside_are_no_reason_to_give_up(home: Path) -> None:
    """However often in its first seconds, it is started again soon."""
    supervisor = Supervisor(home, [child("a", FOREVER)])
    seen: set[int] = set()
    with running(supervisor) as codes:
        for _ in range(4):
            await_true(lambda: supervisor.pids().get("a", 0) not in {0, *seen})
            seen.add(supervisor.pids()["a"])
            os.kill(supervisor.pids()["a"], signal.SIGKILL)
        await_true(lambda: supervisor.pids().get("a", 0) not in {0, *seen})

    assert codes == [0]


def test_a_child_that_cannot_start_ends_everything(home: Path) -> None:
    """Three quick deaths: the exit code is 1 and the last words are shown."""
    said: list[str] = []
    supervisor = Supervisor(
        home, [child("ok", FOREVER), child("bad", "echo the port is taken; exit 1")], say=said.append
    )

    assert supervisor.run() == 1
    assert supervisor.pids() == {} or all(not _lives(pid) for pid in supervisor.pids().values())
    assert said == [f"bad cannot be started: the port is taken (see {home / 'logs/bad.log'})"]


def test_a_program_that_does_not_exist_is_an_error(home: Path) -> None:
    """What cannot even be executed is named, and the others are stopped."""
    supervisor = Supervisor(home, [child("ok", FOREVER), Child("bad", ["/no/such/program"], env={})])

    with pytest.raises(SmsqError, match="bad cannot be started"):
        supervisor.run()
    assert not any(_lives(pid) for pid in supervisor.pids().values())


def test_children_stop_in_order_and_redis_last(home: Path) -> None:
    """Each group waits for the one before; the dependency goes when nobody is left."""
    order = home / "order"

    def noting(name: str, stop_order: int) -> Child:
        return child(name, f"trap 'sleep 0.1; echo {name} >> {order}; exit' TERM; {FOREVER}", stop_order=stop_order)

    @dataclass
    class Noting:
        name: str

        def ensure(self) -> None:
            return None

        def stop(self) -> None:
            with order.open("a") as file:
                file.write(f"{self.name}\n")

    children = [noting("exporter", 3), noting("web", 1), noting("worker", 2)]
    supervisor = Supervisor(home, children, dependencies=[Noting("redis"), Noting("queues")])
    with running(supervisor):
        await_true(lambda: len(supervisor.pids()) == 3)
        time.sleep(0.1)  # until their traps are set

    assert order.read_text().split() == ["web", "worker", "exporter", "queues", "redis"]


def test_a_silent_child_is_killed_and_started_again(home: Path) -> None:
    """A frozen process cannot hear a polite request; its last beat is what counts."""
    beats: dict[int, float] = {}
    supervisor = Supervisor(home, [child("a", FOREVER, silent_after_s=0.2)], heartbeat=beats.get)
    with running(supervisor):
        await_true(lambda: supervisor.pids())
        first = supervisor.pids()["a"]
        os.kill(first, signal.SIGSTOP)
        beats[first] = 60.0
        await_true(lambda: supervisor.pids().get("a") not in (None, first))

        assert not _lives(first)


def test_nobody_is_killed_when_beats_cannot_be_read(home: Path) -> None:
    """A ledger that is away says nothing about its workers."""
    asked = threading.Event()

    def unreadable(pid: int) -> float:
        asked.set()
        raise ConnectionError

    supervisor = Supervisor(home, [child("a", FOREVER, silent_after_s=0.0)], heartbeat=unreadable)
    with running(supervisor):
        await_true(lambda: supervisor.pids())
        first = supervisor.pids()
        assert asked.wait(10)

        assert supervisor.pids() == first


def test_a_terminal_that_cannot_be_written_ends_nothing(home: Path) -> None:
    """Standard error may be a file on a full disk; what could not be said is in the log."""
    tried: list[str] = []

    def say(line: str) -> None:
        tried.append(line)
        raise OSError(28, "No space left on device")

    supervisor = Supervisor(home, [child("a", f"echo 'error: x'; {FOREVER}")], dependencies=[Fallen("queues")], say=say)
    with running(supervisor) as codes:
        await_true(lambda: len(tried) == 2)
        await_true(supervisor.pids)

    assert codes == [0]
    assert sorted(tried) == ["a: error: x", "the private Redis cannot be started: queues (no room)"]


@dataclass
class Fallen:
    """A server that does not come back."""

    name: str

    def ensure(self) -> None:
        raise LedgerUnreachable("no room")

    def stop(self) -> None:
        """Nothing to stop."""


def test_the_tick_goes_on_after_a_failure(home: Path) -> None:
    """What the caller plugs into the loop cannot stop the loop."""
    ticks: list[float] = []

    def tick() -> None:
        ticks.append(time.monotonic())
        raise ValueError

    with running(Supervisor(home, [], tick=tick)):
        await_true(lambda: len(ticks) >= 3)


def test_only_warnings_reach_the_terminal(home: Path) -> None:
    """The log has everything; a person sees what matters, with the child's name before it."""
    said: list[str] = []
    script = f"echo '12:00 info settled error_code=0'; echo '12:00 warning mirror down'; {FOREVER}"
    with running(Supervisor(home, [child("a", script)], say=said.append)):
        await_true(lambda: said)

    assert said == ["a: 12:00 warning mirror down"]
    assert len((home / "logs/a.log").read_text().splitlines()) == 2


def test_children_are_nice_and_count_in_a_folder_of_their_own(home: Path) -> None:
    """The priority and the metrics folder are the child's, as told."""
    said: list[str] = []
    script = f'echo "$PROMETHEUS_MULTIPROC_DIR"; sleep 0.1; nice; {FOREVER}'
    with running(Supervisor(home, [child("bulk", script, nice=10)], say=said.append, verbose=True)):
        await_true(lambda: len(said) == 2)

    assert said == [f"bulk: {home}/metrics/bulk-{os.getpid()}", f"bulk: {min(19, os.nice(0) + 10)}"]


@pytest.mark.usefixtures("shared_by_session")
def test_sessions_of_nice_children_are_nice(home: Path) -> None:
    """Two at a time too, though the kernel takes one change in 0.1 s only; others' sessions stay as they are."""
    before, supervisor = AUTOGROUP.read_text(), Supervisor(home, [child(n, FOREVER, nice=10) for n in ("a", "b")])
    with running(supervisor):
        await_true(lambda: len(supervisor.pids()) == 2)
        nice = lambda pid: Path(f"/proc/{pid}/autogroup").read_text().endswith(" nice 10\n")  # noqa: E731
        await_true(lambda: all(map(nice, supervisor.pids().values())))

    assert AUTOGROUP.read_text() == before


def test_where_things_are_is_written_for_the_owner_alone(home: Path) -> None:
    """`up.json` is complete when it appears, private, and gone at the end."""
    path = home / "up.json"
    supervisor = Supervisor(home, [child("a", FOREVER)], announce={"redis_url": "unix:///x"})
    with running(supervisor):
        await_true(path.exists)
        content, mode = json.loads(path.read_text()), stat.S_IMODE(path.stat().st_mode)

    assert (content, mode) == ({"redis_url": "unix:///x", "pid": os.getpid()}, 0o600)
    assert not path.exists()


def test_a_second_supervisor_in_the_same_home_is_refused(home: Path) -> None:
    """Two would start everything twice."""
    with running(Supervisor(home, [])):
        await_true((home / "up.lock").exists)
        with pytest.raises(SmsqError, match="already runs"):
            Supervisor(home, []).run()


def test_a_killed_redis_is_started_again_under_its_children(home: Path) -> None:
    """The dependency comes back at the same address."""
    with EmbeddedRedis(home, fsync="no") as server:
        supervisor = Supervisor(home, [], dependencies=[server])
        with running(supervisor):
            url, first = server.url, server.pid
            os.kill(first, signal.SIGKILL)
            await_true(lambda: _pings(url))

            assert server.pid != first
        assert not server.is_owner


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_and_a_second_hurries(home: Path, signum: signal.Signals) -> None:
    """A stubborn child gets its time after the first request, none after the second; the exit code is 0."""
    script = (
        "import os, sys; from pathlib import Path; from smsq.worker.processes.supervisor import *;"
        f"stubborn = Child('a', ['sh', '-c', \"trap '' TERM; echo up; {FOREVER}\"], env=dict(os.environ));"
        "sys.exit(Supervisor(Path(sys.argv[1]), [stubborn], say=lambda l: print(l, flush=True), verbose=True).run())"
    )
    process = subprocess.Popen([sys.executable, "-c", script, home], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "a: up\n"
    process.send_signal(signum)
    assert process.stdout.readline() == f"{STOPPING}\n"  # while the child goes on
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signum)
    out, _ = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, f"{HURRYING}\n")


def test_a_signal_is_heard_at_once_even_while_redis_is_awaited(home: Path) -> None:
    """The loop may wait for its server for a minute; whoever pressed Ctrl-C hears that it was heard."""
    script = (
        "import sys; from pathlib import Path; from smsq.worker.processes.supervisor import *\n"
        "class Slow:\n"
        "    name = 'redis'\n"
        "    def ensure(self):\n"
        "        print('waits', flush=True)\n"
        "        sys.stdin.readline()\n"
        "    def stop(self): pass\n"
        "sys.exit(Supervisor(Path(sys.argv[1]), [], dependencies=[Slow()], say=lambda l: print(l, flush=True)).run())"
    )
    argv = [sys.executable, "-c", script, str(home)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == f"{STOPPING}\n"
        process.communicate("\n", timeout=30)

    assert process.returncode == 0


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _pings(url: str) -> bool:
    try:
        return bool(connect(url).ping())
    except Exception:  # it is not back yet
        return False
