"""`smsq up`: which processes, in which environment, and what it refuses to start on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from smsq.producers.cli import main
from smsq.producers.machine.processes import LEAST_SILENCE_S, threads_of
from smsq.producers.machine.up import (
    SANDBOX_PROFILE,
    Gateway,
    _addresses,
    _servers,
    children,
    free_port,
    require_free,
    run,
    sandbox_environ,
)
from smsq.worker.domain.errors import LedgerUnreachable, SmsqError
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.redis_client import CONNECT_TIMEOUT_S, TIMEOUT_S, connect
from smsq.worker.settings import Settings

GATEWAY = Gateway((9101, 9102, 9103), 9100)


def addresses() -> dict[str, str]:
    """Web and metrics on free ports."""
    return {"SMSQ_WEB_ADDR": f"127.0.0.1:{free_port()}", "SMSQ_METRICS_ADDR": f"127.0.0.1:{free_port()}"}


def test_every_lane_and_every_helper_runs() -> None:
    """Bulk has a process per core; codes alone keep normal priority; all leave with the supervisor."""
    settings = Settings.load({})
    started = children(settings, {}, None)
    cores = os.cpu_count() or 1
    bulk = [f"bulk-{n}" for n in range(1, cores + 1)]

    assert [child.name for child in started] == ["urgent", *bulk, "status", "chores", "scheduler", "web", "exporter"]
    assert [child.name for child in started if not child.nice] == ["urgent", "scheduler"]
    assert all(child.argv[4:6] == ["--parent", str(os.getpid())] for child in started)


def test_many_slots_have_several_urgent_processes() -> None:
    """One interpreter cannot use a hundred of them; together they have a thread for each and four more."""
    settings = Settings.load({"SMSQ_PARALLEL_SENDS": "100"})
    argvs = [child.argv for child in children(settings, {}, None) if "urgent" in child.argv]

    assert len(argvs) == min(os.cpu_count() or 1, 3)
    assert 104 <= sum(int(argv[-1]) for argv in argvs) < 108


def test_producers_stop_first_and_the_sandbox_last() -> None:
    """What brings work in goes before what does it, and the gateway outlives who speaks to it."""
    environ = sandbox_environ({}, Path("/tmp/x"), GATEWAY)
    started = children(Settings.load(environ), environ, GATEWAY)
    order = [child.name for child in sorted(started, key=lambda child: child.stop_order)]

    assert (order[0], order[1], order[-2], order[-1]) == ("web", "scheduler", "exporter", "sandbox")


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_threads_can_fill_the_slots(processes: int) -> None:
    """All bulk processes together have at least the slots that are not kept for codes."""
    settings = Settings.load({"SMSQ_PARALLEL_SENDS": "100", "SMSQ_URGENT_SLOTS": "7"})

    assert threads_of(settings, "bulk", processes) * processes >= 93
    assert threads_of(settings, "urgent", 1) >= 7


def test_a_sandbox_hears_nothing_of_a_real_account() -> None:
    """Log-in, key, mirrors and ledger of the shell do not reach it; other settings do."""
    shell = {
        "SMSQ_LOGIN": "me",
        "SMSQ_PASSWORD_FILE": "/secret",
        "SMSQ_MIRRORS": "https://smsc.ru",
        "SMSQ_BATCH_SIZE": "7",
        "LOGIN": "unrelated",
    }
    environ = sandbox_environ(shell, Path("/tmp/x"), GATEWAY)
    settings = Settings.load(environ)

    assert (settings.login, settings.batch_size, environ["LOGIN"]) == ("demo", 7, "unrelated")
    assert settings.mirrors == tuple(GATEWAY.mirrors.split(","))
    assert settings.home == Path("/tmp/x/sandbox")
    assert "SMSQ_PASSWORD_FILE" not in environ


@pytest.mark.parametrize(("smtp_port", "transport"), [(None, "http"), (9125, "smtp")])
def test_messages_of_a_sandbox_reach_no_real_mail_server(tmp_path: Path, smtp_port: int | None, transport: str) -> None:
    """Whatever the shell or a file says; its own mail face takes them, if it has one."""
    file = tmp_path / "smsq.toml"
    file.write_text('transport = "smtp"\nsmtp_url = "smtp://a@mail.example"\nsmtp_password = "x"\n')
    shell = {"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": "smtp://other.example", "SMSQ_SMTP_FROM": "a@b.ru"}
    gateway = replace(GATEWAY, smtp_port=smtp_port)
    environ = sandbox_environ(shell, tmp_path, gateway)

    settings = Settings.load(environ, file)

    assert (settings.transport, settings.is_sandboxed) == (transport, True)
    (sandbox, *_) = children(settings, environ, gateway)
    assert ("--smtp-port" in sandbox.argv) == (smtp_port is not None)


def test_messages_of_a_sandbox_reach_no_real_smpp_host(tmp_path: Path) -> None:
    """Its own host takes them, with a password that is not in the list of processes."""
    file = tmp_path / "smsq.toml"
    file.write_text('transport = "smpp"\nsmpp_url = "smpps://a@smpp.example"\nsmpp_password = "x"\n')
    shell = {"SMSQ_TRANSPORT": "smpp", "SMSQ_SMPP_URL": "smpps://b@other.example", "SMSQ_SMPP_PASSWORD": "y"}
    gateway = replace(GATEWAY, smpp_port=3700)
    environ = sandbox_environ(shell, tmp_path, gateway)
    settings = Settings.load(environ, file)
    (sandbox, *_) = children(settings, environ, gateway)

    assert (settings.transport, settings.is_sandboxed) == ("smpp", True)
    assert settings.smpp_url == ("smpp://127.0.0.1:3700",)
    assert sandbox.argv[sandbox.argv.index("--smpp-ports") + 1] == "3700"
    assert environ["SMSQ_SMPP_PASSWORD"] == sandbox.env["SANDBOX_SMPP_PASSWORD"] not in sandbox.argv


def test_the_shield_of_a_sandbox_only_watches() -> None:
    """One's own phone asks for more codes than any visitor's; somebody who wants to see it refuse says so."""
    for shell, mode in (({}, "watch"), ({"SMSQ_SHIELD": "on"}, "on")):
        assert Settings.load(sandbox_environ(shell, Path("/tmp/x"), GATEWAY)).shield == mode


def test_no_secret_is_on_a_command_line() -> None:
    """Everyone on the machine can read the list of processes."""
    environ = sandbox_environ({}, Path("/tmp/x"), GATEWAY)
    words = [word for child in children(Settings.load(environ), environ, GATEWAY) for word in child.argv]

    assert environ["SMSQ_PASSWORD"] not in words
    assert environ["SMSQ_CALLBACK_SECRET"] not in words


def test_the_sandbox_s_short_times_are_allowed() -> None:
    """The window still exceeds what the gateway may do."""
    settings = Settings.load(SANDBOX_PROFILE)

    assert settings.doubt_settle_s == 6


def test_a_sandbox_on_somebody_s_ledger_is_refused(tmp_path: Path) -> None:
    """Exit code 2, and what to do."""
    environ = {"SMSQ_REDIS_URL": "redis://127.0.0.1:1", "SMSQ_HOME": str(tmp_path)}
    answer = CliRunner().invoke(main, ["up", "--sandbox"], env=environ)

    assert answer.exit_code == 2
    assert "unset SMSQ_REDIS_URL" in answer.output


def test_a_redis_that_does_not_answer_is_named_without_its_password(home: Path) -> None:
    """Nothing is started; the sentence says where it looked."""
    environ = {**addresses(), "SMSQ_HOME": str(home), "SMSQ_REDIS_URL": "redis://user:secret@127.0.0.1:1/0"}
    environ |= {"SMSQ_LOGIN": "me", "SMSQ_PASSWORD": "x"}

    with pytest.raises(LedgerUnreachable, match=r"^Redis at redis://127.0.0.1:1/0 does not answer") as refusal:
        run(environ)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("told", "folders"),
    [({}, ["redis", "queues"]), ({"SMSQ_BROKER_URL": "redis://elsewhere/0"}, ["redis"])],
    ids=["nothing named", "the queues named"],
)
def test_what_is_not_named_is_started(home: Path, told: dict[str, str], folders: list[str]) -> None:
    """A server each for ledger and queues; both are announced, and stopped at the end."""
    settings = Settings.load({"SMSQ_HOME": str(home), **told})
    with _servers(settings, home) as (urls, dependencies):
        assert [server.name for server in dependencies] == folders
        assert urls["SMSQ_BROKER_URL"] == told.get("SMSQ_BROKER_URL", f"unix://{home}/queues/redis.sock?db=0")
        assert [connect(urls["SMSQ_REDIS_URL"]).ping(), (home / "queues").exists()] == [True, len(folders) == 2]
    with pytest.raises(redis.ConnectionError):
        connect(urls["SMSQ_REDIS_URL"]).ping()


def test_a_named_redis_starts_none(home: Path, redis_server: EmbeddedRedis) -> None:
    """Its next database has the queues where no other is named."""
    with _servers(Settings.load({"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": redis_server.url}), home) as (urls, started):
        assert started == []
        assert urls == {"SMSQ_REDIS_URL": redis_server.url, "SMSQ_BROKER_URL": redis_server.broker_url}
    assert connect(redis_server.url).ping()


def test_nothing_is_started_without_a_log_in(home: Path) -> None:
    """Exit code 2, and no home with a ledger that would belong to nobody."""
    answer = CliRunner().invoke(main, ["up"], env={**addresses(), "SMSQ_HOME": str(home)})

    assert answer.exit_code == 2
    assert "set SMSQ_LOGIN and SMSQ_PASSWORD" in answer.output
    assert not home.exists()


def test_a_second_up_names_the_first(home: Path) -> None:
    """Before anything is said about addresses, which it has taken of course."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as first:
        up = {"pid": first.pid, "redis_url": "x", "broker_url": "x", "home": "x"}
        home.mkdir()
        (home / "up.json").write_text(json.dumps(up))
        with pytest.raises(SmsqError, match=f"already runs in {home}, as process {first.pid}"):
            run({"SMSQ_HOME": str(home), "SMSQ_LOGIN": "me", "SMSQ_PASSWORD": "x"})


def test_a_taken_address_is_named_with_a_way_out() -> None:
    """Somebody listens there: which setting to change, and to what."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(SmsqError, match=rf"^{address} cannot be used .* set SMSQ_WEB_ADDR to another"):
            require_free(address, "SMSQ_WEB_ADDR")


def test_a_free_port_is_the_wanted_one_where_possible() -> None:
    """A default stays what people remember; a taken one is replaced."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        replaced = free_port(wanted)
    given = free_port(wanted)

    assert replaced != wanted
    assert given == wanted


def test_an_address_with_port_0_becomes_a_real_one() -> None:
    """Before anybody hears of it: printed, announced and listened at is the same."""
    settings = Settings.load({"SMSQ_WEB_ADDR": "127.0.0.1:0", "SMSQ_METRICS_ADDR": "127.0.0.1:0"})
    chosen = _addresses(settings)

    assert chosen.keys() == {"SMSQ_WEB_ADDR", "SMSQ_METRICS_ADDR"}
    assert len(set(chosen.values())) == 2
    for variable, address in chosen.items():
        assert int(address.removeprefix("127.0.0.1:")) > 0
        require_free(address, variable)
    assert _addresses(Settings.load(addresses())) == {}


def test_whoever_has_a_loop_is_watched() -> None:
    """Scheduler, web and exporter have longer than one exchange with a Redis that hangs may take."""
    for told, limits in (("4", {4.0, 15.0}), ("60", {60.0})):
        settings = Settings.load({"SMSQ_SILENT_S": told})
        limit = {child.name: child.silent_after_s for child in children(settings, {}, None)}

        assert set(limit.values()) == limits
        assert {limit[name] for name in ("scheduler", "web", "exporter")} == {max(limits)}
    assert LEAST_SILENCE_S > CONNECT_TIMEOUT_S + TIMEOUT_S + 2.0  # the ledger's client may wait so much longer


def test_ports_are_the_sandbox_s(tmp_path: Path) -> None:
    """Without it there is nothing that they could be for."""
    answer = CliRunner().invoke(main, ["up", "--ports", "0"], env={"SMSQ_HOME": str(tmp_path)})

    assert answer.exit_code == 2
    assert "add --sandbox" in answer.output
