"""The queues on RabbitMQ: dramatiq's broker, adapted to hints.

Queues are durable and called `smsq.<queue>`, hints are not written to the disk: what RabbitMQ forgets, the sweeper
gives again. A hint is confirmed before its giver goes on, so that one that is lost is counted. What cannot be read, and
hints whose actor failed, go to `smsq.<queue>.aside`, which keeps the newest thousand. Nothing is retried or delayed.

RabbitMQ wakes consumers by itself, so queues have no bells here; the ledger's bell for codes rings as ever.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Event
from typing import Any

import dramatiq
import pika  # type: ignore[import-untyped]
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import ConnectionClosed
from pika import exceptions

from smsq.worker.domain.lane import QUEUES
from smsq.worker.queues.hint_broker import ASIDE_S, KEEP_ASIDE, NAMESPACE, HintBroker
from smsq.worker.queues.messages import RING, read
from smsq.worker.queues.rabbitmq_line import NOT_FOUND, TROUBLE, Line, parameters_of, why
from smsq.worker.redis_client import TIMEOUT_S

TRANSIENT = 1  # the delivery mode of messages that are not written to the disk
LAST_WORDS_S = 5.0  # for acknowledgements that were not sent when a consumer closes


class RabbitHintBroker(HintBroker, RabbitmqBroker):
    """The queues on a RabbitMQ; nothing is sent before the first hint. A caller waits at most `timeout_s` seconds."""

    def __init__(
        self, url: str, middleware: Sequence[dramatiq.Middleware] = (), *, timeout_s: float = TIMEOUT_S
    ) -> None:
        logging.getLogger("pika").setLevel(logging.CRITICAL)  # what it reports is said by us, once
        self.url = url
        super().__init__(parameters=[parameters_of(url)], middleware=list(middleware))
        self._line = Line(self.parameters, timeout_s)
        self._exchanged: Callable[[], None] = lambda: None

    @property
    def consumer_class(self) -> type[RabbitConsumer]:
        return RabbitConsumer

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        """A consumer of one queue; raises ConnectionClosed."""
        return RabbitConsumer(self, queue_name, prefetch, timeout)

    def put(self, message: dramatiq.Message[Any], data: bytes) -> None:
        """Put a hint into its queue; raises ConnectionClosed if RabbitMQ does not confirm it."""
        self._do(functools.partial(_publish, queue=message.queue_name, data=data))

    def depth(self, queue: str) -> int:
        """How many hints wait in `queue`, fetched ones not counted; raises ConnectionClosed."""
        return self.told(queue)[0]

    def told(self, queue: str) -> tuple[int, int]:
        """How many hints wait in `queue`, and how many consumers it has; raises ConnectionClosed."""
        waiting, consumers = self._do(functools.partial(_told, queue=queue))
        return int(waiting), int(consumers)

    def fetched(self, queue: str) -> set[str]:
        """None that this process does not know of: hints on a connection that broke go back by themselves."""
        return set()

    def at_each_exchange(self, what: Callable[[], None]) -> None:
        """Call `what` around every exchange with the queues; set this before the first one."""
        self._exchanged = what

    def close(self) -> None:
        """Close the connection; the next hint makes another."""
        self._line.close()

    def _do(self, what: Callable[[Any], Any]) -> Any:
        self._exchanged()
        try:
            return self._line.do(what)
        finally:
            self._exchanged()


class RabbitConsumer(dramatiq.Consumer):
    """Takes hints from one queue on a connection of its own, whose thread is the consumer's.

    Acknowledgements come from the threads that carried hints out. A tag is good for this connection alone, so they are
    found by the hint's own id; hints of a connection that broke are given back by RabbitMQ.
    """

    def __init__(self, broker: RabbitHintBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        self._broker = broker
        self._queue = queue_name
        self._timeout_s = timeout / 1000
        row = QUEUES.get(queue_name)
        self._yields_s = row.yields_s if row is not None else 0.0
        self._held = broker.held[queue_name]  # it outlives this consumer, whose hints may still be running
        self._tags: dict[str, int] = {}  # of hints on this connection that are not acknowledged, by id
        self._deliveries: Iterator[tuple[Any, Any, bytes]] | None = None  # None: we do not consume now
        self._connection: Any = None
        try:
            self._connection = pika.BlockingConnection(broker.parameters)
            self._channel = self._connection.channel()
            _declare(self._channel, queue_name)
            self._channel.basic_qos(prefetch_count=prefetch)
        except TROUBLE as error:
            self._note(False)
            self._hang_up()
            raise _closed(error, broker.url) from None

    def __next__(self) -> dramatiq.MessageProxy | None:
        """The next hint, or None after a pause in which there was none."""
        try:
            if not self._broker.may_take():
                return self._stand_aside()
            if self._deliveries is None:
                self._deliveries = self._channel.consume(_name(self._queue), inactivity_timeout=self._timeout_s)
                self._note(True)
            method, _, body = next(self._deliveries)
            return None if method is None else self._taken(method.delivery_tag, body)
        except StopIteration:
            raise ConnectionClosed("the queue was deleted in RabbitMQ") from None  # type: ignore[no-untyped-call]
        except TROUBLE as error:
            self._note(False)
            raise _closed(error, self._broker.url) from None

    def ack(self, message: dramatiq.MessageProxy) -> None:
        """Note that a hint was carried out; a thread of the worker calls this, and has no time to lose."""
        self._end(message, "basic_ack")

    def nack(self, message: dramatiq.MessageProxy) -> None:
        """Put a hint aside whose actor failed."""
        self._end(message, "basic_nack", requeue=False)

    def requeue(self, messages: Iterable[dramatiq.Message[Any] | dramatiq.MessageProxy]) -> None:
        """Give hints back, so that another process can take them at once."""
        rings = 0
        for message in messages:
            rings += RING in message.options
            self._end(message, "basic_nack", requeue=True)
        if rings:
            self._broker.ring_again(rings)

    def close(self) -> None:
        """Send acknowledgements that are under way, and close; RabbitMQ gives what was not acknowledged to others."""
        try:
            sent, until = Event(), time.monotonic() + LAST_WORDS_S
            self._connection.add_callback_threadsafe(sent.set)
            while not sent.is_set() and time.monotonic() < until:
                self._connection.process_data_events(ASIDE_S)
        except TROUBLE as error:
            raise _closed(error, self._broker.url) from None
        finally:
            self._hang_up()

    def _end(self, message: dramatiq.Message[Any] | dramatiq.MessageProxy, how: str, **more: bool) -> None:
        """Have done with a hint: in this process, then in RabbitMQ unless it never was there."""
        identity = message.options["redis_message_id"]
        tag = self._tags.pop(identity, None)
        self._broker.put_out(self._queue, identity)
        if tag is not None:
            with contextlib.suppress(*TROUBLE):  # the connection broke: the hint comes again, for nothing
                say = functools.partial(getattr(self._channel, how), tag, **more)
                self._connection.add_callback_threadsafe(say)

    def _taken(self, tag: int, body: bytes) -> dramatiq.MessageProxy | None:
        """A delivered hint; None if it cannot be read, and then it is put aside."""
        message = read(body)
        if message is None or message.queue_name != self._queue:
            self._channel.basic_reject(tag, requeue=False)
            self._broker.logger.error("hint put aside queue=%s bytes=%d", self._queue, len(body))
            from smsq.worker.metrics import Metrics

            Metrics.of_process().put_aside(self._queue)
            return None
        identity = message.options["redis_message_id"]
        self._tags[identity] = tag
        self._held.add(identity)
        return dramatiq.MessageProxy(message)

    def _stand_aside(self) -> dramatiq.MessageProxy | None:
        """Leave the queue to others; if it yields only for a while, take what nobody took meanwhile."""
        if self._deliveries is not None:
            self._channel.cancel()  # what was delivered and not yielded to us goes back
            self._deliveries = None
        if not self._yields_s:
            self._connection.sleep(ASIDE_S)
            return None
        waits = _told(self._channel, queue=self._queue)[0] > 0
        self._connection.sleep(self._yields_s)
        if not waits:
            return None
        method, _, body = self._channel.basic_get(_name(self._queue))
        return None if method is None else self._taken(method.delivery_tag, body)

    def _note(self, is_up: bool) -> None:
        """Note whether hints wake this process, in the metric of the bells."""
        from smsq.worker.metrics import Metrics

        Metrics.of_process().bell_up(self._queue, is_up)

    def _hang_up(self) -> None:
        if self._connection is not None and self._connection.is_open:
            with contextlib.suppress(*TROUBLE):
                self._connection.close()


def aside_name(queue: str) -> str:
    """The name in RabbitMQ of the queue with what could not be read or failed."""
    return f"{_name(queue)}.aside"


def _name(queue: str) -> str:
    return f"{NAMESPACE}.{queue}"


def _declare(channel: Any, queue: str) -> None:
    """Make a queue and the one for what is put aside, of the kind that the virtual host prefers."""
    channel.queue_declare(aside_name(queue), durable=True, arguments={"x-max-length": KEEP_ASIDE})
    to_aside = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": aside_name(queue)}
    channel.queue_declare(_name(queue), durable=True, arguments=to_aside)


def _publish(channel: Any, *, queue: str, data: bytes) -> None:
    """Put a message into a queue, which is made if it is not there; returns when RabbitMQ has it."""
    properties = pika.BasicProperties(content_type="application/json", delivery_mode=TRANSIENT)
    put = functools.partial(channel.basic_publish, "", _name(queue), data, properties, mandatory=True)
    try:
        put()
    except exceptions.UnroutableError:
        _declare(channel, queue)
        put()


def _told(channel: Any, *, queue: str) -> tuple[int, int]:
    """How many messages wait in a queue, and how many consumers it has; none in one that was not made yet."""
    try:
        found = channel.queue_declare(_name(queue), passive=True).method
    except exceptions.ChannelClosedByBroker as error:
        if error.reply_code == NOT_FOUND:
            return 0, 0
        raise
    return found.message_count, found.consumer_count


def _closed(error: BaseException, url: str) -> ConnectionClosed:
    """Any trouble, as the kind after which dramatiq tries again."""
    return ConnectionClosed(why(error, url))  # type: ignore[no-untyped-call]
