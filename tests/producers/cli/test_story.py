"""A newcomer's evening: `smsq up --sandbox` in one terminal, campaigns and messages in another. Real processes."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smsq.producers.machine.demo import free_ports

ROOT = Path(__file__).parents[3]
START_TIMEOUT_S = 120.0  # on a machine with much else to do
pytestmark = [pytest.mark.timeout(200)]  # of the first, who waits for the start


@dataclass
class Terminal:
    """A shell in a folder, with nothing of this shell's settings."""

    folder: Path
    environ: dict[str, str]

    def smsq(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Type a command and wait for it."""
        argv = [sys.executable, "-m", "smsq", *map(str, words)]
        return subprocess.run(
            argv, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False, timeout=50
        )

    def start(self, *words: object) -> subprocess.Popen[str]:
        """Type a command and leave it running."""
        argv = [sys.executable, "-m", "smsq", *map(str, words)]
        return subprocess.Popen(
            argv, cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def people(self, rows: int, first: int) -> Path:
        """A file of so many people."""
        path = self.folder / f"people-{first}.csv"
        path.write_text("phone,name\n" + "".join(f"+{first + n},P{n}\n" for n in range(rows)))
        return path


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal beside one in which everything is up with a sandbox."""
    folder = tmp_path_factory.mktemp("evening")
    web, metrics = free_ports(2)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
    told = {"SMSQ_WEB_ADDR": f"127.0.0.1:{web}", "SMSQ_METRICS_ADDR": f"127.0.0.1:{metrics}"}
    shell = Terminal(folder, {**clean, **told, "PYTHONPATH": str(ROOT)})
    with (folder / "up.log").open("w") as log:
        argv = [sys.executable, "-m", "smsq", "up", "--sandbox", "--ports", "0,0,0"]
        up = subprocess.Popen(argv, cwd=folder, env=shell.environ, stdout=log, stderr=log)
        try:
            until = time.monotonic() + START_TIMEOUT_S
            while "everything is up" not in (folder / "up.log").read_text():
                assert up.poll() is None, (folder / "up.log").read_text()
                assert time.monotonic() < until, (folder / "up.log").read_text()
                time.sleep(0.1)
            yield shell
        finally:
            up.send_signal(signal.SIGINT)
            assert up.wait(45) == 0


def last(result: subprocess.CompletedProcess[str]) -> Any:
    """The object in the last line of standard output."""
    return json.loads(result.stdout.splitlines()[-1])


def test_up_says_when_it_is_ready(terminal: Terminal) -> None:
    """Once everybody beats and a scheduler leads, with something to try; once. The doctor finds nothing then."""
    assert terminal.smsq("doctor").returncode == 0
    said = (terminal.folder / "up.log").read_text()
    assert said.count('everything is up; in another terminal: smsq send +79991234567 "Hi" --wait') == 1


def test_a_message_is_sent_and_waited_for(terminal: Terminal) -> None:
    """The receipt in one object, and the same from `status`."""
    sent = terminal.smsq("send", "+79991234567", "Hi", "--wait", "--json")
    receipt = last(sent)

    assert (sent.returncode, receipt["status"], receipt["phone"], receipt["cost"]) == (
        0,
        "delivered",
        "+79991234567",
        3.8,
    )
    assert last(terminal.smsq("status", receipt["id"], "--json")) == receipt


def test_codes_go_by_telegram_and_by_call(terminal: Terminal) -> None:
    """Each at a price of its own, asked for before and paid after."""
    for channel, text, cost in (("tg", "4821", 0.9), ("call", "Your code: 4, 8, 2, 1.", 1.6)):
        priced = terminal.smsq("cost", "+79991230001", text, "--channel", channel, "--json")
        sent = terminal.smsq("send", "+79991230001", text, "--channel", channel, "--wait", "--json")

        assert last(priced) == {"messages": 1, "parts": 1, "cost": cost, "exact": True}
        assert (last(sent)["status"], last(sent)["cost"]) == ("delivered", cost)
    refused = terminal.smsq("send", "+79991230001", "Code 4821", "--channel", "tg")
    assert (refused.returncode, "4 to 8 digits" in refused.stderr) == (2, True)


def test_a_campaign_is_followed_to_its_end(terminal: Terminal) -> None:
    """Every row accounted for, one object as the last line, and a report with a line for each."""
    people = terminal.people(300, 79_990_000_000)
    ran = terminal.smsq("campaign", "run", people, "--text", "Hello {name}", "--yes", "--follow", "--json")
    told = last(ran)
    report = terminal.smsq("campaign", "report", told["id"], "--format", "csv").stdout

    assert (ran.returncode, told["state"], told["rows"], told["statuses"]) == (0, "done", 300, {"delivered": 300})
    assert "price is not known" not in ran.stderr
    assert [row["row"] for row in csv.DictReader(io.StringIO(report))] == [str(n) for n in range(1, 301)]


def test_whoever_stops_following_leaves_it_running(terminal: Terminal) -> None:
    """Ctrl-C ends the display, not the campaign; and says how to look again."""
    people = terminal.people(2000, 79_980_000_000)
    ran = terminal.start("campaign", "run", people, "--text", "Hi {name}", "--yes", "--follow", "--rate", "200")
    assert ran.stderr is not None
    for line in ran.stderr:
        if " running " in line:
            break
    ran.send_signal(signal.SIGINT)
    _, said = ran.communicate(timeout=20)
    campaign = last(terminal.smsq("campaign", "list", "--json"))[0]
    followed = terminal.smsq("campaign", "show", campaign["id"], "--follow", "--json")

    assert ran.returncode == 130
    assert f"smsq campaign show {campaign['id']} --follow" in said
    assert (followed.returncode, last(followed)["statuses"]) == (0, {"delivered": 2000})


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_demo_accounts_for_every_row(tmp_path: Path) -> None:
    """In a shell full of wrong settings: nothing lost, nothing twice, no limit broken, nothing left behind."""
    wrong = {"SMSQ_LOGIN": "me", "SMSQ_REDIS_URL": "redis://127.0.0.1:1/0", "SMSQ_NONSENSE": "1"}
    (tmp_path / "smsq.toml").write_text('redis_url = "redis://127.0.0.1:1/0"\n')
    shell = Terminal(tmp_path, {**os.environ, **wrong, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)})
    demo = shell.smsq("demo", "--rows", "300", "--json")
    told = last(demo)

    assert (demo.returncode, told["rows"], told["invalid"]) == (0, 300, 5)
    counts = {name: told["gateway"][name] for name in ("accepted", "lost", "double", "limits_broken", "good")}
    assert counts == {"accepted": 295, "lost": 0, "double": 0, "limits_broken": 0, "good": True}
    assert [path.name for path in tmp_path.iterdir()] == ["smsq.toml"]


@pytest.mark.slow
def test_a_demo_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C in the middle: no process and no file stays, and the shell hears of it."""
    shell = Terminal(tmp_path, {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)})
    demo = shell.start("demo", "--rows", "5000")
    assert demo.stderr is not None
    for line in demo.stderr:
        if " running " in line:
            break
    demo.send_signal(signal.SIGINT)
    _, said = demo.communicate(timeout=45)

    assert demo.returncode == 130
    assert "interrupted: everything was stopped" in said
    assert list(tmp_path.iterdir()) == []
