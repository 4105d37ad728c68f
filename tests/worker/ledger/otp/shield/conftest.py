"""The shield with its defaults."""

from __future__ import annotations

import pytest
import redis as redis_py

from tests.worker.ledger.otp.shield.gate import Gate


@pytest.fixture
def gate(redis: redis_py.Redis) -> Gate:
    """With its defaults."""
    return Gate(redis)
