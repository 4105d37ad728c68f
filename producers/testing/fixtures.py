"""A pytest plugin: an installation for your tests, with fakes for nothing.

    def test_a_log_in(smsq):
        ask_for_a_code("+79991234567")  # your application, which made its own Smsq()
        assert check("+79991234567", smsq.code_for("+79991234567"))

It comes with the package, by an entry point. A private Redis, a gateway on this machine, workers and scheduler are
started when the first test asks for them, in one process, and shared by the session; nothing leaves the machine.
Importing this file imports nothing else of ours, so that suites which do not use it pay nothing. See `docs/testing.md`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from smsq.producers.testing.tested import Installation, TestedSmsq

__all__ = ["smsq", "smsq_installation", "smsq_settings"]


@pytest.fixture(scope="session")
def smsq_settings() -> dict[str, str]:
    """Settings of the installation (`{"SMSQ_SHIELD": "on"}`); write a fixture of this name to have your own."""
    return {}


@pytest.fixture(scope="session")
def smsq_installation(
    tmp_path_factory: pytest.TempPathFactory, smsq_settings: dict[str, str]
) -> Iterator[Installation]:
    """One installation for the session, and the environment of this process pointing at it and at nothing else.

    An `Smsq()` anywhere in your application finds it, if it is used for the first time after this fixture; so do the
    processes that a test starts.
    """
    from smsq.producers.testing.tested import Installation

    installation = Installation(tmp_path_factory.mktemp("smsq"), smsq_settings)
    installation.start()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SMSQ_")]:
            patch.delenv(name)  # an account of the shell must not be met by a test
        for name, value in installation.environ.items():
            patch.setenv(name, value)
        try:
            yield installation
        finally:
            installation.stop()


@pytest.fixture
def smsq(smsq_installation: Installation) -> Iterator[TestedSmsq]:
    """A way in to it, with `messages(phone)`, `code_for(phone)`, `phone()` and `misfortune(kind)`; fresh for a test."""
    from smsq.producers.testing.tested import TestedSmsq

    with TestedSmsq(smsq_installation) as way_in:
        yield way_in
        way_in.calm()
