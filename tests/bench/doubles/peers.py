"""The programs of the trial: how each is started, and what it believes at its end. A peer is a row of `PEERS`."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smsq.producers.machine.up import SANDBOX_PROFILE, free_port
from smsq.worker.domain.lane import LANES
from smsq.worker.ledger import Ledger
from smsq.worker.ledger.views import Views
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.redis_client import connect
from tests.bench import environments
from tests.bench.doubles.trial import FIRST_PHONE, LOGIN, PASSWORD, TEXT, Believed, Trial
from tests.bench.programs import ROOT, start, stop, wait_until

Say = Callable[[str], None]
HERE = "tests.bench.doubles"
FEW = 8  # requests at once, well within the gateway's fifteen


@dataclass(frozen=True, slots=True)
class Peer:
    """A program: its label in the table, how it repeats in a sentence, and how it is run."""

    label: str
    how: str
    run: Callable[[Trial, Say], Believed]


def library_loop(trial: Trial, say: Say) -> Believed:
    """The vendor libraries' loop."""
    return _believed([sys.executable, "-m", f"{HERE}.library_loop"], trial, trial.environ())


def celery(trial: Trial, say: Say) -> Believed:
    """Celery in an environment of its own."""
    python = str(environments.celery(say))
    with _broker() as server:
        url = f"redis+socket://{server.url.removeprefix('unix://').partition('?')[0]}"
        environ = trial.environ({"DOUBLES_BROKER": url, "DOUBLES_PATIENCE_S": str(trial.patience_s)})
        argv = [python, "-m", "celery", "-A", f"{HERE}.celery_tasks", "worker", "--concurrency", "4", "-l", "INFO"]
        with _workers(argv, trial, environ, b" ready.", 1):
            return _believed([python, "-m", f"{HERE}.celery_tasks"], trial, environ)


def dramatiq(trial: Trial, say: Say) -> Believed:
    """Stock dramatiq with tenacity."""
    with _broker() as server:
        environ = trial.environ({"DOUBLES_BROKER": server.url, "DOUBLES_PATIENCE_S": str(trial.patience_s)})
        argv = [sys.executable, "-m", "dramatiq", f"{HERE}.dramatiq_actor", "--processes", "1", "--threads", str(FEW)]
        with _workers(argv, trial, environ, b"is ready for action", 1):
            return _believed([sys.executable, "-m", f"{HERE}.dramatiq_actor"], trial, environ)


def ours(trial: Trial, say: Say) -> Believed:
    """`smsq up` and `smsq campaign run --follow`, to the last status; one message in a request, as for the others."""
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as place:
        home, file = Path(place), Path(place) / "people.csv"
        file.write_text("phone\n" + "".join(f"+{FIRST_PHONE + n}\n" for n in range(trial.messages)))
        environ = {**SANDBOX_PROFILE, "SMSQ_HOME": place, "SMSQ_MIRRORS": ",".join(trial.mirrors)}
        environ |= {"SMSQ_LOGIN": LOGIN, "SMSQ_PASSWORD": PASSWORD, "SMSQ_BATCH_SIZE": "1"}
        environ |= {f"SMSQ_{name}_ADDR": f"127.0.0.1:{free_port()}" for name in ("WEB", "METRICS")}
        cli = [sys.executable, "-m", "smsq"]
        system = start([*cli, "up"], environ, log=trial.folder / "ours.log")
        try:
            wait_until((home / "up.json").exists, "starting smsq")
            with contextlib.closing(connect(json.loads((home / "up.json").read_text())["redis_url"])) as client:
                views = Views(Ledger(client))
                wait_until(lambda: set(LANES) <= set(views.lanes()), "starting the lanes")
            argv = [*cli, "campaign", "run", str(file), "--text", TEXT, "--yes", "--follow", "--json"]
            told = _last_json(argv, trial, environ)
        finally:
            stop(system, 30)
    statuses = told["statuses"]
    sent = sum(statuses.get(name, 0) for name in ("accepted", "delivered", "read", "expired", "undeliverable"))
    parked = sum(statuses.get(name, 0) for name in ("queued", "sending", "doubtful", "parked"))
    return Believed(sent=sent, failed=trial.messages - sent - parked, undecided=parked)


PEERS: dict[str, Peer] = {
    "library": Peer(
        "the vendor libraries' loop",
        "five addresses in order, the next one at once after an empty answer",
        library_loop,
    ),
    "celery": Peer(
        "Celery",
        "`autoretry_for=(Exception,)`, `retry_backoff=True`, `acks_late=True`, three retries by default, Redis",
        celery,
    ),
    "dramatiq": Peer(
        "dramatiq + tenacity",
        "three attempts by tenacity, then dramatiq's own Retries with its defaults (from 15 s on, twenty times), Redis",
        dramatiq,
    ),
    "smsq": Peer("smsq", "asks what became of it, and repeats nothing that may have been accepted", ours),
}


@contextlib.contextmanager
def _broker() -> Iterator[EmbeddedRedis]:
    with (
        tempfile.TemporaryDirectory(prefix="smsq-bench-") as place,
        EmbeddedRedis(Path(place), fsync="no", dies_with_parent=True) as server,
    ):
        yield server


@contextlib.contextmanager
def _workers(
    argv: Sequence[str], trial: Trial, environ: dict[str, str], ready: bytes, processes: int
) -> Iterator[None]:
    """A peer's workers, once they say that they are ready."""
    log = trial.folder / "peer.log"
    log.write_bytes(b"")
    workers: Any = start(argv, environ, log=log)
    try:
        wait_until(lambda: workers.poll() is not None or log.read_bytes().count(ready) >= processes, "starting workers")
        if workers.poll() is not None:
            raise SystemExit(f"the workers ended: {log.read_text(errors='replace')[-2000:]}")
        yield
    finally:
        stop(workers)


def _believed(argv: Sequence[str], trial: Trial, environ: dict[str, str]) -> Believed:
    return Believed(**_last_json(argv, trial, environ))


def _last_json(argv: Sequence[str], trial: Trial, environ: dict[str, str]) -> dict[str, Any]:
    """Run a program to its end; the object that it printed last."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
    done = subprocess.run(
        list(argv), env={**clean, "PYTHONPATH": str(ROOT), **environ}, cwd=trial.folder, capture_output=True, text=True
    )
    lines = done.stdout.strip().splitlines()
    if not lines:
        raise SystemExit(f"{argv[2]} said nothing (exit {done.returncode}): {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found
