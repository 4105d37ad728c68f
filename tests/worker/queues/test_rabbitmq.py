"""The broker over RabbitMQ, without one: addresses, sentences, and callers that are not kept waiting."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from dramatiq.errors import ConnectionClosed
from pika import exceptions

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import BadInput, BadSettings
from smsq.worker.queues.broker import make_broker
from smsq.worker.queues.hints import Hints
from smsq.worker.queues.rabbitmq_line import parameters_of, why
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of something that takes connections and says nothing, as a frozen RabbitMQ does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"amqp://user:s3cret@127.0.0.1:{listener.getsockname()[1]}"


def test_nothing_is_connected_by_being_made() -> None:
    """Only the first hint does."""
    broker = make_broker("amqp://user:s3cret@127.0.0.1:1/")

    assert broker.get_declared_queues() == {"urgent", "bulk", "status", "status.urgent", "chores"}


def test_a_hint_that_cannot_be_given_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """RabbitMQ is away: the answer is False, the line says why, and the next hint is refused at once."""
    hints = Hints(make_broker("amqp://user:s3cret@127.0.0.1:1"))

    assert [hints.batches("bulk", [Ref(1)]), hints.balance()] == [False, False]
    assert caplog.text.count("does not answer (AMQPConnectionError)") == 2
    assert "s3cret" not in caplog.text


def test_a_silent_server_keeps_one_caller_for_a_moment_and_no_other(silent: str) -> None:
    """Those who come while it is waited for are refused; else a campaign's thousand hints would wait in turn."""
    broker = make_broker(silent, timeout_s=0.1)
    assert Hints(broker).balance() is False

    with pytest.raises(ConnectionClosed, match="RabbitMQ does not answer"):
        broker.depth("bulk")
    assert not any(Hints(broker).batches("bulk", [Ref(number) for number in range(1000)]) for _ in range(100))


def test_more_than_ids_is_refused(silent: str) -> None:
    """Before anything is sent."""
    import dramatiq

    message: dramatiq.Message[None] = dramatiq.Message("bulk", "x", ({"text": "hello"},), {}, {})

    with pytest.raises(BadInput, match="ids only"):
        make_broker(silent).enqueue(message)
    with pytest.raises(BadInput, match="cannot be delayed"):
        make_broker(silent).enqueue(message, delay=1)


def test_a_missing_library_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """With what to type; not after the first message was enrolled."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    settings = Settings.load(
        {
            "SMSQ_HOME": str(home),
            "SMSQ_REDIS_URL": "redis://127.0.0.1:1/0",
            "SMSQ_BROKER_URL": "amqp://user:s3cret@host",
        }
    )

    with pytest.raises(BadSettings, match=r"pip install 'smsq\[rabbitmq\]'"):
        Runtime.build(settings)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("amqp://host", {"host": "host", "port": 5672, "virtual_host": "/", "heartbeat": 10}),
        ("amqp://me:p%40ss@host:99/sms?heartbeat=30", {"port": 99, "virtual_host": "sms", "heartbeat": 30}),
        ("amqps://me:x@host/%2Fa", {"port": 5671, "virtual_host": "/a"}),
    ],
)
def test_an_address_is_read(url: str, expected: dict[str, object]) -> None:
    """Letters that are written with a % among it, and the ports that AMQP has."""
    found = parameters_of(url)

    assert {name: found[name] for name in expected} == expected
    assert ("ssl_options" in found) == url.startswith("amqps")
    if "p%40ss" in url:
        assert (found["credentials"].username, found["credentials"].password) == ("me", "p@ss")


def test_a_file_of_no_use_is_a_sentence() -> None:
    """Which the options name."""
    with pytest.raises(BadSettings, match="a file in the options of SMSQ_BROKER_URL is of no use"):
        parameters_of("amqps://me:s3cret@host?ssl_ca_certs=/nowhere.pem")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (exceptions.ProbableAuthenticationError((403, "ACCESS_REFUSED")), "refuses the user or the password"),
        (exceptions.ConnectionClosedByBroker(403, "ACCESS_REFUSED"), "refuses the user or the password"),
        (exceptions.ConnectionClosedByBroker(530, "NOT_ALLOWED"), "no such virtual host"),
        (exceptions.ChannelClosedByBroker(403, "ACCESS_REFUSED"), "forbids a queue"),
        (exceptions.ChannelClosedByBroker(406, "PRECONDITION_FAILED"), "delete it in RabbitMQ"),
        (exceptions.IncompatibleProtocolError("HTTP"), "does not speak AMQP"),
        (exceptions.ConnectionBlockedTimeout("blocked"), "want of memory or disk"),
        (exceptions.AMQPHeartbeatTimeout("silent"), "RabbitMQ at amqp://host does not answer (AMQPHeartbeatTimeout)"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, sentence: str) -> None:
    """Without the password."""
    said = why(error, "amqp://me:s3cret@host")

    assert sentence in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "address", ["amqp://host", "amqps://me:p%23@host:5671/sms?ssl_ca_certs=/etc/ca.pem&heartbeat=30", "amqp://h/%2F"]
)
def test_an_address_that_will_do_is_kept(address: str) -> None:
    """As it was written."""
    assert Settings.load({"SMSQ_BROKER_URL": address}).broker_url == address


@pytest.mark.parametrize(
    "address",
    [
        *("amqp://me:s3/cret@host", "amqp://me:s3#cret@host", "amqp://me:s3cret@", "amqp://me:s3cret@host/a/b"),
        *("amqp://me:s3cret@host?ssl_options={}", "amqp://me:s3cret@host?heartbeat=no", "amqp://me:s3cret"),
    ],
)
def test_another_address_is_a_sentence(address: str) -> None:
    """That shows no part of a password."""
    with pytest.raises(BadSettings) as caught:
        Settings.load({"SMSQ_BROKER_URL": address})

    assert caught.value.sentence.startswith("SMSQ_BROKER_URL: ")
    assert not [part for part in ("s3", "cret") if part in caught.value.sentence]


def test_a_broker_that_is_shown_has_no_password() -> None:
    """Nor has its user a name."""
    shown = repr(Settings.load({"SMSQ_BROKER_URL": "amqps://me:s3cret@host:5671/sms"}))

    assert "amqps://***@host:5671/sms" in shown
