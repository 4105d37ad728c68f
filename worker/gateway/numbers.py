"""Every code of the gateway, with its meaning and what we do about it.

There are three number spaces, which must never be mixed: errors of a request (SEND_ERRORS, STATUS_ERRORS), statuses of
a message (STATUS_CODES) and delivery errors of a message (DELIVERY_ERRORS). For a number in no table there is a rule:
an unknown error of a send is `Outcome.UNKNOWN`, an unknown status proves acceptance and nothing else. To add a code,
add a row.
"""

from __future__ import annotations

from dataclasses import dataclass

from smsq.worker.domain.fact import MISSING_PART
from smsq.worker.domain.status import Status
from smsq.worker.gateway.outcomes import Outcome

NOT_FOUND = -3  # the only status that means absence
NO_MONEY = 24  # neither proves acceptance nor absence while the balance is low
UNDELIVERABLE = 20
BAD_LOGIN = 2  # an error of any request


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """One request error: the gateway's own words, its cause, what we do.

    `outcome` is that of a send for one phone; `outcome_many` if several phones change it.
    `delay_s` is how long the whole login pauses. `has_id` says that the answer consumes and returns an id.
    """

    code: int
    text: str
    meaning: str
    action: str
    outcome: Outcome = Outcome.UNKNOWN
    outcome_many: Outcome | None = None
    has_id: bool = False
    delay_s: float = 0.0


# send.php, chapter "answer of the server" of the HTTP manual (PROTOCOL B.6, B.7), read 2026-11-20.
# Error 9 has several causes under one number; only the text tells them apart, see `is_concurrent`.
SEND_ERRORS: dict[int, ErrorCode] = {
    row.code: row
    for row in (
        ErrorCode(
            code=1,
            text="parameters error",
            meaning="a parameter is wrong or missing",
            action="refuse the message; the request must be mended",
            outcome=Outcome.REFUSED,
        ),
        ErrorCode(
            code=2,
            text="authorise error",
            meaning="login, password or key is wrong, or our address is not on the account's list",
            action="halt the login until the credentials change",
            outcome=Outcome.BAD_LOGIN,
        ),
        ErrorCode(
            code=3,
            text="no money",
            meaning="the account's balance is too low; an id was consumed all the same",
            action="doubt, and halt the lane until money is there",
            outcome=Outcome.NO_MONEY,
            has_id=True,
        ),
        ErrorCode(
            code=4,
            text="ip is blocked",
            meaning="our address is blocked for a while after frequent errors",
            action="pause the whole login for ten minutes and growing; no other mirror",
            outcome=Outcome.LATER,
            delay_s=600.0,
        ),
        ErrorCode(
            code=5,
            text="invalid date",
            meaning="the date in `time` cannot be read",
            action="refuse the message",
            outcome=Outcome.REFUSED,
        ),
        ErrorCode(
            code=6,
            text="message is denied",
            meaning="the text or the sender name is forbidden",
            action="refuse one message; of several, ask which",
            outcome=Outcome.REFUSED,
            outcome_many=Outcome.REFUSED_WHO,
            has_id=True,
        ),
        ErrorCode(
            code=7,
            text="invalid number",
            meaning="the phone number's format is wrong",
            action="refuse one message; of several, ask which",
            outcome=Outcome.REFUSED,
            outcome_many=Outcome.REFUSED_WHO,
            has_id=True,
        ),
        ErrorCode(
            code=8,
            text="can't to deliver",
            meaning="the number cannot be reached at all",
            action="refuse one message; of several, ask which",
            outcome=Outcome.REFUSED,
            outcome_many=Outcome.REFUSED_WHO,
            has_id=True,
        ),
        ErrorCode(
            code=9,
            text="duplicate request, wait a minute",
            meaning="the same request within a minute, or too many requests at once",
            action="the concurrency text: pause the login; any other text: unknown, ask",
        ),
    )
}
CONCURRENT_TEXT = "too many concurrent requests"
CONCURRENT_DELAY_S = 3.0  # ours; the manual names no time after which a slot is free again


# status.php, same chapter of the status manual (PROTOCOL D.3), read 2026-11-20. None is evidence about a message.
# Taken for the errors of every question: history, balance and prices too. LATER pauses the whole login, a delay
# without it the questions.
STATUS_ERRORS: dict[int, ErrorCode] = {
    row.code: row
    for row in (
        ErrorCode(
            code=1, text="parameters error", meaning="a parameter is wrong or missing", action="mend the request"
        ),
        ErrorCode(
            code=2,
            text="authorise error",
            meaning="login, password or key is wrong, or our address is not on the account's list",
            action="halt the login until the credentials change",
            outcome=Outcome.BAD_LOGIN,
        ),
        ErrorCode(
            code=4,
            text="ip is blocked",
            meaning="our address is blocked for a while after frequent errors",
            action="pause the whole login for ten minutes and growing",
            outcome=Outcome.LATER,
            delay_s=600.0,
        ),
        ErrorCode(code=5, text="delete error", meaning="the message could not be deleted", action="nothing"),
        ErrorCode(
            code=9,
            text="duplicate request, wait a minute",
            meaning="five asks a minute for a message, a mass ask a minute, or four asks at once were exceeded",
            action="no question of anyone for a minute",
            delay_s=60.0,
        ),
    )
}

# get.php (PROTOCOL C.3): here 3 says that the period holds no messages; it is an empty page, not a failure.
HISTORY_EMPTY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCode:
    """One status of a message as the gateway numbers it; `status` None if it proves no acceptance."""

    code: int
    name: str
    status: Status | None
    meaning: str
    action: str


# Chapter "message statuses" of the status manual (PROTOCOL D.7), read 2026-11-20.
STATUS_CODES: dict[int, StatusCode] = {
    row.code: row
    for row in (
        StatusCode(
            code=-3,
            name="not found",
            status=None,
            meaning="no message under this id and phone, or not yet",
            action="ask again; trusted only after the window, with a control",
        ),
        StatusCode(
            code=-2,
            name="stopped",
            status=Status.ACCEPTED,
            meaning="part of a mailing that was stopped before it left; it may be resumed",
            action="keep asking",
        ),
        StatusCode(
            code=-1, name="waiting", status=Status.ACCEPTED, meaning="scheduled, or about to go", action="keep asking"
        ),
        StatusCode(
            code=0,
            name="handed to the operator",
            status=Status.ACCEPTED,
            meaning="the operator's centre has it",
            action="keep asking",
        ),
        StatusCode(
            code=1,
            name="delivered",
            status=Status.DELIVERED,
            meaning="the handset has it",
            action="final, though it may yet become read or clicked",
        ),
        StatusCode(code=2, name="read", status=Status.READ, meaning="opened by its reader", action="final"),
        StatusCode(
            code=3, name="expired", status=Status.EXPIRED, meaning="its lifetime ran out undelivered", action="final"
        ),
        StatusCode(
            code=4, name="clicked", status=Status.CLICKED, meaning="the short link in it was opened", action="final"
        ),
        StatusCode(
            code=6, name="spam", status=Status.UNDELIVERABLE, meaning="taken for spam (e-mail only)", action="final"
        ),
        StatusCode(
            code=20,
            name="cannot be delivered",
            status=Status.UNDELIVERABLE,
            meaning="the attempt failed; the delivery error says why",
            action="final",
        ),
        StatusCode(
            code=22,
            name="wrong number",
            status=Status.REFUSED,
            meaning="the phone number's format is wrong",
            action="final",
        ),
        StatusCode(
            code=23,
            name="forbidden",
            status=Status.REFUSED,
            meaning="a limit, a blacklist or the spam filter for text or sender",
            action="final",
        ),
        StatusCode(
            code=24,
            name="not enough money",
            status=None,
            meaning="it waits for money, or was refused for want of it; sources disagree",
            action="halt the lane; after a top-up 24 for a whole window means not accepted",
        ),
        StatusCode(
            code=25,
            name="unavailable number",
            status=Status.REFUSED,
            meaning="the number takes no messages, or there is no route",
            action="final",
        ),
    )
}

# Chapter "delivery errors" (PROTOCOL D.9), read 2026-11-20: name, and what a person may try.
DELIVERY_ERRORS: dict[int, tuple[str, str]] = {
    0: ("no error", ""),
    1: ("subscriber does not exist", "never again"),
    6: ("subscriber is offline", "later"),
    11: ("no SMS service", "not to this number"),
    12: ("fault in the phone or SIM", "maybe later"),
    13: ("subscriber is blocked", "later at best"),
    21: ("service is not supported", "not to this number"),
    200: ("virtual sending", "the account is in test mode"),
    219: ("SIM was replaced", "after 24 hours"),
    220: ("operator's queue is full", "later"),
    237: ("no answer", "later"),
    238: ("no template", "only templated texts are allowed"),
    239: ("forbidden IP address", "mend the account's settings"),
    240: ("subscriber is busy", "later"),
    MISSING_PART: ("conversion error or missing part", "mend the text"),
    242: ("answering machine", "later"),
    243: ("no contract", "ask the gateway's support"),
    244: ("mailing is forbidden", "ask the gateway's support"),
    245: ("no status received", "unknown; no reason to send again"),
    246: ("outside the allowed hours", "later"),
    247: ("daily limit of the account", "tomorrow"),
    248: ("no route", "not to this number"),
    249: ("wrong number format", "mend the number"),
    250: ("number forbidden by the account", "mend the account's settings"),
    251: ("daily limit of the number", "tomorrow"),
    252: ("number is forbidden", "not to this number"),
    253: ("spam filter", "another text"),
    254: ("sender name is not registered", "register the sender name"),
    255: ("rejected by the operator", "no reason was given"),
}


def status_of(code: int) -> Status | None:
    """The verdict that a gateway status proves; None for -3 and 24, which prove no acceptance.

    A code that is not in the table proves that the message is there, and is not final.
    """
    row = STATUS_CODES.get(code)
    return row.status if row is not None else Status.ACCEPTED


def is_concurrent(text: str) -> bool:
    """Whether error 9's text is the one for too many requests at once, which proves that nothing was accepted."""
    return "concurrent" in text.casefold()


def delivery_error(err: int) -> str:
    """A delivery error in words: empty for 0, `error 77` for one that is in no table."""
    if err == 0:
        return ""
    row = DELIVERY_ERRORS.get(err)
    return row[0] if row is not None else f"error {err}"
