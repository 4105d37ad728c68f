"""One process of the installation: production's parts on a connection and a transport of their own.

A process does one thing at a time. While it is paused in the middle of it the world goes on without it; when it is
killed, nothing of it runs again and its successor begins with empty hands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dramatiq
from dramatiq.errors import BrokerConnectionError
from starlette.requests import Request

from smsq import Smsq
from smsq.producers.web.callback import Callback, Gatherer
from smsq.worker.actors.chores import Chores
from smsq.worker.actors.doubts import DoubtSettler
from smsq.worker.actors.send import Sender
from smsq.worker.actors.statuses import Statuses
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.sick import Sick
from smsq.worker.gateway.http import callbacks as dialect
from smsq.worker.host.master import Master
from smsq.worker.ledger import Keys, Ledger
from smsq.worker.ledger.runs import Beat
from smsq.worker.questions.asker import Asker
from smsq.worker.queues.hints import (
    ASK_STATUSES,
    ASK_URGENT,
    CHECK_BALANCE,
    READ_HISTORY,
    SEND_BATCHES,
    SETTLE_DOUBTS,
    SETTLE_URGENT,
    WATCH_ABSENT,
    Hints,
)
from smsq.worker.runtime import Runtime
from smsq.worker.scheduler.asks import Asks
from smsq.worker.scheduler.doubts import Doubts
from smsq.worker.scheduler.feed import Feed
from smsq.worker.scheduler.history import History
from smsq.worker.scheduler.loop import Duty
from smsq.worker.scheduler.money import Money
from smsq.worker.scheduler.sweeper import Sweeper
from smsq.worker.scheduler.windup import WindUp
from tests.promises.crashes.faults import AFTER, PAUSES, ROLL_CALL_S, Fault, Killed
from tests.promises.crashes.gateway import CALLBACK_SECRET, CrashTransport
from tests.promises.crashes.wire import client_of

if TYPE_CHECKING:
    from tests.promises.crashes.world import World

RESTART_S = 1.0  # a supervisor starts a dead child again
DUTIES: dict[str, type[Duty]] = {
    "sweeper": Sweeper,
    "doubts": Doubts,
    "asks": Asks,
    "feed": Feed,
    "money": Money,
    "windup": WindUp,
    "history": History,
}


class Process:
    """`kind` is worker, status, chores, scheduler, web, master or producer."""

    def __init__(self, world: World, kind: str, name: str) -> None:
        self.world, self.kind, self.name = world, kind, name
        lane = "bulk" if kind == "worker" else kind  # only campaigns have more than one batch to go on with
        self.owner = f"{lane}/host/{name}/{world.births}"
        world.births += 1
        self.is_busy = self.is_frozen = self.is_dead = False

    @cached_property
    def runtime(self) -> Runtime:
        """Production's runtime, on our connection, our queue and our lines."""
        world = self.world
        runtime = Runtime(world.settings, world.url, world.url, clock=world.clock)
        ledger = Ledger(client_of(self, world.url), Keys(), world.clock, now=world.clock.now)
        ledger.sealer = runtime.sealer
        ledger.witness = runtime.journal.enrolment
        transport = CrashTransport(self, world.far, world.settings.mirrors, world.settings.keep_idle_s)
        hints = Hints(_Queue(self))  # type: ignore[arg-type]
        runtime.__dict__.update(ledger=ledger, hints=hints, transport=transport, http=transport)
        return runtime

    @property
    def is_idle(self) -> bool:
        return not (self.is_busy or self.is_dead)

    @property
    def is_well(self) -> bool:
        """Whether it takes hints to send: one that cannot leaves them to others, as the broker does for a real one."""
        if self.kind != "worker" or "runtime" not in self.__dict__:
            return True
        return not self.runtime.health.has(Sick.LOGIN) and self.runtime.mirrors.wait_s() == 0

    def heard(self, beat: Beat) -> None:
        """A log-in that nobody refuses any more may be tried again."""
        if "runtime" in self.__dict__ and beat.bad_login != self.runtime.credentials:
            self.runtime.health.mended(Sick.LOGIN)

    def run(self, act: Callable[[], Any]) -> Any:
        """Do one thing; None where the process dies of it."""
        self.is_busy = True
        try:
            return act()
        except Killed:
            if not self.is_dead:
                raise
            self.close()
            self.world.after(RESTART_S, lambda: self.world.restart(self))
            return None
        finally:
            self.is_busy = False

    def close(self) -> None:
        """Give its connections and files back."""
        if "runtime" in self.__dict__:
            self.runtime.ledger.redis.close()
            self.runtime.ledger.redis.connection_pool.disconnect()
            self.runtime.journal.close()

    # Boundaries ----------------------------------------------------------------------------------------------------

    def reach(self, name: str) -> Fault | None:
        """A call is about to be made: what strikes here. A dead process makes no calls."""
        if self.is_dead:
            raise Killed
        return self.world.reach(f"{self.name}: {name}")

    def meet(self, name: str) -> Fault | None:
        """The same, and what strikes before the call is done already."""
        fault = self.reach(name)
        if fault is Fault.KILLED_BEFORE:
            self.die()
        if fault in PAUSES and fault not in AFTER:
            self.pause(fault)
            return None
        return fault

    def end(self, fault: Fault | None) -> None:
        """The call was carried out: what strikes after it."""
        if fault is Fault.KILLED_AFTER:
            self.die()
        if fault in AFTER and fault is not None:
            self.pause(fault)

    def die(self) -> None:
        """End here."""
        self.is_dead = True
        self.world.fell_silent()
        raise Killed

    def pause(self, fault: Fault) -> None:
        """Stand still while the world goes on."""
        if fault in (Fault.RUN_CHANGED, Fault.ROLL_CALLED):
            self.world.change_run()
            if fault is Fault.ROLL_CALLED:
                self.world.pass_time(ROLL_CALL_S)
            return
        pause = PAUSES[fault]
        self.is_frozen = pause.is_frozen
        if pause.is_frozen:
            self.world.fell_silent()
        self.world.pass_time(pause.seconds)
        self.is_frozen = False

    # What it does --------------------------------------------------------------------------------------------------

    @cached_property
    def actors(self) -> dict[str, Callable[..., Any]]:
        """What dramatiq would call here."""
        if self.kind == "worker":
            return {SEND_BATCHES: Sender(self.runtime, self.owner).send_batches}
        if self.kind == "chores":
            return {CHECK_BALANCE: Chores(self.runtime).check_balance}
        asker = Asker(self.runtime, hedge_after_s=3600.0)  # no real clock decides here
        statuses, doubts = Statuses(self.runtime, asker), DoubtSettler(self.runtime, asker)
        return {
            ASK_STATUSES: statuses.ask_statuses,
            ASK_URGENT: statuses.ask_urgent_statuses,
            READ_HISTORY: statuses.read_history,
            SETTLE_DOUBTS: doubts.settle_doubts,
            SETTLE_URGENT: doubts.settle_urgent_doubts,
            WATCH_ABSENT: doubts.watch_absent,
        }

    def act(self, actor: str, arguments: Sequence[Any]) -> None:
        """Run one actor as a worker does: whatever it raises ends this message alone."""
        try:
            self.actors[actor](*arguments)
        except LedgerTrouble:
            pass

    @cached_property
    def _duties(self) -> dict[str, Duty]:
        return {name: duty(self.runtime) for name, duty in DUTIES.items()}

    def tick(self, duty: str) -> bool:
        """One duty, as the scheduler's loop does it; False where Redis was in trouble."""
        try:
            self._duties[duty].tick(self.world.clock.now())
        except LedgerTrouble:
            return False
        return True

    @cached_property
    def master(self) -> Master:
        return Master(self.runtime.ledger, self.runtime.journal)

    @cached_property
    def smsq(self) -> Smsq:
        """Python's way in, on this process' connection."""
        smsq = Smsq(self.world.settings)
        smsq._runtime = self.runtime
        return smsq

    def take_call(self, call: dialect.Call) -> int:
        """The web process answers one call of the gateway; the HTTP status."""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": call.body, "more_body": False}

        async def answer() -> int:
            def advance(facts: Sequence[Fact]) -> int:
                try:
                    return self.runtime.ledger.advance(facts)
                except Killed:  # the loop must end; what it answers is heard by nobody
                    raise LedgerTrouble("the process is dead") from None

            headers = [(b"content-type", call.content_type.encode())]
            scope = {"type": "http", "method": call.method, "path": "/callback", "headers": headers}
            scope["query_string"] = call.query.encode()
            return (await Callback(CALLBACK_SECRET, Gatherer(advance))(Request(scope, receive))).status_code

        status = asyncio.run(answer())
        if self.is_dead:
            raise Killed
        return status


class _Queue:
    """The broker as `Hints` uses it: giving a hint is a boundary too."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def depth(self, queue: str) -> int:
        process = self._process
        fault = process.meet(f"llen {queue}")
        if fault in (Fault.REQUEST_LOST, Fault.REPLY_LOST):
            raise BrokerConnectionError("lost on purpose")
        depth = process.world.waiting()
        process.end(fault)
        return depth

    def enqueue(self, message: dramatiq.Message[Any]) -> None:
        process = self._process
        fault = process.meet(f"hint {message.actor_name}")
        if fault is Fault.REQUEST_LOST:
            raise BrokerConnectionError("the hint was lost on purpose")
        process.world.hint(message.actor_name, message.args)
        if fault is Fault.REPLY_LOST:
            raise BrokerConnectionError("the reply was lost on purpose")
        process.end(fault)
