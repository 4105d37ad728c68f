"""For your tests: the pytest plugin with its fixtures, and `TestedSmsq`, which the fixture `smsq` returns.

pytest loads the plugin by the entry point of the package; `docs/testing.md` shows how to use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smsq.producers.testing.fixtures import smsq as smsq
from smsq.producers.testing.fixtures import smsq_installation as smsq_installation
from smsq.producers.testing.fixtures import smsq_settings as smsq_settings

if TYPE_CHECKING:
    from smsq.producers.testing.tested import TestedSmsq as TestedSmsq


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: test suites that do not use smsq load this plugin too."""
    if name == "TestedSmsq":
        from smsq.producers.testing.tested import TestedSmsq

        return TestedSmsq
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
