"""The two ways of a verb to the server: a function that is loaded when it is missing, and a script of the same text."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Ledger
from smsq.worker.ledger.lua_text import library_of
from smsq.worker.ledger.scripts import MAY_NOT, NO_FUNCTIONS, script
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.processes.private_redis.redis_server import find_server, socket_path
from smsq.worker.redis_client import connect

PHONE = 79990000000


def calls(client: Any) -> dict[str, int]:
    """How often the server was given a function and a script since the last look."""
    stats = client.info("commandstats")
    client.config_resetstat()
    return {name: stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("fcall", "evalsha", "eval")}


@pytest.fixture
def functions(redis: redis_py.Redis) -> None:
    """Skip on a server without functions."""
    try:
        redis.function_list()
    except redis_py.ResponseError:
        pytest.skip("this server has no functions")


@pytest.mark.usefixtures("functions")
def test_verbs_go_as_functions(desk: Any) -> None:
    """Where the server has them: no script is sent any more."""
    desk.claim(desk.single())
    calls(desk.redis)
    desk.claim(desk.single(PHONE + 1))

    assert calls(desk.redis) == {"fcall": 2, "evalsha": 0, "eval": 0}
    assert desk.ledger.way.why_scripts == ""


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize(
    ("way", "flush"), [("functions", "FUNCTION FLUSH"), ("scripts", "SCRIPT FLUSH")], indirect=["way"]
)
def test_what_the_server_forgot_is_loaded_again(desk: Any, way: str, flush: str) -> None:
    """By the next call, which runs once."""
    desk.single()
    desk.redis.execute_command(*flush.split())
    ref = desk.single(PHONE + 1)

    assert desk.statuses(ref) == ["queued"]
    assert desk.views.depth().shown["smsq_batches"]["urgent", "ready"] == 2


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize("way", ["functions", "scripts"], indirect=True)
def test_what_is_unknown_among_several_runs_all_the_same(desk: Any, way: str) -> None:
    """Each once, and the answers in order."""
    claims = [desk.claim(desk.single(PHONE + n)) for n in range(3)]
    desk.redis.function_flush()
    desk.redis.script_flush()
    facts = [Fact(gateway_id=c.gateway_id, recipient=PHONE + n, status=Status.DELIVERED) for n, c in enumerate(claims)]

    assert desk.ledger.advance([*facts, *facts[:1]]) == 3
    assert desk.ledger.advance(facts) == 0


@pytest.mark.usefixtures("functions")
def test_two_versions_live_side_by_side(desk: Any) -> None:
    """Another text has another name: neither takes the other's place."""
    mine = script("due").function
    other = "smsq_due_0000000000000000"
    desk.ledger.due("watch", 1, 1.0)
    desk.redis.function_load(library_of("due", other), replace=True)

    assert desk.redis.fcall(other, 1, "{smsq}:watch", "5", 1, 1000) == [b"5"]
    assert desk.redis.fcall(mine, 1, "{smsq}:watch", "6", 1, 1000) == [b"6"]


@pytest.mark.usefixtures("functions")
def test_functions_of_other_versions_go(desk: Any) -> None:
    """Ours stay, and those of others too; whoever still wants one loads it at its next call."""
    desk.ledger.due("watch", 1, 1.0)
    for name in ("smsq_due_0000000000000000", "smsq_of_theirs", "theirs"):
        desk.redis.function_load(f"#!lua name={name}\nredis.register_function('{name}', function() return 1 end)", True)

    assert desk.ledger.forget_functions() == ["smsq_due_0000000000000000"]

    kept = {library[1] for library in desk.redis.function_list()}
    assert {script("due").function.encode(), b"smsq_of_theirs", b"theirs"} <= kept
    desk.redis.function_flush()


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize("missing", ["fcall", "function|load"])
def test_a_user_without_the_rights_goes_by_scripts(desk: Any, redis_server: EmbeddedRedis, missing: str) -> None:
    """At once, and from then on without asking again."""
    desk.redis.function_flush()
    desk.redis.acl_setuser("old", enabled=True, nopass=True, keys=["*"], commands=["+@all", f"-{missing}"])
    with connect(redis_server.url.replace("unix://", "unix://old:@")) as client:
        ledger = Ledger(client, now=lambda: desk.now)
        ledger.beat()
        calls(desk.redis)
        ledger.beat()

        assert ledger.way.why_scripts == MAY_NOT
        assert calls(desk.redis)["fcall"] == 0
    desk.redis.acl_deluser("old")


@pytest.mark.usefixtures("functions")
def test_a_right_that_no_way_gives_is_said(desk: Any, redis_server: EmbeddedRedis) -> None:
    """A key that is forbidden is no reason to try it another way."""
    desk.redis.acl_setuser("narrow", enabled=True, nopass=True, keys=["{smsq}:lead"], commands=["+@all"])
    with connect(redis_server.url.replace("unix://", "unix://narrow:@")) as client:
        ledger = Ledger(client, now=lambda: desk.now)
        with pytest.raises(LedgerTrouble, match="forbids a key"):
            ledger.beat()

        assert ledger.way.why_scripts == ""
    desk.redis.acl_deluser("narrow")


@pytest.mark.usefixtures("functions")
def test_a_full_server_runs_what_frees_it(desk: Any) -> None:
    """It refuses functions before they begin, and judges a script write by write."""
    ref = desk.single()
    claim = desk.claim(ref)
    desk.redis.config_set("maxmemory", 1)
    try:
        calls(desk.redis)
        assert desk.ledger.settle_accepted(claim, 1, None, 60.0)[0] == "settled"
        assert calls(desk.redis)["evalsha"] == 1
    finally:
        desk.redis.config_set("maxmemory", 0)
    desk.single(PHONE + 1)

    assert calls(desk.redis)["evalsha"] == 0
    assert desk.ledger.way.why_scripts == ""


@pytest.fixture
def older(functions: None, tmp_path: Path) -> Iterator[redis_py.Redis]:
    """A client of a server that has no functions."""
    place = socket_path(tmp_path)
    argv = [find_server(None, tmp_path), "--port", "0", "--unixsocket", str(place), "--dir", str(tmp_path)]
    argv += ["--save", "", "--rename-command", "FCALL", "", "--rename-command", "FUNCTION", ""]
    with open(tmp_path / "log", "wb") as log, subprocess.Popen(argv, stdout=log) as server:
        client = connect(f"unix://{place}")
        try:
            while True:
                try:
                    client.ping()
                    break
                except redis_py.ConnectionError:
                    assert server.poll() is None, (tmp_path / "log").read_text()
            yield client
        finally:
            client.close()
            server.terminate()


def test_a_server_without_functions_is_given_scripts(older: redis_py.Redis, make_desk: Callable[..., Any]) -> None:
    """The same text, found out at the first verb."""
    desk = make_desk(older)
    desk.claim(desk.single())
    counted = calls(older)

    assert desk.ledger.way.why_scripts == NO_FUNCTIONS
    assert counted["eval"] + counted["evalsha"] >= 3
    assert desk.ledger.forget_functions() == []


def test_the_run_follows_a_server_that_was_a_replica(tmp_path: Path) -> None:
    """A function keeps the server's `run_id`, which lasts as long as it; its part in replication may change."""
    with EmbeddedRedis(tmp_path, fsync="no", dies_with_parent=True) as server, connect(server.url) as client:
        ledger = Ledger(client)
        before = [ledger.beat().run for _ in range(2)]
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        client.execute_command("REPLICAOF", "NO", "ONE")
        after = ledger.beat().run

        assert before[0] == before[1]
        assert after.split("-")[0] == before[0].split("-")[0]
        assert after != before[0]
        server.stop()
        server.start()
        assert ledger.beat().run.split("-")[0] != after.split("-")[0]
