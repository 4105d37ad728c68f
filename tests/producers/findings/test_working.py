"""What `smsq doctor` finds about a broker of RabbitMQ; the journeys ask a real one."""

from __future__ import annotations

from pathlib import Path

import redis as redis_py

from smsq.producers.findings import working
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings


def test_a_rabbitmq_that_is_away_is_named(redis_server: EmbeddedRedis, redis: redis_py.Redis, home: Path) -> None:
    """With what to do, and without its password."""
    told = {"SMSQ_REDIS_URL": redis_server.url, "SMSQ_BROKER_URL": "amqp://me:s3cret@127.0.0.1:1/smsq"}
    runtime = Runtime.build(Settings.load({"SMSQ_HOME": str(home), **told}))

    (finding,) = working.broker(runtime)

    assert (finding.name, finding.level) == ("broker", "fail")
    assert "RabbitMQ does not answer" in finding.said
    assert "s3cret" not in str(finding)
    runtime.broker.close()
    runtime.ledger.close()
