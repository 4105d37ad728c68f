"""One installation, the base of every entrance: settings, runtime, checks of the ledger, waits for it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from smsq.producers.adoption import adopt, adopt_given
from smsq.producers.fields import recipient_of
from smsq.worker.domain import job as jobs
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import (
    BadCredentials,
    BadInput,
    JournalTrouble,
    LedgerForeign,
    LedgerHalted,
    LedgerUnreachable,
    Refused,
    Unreachable,
    WrongKey,
)
from smsq.worker.domain.recipient import PHONES_ONLY, RecipientKind
from smsq.worker.domain.simulated import is_simulated
from smsq.worker.domain.text import tidied
from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.numbers import BAD_LOGIN
from smsq.worker.gateway.options import check_price, parts_of
from smsq.worker.ledger.batches.enrolment import WRONG_KEY
from smsq.worker.redis_client import where
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings

log = logging.getLogger(__name__)

JOB_TIMEOUT_S = 40.0  # a price or balance: a mirror or two may have to time out first
HINT_TIMEOUT_S = 1.0  # an enrolled message is safe without a hint, so callers do not wait for queues that hang
ROLL_CALL_S = 5.0  # the wait for a ledger that was just restarted

T = TypeVar("T")


class Installation:
    """What every entrance needs; a context manager. Thread-safe.

    Settings come from the environment unless they are given; without `SMSQ_REDIS_URL` the running `smsq up` of the same
    home is adopted. Nothing is looked up or opened before the first use, so it may be created at the top of a module.
    The first use, and the beginning of `with`, raise LedgerUnreachable if nothing is up (the next use tries again);
    `with` also raises LedgerForeign for the ledger of another account. BadSettings for a wrong setting is raised at
    once.
    """

    def __init__(self, settings: Settings | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        if settings is None:
            Settings.load(environ, sends=False)  # a wrong value is raised here, not at the first use
        self._given, self._environ = settings, environ
        self._opening = threading.Lock()
        self._runtime: Runtime | None = None
        self._is_checked = False

    @property
    def runtime(self) -> Runtime:
        """The runtime, made at the first use. Raises LedgerUnreachable if nothing is up and no Redis is named."""
        if self._runtime is None:
            with self._opening:
                if self._runtime is None:
                    settings = adopt(self._environ) if self._given is None else adopt_given(self._given)
                    self._runtime = Runtime.build(settings, hint_timeout_s=HINT_TIMEOUT_S)
        return self._runtime

    @property
    def settings(self) -> Settings:
        """The settings in force, with those of an adopted `smsq up`. Raises as `runtime` does."""
        return self.runtime.settings

    def __enter__(self) -> Self:
        _ = self.runtime
        self.check_account()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and journal; the next use opens them again, as the first one did."""
        with self._opening:
            runtime, self._runtime, self._is_checked = self._runtime, None, False
        if runtime is None:
            return
        runtime.ledger.close()
        if "broker" in runtime.__dict__:
            runtime.broker.close()
        if "journal" in runtime.__dict__:
            runtime.journal.close()

    def lanes(self) -> dict[str, int]:
        """How many worker processes of each lane are up."""
        return self.runtime.views.lanes()

    def price(self, payload: Mapping[str, Any]) -> tuple[Decimal, int]:
        """What some messages cost together, and their parts; a worker asks the gateway, and nothing is sent.

        `payload` holds `messages` ([recipient, text] pairs), or `recipients` and one `text`; and `options`. Raises
        BadInput for what could not be sent either (BadPhone, BadText), Unreachable if no worker or no mirror
        answers, BadCredentials, Refused with the gateway's reason.
        """
        job = jobs.price_of(_understood(payload))
        check_price(job)
        answer = self.job(job)
        return Decimal(str(answer["cost"])), int(answer["parts"] or 0)

    def balance(self) -> tuple[Decimal, str]:
        """The balance of the account and its currency. Raises as `price` does."""
        answer = self.job(jobs.BalanceJob())
        return Decimal(str(answer["balance"])), str(answer.get("currency") or "")

    def job(self, job: jobs.Job) -> dict[str, Any]:
        """The chores lane's answer to a job. Raises Unreachable, BadCredentials, Refused or BadInput without one.

        Messages to simulated numbers cost nothing, and nobody is asked about them.
        """
        if not isinstance(job, jobs.PriceJob):
            return self._put(job)
        paid, parts = _paid(job)
        if paid is None:
            return {"cost": "0", "parts": parts}
        answer = self._put(paid)
        return answer | {"parts": int(answer.get("parts") or 0) + parts} if parts else answer

    def _put(self, job: jobs.Job) -> dict[str, Any]:
        if not self.lanes().get("chores"):
            raise Unreachable(
                "no worker of the chores lane is up, and only workers talk to the gateway: start `smsq up`"
            )
        job_id = self.runtime.ledger.post_job(job)
        self.runtime.hints.job(job_id)
        answer = self.runtime.ledger.await_job(job_id, JOB_TIMEOUT_S)
        if answer is None:
            raise Unreachable(
                f"no worker of the chores lane answered within {JOB_TIMEOUT_S:g} s; try again, or see `smsq doctor`"
            )
        if "error" not in answer:
            return answer
        if answer.get("code") == BAD_LOGIN:
            raise BadCredentials("the gateway refuses this log-in: check SMSQ_LOGIN and SMSQ_PASSWORD", code=2)
        if answer.get("refused"):
            raise BadInput(str(answer["error"]))
        if answer.get("code") is None:
            raise Unreachable(str(answer["error"]))
        raise Refused(str(answer["error"]), code=answer["code"])

    def check_account(self) -> None:
        """Raise LedgerForeign if the settings name an account and the ledger belongs to another; WrongKey likewise.

        A secret key that the settings do not have is checked when an urgent message is sent: others need none.
        """
        has_account = self.settings.login is not None or self.settings.apikey is not None
        if self._is_checked or not (has_account or self.settings.secret_key):
            return
        with self.named():
            stamp = self.runtime.ledger.stamp()
        if has_account and stamp.account and stamp.account != self.settings.account:
            raise LedgerForeign(
                f"this ledger belongs to {stamp.account}, not to {self.settings.account}: "
                "use the Redis or SMSQ_HOME of that account, or its log-in"
            )
        with self.named():
            try:
                self.runtime.ledger.visit(self.runtime.journal)
            except JournalTrouble as error:  # a roll call does not wait for a producer's journal
                log.warning("journal not compared with the ledger why=%s", error.sentence)
        if self.settings.secret_key and stamp.secret and stamp.secret not in self.runtime.sealer.names:
            raise WrongKey(WRONG_KEY)
        self._is_checked = True

    def account(self) -> str:
        """The account of the ledger, as `brand/login`; '' until a worker has established it. Raises LedgerTrouble."""
        with self.named():
            return self.runtime.ledger.stamp().account

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Add to LedgerUnreachable which Redis does not answer."""
        try:
            yield
        except LedgerUnreachable as error:
            if self._runtime is None:
                raise
            raise LedgerUnreachable(f"{where(self.runtime.redis_url)}: {error.sentence}") from None

    def patiently(self, verb: Callable[[], T], *, outage_s: float = 0.0) -> T:
        """Run a verb that may be repeated; repeat it during a roll call, and for `outage_s` without a Redis."""
        clock = self.runtime.clock
        began = clock.monotonic()
        while True:
            try:
                return verb()
            except LedgerHalted:
                if clock.monotonic() - began > ROLL_CALL_S or self.runtime.views.halted() == "fell":
                    raise
            except LedgerUnreachable:
                if clock.monotonic() - began >= outage_s:
                    raise
            clock.wait(0.2)


def _paid(job: jobs.PriceJob) -> tuple[jobs.PriceJob | None, int]:
    """A price job without simulated numbers, None if it has no others; and the parts of messages to those."""
    if job.text is not None:
        kept = tuple(each for each in job.recipients if not is_simulated(each))
        parts = (len(job.recipients) - len(kept)) * parts_of(job.text, job.options) if kept != job.recipients else 0
        return (msgspec.structs.replace(job, recipients=kept) if kept else None), parts
    paid = tuple(each for each in job.messages if not is_simulated(each[0]))
    parts = sum(parts_of(text, job.options) for recipient, text in job.messages if is_simulated(recipient))
    return (msgspec.structs.replace(job, messages=paid) if paid else None), parts


def _understood(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The same question with recipients as they are read and texts as they would be sent; raises BadPhone.

    `phones` is another name of `recipients`.
    """
    asked = dict(payload)
    kinds = _kinds(asked.get("options"))
    if "phones" in asked and "recipients" not in asked:
        asked["recipients"] = asked.pop("phones")
    if isinstance(text := asked.get("text"), str):
        asked["text"] = tidied(text)
    if isinstance(recipients := asked.get("recipients"), list | tuple):
        asked["recipients"] = [recipient_of(recipient, kinds) for recipient in recipients]
    if isinstance(messages := asked.get("messages"), list | tuple):
        asked["messages"] = [_message(message, kinds) for message in messages]
    return asked


def _kinds(options: object) -> Sequence[RecipientKind]:
    """The kinds of recipients of a channel that a program names; phones if it names none that there is."""
    name = options.channel if isinstance(options, Options) else None
    if isinstance(options, Mapping):
        name = options.get("channel")
    row = CHANNELS.get(name) if isinstance(name, str) else None
    return row.recipients if row is not None else PHONES_ONLY


def _message(message: object, kinds: Sequence[RecipientKind]) -> object:
    if isinstance(message, list | tuple) and len(message) == 2:
        recipient, text = message
        return recipient_of(recipient, kinds), tidied(text) if isinstance(text, str) else text
    return message  # the type of the job will say what is wrong with it
