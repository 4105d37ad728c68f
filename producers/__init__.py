"""Brings messages in and shows what became of them. `from smsq import Smsq` is the way in for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smsq.producers.api import Smsq as Smsq
    from smsq.worker.domain.code import Verdict as Verdict

__all__ = ["Smsq", "Verdict"]


def __getattr__(name: str) -> Any:
    """Import what is exported when it is first used, so that `smsq --help` need not wait for Redis' client."""
    if name == "Smsq":
        from smsq.producers.api import Smsq

        return Smsq
    if name == "Verdict":
        from smsq.worker.domain.code import Verdict

        return Verdict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
