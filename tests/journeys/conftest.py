"""A whole installation of real processes, beside a gateway that outlives it and keeps the count."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from producers.cli.demo import free_ports
from producers.cli.up import SANDBOX_OPTIONS, SANDBOX_PROFILE
from worker.ledger import Ledger
from worker.ledger.views import CampaignView, Views
from worker.redis_client import connect

SMSQ = [sys.executable, "-m", "producers.cli"]
START_S = 30.0
TROUBLES = ("lose_answer=5%", "error_502=1%", "3:refuse=5%")


@dataclass
class Installation:
    """`smsq up` in a folder of its own, against a gateway in a process of its own."""

    folder: Path
    environ: dict[str, str]
    gateway: subprocess.Popen[str]
    control: str
    up: subprocess.Popen[bytes] | None = None
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / ".smsq"

    def start(self) -> None:
        """Bring everything up and wait until every lane beats."""
        with open(self.folder / "up.log", "ab") as log:
            self.up = subprocess.Popen(
                [*SMSQ, "up"], cwd=self.folder, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
        self.wait_for(lambda: {"urgent", "bulk", "status", "chores"} <= set(self.views.lanes()), "the lanes", START_S)

    def stop(self) -> None:
        """Ctrl-C."""
        for process in self.running:
            process.kill()
            process.wait()
        if self.up is not None and self.up.poll() is None:
            self.up.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.up.wait(30)
            if self.up.poll() is None:
                self.up.kill()
                self.up.wait()

    @cached_property
    def views(self) -> Views:
        """The read side of its ledger; the socket's place does not change with a restart."""
        self.wait_for((self.home / "up.json").exists, "up.json", START_S)
        return Views(Ledger(connect(json.loads((self.home / "up.json").read_text())["redis_url"])))

    def wait_for(self, what: Callable[[], Any], name: str, seconds: float) -> Any:
        """Look until it is there; troubles of a restarting ledger count as not yet."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(Exception):
                if found := what():
                    return found
            time.sleep(0.05)
        raise AssertionError(f"{name} did not come in {seconds} s; {(self.folder / 'up.log').read_text()[-2000:]}")

    def people(self, rows: int) -> Path:
        """A file of so many people."""
        path = self.folder / "people.csv"
        path.write_text("phone,name\n" + "".join(f"+{79000000000 + n},P{n}\n" for n in range(rows)))
        return path

    def run_campaign(self, *more: str, rows: int = 6000) -> subprocess.Popen[bytes]:
        """Start the command that enrols a campaign."""
        argv = [*SMSQ, "campaign", "run", str(self.people(rows)), "--text", "Hello {name}", "--yes", *more]
        with open(self.folder / "run.log", "ab") as log:
            process = subprocess.Popen(argv, cwd=self.folder, env=self.environ, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def campaign(self) -> CampaignView | None:
        """The newest campaign."""
        return next(iter(self.views.campaigns()), None)

    def wait_until_sending(self, share: float = 0.2) -> None:
        """Until some of the campaign has left."""

        def has_begun() -> bool:
            view = self.campaign()
            return (
                view is not None and view.rows > 0 and view.rows - view.statuses.get("queued", 0) >= share * view.rows
            )

        self.wait_for(has_begun, "the campaign's first messages", 20)

    def wait_until_over(self, seconds: float = 60) -> CampaignView:
        """Until every message is final or parked."""
        view = self.wait_for(lambda: (v := self.campaign()) and v.is_over and v, "the campaign's end", seconds)
        assert isinstance(view, CampaignView)
        return view

    def pids(self, words: str) -> list[int]:
        """Children of this installation whose command line ends with these words."""
        assert self.up is not None
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                line = (folder / "cmdline").read_bytes().decode().replace("\0", " ")
                if f"--parent {self.up.pid} {words}" in line or (
                    words == "redis" and str(self.home) in line and "valkey" in line
                ):
                    found.append(int(folder.name))
        return found

    def count(self) -> dict[str, Any]:
        """The gateway's own count."""
        with urllib.request.urlopen(f"{self.control}/_sandbox/report") as reply:
            return dict(json.loads(reply.read()))


@pytest.fixture
def make_installation(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Build an installation: `make_installation(troubles=(…))`."""
    made: list[Installation] = []

    def build(troubles: tuple[str, ...] = TROUBLES, **settings: str) -> Installation:
        web, metrics = free_ports(2)
        secret = "a secret for callbacks"
        argv = [
            *SMSQ,
            "sandbox",
            "--ports",
            "0,0,0",
            *SANDBOX_OPTIONS,
            "--login",
            "demo",
            "--password",
            "demo",
            "--down",
            "2",
        ]
        argv += ["--think-ms", "20", "--deliver-after", "0.2..1", "--callback-secret", secret]
        argv += ["--callback-url", f"http://127.0.0.1:{web}/callback"]
        argv += [word for trouble in troubles for word in ("--misfortune", trouble)]
        gateway = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert gateway.stdout is not None
        ready = json.loads(gateway.stdout.readline())
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
        environ = {
            **clean,
            **SANDBOX_PROFILE,
            "SMSQ_HOME": str(tmp_path / ".smsq"),
            "SMSQ_LOGIN": "demo",
            "SMSQ_PASSWORD": "demo",
            "SMSQ_MIRRORS": ",".join(ready["mirrors"]),
            "SMSQ_CALLBACK_SECRET": secret,
            "SMSQ_WEB_ADDR": f"127.0.0.1:{web}",
            "SMSQ_METRICS_ADDR": f"127.0.0.1:{metrics}",
            **settings,
        }
        installation = Installation(tmp_path, environ, gateway, ready["control"])
        made.append(installation)
        return installation

    yield build
    for installation in made:
        installation.stop()
        installation.gateway.terminate()
        installation.gateway.wait()
        assert installation.gateway.stdout is not None
        installation.gateway.stdout.close()
