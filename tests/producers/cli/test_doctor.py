"""What `smsq doctor` says of a ledger that stands, in the states in which something waits."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from smsq.producers.cli import main
from smsq.producers.findings import Finding
from smsq.producers.findings.ledger import run, shield, state, verbs
from smsq.producers.findings.machine import LEAST_ROOM, mail_server, mirrors, secrets, smpp_hosts, space
from smsq.producers.findings.working import broker, processes
from smsq.producers.waits import brake
from smsq.worker.domain.batch import Ref
from smsq.worker.ledger import Claim, NoClaim
from smsq.worker.ledger.otp.shield_admin import ShieldAdmin
from smsq.worker.ledger.scripts import MAY_NOT, NO_FUNCTIONS
from smsq.worker.processes import disk
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings


def findings(plant: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in state(plant.runtime)}


def tried(plant: Any, ref: Ref) -> Claim | NoClaim:
    settings = plant.runtime.settings
    answer: Claim | NoClaim = plant.ledger.claim(
        ref, "n", owner="urgent/h/1/a", mirror=plant.sandbox.mirrors[0], lease_s=settings.lease_s,
        parallel=10, urgent_slots=3, slot_kept_s=75.0, credentials="x",
    )  # fmt: skip
    return answer


def test_slots_of_requests_that_went_astray_are_named(plant: Any) -> None:
    """One that is under way is nothing to say."""
    claim = tried(plant, plant.enrol())
    assert isinstance(claim, Claim)
    assert "slots" not in findings(plant)
    plant.ledger.doubt(claim, "no_answer", 1.0)

    found = findings(plant)["slots"]
    assert (found.level, found.said) == (
        "warn",
        "requests that may still run, without a worker, hold sending slots: 1 urgent",
    )


@pytest.mark.parametrize(("errors", "paused"), [(49, set()), (50, {"bulk"}), (79, {"bulk"}), (80, {"bulk", "urgent"})])
def test_a_back_off_for_many_errors_is_named(plant: Any, errors: int, paused: set[str]) -> None:
    """By doctor for each lane, to whoever waits for a message, and just when the ledger grants nothing to that lane."""
    (bulk,) = plant.campaign([79991234567])
    for _ in range(errors):
        plant.ledger.erred(600.0)

    found = findings(plant)
    assert {name.removeprefix("back off ") for name in found if name.startswith("back off ")} == paused
    assert all("before the gateway blocks this address, " in found[f"back off {lane}"].said for lane in paused)
    assert bool(brake(plant.runtime.views.brakes())) == ("urgent" in paused)
    for lane, ref in (("urgent", plant.enrol()), ("bulk", bulk)):
        assert isinstance(tried(plant, ref), Claim) == (lane not in paused)


@pytest.mark.parametrize(
    ("limits", "level", "said"),
    [
        ({}, "ok", "it is on, but does not limit what codes cost in a day"),
        ({"daily_cost": "250.50"}, "ok", "it is on; codes may cost at most 250.50 in 24 hours"),
        ({"mode": "watch"}, "warn", "it only watches: nothing limits codes"),
        ({"mode": "off"}, "warn", "it is off: nothing limits codes"),
    ],
)
def test_the_shield_is_looked_at(plant: Any, limits: dict[str, str], level: str, said: str) -> None:
    """As it is in force, whether set by hand or by the settings."""
    admin = ShieldAdmin(plant.runtime.shield)
    for name, written in {"mode": "on", **limits}.items():
        admin.limit(name, written)

    (found,) = shield(plant.runtime)
    assert (found.level, found.said) == (level, said)


def test_a_shield_that_this_process_does_not_ask_is_off(plant: Any) -> None:
    """Whatever was set by hand: the settings say that codes go without it."""
    runtime = Runtime.build(msgspec.structs.replace(plant.runtime.settings, shield="off"))
    ShieldAdmin(runtime.shield).limit("mode", "on")

    (found,) = shield(runtime)
    assert (found.level, found.said) == ("warn", "SMSQ_SHIELD is off: nothing limits codes")
    assert ShieldAdmin(runtime.shield).view().limits["mode"] == "off"


def test_queues_at_which_no_worker_waits_are_named(plant: Any) -> None:
    """Workers are up, and wait elsewhere: hints given here would lie there."""
    assert "hints" not in {finding.name for finding in broker(plant.runtime)}
    plant.ledger.beat("chores/h/1/a")
    (found,) = [finding for finding in broker(plant.runtime) if finding.name == "hints"]
    assert found.said.startswith("workers are up, but none listens for hints at ")

    bell = plant.runtime.broker.bell("chores")
    waiting = threading.Thread(target=bell.wait)
    waiting.start()
    assert "hints" not in {finding.name for finding in broker(plant.runtime)}
    waiting.join()
    bell.close()


def test_a_back_off_ends_with_its_span(plant: Any) -> None:
    """Then the errors are counted from the beginning."""
    for _ in range(90):
        plant.ledger.erred(0.05)
    until = time.monotonic() + 20
    while plant.runtime.views.brakes().errors and time.monotonic() < until:
        time.sleep(0.01)

    assert plant.runtime.views.brakes().errors == 0
    assert isinstance(tried(plant, plant.enrol()), Claim)


def test_a_back_off_of_the_whole_login_is_named(plant: Any) -> None:
    """The gateway asked for it."""
    plant.ledger.throttled(600.0)

    assert findings(plant)["back off urgent"].said.startswith("the gateway asked us to back off, ")
    assert findings(plant)["back off bulk"].cure == "sending goes on by itself"


@pytest.mark.parametrize("is_up", [True, False])
def test_a_missing_leader_is_named_with_what_waits(plant: Any, is_up: bool) -> None:
    """Codes too; where `smsq up` runs, running it is no cure."""
    found = {finding.name: finding for finding in processes(plant.runtime, is_up)}
    scheduler = found["scheduler"]

    assert scheduler.level == "fail"
    assert "campaigns are not handed out, and codes that are in doubt or have a next channel wait" in scheduler.said
    assert [scheduler.cure.startswith("`smsq up`, or"), "see logs/scheduler*.log" in scheduler.cure] == [
        not is_up,
        is_up,
    ]
    assert ("see logs/bulk*.log" in found["lane bulk"].cure) == is_up


@pytest.mark.parametrize(
    ("free", "total", "level"),
    [(LEAST_ROOM, 20 * LEAST_ROOM, "ok"), (LEAST_ROOM - 1, LEAST_ROOM, "warn"), (LEAST_ROOM, 21 * LEAST_ROOM, "warn")],
    ids=["enough of both", "few bytes", "a small share"],
)
def test_the_room_of_the_home_is_measured(
    home: Path, monkeypatch: pytest.MonkeyPatch, free: int, total: int, level: str
) -> None:
    """Less than 5 % or 200 MB is little, since whatever grows is there."""
    monkeypatch.setattr(disk, "room", lambda _: disk.Room(free, total))
    (found,) = space(home)

    assert (found.name, found.level, bool(found.cure)) == ("disk space", level, level == "warn")
    assert found.said == f"200 MB ({free / total:.0%}) are free on the disk of the home"


def test_a_home_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    """In the system's words, whatever room there is."""
    home = tmp_path / "home"
    home.write_text("a file is in its place")
    (found,) = space(home)

    assert (found.level, found.said) == ("fail", f"nothing can be written in {home}: Not a directory")


def test_a_home_that_cannot_be_made_is_a_failure() -> None:
    """It is found before `smsq up` finds it, though nothing is there yet."""
    (found,) = space(Path("/proc/smsq/home"))

    assert (found.level, found.said.partition(": ")[0]) == ("fail", "nothing can be written in /proc/smsq/home")


def test_a_folder_of_the_home_that_cannot_be_written_is_a_failure(home: Path) -> None:
    """The home alone may be well while its journals lie on a disk that is read-only."""
    home.mkdir(exist_ok=True)
    (home / "journal").symlink_to("/proc/sys")
    (found,) = space(home)

    assert (found.level, found.said.partition(": ")[0]) == ("fail", f"nothing can be written in {home / 'journal'}")


def _finding(told: dict[str, str]) -> Finding:
    """A finding as `--json` tells it; its code and its page are its name's."""
    finding = Finding(*(told[name] for name in ("name", "level", "said", "cure")))
    assert (finding.code, finding.page) == (told["code"], told["runbook"])
    return finding


def doctor(*, home: Path, **environ: str) -> dict[str, Finding]:
    """What it finds in a shell with these settings and no others, by name."""
    told = {"SMSQ_HOME": str(home), "SMSQ_CONNECT_TIMEOUT_S": "2", **environ}
    clean = {name: None for name in os.environ if name.startswith("SMSQ_")}
    answer = CliRunner().invoke(main, ["doctor", "--json"], env={**clean, **told}, catch_exceptions=False)
    return {each["name"]: _finding(each) for each in json.loads(answer.stdout)}


@pytest.mark.parametrize("login", [{}, {"SMSQ_LOGIN": "acme"}, {"SMSQ_LOGIN": "acme", "SMSQ_PASSWORD": "x"}])
def test_no_real_mirror_hears_of_us_before_there_is_a_log_in(
    home: Path, monkeypatch: pytest.MonkeyPatch, login: dict[str, str]
) -> None:
    """Its absence is a failure with its cure; the hosts of the brand are neither looked up nor connected to."""
    asked: list[object] = []

    def refuse(address: object, *_: object, **__: object) -> None:
        asked.append(address)
        raise OSError("this test has no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    found = doctor(home=home, **login)

    is_set = "SMSQ_PASSWORD" in login
    assert (found["log-in"].level, bool(asked)) == ("ok" if is_set else "fail", is_set)
    assert is_set or "`smsq up --sandbox`" in found["log-in"].cure
    assert is_set or found["mirror"].said.startswith("none was tried")


def announced(home: Path, ledger: EmbeddedRedis, queues: EmbeddedRedis) -> None:
    """Leave word as `smsq up` does, in the name of this process."""
    up = {"pid": os.getpid(), "home": str(home), "redis_url": ledger.url, "broker_url": queues.url}
    (home / "up.json").write_bytes(msgspec.json.encode({**up, "control": "", "own_key": True, "settings": {}}))


@pytest.mark.parametrize(
    ("frozen", "finding", "does"),
    [
        ("redis", "redis", "`smsq up` does not kill it"),
        ("queues", "broker", "`smsq up` kills and restarts it within seconds"),
    ],
)
def test_a_private_server_that_hangs_has_a_cure_of_its_own(home: Path, frozen: str, finding: str, does: str) -> None:
    """Its process is named, and what `up` does about it: nobody can start it, or correct its address."""
    with EmbeddedRedis(home) as ledger, EmbeddedRedis(home, name="queues", is_kept=False) as queues:
        announced(home, ledger, queues)
        pid = {"redis": ledger, "queues": queues}[frozen].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            found = doctor(home=home)[finding]
        finally:
            os.kill(pid, signal.SIGCONT)

    assert (found.level, "does not answer" in found.said) == ("fail", True)
    assert f"process {pid}" in found.cure
    assert does in found.cure


def test_a_private_server_that_is_gone_is_not_somebody_else_s(home: Path) -> None:
    """`up` starts it again; there is no address to correct."""
    with EmbeddedRedis(home) as ledger, EmbeddedRedis(home, name="queues", is_kept=False) as queues:
        announced(home, ledger, queues)
    found = doctor(home=home)["redis"]

    assert found.cure.startswith("its process has ended: `smsq up` restarts it by itself")


def test_secrets_that_others_may_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file that holds one, with the command that closes it."""
    monkeypatch.chdir(tmp_path)
    files = {name: tmp_path / name for name in ("password", "up.json", "smsq.toml")}
    for path in files.values():
        path.write_text('apikey = "x"\n' if path.suffix == ".toml" else "x", encoding="utf-8")
        path.chmod(0o640)
    monkeypatch.setenv("SMSQ_CALLBACK_SECRET_FILE", str(files["password"]))
    settings = Settings.load({"SMSQ_HOME": str(tmp_path)})
    found = list(secrets(settings))
    for path in files.values():
        path.chmod(0o600)

    assert {finding.said.split()[3].rpartition("/")[2] for finding in found} == set(files)
    assert all((f.level, f.cure[:10]) == ("warn", "chmod 600 ") for f in found)
    assert [finding.level for finding in secrets(settings)] == ["ok"]


def test_mirrors_without_tls_are_named() -> None:
    """The log-in travels with every request; on this machine that is nobody's matter."""
    told = {"SMSQ_MIRRORS": "http://192.0.2.1:9, http://127.0.0.1:9"}
    found = [f for f in mirrors(Settings.load(told)) if "anybody on the way can read" in f.said]

    assert [(finding.level, finding.said.partition(": ")[0]) for finding in found] == [("warn", "http://192.0.2.1:9")]


def test_the_mail_server_is_tried_if_messages_leave_as_letters() -> None:
    """By its own name, without the log-in there; no word about it otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        told = {"SMSQ_MIRRORS": "http://127.0.0.1:9", "SMSQ_SMTP_URL": f"smtp://me@127.0.0.1:{port}"}
        letters = Settings.load({**told, "SMSQ_SMTP_PASSWORD": "x", "SMSQ_TRANSPORT": "smtp"})
        (well,) = mail_server(letters)
        assert list(mail_server(Settings.load({**told, "SMSQ_SMTP_PASSWORD": "x"}))) == []
    (ill,) = mail_server(letters)

    assert (well.level, well.said) == ("ok", f"smtp://127.0.0.1:{port} takes connections")
    assert (ill.level, ill.said.partition(": ")[0]) == ("fail", f"smtp://127.0.0.1:{port}")


def test_a_mail_server_without_certain_encryption_is_named() -> None:
    """The brands' own has none."""
    told = {"SMSQ_TRANSPORT": "smtp", "SMSQ_MIRRORS": "http://127.0.0.1:9"}

    assert [(each.level, each.said.partition(": ")[0]) for each in mail_server(Settings.load(told))] == [
        ("warn", "smtp://send.smsc.ru:25")
    ]


def test_smpp_hosts_are_tried_if_messages_leave_over_smpp() -> None:
    """Each by its own name; a backup that is away is only a warning."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        hosts = f"smpp://me@127.0.0.1:{port},smpp://127.0.0.1:1"
        told = {"SMSQ_MIRRORS": "http://127.0.0.1:9", "SMSQ_SMPP_URL": hosts, "SMSQ_SMPP_PASSWORD": "x"}
        first, backup = smpp_hosts(Settings.load({**told, "SMSQ_TRANSPORT": "smpp"}))
        assert list(smpp_hosts(Settings.load(told))) == []

    assert (first.level, first.said) == ("ok", f"smpp://127.0.0.1:{port} takes connections")
    assert (backup.level, backup.said.partition(": ")[0]) == ("warn", "smpp://127.0.0.1:1")


def test_an_smpp_host_without_tls_is_named() -> None:
    """Password, phones and texts could be read on the way."""
    told = {"SMSQ_TRANSPORT": "smpp", "SMSQ_SMPP_URL": "smpp://me@smpp.example", "SMSQ_SMPP_PASSWORD": "x"}

    assert [(each.level, each.said.partition(": ")[0]) for each in smpp_hosts(Settings.load(told))] == [
        ("warn", "smpp://smpp.example")
    ]


def test_a_ledger_that_is_not_established_has_no_run(redis: Any, redis_server: EmbeddedRedis, home: Path) -> None:
    """Nothing has restarted; the first worker establishes it."""
    environ = {
        "SMSQ_HOME": str(home),
        "SMSQ_REDIS_URL": redis_server.url,
        "SMSQ_LOGIN": "demo",
        "SMSQ_PASSWORD": "demo",
    }
    (found,) = run(Runtime.build(Settings.load(environ)))

    assert (found.level, found.said) == ("warn", "no run of Redis is in force, since the ledger is not established yet")
    assert found.cure.startswith("`smsq up`")


def test_the_way_of_verbs_is_said(plant: Any) -> None:
    """As functions; as scripts with the reason, and with a cure if rights are what is missing."""
    (functions,) = verbs(plant.runtime)
    plant.ledger.way.why_scripts = NO_FUNCTIONS
    (older,) = verbs(plant.runtime)
    plant.ledger.way.why_scripts = MAY_NOT
    (forbidden,) = verbs(plant.runtime)

    assert (functions.level, functions.said, functions.cure) == ("ok", "they run as Redis functions", "")
    assert (older.level, older.cure) == ("ok", "")
    assert older.said.startswith("they run as scripts, which cost Redis more time: this server has no functions")
    assert (forbidden.level, forbidden.cure) == ("warn", "load deploy/redis/ledger.acl from this version")
