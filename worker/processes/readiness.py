"""Whether an installation can do its work now: a word and a sentence for each thing that it stands on.

`smsq web`, `smsq door` and `smsq exporter` answer `/readyz` with it, and `smsq health` prints it. It reads and writes
nothing: whether Redis takes writes is what Redis says of itself. A Redis that hangs is `bad` within `WITHIN_S`. A
sentence never has a password, a phone or a text.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.lane import LANES
from smsq.worker.ledger.ledger import Ledger
from smsq.worker.ledger.standing import Brakes, SickProcess, Standing
from smsq.worker.redis_health import NoAnswer, ping

REPLY_S = 1.5  # for one reply of Redis
WITHIN_S = 2.0  # for the whole look
KEPT_S = 1.0  # a look answers all questions of the next second
SEEN_S = 900.0  # the balance is read every five minutes: three in a row without an answer are a silence
AMQP_PORTS: Final = {"amqp": 5672, "amqps": 5671}

OK, BAD, UNKNOWN = "ok", "bad", "unknown"

# What each kind of process cannot do without. The exporter shows on its page that Redis is away, and must be read then.
NEEDS: Final[Mapping[str, frozenset[str]]] = {
    "web": frozenset({"ledger", "writes"}),  # a status is stored whatever else stands still
    "door": frozenset({"ledger", "writes", "run"}),
    "exporter": frozenset(),
    "all": frozenset({"ledger", "writes", "run", "broker", "scheduler", "workers", "gateway", "halts"}),
}
NAMES: Final = ("ledger", "writes", "run", "broker", "scheduler", "workers", "gateway", "halts")

# What stops everything, by the words of `HALTS`; those of the run stop enrolment too.
RUN: Final = {
    "fell": "the ledger fell back: nothing is enrolled or sent until it is recovered (smsq recover)",
    "hosts": "Redis restarted and hosts are missing from the roll call: nothing is enrolled or sent (smsq doctor)",
}
HALTED: Final = {
    "ids": "the gateway ids are used up: nothing is sent (smsq recover --fresh-ids)",
    "login": "the gateway refuses the log-in: nothing is sent",
    "money": "the account is empty: campaigns wait for a top-up",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing: a word (`ok`, `bad`, `unknown`), a sentence, and whether the process needs it for its work."""

    word: str
    says: str
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """Every check by its name."""

    checks: Mapping[str, Check]

    @property
    def why(self) -> list[str]:
        """Why the process cannot do its work: a sentence for each check that it needs and that is not `ok`."""
        return [check.says for check in self.checks.values() if check.is_needed and check.word == BAD]

    @property
    def is_ready(self) -> bool:
        """Whether it can."""
        return not self.why

    def written(self, **more: object) -> bytes:
        """The report as JSON."""
        checks = {
            name: {"is": check.word, "needed": check.is_needed, "says": check.says}
            for name, check in self.checks.items()
        }
        said: dict[str, object] = {"ready": self.is_ready, **more}
        if not self.is_ready:
            said["why"] = self.why
        return msgspec.json.encode({**said, "checks": checks})


class Readiness:
    """Looks at most once a second, one look at a time, in a thread of its own. Thread-safe.

    `kind` is a row of `NEEDS`. Connections are made at the first look, and are not those that the process works with:
    work that waits for a slow Redis does not delay the answer, and the answer takes no connection from the work.
    """

    def __init__(self, redis_url: str, broker_url: str, kind: str) -> None:
        self._broker_url = broker_url
        self._needs = NEEDS[kind]
        self._ledger = Ledger.at(redis_url, timeout_s=REPLY_S)
        self._thread = ThreadPoolExecutor(1, "readiness")
        self._asked: Future[dict[str, tuple[str, str]]] | None = None
        self._known_until = float("-inf")

    def look(self) -> Report:
        """The report, `WITHIN_S` after the call at the latest."""
        try:
            return self._report(self._ask().result(WITHIN_S))
        except TooLate:
            return self._report(_silent())

    async def look_soon(self) -> Report:
        """The same, for a caller on an event loop."""
        asked = asyncio.wrap_future(self._ask())
        try:
            return self._report(await asyncio.wait_for(asyncio.shield(asked), WITHIN_S))
        except TimeoutError:
            asked.add_done_callback(lambda future: future.cancelled() or future.exception())  # it is heard
            return self._report(_silent())

    def close(self) -> None:
        """Close the connections."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._ledger.close()

    def _ask(self) -> Future[dict[str, tuple[str, str]]]:
        """The look that is under way or a moment old, else a new one. Two threads may begin two; both are right."""
        asked = self._asked
        if asked is None or (asked.done() and time.monotonic() >= self._known_until):
            asked = self._asked = self._thread.submit(self._look)
        return asked

    def _look(self) -> dict[str, tuple[str, str]]:
        try:
            found = dict(_of_ledger(self._ledger))
        except LedgerTrouble as error:
            found = {"ledger": (BAD, error.sentence)}
        found["broker"] = _of_broker(self._broker_url)
        self._known_until = time.monotonic() + KEPT_S
        return found

    def _report(self, found: Mapping[str, tuple[str, str]]) -> Report:
        unknown = (UNKNOWN, "not known while the ledger does not answer")
        return Report({name: Check(*found.get(name, unknown), name in self._needs) for name in NAMES})


def _silent() -> dict[str, tuple[str, str]]:
    return {"ledger": (BAD, f"Redis did not answer within {WITHIN_S:g} s")}


def _of_ledger(ledger: Ledger) -> Iterator[tuple[str, tuple[str, str]]]:
    """What the ledger's Redis shows. Raises LedgerTrouble if it does not answer."""
    standing = Standing(ledger)
    brakes, lanes, sick = standing.brakes(), standing.lanes(), standing.sick()
    yield "ledger", (OK, "Redis answers")
    yield "writes", _writes(ledger.server_facts())
    yield "run", (BAD, RUN[brakes.halted]) if brakes.halted in RUN else (OK, "this run of Redis is in force")
    yield "scheduler", (OK, "one leads") if brakes.is_led else (BAD, "no scheduler leads: campaigns are not handed out")
    yield "workers", _workers(lanes, sick)
    yield "gateway", _gateway(brakes, standing.balance(), ledger.clock.now())
    yield "halts", (BAD, HALTED[brakes.halted]) if brakes.halted in HALTED else (OK, "sending is not halted")


def _writes(facts: Mapping[str, Any] | None) -> tuple[str, str]:
    """Whether Redis takes writes and keeps them, by what it says of itself."""
    if facts is None:
        return UNKNOWN, "this user of Redis may not ask: load deploy/redis/ledger.acl of this version"
    limit, used = int(facts.get("maxmemory", 0)), int(facts.get("used_memory", 0))
    if facts.get("loading"):
        return BAD, "Redis is still reading its data"
    if facts.get("role", "master") != "master":
        return BAD, "Redis is a read-only replica: SMSQ_REDIS_URL must name the master"
    if facts.get("aof_last_write_status", "ok") != "ok":
        return BAD, "Redis cannot write its disk, so it takes no writes"
    if (policy := str(facts.get("maxmemory_policy", "noeviction"))) != "noeviction":
        return BAD, f"Redis may throw the ledger away (maxmemory-policy {policy}): set it to noeviction"
    if limit and used >= limit:
        return BAD, f"Redis is full: {used} of {limit} bytes are used, so it takes no writes"
    return OK, "Redis takes writes"


def _workers(lanes: Mapping[str, int], sick: Sequence[SickProcess]) -> tuple[str, str]:
    """Whether each lane has a process that works."""
    ill = [each.owner.partition("/")[0] for each in sick]
    missing = [lane for lane in LANES if not lanes.get(lane)]
    useless = [lane for lane in LANES if lanes.get(lane) and ill.count(lane) >= lanes[lane]]
    said = [f"no worker of {_and(missing)} is up"] if missing else []
    said += [f"no worker of {_and(useless)} can do its work: {sick[0].why}"] if useless else []
    if said:
        return BAD, "; ".join(said)
    return OK, ", ".join(f"{lane} {lanes[lane]}" for lane in LANES)


def _gateway(brakes: Brakes, balance: tuple[Any, float] | None, now: float) -> tuple[str, str]:
    """Whether the gateway was reached lately; the balance is read every five minutes."""
    ago_s = max(0.0, now - balance[1]) if balance is not None else None
    answered = "it has never answered yet" if ago_s is None else f"its last good answer is {ago_s:.0f} s old"
    if brakes.is_cut_off:
        return BAD, f"the workers can reach no mirror; {answered}"
    if brakes.back_off_s > 1:
        return BAD, f"the gateway asked us to back off, {brakes.back_off_s:.0f} s more"
    if ago_s is not None and ago_s > SEEN_S:
        return BAD, f"the gateway is silent: {answered}"
    return (UNKNOWN if ago_s is None else OK), answered


def _of_broker(url: str) -> tuple[str, str]:
    """Whether the queues' server answers."""
    if url.startswith(("redis", "unix")):
        try:
            ping(url, timeout_s=REPLY_S)
        except NoAnswer as error:
            return BAD, f"the broker does not answer ({error.why}): hints wait for the sweep"
        return OK, "the broker answers"
    parts = urlsplit(url)
    try:
        with contextlib.closing(
            socket.create_connection((parts.hostname or "", parts.port or AMQP_PORTS.get(parts.scheme, 5672)), REPLY_S)
        ):
            return OK, "the broker takes connections"
    except OSError as error:
        return BAD, f"the broker cannot be reached ({error.strerror or type(error).__name__}): hints wait for the sweep"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def of_lane(standing: Standing, lane: str, host: str = "") -> Check:
    """Whether a worker of `lane` on `host` (this machine's name) beats in the ledger and can work."""
    host = host or socket.gethostname()
    beating = [owner for owner in standing.owners(5.0) if owner.startswith(f"{lane}/{host}/")]
    ill = {each.owner: each.why for each in standing.sick()}
    if not beating:
        return Check(BAD, f"no worker of the lane {lane} on {host} beats in the ledger")
    if all(owner in ill for owner in beating):
        return Check(BAD, f"no worker of the lane {lane} on {host} can do its work: {ill[beating[0]]}")
    return Check(OK, f"{len(beating)} workers of the lane {lane} beat on {host}")
