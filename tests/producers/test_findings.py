"""Every finding has a code, every code a heading in the runbook; and the findings about server, clocks, callbacks."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from smsq.producers.cli import main
from smsq.producers.findings import FAMILIES, HEADINGS, RUNBOOK, Finding, callbacks, server
from smsq.producers.findings.ledger import state
from smsq.producers.findings.machine import mirrors, tools
from smsq.worker.gateway.http.callbacks import write
from smsq.worker.runtime import Runtime
from tests.conftest import Plant
from tests.producers.web.test_callback import SECRET, Receiver, accepted, receive, status  # noqa: F401

ROOT = Path(__file__).parents[2]
FILES = [*(ROOT / "producers" / "findings").glob("*.py"), ROOT / "producers" / "cli" / "doctor.py"]


def named(file: Path) -> Iterator[str]:
    """The name of each finding that a file makes; of `f"lane {lane}"` the family."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "Finding":
            continue
        for each in ast.walk(node.args[0]):
            if isinstance(each, ast.Constant) and isinstance(name := each.value, str):
                yield next((family for family in FAMILIES if name.startswith(family)), name)


def test_every_finding_has_a_heading_in_the_runbook() -> None:
    """And no heading is promised for what is not found; the parts of doctor are findings if they fail as a whole."""
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ (.+)$", page, re.MULTILINE))
    parts = re.findall(r'^        "(\w+)": ', (ROOT / "producers" / "cli" / "doctor.py").read_text(), re.MULTILINE)
    codes = {Finding(name, "ok", "").code for file in FILES for name in named(file)} | set(parts)

    assert codes == set(HEADINGS)
    assert set(HEADINGS.values()) <= headings


def test_doctor_names_the_page_of_what_is_wrong(home: Path) -> None:
    """On the screen only for that; for programs always."""
    environ = {"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": "redis://127.0.0.1:1/0", "SMSQ_LOGIN": ""}
    shown = CliRunner().invoke(main, ["doctor"], env=environ)
    told = {
        each["code"]: each for each in json.loads(CliRunner().invoke(main, ["doctor", "--json"], env=environ).output)
    }

    assert (shown.exit_code, told["redis"]["level"]) == (4, "fail")
    assert told["redis"]["runbook"] == "docs/runbook.md#ledger-unreachable"
    assert shown.output.count(RUNBOOK) == sum(each["level"] != "ok" for each in told.values())


@pytest.mark.parametrize(
    ("facts", "levels"),
    [
        ({"used_memory": 10, "maxmemory": 100}, ("ok", "ok")),
        ({"used_memory": 81, "maxmemory": 100}, ("warn", "ok")),
        ({"used_memory": 100, "maxmemory": 100, "aof_last_bgrewrite_status": "err"}, ("fail", "fail")),
        ({"used_memory": 90, "total_system_memory": 100}, ("warn", "ok")),
        (None, ("warn", None)),
    ],
)
def test_the_server_is_judged_by_its_own_words(facts: dict[str, Any] | None, levels: tuple[str, str | None]) -> None:
    """Memory and disk."""
    told = SimpleNamespace(ledger=SimpleNamespace(server_facts=lambda: facts))
    found = [next(iter(part(told)), None) for part in (server.memory, server.persistence)]  # type: ignore[arg-type]
    assert tuple(each and each.level for each in found) == levels, found


@pytest.mark.parametrize(("ahead_s", "level"), [(0.0, "ok"), (4.0, "ok"), (-30.0, "warn"), (7200.0, "fail")])
def test_clocks_are_compared(ahead_s: float, level: str) -> None:
    """Within what the question took and what the answer rounds."""
    found = server.gateway_clock("https://gateway", 1000.0 + ahead_s, 1000.0, 0.2)

    assert (found.level, found.name) == (level, "clock"), found


def test_a_working_server_has_nothing_wrong(plant: Plant) -> None:
    """Real answers of a real server, and a mirror that says no time."""
    found = [each for part in (server.memory, server.persistence, server.clock) for each in part(plant.runtime)]
    found += [*mirrors(plant.runtime.settings), *tools(plant.runtime.settings)]

    assert {each.level for each in found} == {"ok"}, found


def test_the_log_in_is_judged_by_what_workers_heard(plant: Plant) -> None:
    """Never tried, taken, refused."""

    def say() -> Finding:
        return next(each for each in state(plant.runtime) if each.name == "gateway log-in")

    levels = [say().level]
    plant.ledger.redis.hset(plant.ledger.key("ctl"), mapping={"balance": "5", "balance_at": str(plant.ledger.time())})
    levels.append(say().level)
    plant.ledger.redis.hset(plant.ledger.key("ctl"), "bad_login", "x")
    levels.append(say().level)

    assert levels == ["warn", "ok", "fail"]


def test_callbacks_are_judged_by_the_last_one(
    make_plant: Callable[..., Plant],
    receive: Callable[[Runtime], Receiver],  # noqa: F811
) -> None:
    """And the public address by what answers there."""
    plant = make_plant(SMSQ_CALLBACK_SECRET=SECRET)
    receiver = receive(plant.runtime)
    before = [each.level for each in callbacks.lately(plant.runtime)]
    _, gateway_id = accepted(plant, [79990000001])
    assert receiver.call(write(status(gateway_id, 79990000001), SECRET)) == 200
    levels = {}
    for url in (
        f"http://127.0.0.1:{receiver.port}/callback?fmt=3",
        f"http://127.0.0.1:{receiver.port}/healthz",
        "http://127.0.0.1:1/",
    ):
        (found,) = callbacks.address(msgspec.structs.replace(plant.runtime.settings, callback_url=url))
        levels[url.rpartition("/")[2]] = found.level

    assert (before, [each.level for each in callbacks.lately(plant.runtime)]) == (["warn"], ["ok"])
    assert levels == {"callback?fmt=3": "ok", "healthz": "fail", "": "warn"}
    assert list(callbacks.address(plant.runtime.settings)) == []
