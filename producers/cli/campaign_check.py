"""What a look through a file found, as `smsq campaign check` and `run` show it before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from smsq.producers.intake.rows import Source, called, shown
from smsq.producers.intake.zoning import way_lines
from smsq.producers.moments import plain
from smsq.producers.report import iso, printable
from smsq.producers.terminal.display import counted
from smsq.worker.domain.phone import without_numbers
from smsq.worker.domain.phone_kind import Kind

if TYPE_CHECKING:
    from smsq.producers.intake.drafts import Draft, Rows
    from smsq.producers.intake.preflight import Preflight, Price
    from smsq.producers.intake.repeats import Repeats, Sent

Balance = tuple[Decimal, str]  # what is left on the account, and in which currency
_WARNED: dict[Kind, str] = {
    "landline": "landlines and free numbers: hardly any text arrives there, and each is paid for",
    "premium": "premium and personal numbers: their owners may be paid for what is sent there",
}
SHOWN = 20  # rejects and characters that a person is shown


def found_lines(drafted: Draft, found: Preflight) -> Iterator[str]:
    """How the file was read, what is in it, its first text, and what cannot be sent."""
    source = drafted.source
    if isinstance(source, Source):
        how = f"{_called(source.encoding)}, with {called(source.separator)} between columns"
        guessed = (
            f"; row {found.beyond_ascii[0]}: {_one_line(shown(found.beyond_ascii[1]))}" if source.is_guessed else ""
        )
        yield f"{printable(source.name)} read as {how}{guessed}"
    rows, messages, parts = counted(found.rows, "row"), counted(found.messages, "message"), counted(found.parts, "part")
    longest = f" (the longest text has {found.longest})" if found.first else ""
    yield f"{rows}: {messages}, {parts}{longest}"
    if found.first:  # a look-up has no text
        yield f"first text: {_one_line(found.first)}"
    if found.simulated:
        yield (
            f"  {counted(len(found.simulated), 'message')} to simulated numbers: nothing leaves and nothing is paid, "
            f"see docs/trying.md (row {_few(found.simulated)})"
        )
    for name, many in found.empty.items():
        yield f"  {{{name}}} is empty in {counted(many, 'row')}"
    yield from _reject_lines(source, found)
    for line in (*drafted.unnamed_columns(), *way_lines(found.zone_ways)):
        yield printable(line)
    for kind, warning in _WARNED.items():
        if many := found.kinds[kind]:
            yield f"  {counted(many, 'message')} to {warning}"
    if found.unicode_texts:
        verb = "needs" if found.unicode_texts == 1 else "need"
        yield f"  {counted(found.unicode_texts, 'text')} {verb} 70 characters a part instead of 160"
    for char, instead, many in found.replaceable()[:SHOWN]:
        yield f"    because of {char.strip() or 'a special space'} (U+{ord(char):04X}) in {many}: write {instead}"


def _few(rows: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(rows)[:SHOWN])) + (", …" if len(rows) > SHOWN else "")


def _one_line(text: str) -> str:
    """A text as one line of a terminal shows it."""
    return printable("↵".join(text.splitlines()))


def _called(encoding: str) -> str:
    return {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "koi8-r": "KOI8-R"}.get(encoding, encoding)


def _reject_lines(source: Rows, found: Preflight) -> Iterator[str]:
    """Each row that cannot be sent if they are few, else each reason with its first rows."""
    if found.rows - found.messages <= SHOWN:
        lines = _lines_of(source, found)
        for reject in found.rejects:
            at = f" (line {lines[reject.row]})" if reject.row in lines else ""
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


def price_lines(price: Price | None, balance: Balance | None, why: str) -> Iterator[str]:
    """Price and balance, or why they are not known."""
    currency = balance[1] if balance is not None else ""
    yield f"price: {price} {currency}".rstrip() if price is not None else f"price: not known, {why}"
    if balance is not None:
        short = price is not None and balance[0] < price.cost
        yield f"balance: {money(*balance)}" + (", less than the price" if short else "")


def money(amount: Decimal, currency: str) -> str:
    """An amount with its currency, if the gateway tells it."""
    return f"{plain(amount)} {currency}".rstrip()


def _lines_of(source: Rows, found: Preflight) -> dict[int, int]:
    """Where in the file the rejected rows stand; rows at hand have no lines."""
    return source.lines({reject.row for reject in found.rejects}) if isinstance(source, Source) else {}


def check_object(
    drafted: Draft, found: Preflight, price: Price | None, balance: Balance | None, why: str
) -> dict[str, Any]:
    """The same for machines."""
    lines = _lines_of(drafted.source, found)
    reasons = [
        {"status": status, "reason": reason, "rows": many} for (status, reason), many in found.reasons.most_common()
    ]
    rejects = [
        {
            "row": each.row,
            "line": lines.get(each.row),
            "status": each.status,
            "reason": each.reason,
            "value": each.value,
        }
        for each in found.rejects
    ]
    told: dict[str, Any] = {
        "encoding": drafted.source.encoding if isinstance(drafted.source, Source) else None,
        "rows": found.rows,
        "valid": found.messages,
        "invalid": found.invalid,
        "duplicates": found.duplicates,
        "opted_out": found.opted_out,
        "parts": found.parts,
        "longest_parts": found.longest,
        "landlines": found.kinds["landline"],
        "premium_numbers": found.kinds["premium"],
        "simulated": len(found.simulated),
        "first_text": found.first,
        "empty_fields": dict(found.empty),
        "unicode_texts": found.unicode_texts,
        "zones_known_by": dict(found.zone_ways),
        "replaceable": [
            {"character": char, "instead": instead, "texts": many} for char, instead, many in found.replaceable()
        ],
        "reasons": reasons,
        "rejects": rejects,
        "price": float(price.cost) if price is not None else None,
        "price_is_exact": price.is_exact if price is not None else None,
        "currency": balance[1] if balance is not None else None,
        "balance": float(balance[0]) if balance is not None else None,
    }
    return told | ({"why": why} if why else {})
