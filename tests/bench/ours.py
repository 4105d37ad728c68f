"""Ours, whole: two private Redis servers as `smsq up` starts them, bulk workers, the scheduler; a process each."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings
from tests.bench.programs import NICE, GatewayProcess, cpu_s, start, stop, wait_until

BULK_PROCESSES = 2
SETTLE_S = 0.3  # after the first beats: the consumers begin to listen


class Ours:
    """The running system."""

    def __init__(
        self, environ: dict[str, str], runtime: Runtime, processes: dict[str, Any], servers: dict[str, int]
    ) -> None:
        self.environ = environ
        self.runtime = runtime
        self._processes = processes
        self._servers = servers

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, by role."""
        by_role = {role: cpu_s(pid) for role, pid in self._servers.items()}
        for name, process in self._processes.items():
            role = name.partition("-")[0]
            by_role[role] = by_role.get(role, 0.0) + cpu_s(process.pid)
        return by_role


@contextlib.contextmanager
def running(gateway: GatewayProcess, folder: Path, more: dict[str, str] | None = None) -> Iterator[Ours]:
    """Start everything on a fresh ledger; stops it in order."""
    with (
        tempfile.TemporaryDirectory(prefix="smsq-bench-") as place,
        EmbeddedRedis(Path(place), dies_with_parent=True) as ledger,
        EmbeddedRedis(Path(place), name="queues", is_kept=False, dies_with_parent=True) as queues,
    ):
        environ = {
            **gateway.environ(),
            "SMSQ_HOME": place,
            "SMSQ_REDIS_URL": ledger.url,
            "SMSQ_BROKER_URL": queues.url,
            "SMSQ_ASK_EVERY_S": "86400",  # only sending is measured
            "SMSQ_HISTORY_EVERY_S": "0",
            **(more or {}),
        }
        settings = Settings.load(environ)
        slots = settings.parallel_sends - settings.urgent_slots
        threads = -(-slots // BULK_PROCESSES)
        cli = [sys.executable, "-m", "smsq"]
        bulk = [*cli, "worker", "--lane", "bulk", "--threads", str(threads)]
        log = folder / "ours.log"
        processes: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for n in range(BULK_PROCESSES):
                processes[f"workers-{n}"] = start(bulk, environ, log=log, nice=NICE)
            processes["scheduler"] = start([*cli, "scheduler"], environ, log=log)
            runtime = Runtime.build(settings)
            key = runtime.ledger.key("lead")
            wait_until(
                lambda: runtime.views.lanes().get("bulk", 0) == BULK_PROCESSES and runtime.ledger.redis.exists(key),
                "starting the workers",
            )
            time.sleep(SETTLE_S)
            servers = {"ledger server": ledger.pid, "queue server": queues.pid}
            yield Ours(environ, runtime, processes, servers)
        finally:
            for process in reversed(processes.values()):
                stop(process)
