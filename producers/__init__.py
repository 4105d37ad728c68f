"""Brings messages in and shows what became of them. Programs write `from smsq import Smsq`.

In a checkout `from producers import Smsq` is the same. Never speaks to the gateway: that is the workers' part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smsq.producers.api import Smsq as Smsq
    from smsq.worker.domain.otp import Verdict as Verdict

__all__ = ["Smsq", "Verdict"]


def __getattr__(name: str) -> Any:
    """What is exported, from the one place that knows where it is."""
    if name in __all__:
        import smsq

        return getattr(smsq, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
