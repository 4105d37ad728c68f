"""Producers enrol messages and show what became of them. Programs write `from smsq import Smsq`.

In a checkout `from producers import Smsq` does the same. Nothing here speaks to the gateway; workers do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smsq.producers.api import Smsq as Smsq
    from smsq.worker.domain.otp import Verdict as Verdict

__all__ = ["Smsq", "Verdict"]


def __getattr__(name: str) -> Any:
    """Import an exported name when it is first used, through `smsq`, which knows where each is defined."""
    if name in __all__:
        import smsq

        return getattr(smsq, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
