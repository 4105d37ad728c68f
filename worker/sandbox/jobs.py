"""Mailings: a named send that may wait, and be stopped or deleted until it starts (gateway manual, mailings).

A stopped one leaves its messages at status -2. Which state a mailing is in, and what it says of itself, the manual does
not tell; the words here are made up.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.http.server.form import FormError
from smsq.worker.gateway.http.server.jobs import CANNOT_SAVE, Action, JobRequest, JobTold
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.sandbox.sends import DUPLICATE, Sends
from smsq.worker.sandbox.state import Account, Job, money


class NotSaved(FormError):
    """Error 3 of a mailing: its record cannot be saved."""

    def __init__(self) -> None:
        super().__init__(3, CANNOT_SAVE)


def add(sends: Sends, account: Account, request: JobRequest, now: float, mirror: int) -> Job:
    """Make a mailing; FormError 9 for one that was made within the minute, NotSaved for one that would be refused."""
    assert request.send is not None
    job_id = account.draw_job()
    starts_s = max(0.0, starts_at(request.send, now) - now)
    verdict = sends.take(account, request.send, now, mirror=mirror, gateway_id=job_id, starts_s=starts_s)
    if verdict.code == DUPLICATE:
        raise FormError(DUPLICATE, "the same mailing within a minute")
    if verdict.code or verdict.record is None:
        raise NotSaved
    account.jobs[job_id] = job = Job(job_id, request.name, verdict.record)
    return job


def act(account: Account, request: JobRequest, now: float) -> Job:
    """Read, stop or delete one; FormError 1 for one that is not there, or that started."""
    job = account.jobs.get(request.id)
    if job is None:
        raise FormError(1, "there is no such mailing")
    if request.action is Action.GET:
        return job
    if request.action is Action.CANCEL and now >= job.record.at + job.record.starts_s:
        raise FormError(1, "it has started")
    if now < job.record.at + job.record.starts_s:
        job.record.is_stopped = True
    if request.action is Action.DELETE:
        del account.jobs[request.id]
    return job


def told(job: Job, now: float) -> JobTold:
    """A mailing as it stands."""
    record = job.record
    has_started = now >= record.at + record.starts_s
    state = "stopped" if record.is_stopped else "sent" if has_started else "waiting"
    return JobTold(
        id=job.id,
        name=job.name,
        status=state,
        created_at=int(record.at),
        starts_at=int(record.at + record.starts_s),
        messages=len(record.messages),
        sent=len(record.messages) if state == "sent" else 0,
        cost=money(record.cost),
        text=record.messages[0][1],
    )


def starts_at(request: SendRequest, now: float) -> float:
    """The Unix time of a request's `time`, which was checked (gateway manual, parameter time)."""
    written = (request.time or "0").strip()
    if written.startswith("+"):
        return now + 60 * int(written[1:])
    if "-" in written:
        first, last = map(int, written.split("-"))
        return _in_hours(first, last, _zone(request), now)
    if written.startswith("0") and len(written) > 10:
        return float(written[1:])
    if written == "0":
        return now
    form = "%d.%m.%y %H:%M" if "." in written else "%d%m%y%H%M"
    return datetime.strptime(written, form).replace(tzinfo=MOSCOW).timestamp() - 3600 * _zone(request)


def _in_hours(first: int, last: int, zone: int, now: float) -> float:
    """The next moment from one hour of the day to another."""
    local = datetime.fromtimestamp(now, MOSCOW) + timedelta(hours=zone)
    start = local.replace(hour=first % 24, minute=0, second=0, microsecond=0)
    if first <= local.hour < last:
        return now
    return (start + timedelta(days=local.hour >= last, hours=-zone)).timestamp()


def _zone(request: SendRequest) -> int:
    written = request.extra.get("tz", "0")
    return int(written) if written.removeprefix("-").isdecimal() and len(written) < 4 else 0
