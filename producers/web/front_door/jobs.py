"""jobs.php: a mailing becomes a campaign, with its cursor, its progress and its report."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from smsq.producers.campaigns import Campaigns
from smsq.producers.web.front_door.callers import Caller
from smsq.producers.web.front_door.connection import Answer
from smsq.producers.web.front_door.sends import check_guests, options_of, parted, when
from smsq.worker.domain import recipient as recipients
from smsq.worker.domain.errors import BadInput, BadPhone
from smsq.worker.domain.recipient import Recipient, RecipientKind
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.http.server import shapes
from smsq.worker.gateway.http.server.form import FormError
from smsq.worker.gateway.http.server.jobs import (
    Action,
    JobRequest,
    JobTold,
    write_added,
    write_job,
    write_jobs,
)
from smsq.worker.ledger.front_door.jobs import DoorJobs
from smsq.worker.ledger.front_door.requests import Taken
from smsq.worker.ledger.orders import ordered_by
from smsq.worker.ledger.views import CampaignView

WAITING = (
    "queued",
    "cancelled",
    "late",
    "optout",
    "blocked",
    "capped",
    "invalid",
    "duplicate",
)  # statuses of what never left


class Jobs:
    """Answers requests about mailings; blocks. `reached` is told of answers that reached their callers."""

    def __init__(
        self,
        campaigns: Campaigns,
        ledger: DoorJobs,
        keep_s: float,
        guard_s: float,
        now: Callable[[], float],
        reached: Callable[[Taken], None],
    ) -> None:
        self._campaigns = campaigns
        self._ledger = ledger
        self._keep_s = keep_s
        self._guard_s = guard_s
        self._now = now
        self._reached = reached

    def answer(self, request: JobRequest, caller: Caller, host: str, cost: Decimal | None) -> Answer:
        """Answer one request; `cost` is what a new mailing would cost. Raises FormError, LedgerTrouble."""
        with ordered_by(f"key {caller.name}"):
            return self._answer(request, caller, host, cost)

    def _answer(self, request: JobRequest, caller: Caller, host: str, cost: Decimal | None) -> Answer:
        content_type = shapes.content_type(request.fmt, request.charset)
        if request.action is not Action.ADD:
            return Answer(body=self._act(request, caller), content_type=content_type)
        said, number = self._add(request, caller, host)
        taken = Taken(id=str(number), parts=0, said=said, host=host)
        body = write_added(number, cost, request.fmt, request.charset)
        return Answer(body=body, content_type=content_type, reached=lambda: self._reached(taken))

    def _act(self, request: JobRequest, caller: Caller) -> bytes:
        fmt, charset = request.fmt, request.charset
        if request.action is Action.GET_ALL:
            mine = self._ledger.job_campaigns(caller.name)
            told = [_told(number, view) for number, each in mine if (view := self._view(each)) is not None]
            return write_jobs(told, fmt, charset)
        campaign_id = self._ledger.job_campaign(caller.name, request.id)
        view = self._view(campaign_id) if campaign_id is not None else None
        if view is None:
            raise FormError(1, "there is no such mailing")
        if request.action is Action.GET:
            return write_job(_told(request.id, view), fmt, charset)
        if not view.is_over:
            self._campaigns.cancel(view.id)
        if request.action is Action.DELETE:
            self._ledger.forget_job(caller.name, request.id)
        return shapes.write_done(fmt, charset)

    def _add(self, request: JobRequest, caller: Caller, host: str) -> tuple[str, int]:
        """Begin a campaign of the request's messages; the name of what is kept of the answer, and its number.

        It is the same one if it is asked for again while it is unfinished, or because the answer was lost. Another
        caller's, another name or another moment is another mailing; a moment is compared as it was written, since a
        repeat of `+30` is a repeat.
        """
        send = request.send
        assert send is not None
        said = options_of(send, caller)
        starts_at, options = when(said, self._now())
        row = channel(options.channel)
        check_guests(list(_readable(send.written, row.recipients)), caller)
        texts = {text: parted(row, text) for _, text in send.messages}
        rows = [(written, texts[text][0]) for written, (_, text) in zip(send.written, send.messages, strict=True)]
        comments = {comment for _, comment in texts.values()}
        if len(texts) == 1 and (comment := comments.pop()) is not None:
            options = msgspec.structs.replace(options, comment=comment)
        text = _literal(rows[0][1]) if len(texts) == 1 else "{text}"
        apart = repr((caller.name, request.name, said.time, said.tz))
        files = [(upload.name, hashlib.sha256(upload.content).digest()) for upload in send.uploads]
        content = msgspec.msgpack.encode((apart, send.written, send.messages, said.written(), files))
        answered = self._ledger.said_of_job(caller.name, content)
        if (known := self._ledger.job_answer(answered, host, self._guard_s)) is not None:
            return answered, known
        try:
            view = self._campaigns.run(
                rows,
                text=text,
                columns=(row.column, "text"),
                name=request.name[:100],
                options=options,
                at=datetime.fromtimestamp(starts_at, UTC) if starts_at else None,
                again=True,
                apart=apart,
                files=[(upload.name, upload.content) for upload in send.uploads] if row.files else [],
            )
        except BadInput as wrong:
            raise FormError(1, wrong.sentence) from None
        number = self._ledger.note_job(caller.name, view.id, self._keep_s)
        self._ledger.note_job_answer(answered, number)
        return answered, number

    def _view(self, campaign_id: str) -> CampaignView | None:
        try:
            return self._campaigns.show(campaign_id)
        except BadInput:  # no longer kept
            return None


def _readable(written: Iterable[str], kinds: Collection[RecipientKind]) -> Iterator[Recipient]:
    """The recipients that can be read; the campaign tells of the others."""
    for each in written:
        with contextlib.suppress(BadPhone):
            yield recipients.parse(each, kinds)


def _told(number: int, view: CampaignView) -> JobTold:
    waiting = sum(view.statuses.get(name, 0) for name in WAITING)
    return JobTold(
        id=number,
        name=view.name,
        status=view.standing,
        created_at=int(view.created_at),
        starts_at=int(view.start_at or view.first_sent_at),
        messages=view.messages,
        sent=max(0, view.rows - waiting),
        cost=view.cost,
        text=view.template.replace("{{", "{").replace("}}", "}"),
    )


def _literal(text: str) -> str:
    """A text as a template that says just this."""
    return text.replace("{", "{{").replace("}", "}}")
