"""Prometheus and Alertmanager beside a town, with the rules as they are shipped and shorter times.

What is changed in the rules, and nothing else: a range or an offset becomes eight seconds for five minutes and grows by
the fourth root (an hour 14 s, a day 32 s), so that a longer one stays longer. What an alert must last becomes one
second for half a minute and grows by the third root. Thresholds are a file of their own, which the test replaces.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from tests.peers import prometheus
from tests.promises.alerts import PROMETHEUS, ROOT

SCRAPE_S = 2
LOOK_S = 0.5
START_S = 60.0
JOB, PAGE = "smsq", "smsq-page"  # the town's exporters, and the page that is written by the test
KEY = "a key for alerts, 81"


def _shorter(seconds: float, base_s: float, of_s: float, root: int) -> str:
    return f"{round(1000 * base_s * (seconds / of_s) ** (1 / root))}ms"


def shortened(expr: str) -> str:
    """An expression with shorter ranges and offsets."""
    parsed, found = promql_parser.parse(expr), []

    def look(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node)

    promql_parser.walk(parsed, look)
    text = str(parsed)
    for node in found:
        was, selector = str(node), node.vector_selector
        if selector.offset is not None:
            selector.offset = promql_parser.parse_duration(_shorter(selector.offset.total_seconds(), 8, 300, 4))
            node.vector_selector = selector
        node.range = promql_parser.parse_duration(_shorter(node.range.total_seconds(), 8, 300, 4))
        text = text.replace(was, str(node))
    return text


def write_rules(folder: Path, thresholds: Mapping[str, float]) -> None:
    """The rules that are shipped, with shorter times and these thresholds."""
    folder.mkdir()
    for path in (PROMETHEUS / "rules").glob("*.yml"):
        told = yaml.safe_load(path.read_text())
        for group in told["groups"]:
            group.pop("interval", None)
            for rule in group["rules"]:
                lasts = promql_parser.parse_duration(rule["for"]).total_seconds() if "for" in rule else 0.0
                rule["expr"] = shortened(str(rule["expr"]))
                rule |= {"for": _shorter(lasts, 1, 30, 3)} if lasts else {}
                threshold = str(rule.get("record", "")).removeprefix("smsq:threshold:")
                if threshold in thresholds:
                    rule["expr"] = f"vector({thresholds[threshold]})"
        (folder / path.name).write_text(yaml.safe_dump(told))


class Receiver:
    """What Alertmanager calls: `POST /alerts` with the key for pages, `POST /mail` in place of e-mail."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []  # the path and each alert
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                allowed = self.path == "/mail" or self.headers["Authorization"] == f"Bearer {KEY}"
                if allowed:
                    receiver.heard += [(self.path, each) for each in body["alerts"]]
                self.send_response(200 if allowed else 401)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def states(self, name: str, job: str) -> set[tuple[str, str]]:
        """In which states it heard of an alert, by path."""
        return {
            (path, alert["status"])
            for path, alert in list(self.heard)
            if alert["labels"]["alertname"] == name and alert["labels"].get("job", job) == job
        }

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Page:
    """An exposition that the test writes, for what cannot be provoked in reason."""

    def __init__(self) -> None:
        self.lines: Sequence[str] = ()
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write("".join(f"{line}\n" for line in page.lines).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert in Alertmanager."""

    name: str
    job: str
    is_suppressed: bool


class Monitors:
    """Both programs, their receiver and the page, with all of their files in `folder`."""

    def __init__(self, folder: Path, ports: tuple[int, int], thresholds: Mapping[str, float]) -> None:
        self.folder = folder
        folder.mkdir()
        self.receiver, self.page = Receiver(), Page()
        self.seen: set[Seen] = set()  # since the last `forget`
        self.now: set[Seen] = set()
        self._is_over = threading.Event()
        self._urls = [f"http://127.0.0.1:{port}" for port in ports]
        self._write(thresholds)
        self._programs = [self._start_prometheus(), self._start_alertmanager()]
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()

    def scrape(self, *exporters: str) -> None:
        """Read these exporters (`host:port`) as job `smsq` from now on."""
        targets = self.folder / "targets.yml"
        new = targets.with_suffix(".new")
        new.write_text(yaml.safe_dump([{"targets": list(exporters)}]))
        new.replace(targets)

    def _write(self, thresholds: Mapping[str, float]) -> None:
        write_rules(self.folder / "rules", thresholds)
        self.scrape()
        told = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        told["global"] = {
            "scrape_interval": f"{SCRAPE_S}s",
            "scrape_timeout": f"{SCRAPE_S}s",
            "evaluation_interval": "1s",
        }
        told["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [self._urls[1].removeprefix("http://")]
        (ours,) = (each for each in told["scrape_configs"] if each["job_name"] == JOB)
        ours["file_sd_configs"][0]["refresh_interval"] = "1s"
        told["scrape_configs"] = [ours, {"job_name": PAGE, "static_configs": [{"targets": [self.page.address]}]}]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(told))

        told = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
        (self.folder / "key").write_text(KEY)
        told["global"] = {"resolve_timeout": "5m"}
        routes = [told["route"]]
        for route in routes:
            routes += route.get("routes", [])
            route |= {"group_wait": "0s"} if "group_wait" in route else {}
            route |= {"group_interval": "1s"} if "group_interval" in route else {}
        for receiver in told["receivers"]:
            receiver.pop("email_configs")
            hooks = receiver.setdefault("webhook_configs", [])
            for hook in hooks:
                hook["url"] = f"{self.receiver.url}/alerts"
                hook["http_config"]["authorization"]["credentials_file"] = str(self.folder / "key")
            hooks.append({"url": f"{self.receiver.url}/mail", "send_resolved": True})
        (self.folder / "alertmanager.yml").write_text(yaml.safe_dump(told))

    def _start_prometheus(self) -> subprocess.Popen[bytes]:
        return self._start(
            prometheus.program("prometheus"),
            None,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={self._urls[0].removeprefix('http://')}",
        )

    def _start_alertmanager(self) -> subprocess.Popen[bytes]:
        return self._start(
            *prometheus.alertmanager(),
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'alerts'}",
            f"--web.listen-address={self._urls[1].removeprefix('http://')}",
            "--cluster.listen-address=",
        )

    def _start(self, program: str, cwd: Path | None, *options: str) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{Path(program).name}.log", "ab") as log:
            return subprocess.Popen([program, *options], cwd=cwd or self.folder, stdout=log, stderr=log)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers to an instant query."""
        asked = f"{self._urls[0]}/api/v1/query?query={urllib.request.quote(query)}"
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return list(json.loads(answer.read())["data"]["result"])

    def _look(self) -> None:
        """Keep what Alertmanager has at each moment."""
        while not self._is_over.wait(LOOK_S):
            with contextlib.suppress(OSError, ValueError):
                with urllib.request.urlopen(f"{self._urls[1]}/api/v2/alerts", timeout=10) as answer:
                    found = json.loads(answer.read())
                self.now = {
                    Seen(
                        each["labels"]["alertname"],
                        each["labels"].get("job", ""),
                        each["status"]["state"] == "suppressed",
                    )
                    for each in found
                }
                self.seen |= self.now

    def fires(self, *names: str, job: str = JOB, within_s: float = 60.0) -> None:
        """Wait until Alertmanager has had each of them; `job` '' for an alert that has none."""
        self._wait(lambda: set(names) - {each.name for each in set(self.seen) if each.job == job}, "fire", within_s)

    def resolve(self, *names: str, job: str = JOB, within_s: float = 90.0) -> None:
        """Wait until each is over, and until the receivers were told of it unless something kept it back."""
        self._wait(lambda: {each.name for each in self.now if each.job == job} & set(names), "end", within_s)
        kept_back = {each.name for each in set(self.seen) if each.job == job and each.is_suppressed}
        self._wait(
            lambda: [
                name
                for name in names
                if name not in kept_back
                and {state for _, state in self.receiver.states(name, job)} != {"firing", "resolved"}
            ],
            "be told of",
            within_s,
        )

    def _wait(self, missing: Any, what: str, within_s: float) -> None:
        until = time.monotonic() + within_s
        while left := missing():
            if time.monotonic() > until:
                raise AssertionError(f"did not {what} in {within_s} s: {sorted(left)}; now {self.now}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End all of it."""
        self._is_over.set()
        self._looking.join()
        for program in self._programs:
            program.terminate()
        for program in self._programs:
            program.wait(20)
        self.receiver.stop()
        self.page.stop()
