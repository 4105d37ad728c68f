"""A send or a price request, and what it is answered (PROTOCOL B).

    id=1000000001&phones=%2B79991234567&mes=Hi&cost=3       12345,2,4.48,1231.21
    phones=79991234567&mes=Hi&cost=1                        4.48,2

Refusals are `shapes.write_error`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from smsq.worker.domain.batch import PLAIN_CHANNEL, Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway import times
from smsq.worker.gateway.channels import CHOOSING, MAGIC_WORD, Channel, channel, chosen, wire_row
from smsq.worker.gateway.http.server import records
from smsq.worker.gateway.http.server.form import Form, FormError, Upload, id_of, number_of
from smsq.worker.gateway.http.server.shapes import amount, encoded, sentence, tree
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.options import OPTIONS, check_fields

COMMENT = "\n~~~\n"  # what stands behind it is kept for history and not sent (PROTOCOL B.4)

_JUDGED = frozenset(("sender", "valid", "time"))  # a server has a word of its own for these
_OURS = frozenset("login psw apikey id phones mes list nl cost fmt charset sender valid time translit op err".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """A send or price request as the gateway understands it.

    `messages` are (recipient as answers show it, text), `written` the same recipients as they were written: a plus
    tells that a number is whole. What is no recipient stays as it is, for error 7. The text of a binary message is hex.
    `id` is None if the gateway has to draw one. `extra` holds the fields that are not named here: those of the channel,
    options, and what no gateway knows.
    """

    login: Login
    id: int | str | None
    messages: list[tuple[str, str]] = field(repr=False)
    written: list[str] = field(repr=False)
    cost: int
    fmt: int
    charset: str  # a codec
    sender: str | None  # '' or a dot switches the account's own off
    valid: str | None
    time: str | None
    translit: int
    is_list: bool
    channel: str
    wants_each: bool  # op=1: what became of each recipient
    wants_bad: bool  # err=1: those that are bad
    uploads: Sequence[Upload] = ()
    extra: dict[str, str] = field(repr=False)

    @property
    def is_price(self) -> bool:
        """Whether it only asks for the price."""
        return self.cost == 1

    def options(self) -> Options:
        """What it asks for beside recipients and texts, for a server that sends on, without what the channel ignores.

        Raises FormError 1 for a value that no request of ours could have, 5 for such a time.
        """
        row = channel(self.channel)
        asked = {**self.extra, "sender": self.sender, "valid": self.valid, "time": self.time or None}
        asked["translit"] = str(self.translit) if self.translit else None
        told: dict[str, Any] = {}
        for option in OPTIONS.values():
            written = asked.get(option.wire) if option.wire and option.name in row.takes else None
            if written is None or (not written and option.name != "sender"):
                continue
            try:
                told[option.name] = option.read(written)
            except BadInput as wrong:
                raise FormError(5 if option.name == "time" else 1, wrong.sentence) from None
        return Options(channel=row.same_as or row.name, **told)

    @classmethod
    def read(cls, form: Form) -> Self:
        """Raises FormError 1 for a missing or wrong parameter, 5 for a wrong time."""
        row = _channel(form)
        pairs = _messages(form, row)
        _check(form, row, {text for _, text in pairs})
        words = form.words
        return cls(
            login=form.login,
            id=id_of(form.get("id")),
            messages=[(records.shown(one), text) for one, text in pairs],
            written=[one for one, _ in pairs],
            cost=number_of(form, "cost", 3),
            fmt=number_of(form, "fmt", 3),
            charset=form.charset,
            sender=words.get("sender"),
            valid=words.get("valid"),
            time=_time(form),
            translit=number_of(form, "translit", 2),
            is_list="list" in words,
            channel=row.name,
            wants_each=form.is_on("op"),
            wants_bad=form.is_on("err"),
            uploads=form.uploads,
            extra={name: value for name, value in words.items() if name not in _OURS},
        )


def without_comment(text: str) -> tuple[str, str]:
    """A text and the comment behind it, '' if there is none."""
    sent, _, comment = text.partition(COMMENT)
    return sent, comment


def _messages(form: Form, row: Channel) -> list[tuple[str, str]]:
    """All (recipient as written, text) of a request, from `list` or from `phones` and `mes`."""
    is_raw = wire_row(row) is not row
    if "list" in form.words:
        if is_raw:
            raise FormError(1, "raw bytes cannot be told from the separators of a list: send them as hex")
        messages = records.listed(form.get("list"), keeps_breaks=form.is_on("nl"))
        if row.same_as:
            messages = [(one, _read(row, text)) for one, text in messages]
    else:
        text = _raw(form, row) if is_raw else _read(row, form.get("mes")) if row.same_as else form.get("mes")
        messages = [(one, text) for one in records.recipients(form.get("phones"))]
    if not messages:
        raise FormError(1, "there is no recipient")
    return messages


def _raw(form: Form, row: Channel) -> str:
    """A binary message as it is kept, from the very bytes: no charset decodes them."""
    if form.is_json:
        raise FormError(1, "JSON has no raw bytes: send them as hex")
    return _read(row, form.raw.get("mes", b""))


def _read(row: Channel, given: str | bytes) -> str:
    """A binary message as it is kept, in hex whichever way it was given."""
    try:
        return row.read(given)
    except BadInput as wrong:
        raise FormError(1, wrong.sentence) from None


def _channel(form: Form) -> Channel:
    """The channel that a send's fields choose; FormError 1 for two at once."""
    if CHOOSING.isdisjoint(form.words):
        return channel(PLAIN_CHANNEL)
    names = chosen(form.words)
    if len(names) > 1:
        raise FormError(1, f"one channel at a time, not {' and '.join(names)}")
    return channel(names[0])


def _check(form: Form, row: Channel, texts: set[str]) -> None:
    """Raise FormError 1 for a text that the channel does not take, or a field of its own that is wrong or missing."""
    if "" in texts and row.has_text and not (row.files and form.uploads):
        raise FormError(1, "there is no text")
    if row.name == PLAIN_CHANNEL:
        return  # what a plain SMS may hold is for the server to judge
    try:
        for text in texts:
            if not (row.result == "code" and text.strip().casefold() == MAGIC_WORD):
                row.check(without_comment(text)[0])
        known = row.takes - _JUDGED
        check_fields(row, {name: value for name, value in form.words.items() if name in known and name in OPTIONS})
    except BadInput as wrong:
        raise FormError(1, wrong.sentence) from None
    for name in row.needs:
        if not form.get(name):
            raise FormError(1, f"{row.name} needs {name}")


def _time(form: Form) -> str | None:
    """When to send; FormError 5 for a word that is no time (PROTOCOL B.2)."""
    time = form.words.get("time")
    if time and (wrong := times.check(time)):
        raise FormError(5, wrong)
    return time


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """What became of one recipient; `status` and `error` only if it failed (PROTOCOL B.6)."""

    phone: str
    mccmnc: str = ""
    cost: Decimal = Decimal(0)
    status: int | None = None
    error: int | None = None

    def row(self) -> dict[str, object]:
        """As an answer has it."""
        status, error = ("" if code is None else str(code) for code in (self.status, self.error))
        return {"phone": self.phone, "mccmnc": self.mccmnc, "cost": amount(self.cost), "status": status, "error": error}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An accepted send.

    `cost` if the request had cost=2 or 3, `balance` if it had 3, or `lacks_balance` if that is not known; `each` if it
    had op=1, `bad` if it had err=1; `code` of a call that makes one up.
    """

    id: int | str
    parts: int
    cost: Decimal | None = None
    balance: Decimal | None = None
    lacks_balance: bool = False
    code: str = ""
    each: Sequence[Each] | None = None
    bad: Sequence[Each] | None = None

    def rows(self) -> dict[str, list[dict[str, object]]]:
        """The lists of recipients that it was asked for."""
        lists = {"phones": self.each, "errors": self.bad}
        return {name: [one.row() for one in each] for name, each in lists.items() if each is not None}


def write_accepted(answer: Accepted, fmt: int = 3, charset: str = "utf-8") -> bytes:
    """An accepted send. Lists of recipients are documented for fmt 3 and op=1; elsewhere they are lines behind it."""
    sums = {"cost": answer.cost, "balance": answer.balance}
    money = {name: amount(sum_) for name, sum_ in sums.items() if sum_ is not None}
    if fmt >= 2:
        told: dict[str, object] = {"id": answer.id, "cnt": answer.parts, **money}
        if answer.code:
            told["code"] = answer.code
        return tree({**told, **answer.rows()}, fmt, charset)
    each = [row for rows in answer.rows().values() for row in rows]
    if fmt == 1:
        unknown = [""] if answer.lacks_balance else []  # the libraries count on four fields
        first = ",".join([str(answer.id), str(answer.parts), *money.values(), *unknown])
        return encoded("\n".join([first, *(",".join(map(str, row.values())) for row in each)]), charset)
    first = f"OK - {answer.parts} SMS, ID - {answer.id}"
    first += f", COST - {money['cost']}" if "cost" in money else ""  # what it says of the balance is not known
    return encoded("\n".join([first, *map(sentence, each)]), charset)


def write_price(cost: Decimal, parts: int, fmt: int = 3, charset: str = "utf-8") -> bytes:
    """A price for all recipients together."""
    if fmt >= 2:
        return tree({"cost": amount(cost), "cnt": parts}, fmt, charset)
    return encoded(f"{amount(cost)},{parts}" if fmt == 1 else f"{amount(cost)} ({parts} SMS)", charset)
