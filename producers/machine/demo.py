"""The demo: everything on this machine in a temporary home, a sample campaign, and the gateway's own count.

It ignores the shell's settings, speaks only to the sandbox that it starts, and takes its verdict from that sandbox's
count: every row accounted for, nothing lost, nothing sent twice, no limit broken.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from smsq.producers import sample
from smsq.producers.machine import up
from smsq.producers.terminal import output
from smsq.producers.terminal.display import campaign_object, print_json, talk
from smsq.worker.clock import Clock
from smsq.worker.domain.errors import SmsqError
from smsq.worker.domain.lane import LANES
from smsq.worker.settings import PREFIX

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.producers.intake.preflight import Preflight, Price
    from smsq.worker.domain.receipt import Receipt
    from smsq.worker.ledger.views import CampaignView
    from smsq.worker.processes.supervisor import Supervisor

# One mirror down, one that refuses now and then, answers lost after acceptance, time to think.
MISFORTUNES = (
    *("--think-ms", "40", "--down", "2", "--misfortune", "3:refuse=20%", "--lose-answers", "5%"),
    *("--undeliverable", "3%", "--expire", "1%"),
)
BATCH_SIZE = 20  # so that 2,000 rows are a hundred requests, and a few of their answers get lost
START_TIMEOUT_S = 40.0
LEAST_CAMPAIGN_TIMEOUT_S = 90.0
ROWS_PER_S = 50  # slower than this something is wrong
ANSWER_TIMEOUT_S = 15.0
INTERRUPTED = 130  # what a shell calls Ctrl-C
LINES_KEPT = 15  # of the processes' output, shown if the demo fails


@dataclass
class Story:
    """One demo: the processes under a supervisor in the main thread, the campaign in another."""

    folder: Path
    rows: int
    keep: bool = field(kw_only=True)
    as_json: bool = field(kw_only=True)
    code: int = field(default=1, init=False)
    home: Path = field(init=False)

    def __post_init__(self) -> None:
        ports = free_ports(6)
        self.gateway = up.Gateway(tuple(ports[:3]), ports[3], options=MISFORTUNES)
        shell = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self.environ = up.sandbox_environ(shell, self.folder, self.gateway) | {
            "SMSQ_WEB_ADDR": f"127.0.0.1:{ports[4]}",
            "SMSQ_METRICS_ADDR": f"127.0.0.1:{ports[5]}",
            "SMSQ_BATCH_SIZE": str(BATCH_SIZE),
        }
        self.home = Path(self.environ["SMSQ_HOME"])
        self._clock = Clock()
        self._over = threading.Event()  # the processes are stopping, or about to
        self._is_told = False  # the story came to its end, good or bad
        self._said: list[str] = []
        self._supervisor: Supervisor | None = None
        self._narrator = threading.Thread(target=self._tell, name="story", daemon=True)

    def run(self) -> None:
        """Start everything, tell the story, stop everything; `code` is what came of it."""
        talk(f"starting two Redis servers, a gateway of three mirrors, workers, scheduler, web, metrics in {self.home}")
        with _working_directory(self.folder):  # deaf to a smsq.toml of the working directory too
            outcome = up.run(self.environ, gateway=self.gateway, say=self._note, started=self._begin)
        self._over.set()
        self._narrator.join(ANSWER_TIMEOUT_S)
        if outcome:
            self.code = outcome
        elif not self._is_told:
            talk("interrupted: everything was stopped and removed")
            self.code = INTERRUPTED
        if self.code not in (0, INTERRUPTED):
            for line in self._said[-LINES_KEPT:]:
                talk(f"  {line}")

    def _begin(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._narrator.start()

    def _note(self, line: str) -> None:
        self._said.append(line)

    def _tell(self) -> None:
        """The thread of the story: whatever happens in it, everything is stopped afterwards."""
        try:
            self.code = 0 if self._campaign() else 1
        except SmsqError as error:
            if self._stopping():
                return
            talk(f"smsq: {error.sentence}")
        except Exception:
            traceback.print_exc()
        else:
            if self.keep and not self.code:
                talk("everything stays up until Ctrl-C; to use it from another terminal:")
                talk(f"  export SMSQ_HOME={self.home}")
                self._is_told = True
                return
        self._is_told = True
        if self._supervisor is not None:
            self._supervisor.stop()

    def _stopping(self) -> bool:
        return self._over.is_set() or self._supervisor is None or self._supervisor.is_stopping

    def _campaign(self) -> bool:
        """Wait for the workers, run the sample, show the verdict; whether all is well."""
        from smsq.producers.api import Smsq
        from smsq.producers.intake import drafts, preflight

        self._wait_for("everything to start", START_TIMEOUT_S, lambda: (self.home / "up.json").exists())
        with Smsq(environ={"SMSQ_HOME": str(self.home)}) as smsq:
            self._wait_for("the workers", START_TIMEOUT_S, lambda: self._is_ready(smsq))
            people = sample.write(self.folder / "people.csv", self.rows)
            drafted = drafts.draft(people, text=sample.TEXT, name="demo")
            found = preflight.look(drafted.source.rows(), drafted.template)
            price = preflight.price(found, drafted.template, drafted.options, smsq.price)
            self._announce(found, price)
            view = self._run(smsq, drafted)
            receipts = [
                receipt for receipt in smsq.campaigns.report(view.id) if receipt.status in ("invalid", "duplicate")
            ]
            phones = [r.phone for r in smsq.campaigns.report(view.id) if r.status not in ("invalid", "duplicate")]
        verdict = judge(view, self._ask("report"), len(self._ask("missing", phones)["missing"]), self.rows)
        self._show(view, receipts, verdict)
        return verdict.is_good

    def _run(self, smsq: Smsq, drafted: Any) -> CampaignView:
        from smsq.producers.progress import follow

        view = smsq.campaigns.enrol(drafted)
        limit_s = max(LEAST_CAMPAIGN_TIMEOUT_S, self.rows / ROWS_PER_S)
        until = self._clock.monotonic() + limit_s
        watch = smsq.campaigns.watch(view.id)
        picture = follow(
            watch,
            output.screen(sys.stderr),
            clock=self._clock,
            line_every_s=2.0,
            is_wanted=lambda: not self._stopping() and self._clock.monotonic() < until,
        )
        if not picture.view.is_over:
            raise SmsqError(f"the campaign was not over after {limit_s:.0f} s: {picture.line()}")
        return picture.view

    def _is_ready(self, smsq: Smsq) -> bool:
        lanes = smsq.lanes()
        return all(lanes.get(lane) for lane in LANES) and smsq.runtime.views.brakes().is_led and self._web_is_ready()

    def _web_is_ready(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return _get(f"http://{self.environ['SMSQ_WEB_ADDR']}/readyz")[0] == 200
        return False

    def _wait_for(self, what: str, timeout_s: float, is_there: Callable[[], bool]) -> None:
        until = self._clock.monotonic() + timeout_s
        while not is_there():
            if self._stopping():
                raise SmsqError("stopped before the end")
            if self._clock.monotonic() > until:
                raise SmsqError(f"waited {timeout_s:.0f} s for {what}, without success")
            self._clock.wait(0.1)

    def _ask(self, name: str, told: object = None) -> dict[str, Any]:
        """Put a question to the sandbox's control endpoint."""
        try:
            status, body = _get(f"{self.gateway.control}/_sandbox/{name}", told)
            if status == 200:
                return dict(json.loads(body))
        except (OSError, http.client.HTTPException, ValueError):
            status = 0
        raise SmsqError(f"the sandbox gave no {name} (HTTP {status})")

    def _announce(self, found: Preflight, price: Price) -> None:
        talk("mirror 2 is down; mirror 3 refuses one connection in five; 5 % of sends are accepted and never answered")
        talk(f"{sample.TEXT!r} to {found.messages} of {found.rows} rows, {found.parts} parts, price {price}")

    def _show(self, view: CampaignView, rejects: Sequence[Receipt], verdict: Verdict) -> None:
        if self.as_json:
            metrics = f"http://{self.environ['SMSQ_METRICS_ADDR']}/metrics"
            print_json({**campaign_object(view), "gateway": verdict.as_object(), "metrics": metrics})
            return
        for line in [*_report_lines(view, rejects), *verdict.lines()]:
            click.echo(line)
        stays = "" if self.keep else " (gone now; --keep leaves it up)"
        click.echo(f"\nmetrics: http://{self.environ['SMSQ_METRICS_ADDR']}/metrics{stays}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Our count beside the gateway's own."""

    rows: int
    accounted: int  # rows whose status is final
    sent: int  # messages that we say were accepted
    accepted: int  # messages that the gateway accepted
    lost: int  # rows of which it knows nothing
    twice: int
    doubles: int  # what we ourselves took for doubles
    limits_broken: int
    misfortunes: dict[str, int]

    @property
    def is_good(self) -> bool:
        """Whether every row is accounted for, and nothing lost, doubled or broken."""
        wrong = self.lost or self.twice or self.doubles or self.limits_broken
        return self.accounted == self.rows and self.sent == self.accepted and not wrong

    def as_object(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "accepted": self.accepted,
            "lost": self.lost,
            "double": self.twice,
            "limits_broken": self.limits_broken,
            "misfortunes": self.misfortunes,
            "good": self.is_good,
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        yield "\n                      ours   the gateway's own count"
        yield f"  accepted        {self.sent:>10}   {self.accepted}"
        yield f"  lost            {self.rows - self.accounted:>10}   {self.lost}"
        yield f"  double          {self.doubles:>10}   {self.twice}"
        yield f"  limits broken   {'':>10}   {self.limits_broken}"
        struck = ", ".join(f"{name} {many}" for name, many in self.misfortunes.items())
        yield f"  what went wrong on purpose: {struck or 'nothing'}"
        yield "\n" + ("All is well: every row is accounted for." if self.is_good else "NOT well: the counts differ.")


def judge(view: CampaignView, count: dict[str, Any], missing: int, rows: int) -> Verdict:
    """Lay our campaign beside the sandbox's report."""
    from smsq.worker.domain.status import FINAL_STATUSES

    ended = {name: many for name, many in view.statuses.items() if name in FINAL_STATUSES}
    unsent = sum(
        ended.get(name, 0)
        for name in ("invalid", "duplicate", "refused", "late", "cancelled", "optout", "blocked", "capped")
    )
    return Verdict(
        rows=rows,
        accounted=sum(ended.values()),
        sent=sum(ended.values()) - unsent,
        accepted=count["accepted"],
        lost=missing,
        twice=max(count["twice"], count["twice_by_id"]),
        doubles=view.doubles,
        limits_broken=sum(count["limits_broken"].values()),
        misfortunes=count["misfortunes"],
    )


def free_ports(many: int) -> list[int]:
    """So many different free ports."""
    ports: set[int] = set()
    while len(ports) < many:
        ports.add(up.free_port())
    return sorted(ports)


def _report_lines(view: CampaignView, rejects: Sequence[Receipt]) -> Iterator[str]:
    from smsq.producers.moments import plain
    from smsq.producers.report import printable

    yield f"\ncampaign {view.id}: {view.rows} rows, {view.parts} parts, cost {plain(view.cost)}"
    for status, many in view.statuses.items():
        yield f"  {status:<14}{many:>10}"
    yield "\nrows that were not sent:"
    for receipt in rejects:
        yield f"  row {receipt.row:>5}  {receipt.status:<10} {printable(receipt.phone) or '(nothing)'}: {receipt.error}"


def _get(url: str, told: object = None) -> tuple[int, bytes]:
    """One request to a process of ours, past any proxy; a POST if `told` is given."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_TIMEOUT_S)
    with contextlib.closing(line):
        line.request("GET" if told is None else "POST", parts.path, None if told is None else json.dumps(told))
        answer = line.getresponse()
        return answer.status, answer.read()


@contextlib.contextmanager
def _working_directory(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
