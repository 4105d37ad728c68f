"""What one request brings to the gateway, in no dialect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from smsq.worker.domain.batch import Options
from smsq.worker.domain.files import Attached
from smsq.worker.domain.recipient import Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """The messages of one claim under its gateway id: one `text` for all or, if that is None, one of `texts` each."""

    gateway_id: int
    recipients: Sequence[Recipient] = field(repr=False)
    text: str | None = field(repr=False)
    texts: Sequence[str] = field(default=(), repr=False)
    options: Options
    files: Sequence[Attached] = ()
