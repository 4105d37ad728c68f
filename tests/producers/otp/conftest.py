"""A code that is followed through time."""

from __future__ import annotations

import pytest

from smsq.producers.api import Smsq
from tests.producers.otp.story import Story


@pytest.fixture
def story(smsq: Smsq) -> Story:
    """Nothing was sent yet."""
    return Story(smsq)
