"""Programs that run beside the measurement: the gateway, Redis, workers; and what CPU time they took."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from smsq.worker.processes.niceness import give_way
from smsq.worker.processes.parent import ask_kernel

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
LOGIN, PASSWORD = "bench", "bench"
NICE = 10  # of whoever sends, ours and theirs: as `smsq up` starts its bulk workers


def start(
    argv: Sequence[str],
    environ: Mapping[str, str] | None = None,
    *,
    log: Path,
    nice: int = 0,
    takes_orders: bool = False,
    has_session: bool = False,
) -> Any:
    """Start a program that ends with us; what it says goes to `log`, its standard input is ours to write or empty.

    With a session of its own its nice value counts against ours too.
    """

    def prepare() -> None:
        ask_kernel(signal.SIGTERM)
        if has_session:
            os.setsid()
        if nice:
            give_way(nice)

    with log.open("ab") as out:
        return subprocess.Popen(
            list(argv),
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
            cwd=ROOT,
            stdin=subprocess.PIPE if takes_orders else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=out,
            preexec_fn=prepare,  # a few system calls
        )


def stop(process: subprocess.Popen[bytes], patience_s: float = 20.0) -> None:
    """Ask it to leave, and make it leave."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def run(
    module: str, told: Mapping[str, Any], environ: Mapping[str, str] | None = None, *, log: Path, nice: int = 0
) -> dict[str, Any]:
    """Run one of our programs to its end; the JSON object that it printed last."""
    process = start([sys.executable, "-m", f"tests.bench.{module}", json.dumps(told)], environ, log=log, nice=nice)
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{module} failed ({process.returncode}): {log.read_text(errors='replace')[-2000:]}")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, its threads included; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def family(pid: int) -> Iterator[tuple[int, str]]:
    """The processes that it started, and those that they did: pid and command line."""
    children: dict[int, list[int]] = {}
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(each.name))
    waiting = list(children.get(pid, []))
    while waiting:
        found = waiting.pop()
        waiting += children.get(found, [])
        with contextlib.suppress(OSError):
            yield found, Path(f"/proc/{found}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def cpu_by_role(pid: int, roles: Mapping[str, str], rest: str) -> dict[str, float]:
    """CPU seconds of a program and all that it started: the first of `roles` that its command line holds, or `rest`."""
    spent = {rest: cpu_s(pid)}
    for each, command in family(pid):
        role = next((role for words, role in roles.items() if words in command), rest)
        spent[role] = spent.get(role, 0.0) + cpu_s(each)
    return spent


def wait_until(is_so: Callable[[], bool], what: str, patience_s: float = 60.0, look_s: float = 0.02) -> None:
    """Look until it is so."""
    until = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > until:
            raise SystemExit(f"{what} took more than {patience_s:g} s")
        time.sleep(look_s)


class GatewayProcess:
    """The sandbox as a process of its own: one mirror, no misfortunes, limits that nobody here meets."""

    def __init__(self, mirror: str, control: str) -> None:
        self.mirror = mirror
        self.control = control

    def tally(self) -> dict[str, Any]:
        """Its own count."""
        with urllib.request.urlopen(f"{self.control}/_sandbox/tally", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def reset(self) -> None:
        """Forget every message, so that each turn meets the same gateway."""
        request = urllib.request.Request(f"{self.control}/_sandbox/reset", b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=60):
            pass

    def environ(self) -> dict[str, str]:
        """How our own programs are told of it."""
        return {"SMSQ_MIRRORS": self.mirror, "SMSQ_LOGIN": LOGIN, "SMSQ_PASSWORD": PASSWORD}


@contextlib.contextmanager
def gateway(folder: Path, think_ms: float = 0.0) -> Iterator[GatewayProcess]:
    """Start the sandbox; every limit that a peer without manners would break is out of reach."""
    config = folder / "gateway.toml"
    config.write_text(
        "parallel_sends = 100000\nparallel_asks = 100000\nduplicate_window_s = 0.0\nerror_budget = 1000000000\n"
        'balance = "1000000000"\ndeliver_after_s = [86400.0, 86400.0]\n'
    )
    argv = [sys.executable, "-m", "smsq", "sandbox", "--ports", "0", "--config", str(config)]
    argv += ["--login", LOGIN, "--password", PASSWORD, "--think-ms", str(think_ms)]
    process = start(argv, log=folder / "gateway.log")
    try:
        ready = json.loads(process.stdout.readline())
        yield GatewayProcess(ready["mirrors"][0], ready["control"])
    finally:
        stop(process)
