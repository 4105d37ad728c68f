"""Held time, and who does what when.

What is due next is read from the ledger itself (its due sets) and from a list of coming events; time jumps from one
to the next. Whatever a process waits for, or is paused for, the others do meanwhile: of each kind there are two, so
that a paused one has somebody to be overtaken by. Every hint is delivered twice, to different processes; `is_sparse`
saves that for hints to send and the first of each other kind, since what it doubles is mostly questions.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import redis

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Conflict, LedgerTrouble
from smsq.worker.gateway.http import callbacks as dialect
from smsq.worker.ledger import Keys, Ledger
from smsq.worker.ledger.views import Views
from smsq.worker.queues.hints import CHECK_BALANCE, SEND_BATCHES
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sealing import Sealer
from smsq.worker.settings import Secret, Settings
from tests.promises.crashes.faults import Fault, Schedule
from tests.promises.crashes.gateway import FarSide
from tests.promises.crashes.process import Process
from tests.promises.crashes.turns import Turns

KINDS = {"worker": 2, "status": 2, "scheduler": 2, "web": 2, "chores": 1, "master": 1}
ONCE = "-"  # stands for the process that has had a hint that is delivered once
WATCHED_S = 2 * 3600.0  # ids taken for absent are watched for days; the first rounds will do
LOOKS_S = (0.5, 1.2, 1.9, 2.6, 3.3, 4.0)  # when the sweeper looks at a silence; three seconds make it one
MOST_STEPS = 6000
SETS = {  # of the ledger, and the duty that looks at each
    "ready:urgent": "sweeper",
    "ready:bulk": "sweeper",
    "lease": "sweeper",
    "doubt": "doubts",
    "doubt:urgent": "doubts",
    "watch": "doubts",
    "asks": "asks",
    "asks:urgent": "asks",
}
# The first score of each set, then the duties that have something to do at once.
LOOK = """
local found = {}
for place, name in ipairs(ARGV) do
  found[place] = redis.call('ZRANGE', KEYS[1] .. name, 0, 0, 'WITHSCORES')[2] or ''
end
if redis.call('HEXISTS', KEYS[1] .. 'ctl', 'no_money') == 1 then found[#found + 1] = 'money' end
for _, id in ipairs(redis.call('ZRANGE', KEYS[1] .. 'campaigns', 0, -1)) do
  local c = redis.call('HMGET', KEYS[1] .. 'c:' .. id, 'state', 'fed', 'batches', 's:queued')
  if (c[1] == 'running' or c[1] == 'enrolling') and tonumber(c[2]) < tonumber(c[3]) then
    found[#found + 1] = 'feed'
  elseif c[1] == 'cancelled' and c[4] and c[4] ~= '0' then
    found[#found + 1] = 'windup'
  end
end
return found
"""


class Stuck(AssertionError):
    """The world goes round in circles."""


class HeldClock(Clock):
    """The world's time; waiting lets the others go on."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        return self._world.now_ms / 1000

    def monotonic(self) -> float:
        return (self._world.now_ms - self._world.began_ms) / 1000 + 1000.0

    def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
        if until is not None and until.is_set():
            return True
        self._world.pass_time(seconds)
        return until is not None and until.is_set()


class World:
    """One installation, its gateway, and one schedule of faults."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        profile: Profile,
        schedule: Schedule,
        began_ms: int,
        *,
        is_sparse: bool = False,
    ) -> None:
        self.url, self.settings = settings.redis_url or "", settings
        self.now_ms = self.began_ms = began_ms
        self.clock = HeldClock(self)
        self.turns = Turns()
        self.births = 1
        self.trace: list[str] = []  # every boundary that was reached, in order
        self.hits: list[int] = []
        self.diary: list[str] | None = None
        self.acknowledged: set[int] = set()  # phones whose enrolment returned
        self.wants_history = False
        self._schedule, self._is_sparse = schedule, is_sparse
        self._doubled: set[str] = set()
        self._is_armed = False
        self._order = count()
        self._coming: list[tuple[int, int, Callable[[], Any]]] = []
        self._hints: deque[tuple[str, str, Sequence[Any], str]] = deque()
        self._not_before: dict[str, int] = {}
        self._steps = self._running_producers = 0
        random.seed(1)
        client.flushall()
        self._admin: Any = client
        self._look = client.register_script(LOOK)
        self.ledger = Ledger(client, Keys(), self.clock, now=self.clock.now)
        self.ledger.sealer = Sealer([(settings.secret_key or Secret()).reveal()])
        self.views = Views(self.ledger)
        self.far = FarSide(self, profile)
        self.processes = {
            kind: [Process(self, kind, f"{kind}{n + 1}") for n in range(many)] for kind, many in KINDS.items()
        }
        self._begin()

    def _begin(self) -> None:
        master = self.processes["master"][0].master
        master.establish(self.settings.account)
        assert master.tick() or master.tick()
        self._beat()

    def close(self) -> None:
        for process in [process for kind in self.processes.values() for process in kind]:
            process.close()

    # Boundaries ----------------------------------------------------------------------------------------------------

    def arm(self) -> None:
        """From here on boundaries count."""
        self._is_armed = True

    def reach(self, name: str) -> Fault | None:
        """A boundary; what strikes there."""
        if not self._is_armed:
            return None
        place = len(self.trace)
        self.trace.append(name)
        fault = self._schedule.get(place)
        if fault is not None:
            self.hits.append(place)
        if self.diary is not None:
            at = (self.now_ms - self.began_ms) / 1000
            self.diary.append(f"{at:9.3f}  {place:4d}  {name}" + (f"   <-- {fault}" if fault else ""))
        return fault

    # Time ----------------------------------------------------------------------------------------------------------

    def after(self, seconds: float, act: Callable[[], Any]) -> None:
        """Do this later."""
        heapq.heappush(self._coming, (self.now_ms + int(seconds * 1000), next(self._order), act))

    def pass_time(self, seconds: float) -> None:
        """Let the others do what comes up within this time."""
        until = self.now_ms + max(1, int(seconds * 1000))
        while self._step(until):
            pass
        self.now_ms = max(self.now_ms, until)

    def run_out(self) -> None:
        """Until nothing comes up any more."""
        while self._step(self.began_ms + 100 * 3_600_000):
            pass

    def _step(self, until: int) -> bool:
        """The next thing, if it comes up by then."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise Stuck(f"not over after {MOST_STEPS} steps")
        if self._deliver():
            return True
        at, act = self._next()
        if act is None or at > until:
            return False
        self.now_ms = max(self.now_ms, at)
        act()
        return True

    def _next(self) -> tuple[int, Callable[[], Any] | None]:
        """What comes up next, and when."""
        found: tuple[int, Callable[[], Any] | None] = (0, None)
        if self._coming:
            found = (self._coming[0][0], self._come)
        scheduler = self._idle("scheduler")
        if scheduler is not None:
            for duty, at in self._due():
                at = max(at, self._not_before.get(duty, 0))
                if found[1] is None or at < found[0]:
                    found = (at, lambda duty=duty: self._tick(scheduler, duty))
        return found

    def _come(self) -> None:
        heapq.heappop(self._coming)[2]()

    def _due(self) -> list[tuple[str, int]]:
        """What the ledger has for the duties, and when."""
        reply = self._look(keys=["{smsq}:"], args=list(SETS))
        due = []
        for name, score in zip(SETS, reply, strict=False):
            at = int(float(score)) + 1 if score else 0
            if at and not (name == "watch" and at > self.began_ms + WATCHED_S * 1000):
                due.append((SETS[name], at))
                if self.wants_history and name in ("asks", "asks:urgent"):
                    due.append(("history", self.now_ms))
        return due + [(duty.decode(), self.now_ms) for duty in reply[len(SETS) :]]

    def _tick(self, scheduler: Process, duty: str) -> None:
        pause_s = {"money": 15.0, "windup": 1.0, "history": 60.0}.get(duty, 0.5)
        if duty == "sweeper":
            self._beat()
        went_well = scheduler.run(lambda: scheduler.tick(duty))
        if not went_well:
            pause_s = max(pause_s, 0.5)
        if pause_s:
            self._not_before[duty] = self.now_ms + int(pause_s * 1000)

    # Processes -----------------------------------------------------------------------------------------------------

    def _idle(self, kind: str, other_than: str = "") -> Process | None:
        idle = [process for process in self.processes[kind] if process.is_idle and process.is_well]
        return next((process for process in idle if process.name != other_than), idle[0] if idle else None)

    def _beat(self) -> None:
        """Every worker that lives and is not frozen has beaten lately."""
        for process in self.processes["worker"]:
            if not process.is_dead and not process.is_frozen:
                process.heard(self.ledger.beat(process.owner))

    def fell_silent(self) -> None:
        """A process died or froze: before long its claims are looked at."""
        self._beat()
        for seconds in LOOKS_S:
            self.after(seconds, self._sweep)

    def _sweep(self) -> None:
        scheduler = self._idle("scheduler")
        if scheduler is not None:
            self._tick(scheduler, "sweeper")

    def restart(self, dead: Process) -> None:
        """A successor with the same name."""
        if dead.kind in self.processes:
            place = self.processes[dead.kind].index(dead)
            self.processes[dead.kind][place] = Process(self, dead.kind, dead.name)
            self._beat()

    def produce(self, act: Callable[[Any], Sequence[int]], *, again: bool = True) -> None:
        """A producer calls `act(smsq)`, which returns the phones it enrolled; `again` where it may be repeated."""
        self._running_producers += 1
        process = Process(self, "producer", "producer")

        def call() -> bool:
            try:
                self.acknowledged.update(act(process.smsq))
            except LedgerTrouble:
                return False
            except Conflict:
                pass  # sent already, by the call that was interrupted
            return True

        done = process.run(call)
        self._running_producers -= 1
        if not process.is_dead:
            process.close()
        if not done and again:
            self.after(1.0, lambda: self.produce(act))

    def leave_hints_out(self) -> None:
        """Of all that is ready, as if every slot were taken: workers go on by themselves while there is any."""
        self._admin.hset("{smsq}:ctl", "unhinted:1", 10**15)

    def hint(self, actor: str, arguments: Sequence[Any]) -> None:
        """A hint was given: it will be delivered, and then again."""
        kind = {SEND_BATCHES: "worker", CHECK_BALANCE: "chores"}.get(actor, "status")
        is_once = self._is_sparse and kind != "worker" and actor in self._doubled
        self._doubled.add(actor)
        self._hints.append((kind, actor, arguments, ONCE if is_once else ""))

    def waiting(self) -> int:
        """How many hints to send nobody has taken yet."""
        return sum(kind == "worker" for kind, *_ in self._hints)

    def _deliver(self) -> bool:
        """The first hint for whose kind somebody is free."""
        for place, (kind, actor, arguments, first) in enumerate(self._hints):
            process = self._idle(kind, other_than=first)  # once may be anybody
            if process is None:
                continue
            del self._hints[place]
            if not first:
                self._hints.insert(place, (kind, actor, arguments, process.name))
            process.run(lambda process=process, actor=actor, args=arguments: process.act(actor, args))
            return True
        return False

    def call_back(self, call: dialect.Call) -> int:
        """The gateway calls; the HTTP status, 0 where nobody answers."""
        web = self._idle("web")
        return web.run(lambda: web.take_call(call)) or 0 if web is not None else 0

    # Another life of Redis -----------------------------------------------------------------------------------------

    def change_run(self) -> None:
        """What a restart changes: the same data under another run. A fail-over to nowhere and back does it."""
        with self._admin.pipeline(transaction=False) as pipe:
            pipe.execute_command("REPLICAOF", "127.0.0.1", "1")
            pipe.execute_command("REPLICAOF", "NO", "ONE")
            pipe.execute()
        self.after(1.0, self._roll_call)

    def _roll_call(self) -> None:
        master = self._idle("master")
        if master is None or not master.run(master.master.tick):
            self.after(1.0, self._roll_call)
