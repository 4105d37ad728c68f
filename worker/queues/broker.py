"""The queues on Redis: dramatiq's broker, adapted to hints.

A lost hint costs seconds and a second copy costs nothing, so nothing is retried, delayed or kept as a result. This file
changes what the stock broker does worse: undecodable bytes are put aside and do not stop the queue, every error of
Redis is tried again, fetching and acknowledging go on when Redis is full, and idle consumers wait for a bell
(`bell.py`) and do not poll. The layout in Redis is dramatiq's own, so stock producers and workers can share a queue.
"""

from __future__ import annotations

import functools
import importlib.util
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from threading import Event
from typing import Any, Final, cast

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis
from dramatiq.errors import ConnectionClosed

from smsq.worker.domain.errors import BadSettings
from smsq.worker.domain.lane import QUEUES, Queue
from smsq.worker.queues.bell import Bell, bell_key, with_bell
from smsq.worker.queues.hint_broker import ASIDE_S, KEEP_ASIDE, NAMESPACE, HintBroker
from smsq.worker.queues.messages import RING, read
from smsq.worker.queues.texts import ACKNOWLEDGE, PUT_ASIDE
from smsq.worker.redis_client import TIMEOUT_S, Clients, ask, ask_all, at_each_exchange, connect, no_right
from smsq.worker.settings.watched import is_watched

AMQP: Final = ("amqp://", "amqps://")  # addresses of RabbitMQ
OTHER: Final = Queue(name="", poll_ms=100, slice_s=1.0)  # for a queue that belongs to no lane
HEARTBEAT_TIMEOUT_MS = 15_000  # a process silent for so long gives back what it fetched
MAINTENANCE_EVERY_S = 2.0  # each fetching process looks so often for what dead processes had fetched
GATHER_WITHIN_S = 0.005  # hints that follow one another so closely
GATHER_S = 0.002  # are gathered for so long: a round trip costs more CPU than what it brings

_Call = tuple[Any, list[str], list[Any]]  # a script or None for the one that acknowledges, its keys, its arguments


class RedisHintBroker(HintBroker, RedisBroker):
    """The queues on a Redis."""

    def __init__(self, client: redis.Redis, middleware: Sequence[dramatiq.Middleware] = ()) -> None:
        super().__init__(
            client=client,
            middleware=list(middleware),
            namespace=NAMESPACE,
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        )
        stock = cast("bytes", self.scripts["dispatch"].script)
        self.scripts["dispatch"] = client.register_script(with_bell(stock))
        self._put_aside = client.register_script(PUT_ASIDE)
        self._clients = Clients(client.client)
        self._over: defaultdict[str, deque[str]] = defaultdict(deque)  # by queue, of those held: carried out
        self._maintained_at = -MAINTENANCE_EVERY_S
        self._mute: set[str] = set()  # queues whose bell failed at the last ring

    @property
    def consumer_class(self) -> type[HintConsumer]:
        return HintConsumer

    def put(self, message: dramatiq.Message[Any], data: bytes) -> None:
        """Put a hint into its queue, and ring the queue's bell."""
        queue = message.queue_name
        self._note_ring(queue, self.do_enqueue(queue, message.options["redis_message_id"], data))

    def bell(self, queue: str) -> Bell:
        """The bell that a consumer of `queue` waits for."""
        from smsq.worker.metrics import Metrics

        return Bell(
            self.client,
            bell_key(self.namespace, queue),
            QUEUES.get(queue, OTHER).slice_s,
            on_change=functools.partial(Metrics.of_process().bell_up, queue),
            log=self.logger,
        )

    def _note_ring(self, queue: str, trouble: bytes | None) -> None:
        """Note whether the bell rang; the hint is in the queue anyway, and waits for a consumer's next look."""
        if not trouble:
            self._mute.discard(queue)
            return
        from smsq.worker.metrics import Metrics

        Metrics.of_process().ring_lost(queue)
        if queue not in self._mute:
            self._mute.add(queue)
            why = no_right(redis.ResponseError(trouble.decode()), "SMSQ_BROKER_URL", "broker.acl")
            self.logger.warning("bell cannot be rung queue=%s why=%s", queue, why or trouble.decode()[:80])

    def _should_do_maintenance(self, command: str) -> int:
        """Let only fetching processes do maintenance: a process that only gives hints needs no right to `KEYS` then."""
        now = time.monotonic()
        if command != "fetch" or now - self._maintained_at < MAINTENANCE_EVERY_S:
            return 0
        self._maintained_at = now
        return 1

    def _dispatch(self, command: str) -> Callable[..., Any]:
        """How dramatiq gives a command to its script; the own way of the client costs more than the exchange."""

        def do_dispatch(queue_name: str, *arguments: Any) -> Any:
            return self._run([self._call(command, queue_name, *arguments)])[0]

        return do_dispatch

    def _call(self, command: str, queue: str, *arguments: Any) -> _Call:
        words = (command, current_millis(), queue, self.broker_id, self.heartbeat_timeout, self.dead_message_ttl)
        more = (self._should_do_maintenance(command), self._max_unpack_size())  # type: ignore[no-untyped-call]
        return self.scripts["dispatch"], [self.namespace], [*words, *more, *arguments]

    def _run(self, calls: Sequence[_Call]) -> list[Any]:
        """Run scripts in one write; their replies. Raises the first error, when all have run."""
        with self._clients.of_this_thread() as client:
            words = [
                (*(("EVALSHA", script.sha) if script else ("EVAL", ACKNOWLEDGE)), len(keys), *keys, *arguments)
                for script, keys, arguments in calls
            ]
            replies = ask_all(client.connection, words)
            for place, reply in enumerate(replies):
                if isinstance(reply, redis.exceptions.NoScriptError):
                    script, keys, arguments = calls[place]
                    replies[place] = ask(client.connection, ("EVAL", script.script, len(keys), *keys, *arguments))
        for reply in replies:
            if isinstance(reply, redis.RedisError):
                raise reply
        return replies

    def room(self, queue: str, prefetch: int) -> int:
        """How many more hints this process may fetch."""
        return super().room(queue, prefetch) + len(self._over[queue])

    def run_through(self, queue: str, identity: str) -> None:
        """A hint was carried out. It is acknowledged with the next fetch; if it is not, it comes again, for nothing."""
        self._over[queue].append(identity)
        self.freed[queue].set()

    def fetch(self, queue: str, room: int) -> list[bytes | None]:
        """Acknowledge what is over and take up to `room` hints, in one round trip."""
        over = self._over[queue]
        done = [over[place] for place in range(len(over))]
        calls: list[_Call] = [(None, [self._acks(queue), f"{self.namespace}:{queue}.msgs"], done)] if done else []
        if room > 0:
            calls.append(self._call("fetch", queue, room))
        if not calls:
            return []
        replies = self._run(calls)
        for identity in done:
            over.popleft()
            self.held[queue].discard(identity)
        return list(replies[-1]) if room > 0 else []

    def depth(self, queue: str) -> int:
        """How many hints wait in `queue`, fetched ones not counted; raises ConnectionClosed."""
        try:
            return int(self.client.llen(f"{self.namespace}:{queue}"))
        except redis.RedisError as error:
            raise _trouble(error) from None

    def fetched(self, queue: str) -> set[str]:
        """Ids that are fetched by this process and not acknowledged, according to Redis; raises ConnectionClosed."""
        try:
            return {member.decode() for member in cast("set[bytes]", self.client.smembers(self._acks(queue)))}
        except redis.RedisError as error:
            raise _trouble(error) from None

    def at_each_exchange(self, what: Callable[[], None]) -> None:
        """Call `what` around every exchange with the queues; set this before the first one."""
        at_each_exchange(self.client, what)

    def put_aside(self, queue: str, data: bytes) -> None:
        """Move a fetched message that cannot be read to `<namespace>:<queue>.aside`; without `data` forget its id."""
        messages = f"{self.namespace}:{queue}.msgs"
        dropped = self._put_aside(keys=[self._acks(queue), messages, aside_key(queue)], args=[data, KEEP_ASIDE])
        self.logger.error("hint put aside queue=%s bytes=%d dropped=%s", queue, len(data), dropped)
        from smsq.worker.metrics import Metrics

        Metrics.of_process().put_aside(queue)

    def beat(self) -> None:
        """Note that this process lives; a busy consumer sends nothing else."""
        self.client.zadd(f"{self.namespace}:__heartbeats__", {self.broker_id: current_millis()})

    def _acks(self, queue: str) -> str:
        return f"{self.namespace}:__acks__.{self.broker_id}.{queue}"


class HintConsumer(dramatiq.Consumer):
    """Takes hints from one queue, no more at a time than the process can soon run."""

    def __init__(self, broker: RedisHintBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        self._broker = broker
        self._queue = queue_name
        self._prefetch = prefetch
        row = QUEUES.get(queue_name, OTHER)
        self._timeout_s, self._yields_s = min(timeout, row.poll_ms) / 1000, row.yields_s
        self._held = broker.held[queue_name]  # it outlives this consumer, whose hints may still be running
        self._cache: deque[dramatiq.Message[Any]] = deque()
        self._freed = Event()
        self._bell = broker.bell(queue_name)
        self._pause_s = 0.005
        self._beaten_at = time.monotonic()
        self._fetched_at = -1.0

    def __next__(self) -> dramatiq.MessageProxy | None:
        """The next hint, or None after a pause in which there was none."""
        try:
            if self._stands_aside():
                return None
            if not self._cache and not self._fetch():
                return None
        except redis.RedisError as error:
            raise _trouble(error) from None
        return dramatiq.MessageProxy(self._cache.popleft())

    def ack(self, message: dramatiq.MessageProxy) -> None:
        """Note that a hint was carried out; a thread of the worker calls this, and has no time to lose."""
        identity = message.options["redis_message_id"]
        if RING in message.options:
            self._broker.put_out(self._queue, identity)
        else:
            self._broker.run_through(self._queue, identity)
        self._freed.set()

    def nack(self, message: dramatiq.MessageProxy) -> None:
        """Reject a hint; on any trouble of Redis dramatiq tries again, and the hint stays held."""
        identity = message.options["redis_message_id"]
        if RING in message.options:
            self._broker.put_out(self._queue, identity)
        else:
            try:
                self._broker.do_nack(self._queue, identity)
            except redis.RedisError as error:
                raise _trouble(error) from None
            self._held.discard(identity)
        self._freed.set()

    def requeue(self, messages: Iterable[dramatiq.Message[Any] | dramatiq.MessageProxy]) -> None:
        """Give hints back, so that another process can take them at once."""
        ids, rings = list[str](), list[str]()
        for message in messages:
            (rings if RING in message.options else ids).append(message.options["redis_message_id"])
        self._held.difference_update(ids, rings)
        if rings:
            self._broker.ring_again(len(rings))
        if not ids:
            return
        try:
            self._broker.do_requeue(self._queue, *ids)
        except redis.RedisError as error:
            raise _trouble(error) from None

    def close(self) -> None:
        """Give back what was fetched and not begun; what is over is acknowledged."""
        self._bell.close()
        self._let_go()

    def _let_go(self) -> None:
        cached = list(self._cache)
        self._cache.clear()
        self.requeue(cached)
        try:
            self._broker.fetch(self._queue, 0)
        except redis.RedisError as error:
            raise _trouble(error) from None

    def _stands_aside(self) -> bool:
        """Whether this process leaves its queue to others now; then it gives its hints back and pauses."""
        if self._broker.may_take():
            return False
        self._let_go()
        self._beat_seldom()
        if self._yields_s:  # no other process takes what still waits then
            waits = self._broker.depth(self._queue) > 0
            self._freed.wait(self._yields_s)
            return not waits
        self._freed.wait(ASIDE_S)
        return True

    def _fetch(self) -> bool:
        """Fill the cache; False after a pause if there was nothing to take or no room for it."""
        room = self._broker.room(self._queue, self._prefetch)
        if room <= 0:
            self._wait_for_room()
            return False
        if time.monotonic() - self._fetched_at < GATHER_WITHIN_S:
            time.sleep(GATHER_S)
        for data in self._broker.fetch(self._queue, room):
            message = read(data or b"")
            if message is None or message.queue_name != self._queue:
                self._broker.put_aside(self._queue, data or b"")
                continue
            self._held.add(message.options["redis_message_id"])
            self._cache.append(message)
        self._beaten_at = time.monotonic()
        if self._cache:
            self._pause_s = 0.005
            self._fetched_at = time.monotonic()
            return True
        self._wait_for_hints()
        return False

    def _wait_for_hints(self) -> None:
        """Wait for the bell; without one, sleep for a short time that grows.

        A process that lets others go first does not wait for the bell, since each ring wakes one consumer.
        """
        if not self._broker.may_take():
            return
        if self._bell.wait():
            self._pause_s = 0.005
            return
        time.sleep(min(self._pause_s, self._timeout_s))
        self._pause_s = min(self._pause_s * 2, self._timeout_s)

    def _beat_seldom(self) -> None:
        if time.monotonic() - self._beaten_at > HEARTBEAT_TIMEOUT_MS / 5000:
            self._broker.beat()
            self._beaten_at = time.monotonic()

    def _wait_for_room(self) -> None:
        self._beat_seldom()
        self._freed.wait(self._timeout_s)
        self._freed.clear()


def make_broker(
    url: str, middleware: Sequence[dramatiq.Middleware] = (), *, timeout_s: float = TIMEOUT_S
) -> HintBroker:
    """The broker at `url`, with all lanes declared; nothing is sent yet. Raises BadSettings for a wrong URL.

    It waits for a reply at most `timeout_s` seconds.
    """
    broker: HintBroker
    if url.startswith(AMQP):
        check_available(url)
        from smsq.worker.queues.rabbitmq import RabbitHintBroker  # its library is not installed everywhere

        broker = RabbitHintBroker(url, middleware, timeout_s=timeout_s)
    elif url.startswith(("redis://", "rediss://", "unix://")) or is_watched(url):
        broker = RedisHintBroker(connect(url, timeout_s=timeout_s), middleware)
    else:
        raise BadSettings(
            f"SMSQ_BROKER_URL begins with {url.partition(':')[0]!r}; it must begin with redis, rediss, unix, amqp or "
            "amqps"
        )
    for queue in QUEUES:
        broker.declare_queue(queue)
    return broker


def check_available(url: str) -> None:
    """Raise BadSettings if the library for a broker at `url` is not installed."""
    if url.startswith(AMQP) and importlib.util.find_spec("pika") is None:
        raise BadSettings(
            "SMSQ_BROKER_URL names RabbitMQ, and the library for it is not installed: "
            "python -m pip install 'smsq[rabbitmq]'"
        )


def aside_key(queue: str) -> str:
    """The key of the messages of `queue` that could not be read: a list, the newest last."""
    return f"{NAMESPACE}:{queue}.aside"


def _trouble(error: redis.RedisError) -> ConnectionClosed:
    """Any error of Redis, as the kind after which dramatiq tries again."""
    why = no_right(error, "SMSQ_BROKER_URL", "broker.acl") or type(error).__name__
    return ConnectionClosed(why)  # type: ignore[no-untyped-call]
