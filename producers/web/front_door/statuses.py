"""status.php: where a message stands, by the caller's id and its recipient.

The last message under an id is told of, as at the gateway. What still waits here is -1 like anything that the gateway
holds back, and so is what smsq is not sure of: -3 is said of what is unknown, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from smsq.producers.web.front_door.callers import Caller
from smsq.producers.web.front_door.connection import Answer
from smsq.worker.domain import recipient as recipients
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadPhone
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.result import CODE
from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.http.server import shapes
from smsq.worker.gateway.http.server.form import Form, FormError
from smsq.worker.gateway.http.server.statuses import StatusRequest, Told, error_text, write_statuses
from smsq.worker.gateway.numbers import NOT_FOUND
from smsq.worker.gateway.results import write_result
from smsq.worker.ledger.values import BatchView

CANNOT_DELETE = 5
WRONG = 7  # the error of a send for a recipient that is none
MOST_PAIRS = 1000

# Our words for where a message stands, as the gateway numbers them (PROTOCOL D.7).
CODES = {
    "queued": -1,
    "sending": -1,
    "doubtful": -1,
    "parked": -1,
    "accepted": 0,
    "delivered": 1,
    "read": 2,
    "clicked": 4,
    "expired": 3,
    "late": 3,
    "undeliverable": 20,
    "cancelled": -2,
    "optout": 23,
    "blocked": 23,
    "capped": 23,
}
# Of what was refused: by the error of the send, and by the error of the delivery (PROTOCOL B.7, D.9).
REFUSED_SENDS = {3: (24, 0), 6: (23, 253), 7: (22, 249), 8: (25, 248)}
REFUSED = {248: 25, 249: 22}
FORBIDDEN = 23

_OPTIONS = msgspec.json.Decoder(Options)


class Known(NamedTuple):
    """What the ledger has under a caller's id."""

    batch: BatchView
    receipt: Receipt
    text: str = ""

    @property
    def options(self) -> Options:
        """What was asked of the gateway for it."""
        return _OPTIONS.decode(self.batch.options) if self.batch.options else Options()

    @property
    def channel(self) -> str:
        """By which kind of message it went."""
        return self.options.channel


class WrongNumber(NamedTuple):
    """A recipient of a request that was none, while others of it were sent to."""


# By caller and pairs of id and recipient: what there is for each; with texts if they are asked for.
Find = Callable[[str, Sequence[tuple[str, str]], bool], list[Known | WrongNumber | None]]


class Statuses:
    """Answers questions about messages; `find` is the ledger's and blocks."""

    def __init__(
        self, find: Find, now: Callable[[], float], seen: Callable[[Known], None] = lambda found: None
    ) -> None:
        self._find = find
        self._now = now
        self._seen = seen

    def answer(self, form: Form, caller: Caller) -> Answer:
        """Answer one request. Raises FormError, LedgerTrouble."""
        request = StatusRequest.read(form)
        if len(request.pairs) > MOST_PAIRS:
            raise FormError(1, f"at most {MOST_PAIRS} messages at once")
        if request.is_delete:  # what was sent cannot be taken back, and what is asked about must not be forgotten
            body = shapes.write_error(CANNOT_DELETE, error_text(CANNOT_DELETE), None, request.fmt, form.charset)
            return Answer(body=body, content_type=shapes.content_type(request.fmt, form.charset))
        pairs = [(str(given), _kept_as(shown)) for given, shown in request.pairs]
        found = self._find(caller.name, pairs, request.detail > 0)
        for each in found:
            if isinstance(each, Known):
                self._seen(each)
        told = [self._told(each, *pair) for each, pair in zip(found, request.pairs, strict=True)]
        body = write_statuses(told, request.is_multiple, request.detail, request.fmt, form.charset)
        return Answer(body=body, content_type=shapes.content_type(request.fmt, form.charset))

    def _told(self, found: Known | WrongNumber | None, given: int | str, shown: str) -> Told:
        if isinstance(found, Known):
            return told_of(found, given, shown)
        if found is None:
            return Told(gateway_id=given, phone=shown, code=NOT_FOUND)
        code, err = REFUSED_SENDS[WRONG]
        return Told(gateway_id=given, phone=shown, code=code, err=err, at=int(self._now()))


def _kept_as(shown: str) -> str:
    """A recipient as the ledger names it: a program that sent to 8999… may ask about that, and is told of that."""
    try:
        return recipients.written(recipients.parse(shown, recipients.EVERY_KIND)).removeprefix("+")
    except BadPhone:
        return shown


def told_of(found: Known, given: int | str, shown: str) -> Told:
    """A message in the gateway's terms; dates are never empty."""
    batch, receipt, text = found
    options = found.options
    code, err = code_of(receipt)
    enrolled_at = int(batch.enrolled_at)
    row = CHANNELS.get(options.channel)
    result = dict(receipt.result)
    code_said = {CODE: result.pop(CODE)} if CODE in result else {}
    return Told(
        gateway_id=given,
        phone=shown,
        code=code,
        at=receipt.status_at or receipt.submitted_at or enrolled_at,
        err=err,
        flag=(row.type or 0) if row is not None else 0,
        sent_at=receipt.submitted_at or enrolled_at,
        cost=receipt.cost,
        parts=receipt.parts or batch.parts,
        sender=options.sender or "",
        text=text,
        comment=options.comment or "",
        int_id=batch.ref.number,
        type=row.type if row is not None else None,
        result={**(write_result(result) if result else {}), **code_said} or None,
    )


def code_of(receipt: Receipt) -> tuple[int, int]:
    """The gateway's status and delivery error for where a message stands."""
    code, error = CODES.get(receipt.status), receipt.error_code
    if code is not None:
        return code, error
    if error in REFUSED_SENDS:
        return REFUSED_SENDS[error]
    return REFUSED.get(error, FORBIDDEN), error
