"""A town: one gateway that keeps the count, one Redis, one installation of real processes, and faults between them.

`Town` starts and stops all of it and finds its processes. `Journey` is some messages on their way through it;
its `verdict` is THE count that every journey ends with, taken from the gateway's side.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from smsq import Smsq
from smsq.producers.machine.up import SANDBOX_OPTIONS, SANDBOX_PROFILE
from smsq.worker.domain.lane import LANES
from smsq.worker.ledger import Ledger
from smsq.worker.ledger.views import CampaignView, Views
from smsq.worker.redis_client import connect
from smsq.worker.settings import Settings
from tests.journeys.proxy import GatewayProxy, Proxy
from tests.journeys.server import Server

SMSQ = [sys.executable, "-m", "smsq"]
OURS = [*SMSQ, "--parent", str(os.getpid())]  # ends with the tests, or with the thread that started it
START_S = 120.0  # the end of patience, on a machine with much else to do
MOVING = {"queued", "sending", "doubtful", "accepted"}  # statuses that are no end
IN_MOTION = ("ready:urgent", "ready:bulk", "lease", "doubt")  # sets of batches that are not settled
SECRET = "a secret for callbacks"
PASSWORD = "canary-password-81"
SMPP_SILENT_S, SMPP_PARTS_S = 4.0, 4.0  # of the gateway's two minutes and one minute
SMPP_PASSWORD = "canary82"  # it has room for eight characters
CANARY = re.compile(
    rb"canary-password|canary82|a secret for callbacks|Hello P|Your code is|(?<![0-9a-f])79\d{9}(?![0-9a-f])"
)
SHIFTED = Path(__file__).parent / "shifted"


@dataclass
class Town:
    """See `conftest.make_town` for how one is built. `folder` is its home and where its logs lie."""

    folder: Path
    environ: dict[str, str]
    gateway: subprocess.Popen[str]
    control: str
    mirrors: list[GatewayProxy]
    server: Server | None = None  # None: the private one that `smsq up` starts
    redis_line: Proxy | None = None  # between everybody and Redis
    up: subprocess.Popen[bytes] | None = None
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)
    next_phone: int = 79000000000
    recovery: Path | None = None
    waited: dict[Path, float] = field(default_factory=dict)  # seconds that each thread has waited for a core
    looked_at: float = 0.0
    chosen_twice: int = 0  # second copies that somebody chose: sent again on purpose, or preferred to none

    @property
    def home(self) -> Path:
        return self.folder / ".smsq"

    # Life ------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bring everything up and wait until every lane beats and somebody leads."""
        if self.server is not None and not self.server.is_running:
            self.server.start()
        before = set(self.owners()) if self.up is not None else set()
        with open(self.folder / "up.log", "ab") as log:
            self.up = subprocess.Popen(
                [*OURS, "up"], cwd=self.folder, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
        self.wait_for(
            lambda: (
                {owner.split("/")[0] for owner in set(self.views.owners(3.0)) - before} >= LANES.keys()
                and self.leader()
            ),
            "the lanes and a leader",
            START_S,
        )

    def stop(self) -> None:
        """Ctrl-C, and everything else as well; nothing may have gone twice after its verdict either."""
        count = self.count()
        for process in self.others:
            process.kill()
            process.wait()
        if self.up is not None and self.up.poll() is None:
            self.up.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.up.wait(20)
            if self.up.poll() is None:
                self.up.kill()
                self.up.wait()
        for proxy in [*self.mirrors, *([self.redis_line] if self.redis_line else [])]:
            proxy.stop()
        if self.server is not None:
            self.server.stop()
        self.gateway.terminate()
        self.gateway.wait()
        assert self.gateway.stdout is not None
        self.gateway.stdout.close()
        assert (count["twice"], count["twice_by_id"]) == (self.chosen_twice, 0)

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """Start another `smsq` command of this installation."""
        with open(self.folder / f"{words[0]}.log", "ab") as log:
            process = subprocess.Popen([*OURS, *words], cwd=self.folder, env=self.environ, stdout=log, stderr=log)
        self.others.append(process)
        return process

    def pids(self, words: str) -> list[int]:
        """Children of `smsq up` whose command line goes on with these words; `redis` and `queues` are servers."""
        assert self.up is not None
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                line = (folder / "cmdline").read_bytes().decode().replace("\0", " ")
                if f"--parent {self.up.pid} {words}" in line or f"{self.home}/{words}/redis.sock" in line:
                    found.append(int(folder.name))
        return found

    def kill(self, words: str) -> list[int]:
        """`kill -9` of every child of that kind."""
        pids = self.pids(words)
        assert pids, f"no process {words}"
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pids

    def kill_one(self, lane: str, chance: random.Random) -> None:
        """`kill -9` of one worker of a lane, if one is up just now."""
        pids = self.pids(f"worker --lane {lane}")
        if pids:
            os.kill(chance.choice(pids), signal.SIGKILL)

    def pid_behind(self, client: tuple[str, int]) -> int:
        """Which child has the other end of a connection that a proxy accepted; 0 where it is gone."""
        wanted = f":{client[1]:04X} "
        rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
        inodes = {f"socket:[{row.split()[9]}]" for row in rows if wanted in row.split()[1] + " "}
        for pid in self.pids(""):
            with contextlib.suppress(OSError):
                for entry in Path(f"/proc/{pid}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        if os.readlink(entry) in inodes:
                            return pid
        return 0

    # Looking ---------------------------------------------------------------------------------------------------------

    def wait_for(
        self, what: Callable[[], Any], name: str, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> Any:
        """Look until it is there; troubles of a ledger that is away count as not yet."""
        until = clock() + seconds
        while clock() < until:
            with contextlib.suppress(Exception):
                if found := what():
                    return found
            time.sleep(0.03)
        raise AssertionError(f"{name} did not come in {seconds} s\n{self.last_words()}")

    def own_time(self) -> float:
        """Time as it passes for the town: less what its threads have waited for a core.

        On a machine that does nothing else it is nearly the time of the clock. On a busy one it falls behind, by more
        than is fair where several waited at once: what is late by it was not late for want of a core.
        """
        now = time.monotonic()
        if now - self.looked_at > 0.5:
            self.looked_at = now
            ours = [self.gateway, self.up, self.server, *self.others]
            pids = [os.getpid(), *(each.pid for each in ours if each is not None), *(self.pids("") if self.up else [])]
            for path in (path for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat")):
                with contextlib.suppress(OSError, IndexError):  # it has ended
                    self.waited[path] = int(path.read_text().split()[1]) / 1e9
        return now - sum(self.waited.values())

    def last_words(self) -> str:
        """What to read when a journey fails."""
        said = [f"folder {self.folder}"]
        with contextlib.suppress(Exception):
            said.append(f"in motion {self.views.in_motion()}, halted {self.views.halted()!r}")
        with contextlib.suppress(Exception):
            said.append(f"count {self.count()}")
        for path in [self.folder / "up.log", *sorted((self.home / "logs").glob("*.log"))]:
            with contextlib.suppress(OSError):
                said.append(f"--- {path.name}\n{path.read_text(errors='replace')[-600:]}")
        return "\n".join(said)

    @cached_property
    def views(self) -> Views:
        """The read side of its ledger, past any proxy; its place does not change with a restart."""
        if self.server is not None:
            return Views(Ledger(connect(self.server.url)))
        self.wait_for((self.home / "up.json").exists, "up.json", START_S)
        return Views(Ledger(connect(json.loads((self.home / "up.json").read_text())["redis_url"])))

    @property
    def ledger(self) -> Ledger:
        return self.views.ledger

    @property
    def broker_url(self) -> str:
        """Where the hints are, past any proxy."""
        assert self.server is not None
        return self.server.url.removesuffix("/0") + "/1"

    def owners(self) -> list[str]:
        """Worker processes by the names they beat under, dead ones included."""
        with contextlib.suppress(Exception):
            return self.views.owners(3600.0)
        return []

    def leader(self) -> str:
        """The scheduler that leads, '' for none."""
        name = self.ledger.redis.get(self.ledger.key("lead"))
        return name.decode() if name else ""

    def in_force(self) -> bool:
        """Whether claims are granted."""
        return self.ledger.beat().in_force

    def is_calm(self) -> bool:
        """Whether nothing moves and everything is up, so that another journey may begin here."""
        try:
            moving = self.views.in_motion()
            still = not any(moving[name] for name in IN_MOTION)
            return still and self.in_force() and self.views.lanes().keys() >= LANES.keys() and not self.views.halted()
        except Exception:
            return False

    def record(self, what: str, seconds: float) -> None:
        """Keep a time of recovery for the documentation."""
        print(f"recovery: {what}: {seconds:.2f} s")
        if self.recovery is not None:
            with open(self.recovery, "a") as out:
                out.write(json.dumps({"what": what, "seconds": round(seconds, 3)}) + "\n")

    # The gateway -----------------------------------------------------------------------------------------------------

    def leaks(self) -> list[str]:
        """Logs and journals of ours that hold a password, a text or a whole phone; a person's own screen may."""
        ours = [path for path in self.folder.rglob("*.log") if path.name not in ("sandbox.log", "campaign.log")]
        return [f"{path.name}: {found[0]!r}" for path in ours if (found := CANARY.search(path.read_bytes()))]

    def count(self) -> dict[str, Any]:
        """The gateway's own count."""
        with urllib.request.urlopen(f"{self.control}/_sandbox/report") as reply:
            return dict(json.loads(reply.read()))

    def order(self, what: str, told: object) -> dict[str, Any]:
        """Tell the gateway something: misfortunes, mirrors, account, callbacks, missing."""
        request = urllib.request.Request(f"{self.control}/_sandbox/{what}", json.dumps(told).encode(), method="POST")
        with urllib.request.urlopen(request) as reply:
            return dict(json.loads(reply.read()))

    def strike(self, kind: str, *, mirrors: Sequence[int] = (0, 1, 2), **how: Any) -> None:
        """Put a stroke in force on the lines to some mirrors."""
        for number in mirrors:
            self.mirrors[number].strike(kind, **how)

    def struck(self, path: str = "send") -> int:
        """How often a stroke on requests of this path struck since faults were last cleared."""
        return sum(mirror.struck_on[path] for mirror in self.mirrors)

    def heard(self, path: str, since: float) -> Iterator[Any]:
        """Requests that went by on any mirror."""
        for proxy in self.mirrors:
            yield from (each for each in list(proxy.heard) if path in each.path and each.at >= since)

    def clear(self) -> None:
        """No more faults."""
        for proxy in [*self.mirrors, *([self.redis_line] if self.redis_line else [])]:
            proxy.clear()
        self.order("misfortunes", {"clear": True})
        for number, mirror in enumerate(self.mirrors, 1):
            self.order("mirrors", {"mirror": number, "down": False, "lag": 0.0})
            mirror.refuse(False)
        self.order("callbacks", {"url": f"http://{self.environ['SMSQ_WEB_ADDR']}/callback"})
        self.order("forgive", {})

    # Producers -------------------------------------------------------------------------------------------------------

    @cached_property
    def smsq(self) -> Smsq:
        """Python's way in, in this process."""
        environ = dict(self.environ)
        if "SMSQ_REDIS_URL" in environ:
            return Smsq(Settings.load({name: value for name, value in environ.items() if name.startswith("SMSQ_")}))
        return Smsq(environ=environ)

    def begin(self) -> Journey:
        """A journey that counts from here."""
        return Journey(self, self.count(), {view.id for view in self.views.campaigns()})

    def campaign(self, rows: int = 2000, **how: Any) -> Journey:
        """A journey of one campaign, enrolled."""
        journey = self.begin()
        journey.campaign(rows, **how)
        return journey

    def phones(self, rows: int) -> list[int]:
        """So many that nobody used yet."""
        first, self.next_phone = self.next_phone, self.next_phone + rows
        return list(range(first, first + rows))


@dataclass
class Journey:
    """Messages on their way, and what the gateway had counted before them."""

    town: Town
    before: dict[str, Any]
    older: set[str]  # campaigns that are none of ours
    phones: list[int] = field(default_factory=list)
    campaigns: list[str] = field(default_factory=list)
    singles: list[str] = field(default_factory=list)

    def campaign(self, rows: int, text: str = "Hello {name}", **how: Any) -> str:
        """Enrol a campaign of fresh phones; its id."""
        phones = self.town.phones(rows)
        self.phones += phones
        table = ({"phone": f"+{phone}", "name": f"P{phone % 1000}"} for phone in phones)
        view = self.town.smsq.campaigns.run(list(table), text=text, **how)
        self.campaigns.append(view.id)
        return view.id

    def send(self, number: int = 1, **how: Any) -> list[str]:
        """Enrol single messages to fresh phones; their ids. Those that raise were promised nothing and do not count."""
        ids = []
        for phone in self.town.phones(number):
            ids.append(self.town.smsq.send(phone, "Your code is 4821", **how).id)
            self.phones.append(phone)
            self.singles.append(ids[-1])
        return ids

    def file(self, rows: int) -> Path:
        """A CSV file of fresh phones, for the command."""
        phones = self.town.phones(rows)
        self.phones += phones
        older = len(list(self.town.folder.glob("people-*")))
        path = self.town.folder / f"people-{older}.csv"
        path.write_text("phone,name\n" + "".join(f"+{phone},P{phone % 1000}\n" for phone in phones))
        return path

    def run_file(self, path: Path, *more: str) -> subprocess.Popen[bytes]:
        """Start the command that enrols it."""
        return self.town.run("campaign", "run", str(path), "--text", "Hello {name}", "--yes", *more)

    def adopt(self) -> CampaignView | None:
        """Take the newest campaign as ours, if it began after us: a command enrolled it."""
        view = next((view for view in self.town.views.campaigns() if view.id not in self.older), None)
        if view is not None and view.id not in self.campaigns:
            self.campaigns.append(view.id)
        return view

    def views(self) -> list[CampaignView]:
        found = [self.town.views.campaign(each) for each in self.campaigns]
        assert all(found), f"a campaign is gone: {self.campaigns}"
        return [view for view in found if view is not None]

    def statuses(self) -> Counter[str]:
        """Where all of it stands, by our own reports."""
        counted: Counter[str] = Counter()
        for view in self.views():
            counted.update(view.statuses)
        counted.update(self.town.smsq.status(each).status for each in self.singles)
        return counted

    def doubts(self) -> int:
        """Requests of its campaigns whose outcome was unknown and has come to an end since."""
        return sum(view.doubts for view in self.views())

    def accepted(self) -> int:
        """How many the gateway has taken since it began."""
        return int(self.town.count()["accepted"]) - int(self.before["accepted"])

    def wait_until_sending(self, share: float = 0.1, seconds: float = 20) -> None:
        """Until the gateway has taken some of it."""
        self.town.wait_for(lambda: self.accepted() >= share * len(self.phones), "the first messages", seconds)

    def is_over(self) -> bool:
        found = self.statuses()
        return (
            sum(found.values()) == len(self.phones)
            and not any(found[name] for name in MOVING)
            and all(view.is_over for view in self.views())
            and self.town.count()["running"]["sends"] == 0
            and not any(self.town.views.in_motion()[name] for name in IN_MOTION)  # a claim outlives its callbacks
        )

    def verdict(
        self,
        *,
        parked: int = 0,
        refused: int = 0,
        late: int = 0,
        opted_out: int = 0,
        chosen_twice: int = 0,
        within_s: float = 60.0,
    ) -> dict[str, Any]:
        """THE count: all of it final or parked, the same set accepted, nothing twice or still sending, no limit broken.

        Nor is there a password, a text or a whole phone in a log. Returns what the gateway counted in all.
        """
        town = self.town
        town.wait_for(self.is_over, f"the end of {self.statuses()}", within_s, town.own_time)
        statuses, count = self.statuses(), town.count()
        never = town.order("missing", [str(phone) for phone in self.phones])["count"]
        names = ("accepted", "distinct", "twice", "twice_by_id", "guarded")  # guarded: only the gateway's mercy
        taken = {name: count[name] - self.before[name] for name in names}
        broken = {
            name: many - self.before["limits_broken"].get(name, 0)
            for name, many in count["limits_broken"].items()
            if many != self.before["limits_broken"].get(name, 0)
        }

        unsent = parked + refused + late + opted_out
        expected = len(self.phones) - unsent
        ends = [statuses[name] for name in ("parked", "refused", "late", "optout")]
        assert (sum(statuses.values()), ends) == (len(self.phones), [parked, refused, late, opted_out]), statuses
        assert (never, taken) == (
            unsent,
            {
                "accepted": expected + chosen_twice,
                "distinct": expected,
                "twice": chosen_twice,
                "twice_by_id": 0,
                "guarded": 0,
            },
        ), (never, taken, statuses)
        assert broken == {}, broken
        assert sum(view.doubles for view in self.views()) == 0
        assert town.leaks() == []
        return count


def memory(pid: int, name: str = "VmRSS") -> int:
    """Bytes of memory of a process; `VmHWM` is the most it has had."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def forget_peak(pid: int) -> int:
    """Begin anew with the most memory that a process has had; its memory now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return memory(pid)


def quiet_ports(number: int) -> list[int]:
    """Free ports below those that the system gives to connections, so that none is taken before it is used."""
    found: list[int] = []
    while len(found) < number:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found


def build(
    folder: Path,
    *,
    redis: str = "own",
    gateway: Sequence[str] = (),
    down: int = 0,
    think_ms: int = 20,
    clocks: str = "",
    smpp: Mapping[str, Any] | None = None,
    letters: bool = False,
    settings: dict[str, str],
) -> Town:
    """A town that was not started yet: its gateway, its lines and its settings.

    With `smpp`, fields of the gateway's profile, messages leave over SMPP by two hosts; with `letters` over SMTP.
    `redis` is `own` (a server of ours), `line` (the same behind a proxy) or `private` (started by `smsq up`).
    """
    web, metrics, redis_port = quiet_ports(3)
    argv = [*OURS, "sandbox", "--ports", "0,0,0", *SANDBOX_OPTIONS, "--login", "demo", "--password", PASSWORD]
    argv += ["--think-ms", str(think_ms), "--deliver-after", "0.2..1", "--callback-secret", SECRET]
    argv += ["--callback-url", f"http://127.0.0.1:{web}/callback", *(["--smtp-port", "0"] if letters else []), *gateway]
    if smpp is not None:
        profile = folder / "gateway.toml"
        told = {"smpp_silent_s": SMPP_SILENT_S, "smpp_parts_s": SMPP_PARTS_S, **smpp}
        profile.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()))
        argv += ["--smpp-ports", "0,0", "--smpp-password", SMPP_PASSWORD, "--config", str(profile)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    lines = [GatewayProxy(("127.0.0.1", urlsplit(base).port or 0), seed=n) for n, base in enumerate(ready["mirrors"])]
    if down:
        lines[down - 1].refuse()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
    environ = {
        **clean,
        **SANDBOX_PROFILE,
        "SMSQ_HOME": str(folder / ".smsq"),
        "SMSQ_SHIELD": "off",  # a journey's phones all look alike
        "SMSQ_LOG_LEVEL": "debug",  # so that what leaks, leaks here
        "SMSQ_LOGIN": "demo",
        "SMSQ_PASSWORD": PASSWORD,
        "SMSQ_MIRRORS": ",".join(f"http://127.0.0.1:{line.port}" for line in lines),
        "SMSQ_CALLBACK_SECRET": SECRET,
        "SMSQ_WEB_ADDR": f"127.0.0.1:{web}",
        "SMSQ_METRICS_ADDR": f"127.0.0.1:{metrics}",
        **settings,
    }
    if smpp is not None:
        environ |= {
            "SMSQ_TRANSPORT": "smpp",
            "SMSQ_SMPP_URL": ",".join(ready["smpp"]),
            "SMSQ_SMPP_PASSWORD": SMPP_PASSWORD,
            "SMSQ_PEER_CLOSE_S": f"{SMPP_SILENT_S:g}",
            "SMSQ_SMPP_PARTS_S": f"{SMPP_PARTS_S:g}",
            "SMSQ_DOUBT_SETTLE_S": f"{SMPP_SILENT_S + SMPP_PARTS_S + 5:g}",
            **settings,
        }
    if letters:
        environ |= {"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": ready["mail"]}
    if clocks:
        environ |= {"JOURNEY_CLOCKS": clocks, "JOURNEY_SEEN": str(folder / "clocks.seen"), "PYTHONPATH": str(SHIFTED)}
    town = Town(folder, environ, process, ready["control"], lines)
    if redis != "private":
        town.server = Server(folder / "redis", redis_port)
        port = redis_port
        if redis == "line":
            town.redis_line = Proxy(("127.0.0.1", redis_port))
            port = town.redis_line.port
        environ["SMSQ_REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    return town
