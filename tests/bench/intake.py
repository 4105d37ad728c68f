"""Peak memory and time of enrolling files of every kind: `python -m tests.bench.intake --rows 1000000 csv xlsx`.

Each file is written first, then a process of its own enrols it by `Smsq.campaigns.run` into a private Redis of its
own, as `smsq campaign run` does after its look. The peak is that of the resident set, of the process
and of the child that reads a workbook. It prints one JSON object for each kind.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from smsq.producers.api import Smsq
from smsq.producers.intake.prepare import collect_seldom
from smsq.worker.host.master import Master
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings
from tests.bench import files

KINDS = ("csv", "gz", "jsonl", "xlsx")
TEXTS = {"one": files.ONE_TEXT, "own": files.OWN_TEXT}
MB = 1 << 10  # of ru_maxrss, which is in KiB on Linux


def main() -> None:
    """Measure each kind; with `--one` enrol a file and tell what that took."""
    told = argparse.ArgumentParser()
    told.add_argument("kinds", nargs="*", default=list(KINDS))
    told.add_argument("--rows", type=int, default=1_000_000)
    told.add_argument("--text", choices=TEXTS, default="own")
    told.add_argument("--one", type=Path)
    given = told.parse_args()
    if given.one is not None:
        enrol(given.one, TEXTS[given.text])
        return
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as folder:
        for kind in given.kinds:
            path = written(Path(folder), kind, given.rows)
            measure(path, kind, given.text)
            path.unlink()


def written(folder: Path, kind: str, rows: int) -> Path:
    """The same rows in a file of this kind."""
    plain = files.write(folder / "people.csv", rows)
    if kind == "csv":
        return plain
    path = folder / f"people.{kind}"
    with plain.open(encoding="utf-8", newline="") as lines:
        cells = (line.rstrip("\r\n").split(",") for line in lines)
        names = next(cells)
        if kind == "jsonl":
            with path.open("w", encoding="utf-8") as out:
                out.writelines(
                    json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in cells
                )
        elif kind == "xlsx":
            from xlsxwriter import Workbook

            with Workbook(path, {"constant_memory": True}) as book:
                sheet = book.add_worksheet()
                sheet.write_row(0, 0, names)
                for at, (phone, name, order) in enumerate(cells, 1):
                    sheet.write_number(at, 0, int(phone))
                    sheet.write_string(at, 1, name)
                    sheet.write_number(at, 2, int(order))
        else:
            with plain.open("rb") as raw, gzip.open(path, "wb", 6) as packed:
                shutil.copyfileobj(raw, packed)
    plain.unlink()
    return path


def measure(path: Path, kind: str, text: str) -> None:
    """Enrol it in a process of its own, into a ledger of its own."""
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as home, EmbeddedRedis(Path(home) / "redis") as server:
        environ = {
            **os.environ,
            "SMSQ_HOME": home,
            "SMSQ_REDIS_URL": server.url,
            "SMSQ_BROKER_URL": server.broker_url,
            "SMSQ_LOGIN": "demo",
            "SMSQ_PASSWORD": "demo",
            "SMSQ_MIRRORS": "http://127.0.0.1:9",
        }
        runtime = Runtime.build(Settings.load({name: environ[name] for name in environ if name.startswith("SMSQ_")}))
        master = Master(runtime.ledger, runtime.journal)
        master.establish(runtime.settings.account)
        assert master.tick()
        argv = [sys.executable, "-m", __spec__.name, "--one", str(path), "--text", text]
        done = subprocess.run(argv, env=environ, check=True, capture_output=True, text=True)
        print(json.dumps({"kind": kind, "file_mb": path.stat().st_size >> 20, **json.loads(done.stdout)}), flush=True)


def enrol(path: Path, text: str) -> None:
    """Enrol a file; tell the seconds, the CPU and the peaks as JSON."""
    collect_seldom()
    began = time.perf_counter()
    with Smsq() as smsq:
        view = smsq.campaigns.run(path, text=text)
    own, child = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    said = {
        "rows": view.rows,
        "invalid": view.invalid,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_s": round(own.ru_utime + own.ru_stime, 1),
        "peak_mb": peak_mb(),
        "child_cpu_s": round(child.ru_utime + child.ru_stime, 1),
        "child_peak_mb": child.ru_maxrss // MB,
    }
    print(json.dumps(said))


def peak_mb() -> int:
    """The largest resident set of this process since it began; `ru_maxrss` would be that of its parent at the fork."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MB
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) // MB


if __name__ == "__main__":
    main()
