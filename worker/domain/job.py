"""Jobs: the questions of producers to the chores lane, as types.

A job is kept in the ledger as JSON for a moment and always read into these types: `read` refuses a phone that is not a
number, an address that is not in canonical form, an unknown field, or a text that is not text.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from smsq.worker.domain.batch import MAX_MESSAGES, Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.recipient import LONGEST, Recipient, answered

JobPhone = Annotated[int, msgspec.Meta(gt=0, lt=10**15)]  # E.164 has at most fifteen digits
JobAddress = Annotated[str, msgspec.Meta(max_length=LONGEST)]


class BalanceJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left on the account."""


class PriceJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What these would cost together: `recipients` and one `text` for all, or `messages` of (recipient, own text)."""

    recipients: tuple[JobPhone | JobAddress, ...] = ()
    text: str | None = None
    messages: tuple[tuple[JobPhone | JobAddress, str], ...] = ()
    options: Options = Options()

    def __post_init__(self) -> None:
        if (self.text is None) == (not self.messages) or (self.text is None) != (not self.recipients):
            raise ValueError("recipients and one text, or messages")
        if len(self.recipients) + len(self.messages) > MAX_MESSAGES:
            raise ValueError(f"at most {MAX_MESSAGES} messages")
        if not all(map(_is_canonical, (*self.recipients, *(recipient for recipient, _ in self.messages)))):
            raise ValueError("a recipient is a phone as a number, or an address in its canonical form")

    @property
    def texts(self) -> list[str]:
        """Each text once."""
        return [self.text] if self.text is not None else list(dict.fromkeys(text for _, text in self.messages))


def _is_canonical(recipient: Recipient) -> bool:
    return isinstance(recipient, int) or answered(recipient) == recipient


Job = BalanceJob | PriceJob
_KINDS: dict[str, type[Job]] = {"balance": BalanceJob, "price": PriceJob}
_DECODERS = {kind: msgspec.json.Decoder(each) for kind, each in _KINDS.items()}


def kind_of(job: Job) -> str:
    """The name under which a job of this type lies in the ledger."""
    return next(kind for kind, each in _KINDS.items() if type(job) is each)


def written(job: Job) -> bytes:
    """A job as it lies in the ledger."""
    return msgspec.json.encode(job)


def read(kind: str, payload: bytes) -> Job:
    """What `written` wrote; raises BadInput for everything else, without saying what stood there."""
    try:
        job: Job = _DECODERS[kind].decode(payload)
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError) as error:
        where = str(error) if isinstance(error, msgspec.ValidationError) else "it was not written by smsq"
        raise BadInput(f"this job cannot be read: {where}") from None
    return job


def price_of(payload: object) -> PriceJob:
    """The same from what a program gives: `recipients` and `text`, or `messages`, and `options`. Raises BadInput."""
    try:
        job = _DECODERS["price"].decode(msgspec.json.encode(payload))
    except (msgspec.MsgspecError, TypeError, UnicodeEncodeError) as error:
        raise BadInput(f"a price needs `recipients` and one `text`, or `messages`: {error}") from None
    assert isinstance(job, PriceJob)
    return job
