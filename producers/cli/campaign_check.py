"""What a look through a file found, as `smsq campaign check` and `run` show it before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from smsq.producers.cli.campaign_texts import character_lines, text_lines, text_object
from smsq.producers.intake.rows import shown
from smsq.producers.intake.zoning import way_lines
from smsq.producers.moments import plain, when
from smsq.producers.report import iso, printable
from smsq.producers.terminal.display import counted, one_line
from smsq.worker.domain.phone import without_numbers
from smsq.worker.domain.phone_kind import Kind

if TYPE_CHECKING:
    from smsq.producers.intake.drafts import Draft
    from smsq.producers.intake.forecast import Forecast
    from smsq.producers.intake.preflight import Preflight, Price
    from smsq.producers.intake.repeats import Repeats, Sent
    from smsq.producers.intake.rows import Place
    from smsq.producers.intake.sources import Rows

Balance = tuple[Decimal, str]  # what is left on the account, and in which currency
_WARNED: dict[Kind, str] = {
    "landline": "landlines and free numbers: hardly any text arrives there, and each is paid for",
    "premium": "premium and personal numbers: their owners may be paid for what is sent there",
}
MOST_WAYS = 10  # senders that a person is shown
NO_SENDER = "the account's own"
SHOWN = 20  # rejects that a person is shown


def found_lines(drafted: Draft, found: Preflight) -> Iterator[str]:
    """How the file was read, what is in it, its first text, and what cannot be sent."""
    source = drafted.source
    if source.described:
        guessed = (
            f"; row {found.beyond_ascii[0]}: {one_line(shown(found.beyond_ascii[1]))}" if source.is_guessed else ""
        )
        yield f"{printable(source.described)}{guessed}"
    rows, messages, parts = counted(found.rows, "row"), counted(found.messages, "message"), counted(found.parts, "part")
    longest = f" (the longest text has {found.longest})" if found.first else ""
    yield f"{rows}: {messages}, {parts}{longest}"
    if found.simulated:
        yield (
            f"  {counted(len(found.simulated), 'message')} to simulated numbers: nothing leaves and nothing is paid, "
            f"see docs/trying.md (row {_few(found.simulated)})"
        )
    left_out = [
        (found.duplicates, "duplicate"),
        (found.opted_out, "opted out"),
        (found.blocked, "to blocked countries"),
        (found.capped, "above the cap"),
    ]
    if told := ", ".join(f"{many} {name}" for many, name in [(found.invalid, "invalid"), *left_out] if many):
        yield f"not sent: {told}"
    yield from _way_lines(drafted, found)
    yield from text_lines(found)
    yield from _reject_lines(source, found)
    for line in (*drafted.unnamed_columns(), *way_lines(found.zone_ways)):
        yield printable(line)
    for kind, warning in _WARNED.items():
        if many := found.kinds[kind]:
            yield f"  {counted(many, 'message')} to {warning}"
    yield from character_lines(found)


def _way_lines(drafted: Draft, found: Preflight) -> Iterator[str]:
    """How many messages go by which sender and which channel, if rows have their own."""
    for name, counts in (("sender", found.by_sender), ("channel", found.by_channel)):
        if name in drafted.said and counts:
            told = [f"{many} {of or NO_SENDER}" for of, many in counts.most_common(MOST_WAYS)]
            others = len(counts) - MOST_WAYS
            yield printable(f"  by {name}: {', '.join(told)}" + (f" and {others} others" if others > 0 else ""))


def _few(rows: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(rows)[:SHOWN])) + (", …" if len(rows) > SHOWN else "")


def _reject_lines(source: Rows, found: Preflight) -> Iterator[str]:
    """Each row that cannot be sent if they are few, else each reason with its first rows."""
    if found.rows - found.messages <= SHOWN:
        places = _places_of(source, found)
        for reject in found.rejects:
            at = f" ({_at(places[reject.row], reject.row)})" if reject.row in places else ""
            yield f"  row {reject.row}{at} {reject.status}: {reject.value or '(nothing)'}: {reject.reason}"
        return
    for (status, reason), many in found.reasons.most_common(SHOWN):
        rows = [
            str(reject.row)
            for reject in found.rejects
            if (reject.status, without_numbers(reject.reason)) == (status, reason)
        ]
        shown = ", ".join(rows[:SHOWN]) + (", …" if many > SHOWN else "")
        yield f"  {many} {status}: {reason} (row {shown})"
    if len(found.reasons) > SHOWN:
        yield f"  and {len(found.reasons) - SHOWN} other reasons"


WHAT_BECOMES = {
    "only_new": "they are left out",
    "again": "they are sent again",
    "": "`smsq campaign run` needs --only-new or --again for them",
}


def repeat_lines(repeats: Repeats | None, word: str = "") -> Iterator[str]:
    """Which rows were sent already, by which campaign and when; and what becomes of them, by the word for that."""
    if repeats is not None and repeats.sent:
        yield printable(f"{repeats}: {WHAT_BECOMES[word]}")
    if repeats is not None and repeats.unknown:
        yield printable(repeats.unknown_said)


def repeats_object(repeats: Repeats | None) -> dict[str, Any]:
    """The same for machines; nothing if it could not be looked at."""
    if repeats is None:
        return {"sent_already": None}

    def told(sent: Sequence[Sent]) -> list[dict[str, Any]]:
        return [
            {"campaign": each.earlier.id, "name": each.earlier.name, "at": iso(each.earlier.at), "rows": len(each.rows)}
            for each in sent
        ]

    return {"sent_already": told(repeats.sent)} | ({"sent_perhaps": told(repeats.unknown)} if repeats.unknown else {})


def price_lines(price: Price | None, balance: Balance | None, why: str, found: Preflight) -> Iterator[str]:
    """Price and balance, or why they are not known."""
    currency = balance[1] if balance is not None else ""
    if price is None:
        yield f"price: not known, {why}"
    else:
        how = "" if price.is_exact else f", by {price.asked} of {counted(found.messages, 'message')}"
        each = plain(round(price.cost / max(1, found.parts), 4))
        yield f"price: {f'{price} {currency}'.rstrip()}{how}; {each} a part on average"
    if balance is not None:
        short = price is not None and balance[0] < price.cost
        yield f"balance: {money(*balance)}" + (", less than the price" if short else "")


def forecast_lines(expected: Forecast | None) -> Iterator[str]:
    """When it would be done, by which limit, and what that assumes."""
    if expected is None:
        return
    ends = f"done by {when(expected.ends_at)}" if expected.ends_at is not None else "not done within a year"
    how = f"{duration(expected.sending_s)} of sending, by {expected.because}"
    yield f"forecast: {ends}, from {when(expected.begins_at)} on ({how}), if {', '.join(expected.assumed)}"


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(0.2), duration(90), duration(5400)
    ('1 s', '1 min 30 s', '1 h 30 min')
    """
    whole = max(1, round(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (whole % 60, "s")]
    return " ".join([f"{many} {unit}" for many, unit in parts if many][:2])


def forecast_object(expected: Forecast | None) -> dict[str, Any] | None:
    """The same for machines."""
    if expected is None:
        return None
    return {
        "begins_at": iso(expected.begins_at),
        "ends_at": iso(expected.ends_at) if expected.ends_at is not None else None,
        "sending_seconds": round(expected.sending_s, 1),
        "because": expected.because,
        "assumed": list(expected.assumed),
    }


def money(amount: Decimal, currency: str) -> str:
    """An amount with its currency, if the gateway tells it."""
    return f"{plain(amount)} {currency}".rstrip()


def _at(place: Place, row: int) -> str:
    """Where a row stands: its line, and its own number in its file if that is another one."""
    own = "" if place.row == row else f"row {place.row} of {place.file}, "
    return printable(f"{own}line {place.line}")


def _places_of(source: Rows, found: Preflight) -> dict[int, Place]:
    """Where in their file the rejected rows stand; rows at hand stand in none."""
    return source.places({reject.row for reject in found.rejects})


def check_object(
    drafted: Draft,
    found: Preflight,
    price: Price | None,
    balance: Balance | None,
    why: str,
    expected: Forecast | None = None,
) -> dict[str, Any]:
    """The same for machines."""
    places = _places_of(drafted.source, found)
    reasons = [
        {"status": status, "reason": reason, "rows": many} for (status, reason), many in found.reasons.most_common()
    ]
    rejects = [
        {
            "row": each.row,
            "line": places[each.row].line if each.row in places else None,
            "file": places[each.row].file if each.row in places else None,
            "row_of_file": places[each.row].row if each.row in places else None,
            "status": each.status,
            "reason": each.reason,
            "value": each.value,
        }
        for each in found.rejects
    ]
    told: dict[str, Any] = {
        "encoding": drafted.source.encoding,
        "rows": found.rows,
        "valid": found.messages,
        "invalid": found.invalid,
        "duplicates": found.duplicates,
        "opted_out": found.opted_out,
        "blocked": found.blocked,
        "capped": found.capped,
        "parts": found.parts,
        "longest_parts": found.longest,
        "landlines": found.kinds["landline"],
        "premium_numbers": found.kinds["premium"],
        "simulated": len(found.simulated),
        "by_sender": dict(found.by_sender),
        "by_channel": dict(found.by_channel),
        "zones_known_by": dict(found.zone_ways),
        **text_object(found),
        "reasons": reasons,
        "rejects": rejects,
        "price": float(price.cost) if price is not None else None,
        "price_is_exact": price.is_exact if price is not None else None,
        "price_sample": price.asked if price is not None else None,
        "part_price": float(round(price.cost / max(1, found.parts), 6)) if price is not None else None,
        "currency": balance[1] if balance is not None else None,
        "balance": float(balance[0]) if balance is not None else None,
        "balance_after": float(balance[0] - price.cost) if balance is not None and price is not None else None,
        "forecast": forecast_object(expected),
    }
    return told | ({"why": why} if why else {})
