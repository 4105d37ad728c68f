"""A real Prometheus for journeys: the project's own configuration and rules, in a hurry, beside one exporter."""

from __future__ import annotations

import json
import math
import subprocess
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from smsq.producers.machine.up import free_port
from tests.deploy.dashboards import ROOT

OURS = ROOT / "deploy" / "prometheus"
SCRAPE = "5s"  # as long as a page may take on a machine with much else to do
EVERY = "1s"  # between evaluations of all rules
READY_S = 60.0


@dataclass(slots=True)
class Prometheus:
    """A running server; `url` is that of its API."""

    process: subprocess.Popen[bytes]
    url: str

    @classmethod
    def start(cls, program: str, folder: Path, target: str) -> Prometheus:
        """Start it in a new folder, with the exporter at `target` as its only target."""
        (folder / "rules").mkdir(parents=True)
        config = yaml.safe_load((OURS / "prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": EVERY}
        config["scrape_configs"] = [each for each in config["scrape_configs"] if each["job_name"] == "smsq"]
        del config["alerting"]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "targets.yml").write_text(yaml.safe_dump([{"targets": [target]}]))
        for path in (OURS / "rules").glob("*.yml"):
            rules = yaml.safe_load(path.read_text())
            hurried = [{**group, "interval": EVERY} for group in rules["groups"]]
            (folder / "rules" / path.name).write_text(yaml.safe_dump({"groups": hurried}))
        address = f"127.0.0.1:{free_port()}"
        argv = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        argv += [f"--web.listen-address={address}", "--log.level=warn"]
        with open(folder / "prometheus.log", "wb") as log:
            started = cls(subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log), f"http://{address}")
        started._wait(folder / "prometheus.log")
        return started

    def stop(self) -> None:
        """End it, and wait for the end."""
        self.process.terminate()
        self.process.wait(30)

    def ask(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer of the API."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as reply:
            return json.load(reply)["data"]

    def values(self, expr: str) -> list[float]:
        """The value of each series of an expression now."""
        return [float(each["value"][1]) for each in self.ask("query", query=expr)["result"]]

    def has_data(self, expr: str) -> bool:
        """Whether an expression has a value that is a number."""
        return any(not math.isnan(value) for value in self.values(expr))

    def scrapes(self) -> float:
        """How many scrapes of the last minute went well."""
        return sum(self.values('sum_over_time(up{job="smsq"}[1m])'))

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        self.process.kill()
        self.process.wait()
        raise AssertionError(f"Prometheus did not start:\n{log.read_text()[-2000:]}")
