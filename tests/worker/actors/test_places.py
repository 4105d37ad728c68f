"""The status lane notes where numbers live, from the account's history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import redis as redis_py

from smsq.worker.actors.statuses import Statuses
from smsq.worker.gateway.http.client_replies import read_history
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings


def page(*rows: tuple[str, str]) -> Any:
    told = [
        {"status": 1, "phone": phone, "region": region, "id": 1 + at, "int_id": 1 + at, "cost": "1", "err": 0}
        for at, (phone, region) in enumerate(rows)
    ]
    return read_history(200, json.dumps(told).encode())


def test_regions_of_history_are_noted(redis: redis_py.Redis, redis_server: EmbeddedRedis, home: Path) -> None:
    """Of Russian numbers, by their first seven digits; what is no region, or no number of Russia, is left out."""
    environ = {"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": redis_server.url, "SMSQ_LOGIN": "a", "SMSQ_PASSWORD": "b"}
    runtime = Runtime.build(Settings.load(environ))
    Statuses(runtime, cast(Any, None))._learn_places(
        page(
            ("79231234567", "Томская область"),
            ("79991234567", ""),
            ("79881234567", "Краснодарский край"),
            ("77011234567", "Москва"),
            ("79051234567", "Неизвестно"),
        )
    )

    assert runtime.ledger.places() == {7923123: "Asia/Tomsk", 7988123: "Europe/Moscow"}
