"""The base of the ledger: a Redis client, the keys, and the one way to run a verb.

Errors of the Redis client become `LedgerTrouble` here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec
import redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smsq.worker.clock import Clock
from smsq.worker.domain.batch import Ref, unpack_recipients
from smsq.worker.domain.errors import (
    LedgerForeign,
    LedgerFull,
    LedgerHalted,
    LedgerTrouble,
    LedgerUnreachable,
    WrongKey,
)
from smsq.worker.domain.lane import SENDING_BY_NUMBER
from smsq.worker.ledger.hosts import missing
from smsq.worker.ledger.keys import Keys
from smsq.worker.ledger.layout import LAYOUT, OF_ROWS, RESENT_BY, IdPlace, Meta
from smsq.worker.ledger.scripts import Argument, Call, Way, script
from smsq.worker.ledger.values import POLICIES, BatchView, KnownId
from smsq.worker.redis_client import Clients, no_right
from smsq.worker.sealing import Sealer

_UNCLAIMED: list[Any] = [*[""] * Meta.LEASE, 0, [], "", 0, 0, 0, 0, ""]  # what the first claim adds to a batch's meta
_POLICY_NAMES = {number: name for name, number in POLICIES.items()}
_RIGHTS = ("SMSQ_REDIS_URL", "ledger.acl")  # the setting that names our user, and the file with its rights


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of the Redis client as LedgerTrouble, without what was being written."""
    try:
        yield
    except AuthenticationError as error:
        raise LedgerUnreachable(no_right(error, *_RIGHTS)) from None
    except (BusyLoadingError, RedisConnectionError, RedisTimeoutError) as error:
        raise LedgerUnreachable(
            f"Redis does not answer ({type(error).__name__}); work resumes when it is back"
        ) from None
    except OutOfMemoryError:
        raise LedgerFull(
            "Redis is out of memory: nothing was written; raise maxmemory or wait for the queue to drain"
        ) from None
    except ReadOnlyError:
        raise LedgerTrouble("Redis is a read-only replica: point SMSQ_REDIS_URL at the master") from None
    except ResponseError as error:
        words = str(error)
        if "OOM" in words:
            raise LedgerFull(
                "Redis is out of memory: nothing was written; raise maxmemory or wait for the queue to drain"
            ) from None
        if "MISCONF" in words:
            raise LedgerFull(
                "Redis cannot write its disk: nothing was written; free space where it keeps its data"
            ) from None
        if forbidden := no_right(error, *_RIGHTS):
            raise LedgerTrouble(forbidden) from None
        raise LedgerTrouble(f"Redis refused: {words.split(' script: ')[0][:200]}") from None
    except RedisError as error:
        raise LedgerTrouble(f"Redis failed: {type(error).__name__}") from None


class Store:
    """Runs verbs; `now` is for tests that hold the clock (a callable returning Unix seconds)."""

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys | None = None,
        clock: Clock | None = None,
        *,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.redis: Any = client  # redis-py's annotations mix its two kinds of client
        self.keys = keys or Keys()
        self.clock = clock or Clock()
        self._now = now
        self._clients = Clients(self._checked_client)
        self.way = Way()
        self.sealer: Sealer | None = None  # without a sealer nothing sealed can be written or read
        self.make_sealer: Callable[[], Sealer] | None = None  # called at the first use: most processes seal nothing

    def now_ms(self) -> str:
        """The time argument of a script: '' lets Redis use its own clock."""
        return "" if self._now is None else str(int(self._now() * 1000))

    def time(self) -> float:
        """The time by Redis' clock in Unix seconds."""
        if self._now is not None:
            return self._now()
        with translated():
            seconds, micros = self.redis.time()
        return float(seconds) + float(micros) / 1e6

    def time_here(self) -> float:
        """The time by this machine's clock in Unix seconds, if some minutes do not matter."""
        return self._now() if self._now is not None else self.clock.now()

    def call(self, verb: str, keys: Sequence[str], *arguments: Argument) -> list[bytes]:
        """Run a verb that is not about one batch; its reply."""
        return self._run(Call(script(verb), keys, (self.now_ms(), *arguments)))

    def call_on(self, verb: str, ref: Ref, *arguments: Argument, more_keys: Sequence[str] = ()) -> list[bytes]:
        """Run a verb on one batch; its reply."""
        keys = [*self.keys.batch_verb(ref), *more_keys]
        return self._run(Call(script(verb), keys, (self.now_ms(), ref.number, str(ref), *arguments)))

    def call_on_each(self, verb: str, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[list[bytes]]:
        """Run a verb on several batches in one round trip; the replies in order."""
        with translated(), self._connection() as client:
            return self.way.run_all(client.connection, [Call(script(verb), *call) for call in calls])

    def run_both(self, first: Call, second: Call) -> list[list[bytes] | LedgerTrouble]:
        """Run two verbs in one round trip: each reply, or its failure. Raises LedgerTrouble if neither is known."""
        with translated(), self._connection() as client:
            replies = self.way.run_each(client.connection, [first, second])
        return [told(reply) for reply in replies]

    def _run(self, call: Call) -> list[bytes]:
        with translated(), self._connection() as client:
            reply: list[bytes] = self.way.run(client.connection, call)
            return reply

    def _checked_client(self) -> Any:
        """A client for one thread. Raises LedgerForeign if the ledger has a newer layout than this version knows."""
        client = self.redis.client()
        try:
            if (layout := int(client.hget(self.key("run"), "layout") or 1)) > LAYOUT:
                raise other_layout(layout)
        except NoPermissionError:  # an ACL file of a version that did not look
            return client
        except BaseException:
            client.close()
            raise
        return client

    def _connection(self) -> AbstractContextManager[Any]:
        return self._clients.of_this_thread()

    def halted(self, why: str) -> LedgerHalted:
        """The error for a ledger that grants nothing; it names the hosts that the roll call waits for."""
        if why == "fell":
            return LedgerHalted(
                "the ledger fell back: it knows less than this installation has done, so nothing is sent; "
                "`smsq recover` shows what is missing"
            )
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self.key("ctl"))
            pipe.hgetall(self.key("homes"))
            pipe.hgetall(self.key("away"))
            absent = missing(*pipe.execute())
        if absent is not None:
            return LedgerHalted(f"{absent.said}; {absent.cure}")
        return LedgerHalted(
            "Redis restarted and the roll call is not over; a running `smsq up` or `smsq worker` finishes it"
        )

    def sealing(self) -> Sealer:
        """What seals codes; raises WrongKey for a ledger that was opened without a key."""
        if self.sealer is None and self.make_sealer is not None:
            self.sealer = self.make_sealer()
        if self.sealer is None:
            raise WrongKey(
                "this ledger was opened without a secret key: urgent messages can be neither enrolled nor sent"
            )
        return self.sealer

    def key(self, name: str) -> str:
        """The full name of a key."""
        return self.keys.of(name)

    def read(self, refs: Sequence[Ref]) -> list[BatchView | None]:
        """Batches as they are now, None for one that does not exist; one round trip for all."""
        if not refs:
            return []
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for ref in refs:
                n = ref.number
                pipe.hmget(self.keys.shard(n), [f"{n}m", f"{n}p", f"{n}r", f"{n}w", f"{n}s"])
            rows = pipe.execute()
        return [_view(ref, *row) for ref, row in zip(refs, rows, strict=True)]


def other_layout(layout: int) -> LedgerForeign:
    """The error for a ledger with another layout than ours."""
    if layout > LAYOUT:
        return LedgerForeign(
            f"this ledger is of a newer version of smsq (layout {layout}, and this version knows {LAYOUT}): upgrade "
            "smsq on this host; nothing was changed"
        )
    return LedgerForeign(
        f"this ledger is of an older version of smsq (layout {layout}, and this version writes {LAYOUT}), and a worker "
        "or scheduler of that version still runs: stop all of them on every host first"
    )


def told(reply: Any) -> list[bytes] | LedgerTrouble:
    """A reply of several, or its error as the ledger's."""
    try:
        with translated():
            if isinstance(reply, Exception):
                raise reply
    except LedgerTrouble as trouble:
        return trouble
    return reply  # type: ignore[no-any-return]


def is_single(meta: bytes) -> bool:
    """Whether a meta is that of a single message: the options of a campaign's batch, if it has any, are marked."""
    fields = msgspec.msgpack.decode(meta)
    return len(fields) > Meta.OPTIONS and fields[Meta.OPTIONS] != "" and not fields[Meta.OPTIONS].startswith(OF_ROWS)


def _view(
    ref: Ref,
    meta: bytes | None,
    recipients: bytes | None,
    receipts: bytes | None,
    rows: bytes | None,
    spoken: bytes | None,
) -> BatchView | None:
    if meta is None or recipients is None:
        return None
    m = msgspec.msgpack.decode(meta)
    if len(m) <= Meta.KEY:  # no claim touched it
        m = [*m, *_UNCLAIMED[len(m) :]]
    return BatchView(
        ref=ref,
        state=int(m[Meta.STATE]),
        lane=SENDING_BY_NUMBER[int(m[Meta.LANE])],
        count=int(m[Meta.COUNT]),
        first_row=int(m[Meta.FIRST_ROW]),
        fence=int(m[Meta.FENCE]),
        claims=int(m[Meta.CLAIMS]),
        deaths=int(m[Meta.DEATHS]),
        parts=int(m[Meta.PARTS]),
        enrolled_at=m[Meta.ENROLLED] / 1000,
        why=m[Meta.WHY],
        asked=int(m[Meta.ASKED]),
        since=m[Meta.SINCE] / 1000,
        resent_by=RESENT_BY[int(m[Meta.RESENT])],
        on_doubt=_POLICY_NAMES[int(m[Meta.POLICY])],
        deadline=m[Meta.DEADLINE] / 1000,
        ids=[
            KnownId(
                gateway_id=int(i[IdPlace.GID]),
                state=int(i[IdPlace.ID_STATE]),
                mirror=i[IdPlace.MIRROR],
                claimed_at=i[IdPlace.CLAIMED_AT] / 1000,
                members=i[IdPlace.MEMBERS],
                absents=i[IdPlace.ABSENTS],
                money=bool(i[IdPlace.MONEY]),
            )
            for i in m[Meta.IDS] or []
        ],
        recipients=unpack_recipients(recipients),
        receipts=receipts or b"",
        rows=rows or b"",
        untold=m[Meta.UNTOLD] if len(m) > Meta.UNTOLD else "",
        odd_errors=_odd_errors(m[Meta.ODD]) if len(m) > Meta.ODD else {},
        options=m[Meta.OPTIONS],
        channel=m[Meta.CHANNEL],
        has_beside=len(m) > Meta.BESIDE,
        sealed_code=spoken or b"",
    )


def _odd_errors(written: str) -> dict[int, int]:
    """Read ` 17:300 42:301`, as `lua/include/facts.lua` writes it: delivery errors by index."""
    return {int(index): int(error) for index, error in (item.split(":") for item in written.split())}
