"""What programs import: `Smsq`, the values it returns, and every error it raises.

    from smsq import Smsq

The code is in two folders of a checkout, `worker/` and `producers/`. It is imported as `smsq.worker` and
`smsq.producers`, since an application may have a `worker.py` or a `producers` of its own. Apart from the errors,
nothing is loaded before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from smsq.worker.domain import errors as errors
from smsq.worker.domain.errors import *  # noqa: F403 - its list is all that callers meet

if TYPE_CHECKING:
    from smsq.producers.api import Smsq as Smsq
    from smsq.producers.api import WouldSend as WouldSend
    from smsq.producers.intake.preflight import Preflight as Preflight
    from smsq.producers.otp import OneTimeCode as OneTimeCode
    from smsq.worker.domain.batch import Options as Options
    from smsq.worker.domain.files import FileRef as FileRef
    from smsq.worker.domain.otp import Verdict as Verdict
    from smsq.worker.domain.receipt import Receipt as Receipt
    from smsq.worker.ledger import Enrolled as Enrolled
    from smsq.worker.ledger.templates import SavedTemplate as SavedTemplate
    from smsq.worker.ledger.views import CampaignView as CampaignView
    from smsq.worker.settings import Settings as Settings

_HOMES: Final[dict[str, str]] = {
    "CampaignView": "smsq.worker.ledger.views",
    "Enrolled": "smsq.worker.ledger",
    "FileRef": "smsq.worker.domain.files",
    "OneTimeCode": "smsq.producers.otp",
    "Options": "smsq.worker.domain.batch",
    "Preflight": "smsq.producers.intake.preflight",
    "Receipt": "smsq.worker.domain.receipt",
    "SavedTemplate": "smsq.worker.ledger.templates",
    "Settings": "smsq.worker.settings",
    "Smsq": "smsq.producers.api",
    "Verdict": "smsq.worker.domain.otp",
    "WouldSend": "smsq.producers.api",
}

__all__ = [
    "CampaignView",
    "Enrolled",
    "FileRef",
    "OneTimeCode",
    "Options",
    "Preflight",
    "Receipt",
    "SavedTemplate",
    "Settings",
    "Smsq",
    "Verdict",
    "WouldSend",
    "errors",
]
__all__ += errors.__all__


def __getattr__(name: str) -> Any:
    """Import an exported name when it is first used, so that `smsq --help` does not load the Redis client."""
    if name == "__version__":
        from importlib.metadata import version

        return version("smsq")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
