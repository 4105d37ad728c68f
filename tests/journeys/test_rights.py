"""Redis with least rights: every process under its own user, two guarded servers, and a campaign through them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from smsq import Smsq, Verdict
from smsq.producers.machine.demo import free_ports
from smsq.producers.machine.up import SANDBOX_OPTIONS, SANDBOX_PROFILE
from smsq.worker import acl
from smsq.worker.actors.send import Sender
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.errors import LedgerTrouble, LedgerUnreachable, SmsqError
from smsq.worker.domain.lane import LANES
from smsq.worker.domain.status import FINAL_STATUSES
from smsq.worker.host.master import Master
from smsq.worker.ledger import Ledger, NewMessage
from smsq.worker.ledger.views import Views
from smsq.worker.processes.lane import owner_name
from smsq.worker.processes.private_redis.redis_server import find_server
from smsq.worker.queues.broker import aside_key, make_broker
from smsq.worker.queues.hints import Hints
from smsq.worker.redis_client import connect
from smsq.worker.redis_health import load
from smsq.worker.runtime import Runtime
from smsq.worker.scheduler.upkeep import Upkeep
from smsq.worker.settings import Settings
from tests.producers.web.front_door.opened import KEYS, Line

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]
SMSQ = [sys.executable, "-m", "smsq"]
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
PATIENCE_S = 90.0
MONTHS_S = 40 * 86400.0
CAMPAIGN_ROWS = 300


@dataclass
class Guarded:
    """A server that was started with an ACL file of `deploy/redis`, its passwords filled in as documented."""

    folder: Path
    file: str
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def url(self, user: str, password: str | None = None) -> str:
        return f"unix://{user}:{password or password_of(user)}@{self.folder / 'redis.sock'}"

    def client(self, user: str = "admin") -> Any:
        return connect(self.url(user))

    def start(self) -> None:
        command = ["sh", str(ROOT / "deploy/redis/with-passwords"), str(ROOT / acl.FOLDER / self.file)]
        filled = subprocess.run([*command, str(self.folder / "secrets")], check=True, capture_output=True).stdout
        (self.folder / "users.acl").write_bytes(filled)
        argv = [find_server(None, self.folder), "--port", "0", "--unixsocket", str(self.folder / "redis.sock")]
        argv += ["--dir", str(self.folder), "--aclfile", str(self.folder / "users.acl"), "--save", "", *self.options]
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE_S
        with contextlib.closing(self.client()) as admin:
            while True:
                with contextlib.suppress(redis_py.RedisError):
                    admin.ping()
                    return
                assert self.process.poll() is None, (self.folder / "redis.log").read_text()
                assert time.monotonic() < until, (self.folder / "redis.log").read_text()
                time.sleep(0.02)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(20)

    def refused(self) -> list[str]:
        """What users of this server were refused so far."""
        with contextlib.closing(self.client()) as admin:
            return [f"{entry['username']}: {entry['object']} ({entry['reason']})" for entry in admin.acl_log()]


def password_of(user: str) -> str:
    return f"a-secret-of-{user}"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Guarded]]:
    """Ledger and broker, a server each."""
    made: dict[str, Guarded] = {}
    try:
        for name, options in (("ledger", DURABLE), ("broker", ())):
            folder = tmp_path_factory.mktemp(name[0])
            (folder / "secrets").mkdir()
            for user in {"admin", *acl.LEDGER}:
                (folder / "secrets" / user).write_text(password_of(user) + "\n")
            made[name] = Guarded(folder, f"{name}.acl", options)
            made[name].start()
        yield made
    finally:
        for server in made.values():
            if server.process is not None:
                server.stop()


@pytest.fixture
def clients(servers: dict[str, Guarded]) -> Iterator[Callable[[str, str], Any]]:
    """A client of a server under a role, by (server, role)."""
    with contextlib.ExitStack() as stack:
        yield lambda server, role: stack.enter_context(contextlib.closing(servers[server].client(role)))


FORBIDDEN = {
    "FLUSHALL": (),
    "FLUSHDB": (),
    "CONFIG SET": ("appendfsync", "no"),
    "CONFIG REWRITE": (),
    "SHUTDOWN": ("NOSAVE",),
    "SAVE": (),
    "BGREWRITEAOF": (),
    "REPLICAOF": ("127.0.0.1", "1"),
    "ACL SETUSER": ("worker", "+@all"),
    "ACL LIST": (),
    "SCRIPT FLUSH": (),
    "CLIENT KILL": ("TYPE", "normal"),
    "CLIENT LIST": (),
    "MONITOR": (),
    "SCAN": ("0",),
    "RANDOMKEY": (),
    "RENAME": ("{smsq}:run", "{smsq}:gone"),
    "SWAPDB": ("0", "1"),
    "SUBSCRIBE": ("anything",),
}


@pytest.mark.parametrize("role", acl.LEDGER)
def test_forbidden_commands_are_refused_at_the_ledger(clients: Callable[..., Any], role: str) -> None:
    """To every role, by name, and in scripts; `KEYS` too."""
    client = clients("ledger", role)
    for command, words in {**FORBIDDEN, "KEYS": ("*",)}.items():
        with pytest.raises(redis_py.exceptions.NoPermissionError):
            client.execute_command(*command.split(), *words)
    if role != "exporter":
        for words in ("'FLUSHALL'", "'KEYS', '*'"):
            with pytest.raises(redis_py.ResponseError, match=r"ACL failure|can't run this command|NOPERM|permission"):
                client.eval(f"return redis.call({words})", 0)


@pytest.mark.parametrize("role", acl.broker())
def test_forbidden_commands_are_refused_at_the_broker(clients: Callable[..., Any], role: str) -> None:
    """The same; `KEYS` is for those who keep the queues in order."""
    client = clients("broker", role)
    for command, words in {**FORBIDDEN, **({} if role in ("worker", "up") else {"KEYS": ("*",)})}.items():
        with pytest.raises(redis_py.exceptions.NoPermissionError):
            client.execute_command(*command.split(), *words)


@pytest.mark.parametrize("role", acl.LEDGER)
def test_nobody_reaches_keys_of_others(clients: Callable[..., Any], role: str) -> None:
    """A server may be shared with another program."""
    for key in ("theirs", "smsq:bulk", "{other}:run"):
        with pytest.raises(redis_py.exceptions.NoPermissionError):
            clients("ledger", role).hget(key, "field")


KEPT_FROM = {
    "web": (
        "idem:*",
        "code:x",
        "codekey:x",
        "shield",
        "shield:rules",
        "shield:phone:x",
        "job:x",
        "hosts",
    ),
    "producer": ("recovered:x", "upkeep", "doctor", "slots:status", "limit:balance"),
}


@pytest.mark.parametrize("role", KEPT_FROM)
def test_a_role_reaches_the_keys_it_touches_alone(clients: Callable[..., Any], role: str) -> None:
    """Whoever takes over what faces the network opens no code and forgets no host."""
    client = clients("ledger", role)
    for name in KEPT_FROM[role]:
        with pytest.raises(redis_py.exceptions.NoPermissionError):
            client.hget("{smsq}:" + name, "field")
        with pytest.raises(redis_py.exceptions.NoPermissionError):
            client.eval("return redis.call('HGET', KEYS[1], 'field')", 1, "{smsq}:" + name)


def test_who_only_reads_changes_nothing(clients: Callable[..., Any]) -> None:
    """The exporter's user can neither write nor run a script."""
    exporter = clients("ledger", "exporter")
    for attempt in (
        lambda: exporter.hset("{smsq}:ctl", "bad_login", "1"),
        lambda: exporter.delete("{smsq}:run"),
        lambda: exporter.eval("return redis.call('DEL', KEYS[1])", 1, "{smsq}:run"),
    ):
        with pytest.raises(redis_py.exceptions.NoPermissionError):
            attempt()


def test_the_exporter_may_ask_both_servers_how_full_they_are(servers: dict[str, Guarded]) -> None:
    """A user without that right is told nothing, and takes the server for up."""
    for server in ("ledger", "broker"):
        assert load(servers[server].url("exporter")) is not None
    assert load(servers["broker"].url("web")) is None


def test_no_worker_can_delete_from_the_ledger(clients: Callable[..., Any]) -> None:
    """Only upkeep deletes, and who begins a campaign anew."""
    for role in ("worker", "web", "exporter"):
        with pytest.raises(redis_py.exceptions.NoPermissionError):
            clients("ledger", role).delete("{smsq}:run")


def test_nobody_comes_in_without_a_name(servers: dict[str, Guarded]) -> None:
    """The default user is off."""
    for server in servers.values():
        with (
            contextlib.closing(connect(f"unix://{server.folder / 'redis.sock'}")) as client,
            pytest.raises(redis_py.AuthenticationError),
        ):
            client.ping()


def test_a_missing_password_prints_no_file(servers: dict[str, Guarded], tmp_path: Path) -> None:
    """Better no server than one without passwords."""
    command = ["sh", str(ROOT / "deploy/redis/with-passwords"), str(ROOT / acl.FOLDER / "ledger.acl"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no password for admin" in done.stderr


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda ledger: ledger.check_durable(), r"the command CONFIG(\|GET)?"),
        (lambda ledger: ledger.templates(), "a key"),
    ],
    ids=["a command", "a key"],
)
def test_what_is_forbidden_is_said_in_a_sentence(
    clients: Callable[..., Any], attempt: Callable[[Ledger], object], sentence: str
) -> None:
    """It names the command where the server does, the setting and the file, and is one of our errors."""
    with pytest.raises(LedgerTrouble, match=f"(?i)forbids {sentence} to the user in SMSQ_REDIS_URL") as caught:
        attempt(Ledger(clients("ledger", "web")))

    assert "deploy/redis/ledger.acl" in caught.value.sentence


def test_a_wrong_password_is_said_in_a_sentence(servers: dict[str, Guarded]) -> None:
    """Not that Redis were silent."""
    with (
        contextlib.closing(connect(servers["ledger"].url("worker", "wrong"))) as client,
        pytest.raises(LedgerUnreachable) as caught,
    ):
        Ledger(client).time()

    assert caught.value.sentence == "Redis refuses the user or the password in SMSQ_REDIS_URL"
    assert "wrong" not in caught.value.sentence


def test_who_fetches_keeps_the_queues_in_order(servers: dict[str, Guarded]) -> None:
    """Upkeep brings back what a dead worker had fetched, and puts aside what nobody can read."""
    url, dead = servers["broker"].url("worker"), "smsq:__acks__.dead.bulk"
    broker = make_broker(url)
    broker.maintenance_chance = 1_000_000
    with contextlib.closing(servers["broker"].client()) as admin:
        admin.flushall()
        admin.zadd("smsq:__heartbeats__", {"dead": 1})
        admin.sadd(dead, "lost", "broken")
        admin.hset("smsq:bulk.msgs", mapping={"lost": b"a hint", "broken": b"\xff"})

        fetched = broker.do_fetch("bulk", 2)
        for data in fetched:
            broker.put_aside("bulk", data)

        assert sorted(fetched) == [b"a hint", b"\xff"]
        assert not admin.exists(dead)
        assert admin.llen(aside_key("bulk")) == 2
    broker.client.close()


@pytest.mark.parametrize("role", ["producer", "scheduler", "operator"])
def test_who_only_gives_hints_needs_no_right_to_upkeep(servers: dict[str, Guarded], role: str) -> None:
    """Not even where its turn for it would have come."""
    broker = make_broker(servers["broker"].url(role))
    broker.maintenance_chance = 1_000_000
    with contextlib.closing(servers["broker"].client()) as admin:
        admin.flushall()
        admin.zadd("smsq:__heartbeats__", {"dead": 1})

        assert Hints(broker).balance()
        assert admin.llen("smsq:chores") == 1
    broker.client.close()


def test_a_refused_hint_says_why(servers: dict[str, Guarded], caplog: pytest.LogCaptureFixture) -> None:
    """The ledger has the work already, so it is a warning; it names setting and file."""
    broker = make_broker(servers["broker"].url("exporter"))

    assert not Hints(broker).balance()
    assert "Redis forbids the command EVALSHA to the user in SMSQ_BROKER_URL" in caplog.text
    assert "deploy/redis/broker.acl" in caplog.text
    broker.client.close()


# The journey ----------------------------------------------------------------------------------------------------------

SERVICES = {
    "urgent": ("worker", "worker --lane urgent --threads 2"),
    "bulk": ("worker", "worker --lane bulk --threads 2"),
    "status": ("worker", "worker --lane status"),
    "chores": ("worker", "worker --lane chores"),
    "scheduler": ("scheduler", "scheduler"),
    "web": ("web", "web"),
    "door": ("door", "door"),
    "exporter": ("exporter", "exporter"),
}


@dataclass
class Host:
    """Services as a service manager would start them: each with the Redis users of its own role."""

    folder: Path
    environ: dict[str, str]
    servers: dict[str, Guarded]
    control: str

    def of(self, role: str) -> dict[str, str]:
        """The environment of a role."""
        urls = {"SMSQ_REDIS_URL": self.servers["ledger"].url(role), "SMSQ_BROKER_URL": self.servers["broker"].url(role)}
        return {**self.environ, **urls}

    def smsq(self, role: str, *words: object, code: int = 0) -> str:
        """A command to its end; what it printed, and said where it should have gone well."""
        done = subprocess.run(
            [*SMSQ, *map(str, words)],
            cwd=self.folder,
            env=self.of(role),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == code, (words, done.stdout, done.stderr, self.logs())
        assert "Traceback" not in done.stderr
        return done.stdout + (done.stderr if code else "")

    def logs(self) -> str:
        """What was refused, and what the services said last."""
        refused = [line for server in self.servers.values() for line in server.refused()]
        return "\n".join([*refused, *(path.read_text()[-1500:] for path in sorted(self.folder.glob("*.log")))])


def wait_for(host: Host, what: Callable[[], Any], name: str) -> Any:
    """Look until it is there; a ledger that starts again is not yet."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with contextlib.suppress(SmsqError, OSError):
            if found := what():
                return found
        time.sleep(0.05)
    raise AssertionError(f"{name} did not come in {PATIENCE_S} s\n{host.logs()}")


def page(address: str, path: str) -> str:
    """What is served there."""
    with urllib.request.urlopen(f"http://{address}/{path}", timeout=20) as answer:
        return str(answer.read().decode())


@pytest.fixture
def quiet_host(servers: dict[str, Guarded], tmp_path: Path) -> Iterator[Host]:
    """Empty servers and a gateway that loses answers; nothing runs yet."""
    for server in servers.values():
        with contextlib.closing(server.client()) as admin:
            admin.flushall()
            admin.acl_log_reset()
    web, metrics, door = free_ports(3)
    secret = "a secret for callbacks"
    argv = [*SMSQ, "sandbox", "--ports", "0,0", *SANDBOX_OPTIONS, "--login", "demo", "--password", "demo"]
    argv += ["--end", "sms:99990004=undeliverable"]
    argv += ["--lose-answers", "15%", "--deliver-after", "0.1..0.5", "--callback-secret", secret]
    argv += ["--callback-url", f"http://127.0.0.1:{web}/callback"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
    gateway = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=clean)
    assert gateway.stdout is not None
    try:
        ready = json.loads(gateway.stdout.readline())
        environ = {
            **clean,
            **SANDBOX_PROFILE,
            "SMSQ_HOME": str(tmp_path / "home"),
            "SMSQ_LOGIN": "demo",
            "SMSQ_PASSWORD": "demo",
            "SMSQ_MIRRORS": ",".join(ready["mirrors"]),
            "SMSQ_BATCH_SIZE": "10",
            "SMSQ_CALLBACK_SECRET": secret,
            "SMSQ_WEB_ADDR": f"127.0.0.1:{web}",
            "SMSQ_METRICS_ADDR": f"127.0.0.1:{metrics}",
            "SMSQ_DOOR_ADDR": f"127.0.0.1:{door}",
            "SMSQ_API_KEYS": KEYS,
        }
        yield Host(tmp_path, environ, servers, ready["control"])
    finally:
        gateway.terminate()
        gateway.wait(30)
        gateway.stdout.close()


@pytest.fixture
def host(quiet_host: Host) -> Iterator[Host]:
    """Everything running, each service under its own user."""
    there, running = quiet_host, []
    try:
        for name, (role, words) in SERVICES.items():
            with open(there.folder / f"{name}.log", "ab") as log:
                argv = [*SMSQ, *words.split()]
                running.append(subprocess.Popen(argv, cwd=there.folder, env=there.of(role), stdout=log, stderr=log))
        with contextlib.closing(there.servers["ledger"].client("operator")) as client:
            views = Views(Ledger(client))
            wait_for(
                there, lambda: set(LANES) <= set(views.lanes()) and views.brakes().is_led, "the lanes and a leader"
            )
        for address in ("SMSQ_WEB_ADDR", "SMSQ_METRICS_ADDR", "SMSQ_DOOR_ADDR"):
            wait_for(there, lambda where=there.environ[address]: page(where, "healthz"), address)  # type: ignore[misc]
        yield there
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def through_the_front_door(host: Host) -> None:
    """Every page of it, asked for what it does; none answers that it could not."""
    phone, port = "79990000003", int(host.environ["SMSQ_DOOR_ADDR"].rpartition(":")[2])
    asked = (
        ("send", f"phones={phone}&mes=Door&cost=3&id=5"), ("send", f"phones={phone},79160000000&mes=x&cost=1"),
        ("balance", "cur=1"),
        ("status", f"id=5&phone={phone}&all=2"), ("get", "get_messages=1"), ("info", f"get_operator=1&phone={phone}"),
        ("jobs", f"add=1&name=x&phones={phone}&mes=Job&cost=1"), ("jobs", "get_all=1"), ("jobs", "get=1&id=1000001"),
        ("jobs", "cancel=1&id=1000001"), ("jobs", "del=1&id=1000001"),
    )  # fmt: skip
    with Line(port) as line:
        answers = [line.get(f"/sys/{page}.php", f"{query}&fmt=1").text for page, query in asked]

    assert [answer for answer in answers if answer.startswith("0,-")] == [], answers


def test_a_campaign_passes_under_least_rights(host: Host, servers: dict[str, Guarded]) -> None:
    """Codes, lost answers, a paused campaign, a restart of Redis, questions, reports: and nobody was refused."""
    people = host.folder / "people.csv"
    people.write_text("phone,name\n" + "".join(f"+{79000000000 + n},P{n}\n" for n in range(CAMPAIGN_ROWS)) + "12,bad\n")

    smsq = Smsq(settings_of(host, "producer"))
    sent = smsq.send("+79990000001", "A code", key="one")
    assert smsq.send("+79990000001", "A code", key="one").id == sent.id
    code = smsq.otp.send("+79990000002", key="two")
    wait_for(host, lambda: smsq.otp.show(code.id).steps[0].status in FINAL_STATUSES, "the code")
    wait_for(host, lambda: smsq.otp.resend(code.id), "a resend")
    assert smsq.otp.check(code.id, "none") is Verdict.WRONG
    going = smsq.otp.send("+79999990004", channels="sms:60s,tg")
    wait_for(host, lambda: len(smsq.otp.show(going.id).steps) == 2, "the next channel")
    smsq.balance()
    through_the_front_door(host)
    began = smsq.campaigns.run(people, text="Hello {name}")
    smsq.campaigns.pause(began.id)
    refused = servers["ledger"].refused()  # the log of a server ends with it
    servers["ledger"].stop()
    servers["ledger"].start()  # a new run: the roll call is answered under the same rights
    wait_for(host, lambda: smsq.campaigns.resume(began.id), "the ledger")
    is_over = lambda: smsq.campaigns.show(began.id).is_over and smsq.status(sent.id).status in FINAL_STATUSES  # noqa: E731
    wait_for(host, is_over, "the campaign's end")
    view, report = smsq.campaigns.show(began.id), list(smsq.campaigns.report(began.id))
    again = smsq.campaigns.run(people, text="Hello {name}", again=True)
    smsq.campaigns.cancel(again.id)
    assert len(smsq.campaigns.list()) == 3  # one by the front door
    host.smsq("operator", "doctor")
    metrics = page(host.environ["SMSQ_METRICS_ADDR"], "metrics")
    page(host.environ["SMSQ_WEB_ADDR"], "readyz")  # an error where it could not store a status
    count = json.loads(page(host.control.removeprefix("http://"), "_sandbox/report"))

    assert sum(view.statuses.values()) == len(report) == CAMPAIGN_ROWS + 1
    assert count["misfortunes"]["lose_answer"] > 0
    assert count["twice_by_id"] == 0
    assert count["callbacks"]["pushed"] > 0
    assert "smsq_ledger_up 1.0" in metrics
    assert 'smsq_redis_memory_bytes{server="broker"}' in metrics
    assert 'smsq_queue_hints{queue="bulk"}' in metrics
    forget_everything(host)
    smsq.close()
    assert [*refused, *(line for server in servers.values() for line in server.refused())] == []


def forget_everything(host: Host) -> None:
    """Upkeep as it is after months, under the scheduler's user."""
    runtime = Runtime.build(settings_of(host, "scheduler"))
    upkeep, before = Upkeep(runtime), len(runtime.views.campaigns())
    try:
        upkeep.tick(runtime.clock.now() + 2 * 86400.0)
        upkeep.tick(runtime.clock.now() + MONTHS_S)
        assert len(runtime.views.campaigns()) < before
    finally:
        close(runtime)


def settings_of(host: Host, role: str) -> Settings:
    """What a process of this role is told."""
    return Settings.load({name: value for name, value in host.of(role).items() if name.startswith("SMSQ_")})


def close(runtime: Runtime) -> None:
    runtime.transport.close()
    runtime.ledger.redis.close()
    runtime.broker.client.close()
    runtime.journal.close()


def test_the_wrong_role_is_told_so(quiet_host: Host) -> None:
    """A producer under the exporter's user ends with a sentence, and a code that says failure."""
    said = quiet_host.smsq("exporter", "send", "+79990000003", "Hi", code=1)

    assert "Redis forbids" in said
    assert "SMSQ_REDIS_URL" in said


def test_the_user_for_backups_can_make_one(quiet_host: Host, tmp_path: Path) -> None:
    """Nobody else may have Redis write a snapshot."""
    assert "BGSAVE" in quiet_host.smsq("operator", "backup", str(tmp_path / "ledger.rdb"), code=1)
    assert "bytes in" in quiet_host.smsq("backup", "backup", str(tmp_path / "ledger.rdb"))


def test_whoever_reads_the_file_again_may_write(quiet_host: Host) -> None:
    """A server that restarts acts as the default user; without its rights, older ones skip what scripts wrote."""
    warned = "the server's user `default` may not write"

    assert warned not in quiet_host.smsq("operator", "doctor", code=1)
    with contextlib.closing(quiet_host.servers["ledger"].client()) as admin:
        admin.execute_command("ACL", "SETUSER", "default", "-@all")
        try:
            said = quiet_host.smsq("operator", "doctor", code=1)
        finally:
            admin.execute_command("ACL", "SETUSER", "default", "+@all")
        can_be_asked = b"dryrun" in b"\n".join(admin.execute_command("ACL", "HELP")).lower()  # not Redis 6.2

    assert (warned in said) == can_be_asked


@pytest.mark.slow
def test_up_and_who_finds_it_need_one_user(quiet_host: Host, servers: dict[str, Guarded]) -> None:
    """`smsq up` under its user; a producer of its home adopts the address."""
    host = quiet_host
    with open(host.folder / "up.log", "ab") as log:
        up = subprocess.Popen([*SMSQ, "up"], cwd=host.folder, env=host.of("up"), stdout=log, stderr=log)
    try:
        with contextlib.closing(servers["ledger"].client("operator")) as client:
            views = Views(Ledger(client))
            wait_for(host, lambda: set(LANES) <= set(views.lanes()) and views.brakes().is_led, "lanes and leader")
        argv = [*SMSQ, "send", "+79990000001", "A code", "--wait", "--json"]
        done = subprocess.run(argv, env=host.environ, capture_output=True, text=True, timeout=PATIENCE_S)
    finally:
        up.terminate()
        up.wait(45)

    assert done.returncode == 0, done.stderr + host.logs()
    assert [line for server in servers.values() for line in server.refused()] == []


@pytest.mark.fault
def test_a_ledger_that_fell_back_is_recovered_by_an_operator(quiet_host: Host, servers: dict[str, Guarded]) -> None:
    """A worker sent, Redis forgot: the operator's user may take over what the journals know, `--without` too."""
    worker, producer = (Runtime.build(settings_of(quiet_host, role)) for role in ("worker", "producer"))
    master = Master(worker.ledger, worker.journal)
    master.establish(worker.settings.account)
    assert master.tick() or master.tick()
    ref = Ref(MessageId.parse(producer.ledger.enrol(NewMessage(79991234567, "Hi", key="order-17")).id).batch)
    Sender(worker, owner_name("urgent")).send_batches([str(ref)])
    worker.journal.remember_hosts([worker.journal.host, "elsewhere"])
    with contextlib.closing(servers["ledger"].client()) as admin:
        admin.flushall()

    quiet_host.smsq("operator", "recover", code=2)
    quiet_host.smsq("operator", "recover", "--yes", "--without", "elsewhere")

    assert "nothing to recover" in quiet_host.smsq("operator", "recover")
    assert producer.ledger.enrol(NewMessage(79991234567, "Hi", key="order-17")).created
    assert [line for server in servers.values() for line in server.refused()] == []
    for runtime in (worker, producer):
        close(runtime)
