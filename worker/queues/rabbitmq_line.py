"""The connection by which one process puts hints into RabbitMQ, and what RabbitMQ's errors mean.

A connection of pika belongs to one thread, waits without end for an answer, and must be looked after while it is idle.
So a thread of its own has it, and callers wait for that thread as long as they may. While RabbitMQ does not answer, or
was just found to be away, they are refused at once.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import pika  # type: ignore[import-untyped]
from dramatiq.errors import ConnectionClosed
from pika import exceptions

from smsq.worker.domain.errors import BadSettings
from smsq.worker.redis_client import where

HEARTBEAT_S = 10  # a connection on which nothing was heard for so long, and five seconds more, is closed
CONNECT_S = 3.0  # to connect
BEGIN_S = 5.0  # to connect, TLS and log-in included
BLOCKED_S = 5.0  # RabbitMQ refuses messages for so long, for want of memory or disk, until its connection is closed
TRY_AGAIN_S = 1.0  # from a failure to the next try to connect
LOOK_AFTER_S = 1.0  # between looks at an idle connection

# The errors of pika and of sockets; it asserts what it takes for granted of a connection that just broke.
TROUBLE: Final = (exceptions.AMQPError, OSError, AssertionError)
ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED, NOT_ALLOWED = 403, 404, 406, 530  # codes of AMQP 0-9-1

T = TypeVar("T")


def parameters_of(url: str) -> dict[str, Any]:
    """What pika's ConnectionParameters takes, from `amqp://user:password@host:port/vhost?options`.

    The options are those of `settings.readers.AMQP_OPTIONS`. Raises BadSettings if a file that they name is of no use.
    """
    parts = urlsplit(url)
    told = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    is_tls = parts.scheme == "amqps"
    found: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or (5671 if is_tls else 5672),
        "virtual_host": unquote(parts.path.removeprefix("/")) or "/",
        "heartbeat": int(told.get("heartbeat", HEARTBEAT_S)),
        "socket_timeout": CONNECT_S,
        "stack_timeout": BEGIN_S,
        "blocked_connection_timeout": BLOCKED_S,
        "client_properties": {"connection_name": f"smsq {socket.gethostname()} {os.getpid()}"},
    }
    if parts.username is not None:
        password = unquote(parts.password or "")
        found["credentials"] = pika.PlainCredentials(unquote(parts.username), password, erase_on_connect=False)
    if is_tls:
        try:
            context = ssl.create_default_context(cafile=told.get("ssl_ca_certs"))
            if certificate := told.get("ssl_certfile"):
                context.load_cert_chain(certificate, told.get("ssl_keyfile"))
        except OSError as error:
            raise BadSettings(f"a file in the options of SMSQ_BROKER_URL is of no use: {error}") from None
        found["ssl_options"] = pika.SSLOptions(context, parts.hostname)
    return found


def why(error: BaseException, url: str = "") -> str:
    """What RabbitMQ, or the way to it, has against us: a sentence without the password."""
    code = getattr(error, "reply_code", 0)
    if isinstance(error, exceptions.ProbableAuthenticationError) or (
        code == ACCESS_REFUSED and isinstance(error, exceptions.AMQPConnectionError)
    ):
        return "RabbitMQ refuses the user or the password in SMSQ_BROKER_URL"
    if isinstance(error, exceptions.ProbableAccessDeniedError) or code == NOT_ALLOWED:
        return "RabbitMQ has no such virtual host, or forbids it to the user in SMSQ_BROKER_URL: see docs/scaling.md"
    if code == ACCESS_REFUSED:
        return "RabbitMQ forbids a queue to the user in SMSQ_BROKER_URL: give it the rights in docs/scaling.md"
    if code == PRECONDITION_FAILED:
        return "a queue of that name has other properties: delete it in RabbitMQ, since what it holds comes again"
    if isinstance(error, exceptions.IncompatibleProtocolError):
        return "what answers there does not speak AMQP 0-9-1: check scheme and port of SMSQ_BROKER_URL"
    if isinstance(error, ssl.SSLError):
        return f"TLS with RabbitMQ failed: {error.reason or type(error).__name__}"
    if isinstance(error, exceptions.ConnectionBlockedTimeout):
        return "RabbitMQ takes no messages, for want of memory or disk"
    return f"RabbitMQ{' at ' + where(url) if url else ''} does not answer ({type(error).__name__})"


@dataclass(frozen=True, slots=True)
class _Call:
    """Something to be done on the channel, and where its result goes."""

    what: Callable[[Any], Any]
    result: Future[Any]


class Line:
    """One connection and its thread, made at the first use, and anew in a forked child.

    A caller waits at most `timeout_s` seconds; what it gave up may still be done later.
    """

    def __init__(self, parameters: Any, timeout_s: float) -> None:
        self._parameters = parameters
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._tasks: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._connection: Any = None
        self._channel: Any = None
        self._began_at: float | None = None  # monotonic, of the task that is being done
        self._again_at = 0.0  # not before that is the next try to connect
        self._trouble = ""  # of the last try

    def do(self, what: Callable[[Any], T]) -> T:
        """The result of `what(channel)`, whose messages are confirmed; it may be done twice.

        Raises ConnectionClosed with a sentence if it was not done in time.
        """
        task = _Call(what, Future())
        with self._lock:
            self._begin()
            self._refuse_if_hopeless()
            self._tasks.put(task)
        try:
            done: T = task.result.result(self._timeout_s)
        except ConnectionClosed:
            raise
        except TROUBLE as error:  # a TimeoutError among them: of the wait, or of the task
            task.result.cancel()
            raise ConnectionClosed(why(error)) from None  # type: ignore[no-untyped-call]
        return done

    def close(self) -> None:
        """Close the connection; the next use makes another."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None and self._pid == os.getpid():
                self._tasks.put(None)
                thread.join(1.0)

    def _begin(self) -> None:
        """Start the thread; in a forked child, without what belongs to its parent."""
        if self._thread is not None and self._pid == os.getpid():
            return
        self._pid, self._tasks = os.getpid(), SimpleQueue()
        self._connection = self._channel = self._began_at = None
        self._thread = threading.Thread(target=self._run, args=(self._tasks,), name="rabbitmq", daemon=True)
        self._thread.start()

    def _refuse_if_hopeless(self) -> None:
        now, began_at = time.monotonic(), self._began_at
        if began_at is not None and now - began_at > self._timeout_s:
            raise ConnectionClosed("RabbitMQ does not answer")  # type: ignore[no-untyped-call]
        if now < self._again_at:
            raise ConnectionClosed(self._trouble)  # type: ignore[no-untyped-call]

    def _run(self, tasks: SimpleQueue[_Call | None]) -> None:
        """The thread: carry out what callers ask for, until it is told to stop."""
        while True:
            try:
                task = tasks.get(timeout=LOOK_AFTER_S)
            except Empty:
                self._look_after()
                continue
            if task is None:
                self._drop()
                return
            if task.result.set_running_or_notify_cancel():
                self._began_at = time.monotonic()
                try:
                    task.result.set_result(self._carry_out(task.what))
                except BaseException as error:
                    task.result.set_exception(error)
                self._began_at = None

    def _carry_out(self, what: Callable[[Any], Any]) -> Any:
        """Do it on the connection that is there, and once more on a new one, since an idle one may have died."""
        is_new = self._open()
        try:
            return what(self._channel)
        except TROUBLE:
            self._drop()
            if is_new:
                raise
        self._open()
        try:
            return what(self._channel)
        except TROUBLE:
            self._drop()
            raise

    def _open(self) -> bool:
        """See to a channel; whether its connection had to be made."""
        is_new = self._connection is None
        try:
            if self._connection is None:
                self._connection = pika.BlockingConnection(self._parameters)
            if self._channel is None or not self._channel.is_open:
                self._channel = self._connection.channel()
                self._channel.confirm_delivery()
        except TROUBLE as error:
            self._drop()
            self._trouble, self._again_at = why(error), time.monotonic() + TRY_AGAIN_S
            raise
        return is_new

    def _look_after(self) -> None:
        """Answer heartbeats, and drop a connection that died."""
        if self._connection is not None:
            try:
                self._connection.process_data_events(0)
            except TROUBLE:
                self._drop()

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            with contextlib.suppress(*TROUBLE):
                connection.close()
