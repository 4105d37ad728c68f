"""Opt-outs for a person or a program: the list, files of it, and what replies ask for."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, TextIO

from smsq.producers.fields import recipient_of, timestamp
from smsq.producers.installation import Installation
from smsq.producers.intake.files import read_file
from smsq.producers.intake.rows import Row, shown
from smsq.producers.intake.several import OneFile
from smsq.producers.report import iso, safe
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.optout import OptOut, Scope, is_hash, plain_key, reason_of
from smsq.worker.domain.recipient import CALLED
from smsq.worker.ledger.optouts.forgetting import Forgetting, Forgotten

COLUMNS: Final = ("phone", "sender", "topic", "reason", "at")
KINDS: Final = tuple(CALLED)
REJECTS_KEPT = 1000  # named one by one; all are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file: its rows, how many entries are new, how many were on the list, and the broken rows."""

    rows: int
    added: int
    known: int
    bad: int
    rejects: Sequence[Reject] = field(repr=False)  # the first thousand


class OptOutList:
    """Whom no message goes to: `Smsq.optouts`.

    An opt-out is from everything, from one `sender`, or from one `topic` that campaigns name. One that is on the list
    already keeps its date and reason. `phone` may be any recipient: a phone, a mail address, a Telegram nick or id.
    """

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def add(self, phone: str | int, *, sender: str | None = None, topic: str | None = None, reason: str = "") -> bool:
        """Put a recipient on the list; return whether it is new there. Raises BadPhone, BadAddress, BadInput.

        Nothing that is claimed from now on goes to it, be it enrolled already. A request under way is finished.
        """
        entry = OptOut(
            key=plain_key(recipient_of(phone, KINDS)),
            scope=Scope.of(sender, topic),
            reason=reason_of(reason),
            at=self._smsq.runtime.clock.now(),
        )
        return self._smsq.patiently(lambda: self._smsq.runtime.ledger.opt_out([entry])) == 1

    def remove(self, phone: str | int, *, sender: str | None = None, topic: str | None = None) -> bool:
        """Take a recipient off the list, in this scope alone; return whether it was on it.

        What was left out of a campaign already stays out.
        """
        scope, ledger = Scope.of(sender, topic), self._smsq.runtime.ledger
        entries = [OptOut(key=key, scope=scope) for key in self._keys_of(phone)]
        return self._smsq.patiently(lambda: ledger.opt_in(entries)) > 0

    def of(self, phone: str | int) -> list[OptOut]:
        """The entries of one recipient, in every scope."""
        keys = self._keys_of(phone)
        return self._smsq.patiently(lambda: self._smsq.runtime.ledger.entries_of(keys))

    def list(self, *, sender: str | None = None, topic: str | None = None) -> Iterator[OptOut]:
        """Every entry, in no order; with `sender` or `topic` those of that scope alone."""
        scope = Scope.of(sender, topic) if sender or topic else None
        for each in self._smsq.runtime.ledger.opted_out():
            if scope is None or each.scope == scope:
                yield each

    def count(self) -> int:
        """How many entries there are."""
        return self._smsq.runtime.ledger.how_many_opted_out()

    def import_file(
        self,
        path: str | Path,
        *,
        sender: str | None = None,
        topic: str | None = None,
        reason: str = "",
        skip_bad: bool = False,
        phone_column: str = "phone",
        encoding: str | None = None,
    ) -> Imported:
        """Put every row of a file on the list: all of them, or none if a row is broken and `skip_bad` is not set.

        The columns are those of `export`; only the one with the recipients is needed. `sender`, `topic` and `reason`
        are for rows that name none. Raises BadInput, with the broken rows, if nothing was imported.
        """
        source = read_file(path, phone_column, encoding)
        default = Scope.of(sender, topic), reason_of(reason)
        now = self._smsq.runtime.clock.now()
        rejects: list[Reject] = []
        entries: dict[tuple[Scope, str], OptOut] = {}
        rows = bad = 0
        for row in source.rows():
            rows += 1
            try:
                entry = _entry(row, source, default, now)
            except BadInput as error:
                bad += 1
                if bad <= REJECTS_KEPT:
                    number, value = (row.row, row.value) if isinstance(row, Reject) else (row[0], shown(row[1]))
                    rejects.append(Reject(number, "invalid", error.sentence, value))
                continue
            entries.setdefault((entry.scope, entry.key), entry)
        if bad and not skip_bad:
            raise BadInput(
                f"{bad} of {rows} rows of {source.name} cannot be read, so nothing was imported: "
                f"{'; '.join(_said(each) for each in rejects[:3])}{'; …' if bad > 3 else ''}. Mend them, or import the "
                "other rows with --skip-bad (`skip_bad=True`)"
            )
        added = self._smsq.patiently(lambda: self._smsq.runtime.ledger.opt_out(entries.values()))
        return Imported(rows=rows, added=added, known=rows - bad - added, bad=bad, rejects=rejects)

    def export(self, out: TextIO, *, sender: str | None = None, topic: str | None = None) -> int:
        """Write the list as CSV, as `import_file` reads it again; return how many entries there are."""
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        many = 0
        for each in self.list(sender=sender, topic=topic):
            many += 1
            written = (each.shown, each.scope.sender, each.scope.topic, each.reason, iso(each.at))
            writer.writerow([safe(cell) for cell in written])
        return many

    def forget(self, phone: str | int) -> Forgotten:
        """Erase a recipient: its messages that are over, and what else is kept of it; its opt-outs become hashes.

        What is in motion is not erased, and said with its reason in `left`: then its opt-outs stay readable too, and
        the same call goes on later. Receipts and counts stay, without saying whose they are. Raises BadPhone,
        BadAddress; WrongKey without the installation's secret key.
        """
        recipient, runtime = recipient_of(phone, KINDS), self._smsq.runtime
        done = self._smsq.patiently(lambda: Forgetting(runtime.ledger).forget(recipient))
        if isinstance(recipient, int):
            self._smsq.patiently(lambda: runtime.shield.forget(recipient))
        return done

    def _keys_of(self, phone: str | int) -> Sequence[str]:
        """What stands for a recipient on the list: itself, and its keyed hashes if it was forgotten."""
        if isinstance(phone, str) and is_hash(phone.strip()):
            return [phone.strip()]
        recipient, ledger = recipient_of(phone, KINDS), self._smsq.runtime.ledger
        hashes = ledger.forgotten_keys(recipient) if ledger.has_forgotten() else []
        return [plain_key(recipient), *hashes]


def _said(reject: Reject) -> str:
    return f"row {reject.row}: {reject.value or '(nothing)'}: {reject.reason}"


def _entry(row: Row | Reject, source: OneFile, default: tuple[Scope, str], now: float) -> OptOut:
    """The entry that a row holds. Raises BadInput."""
    if isinstance(row, Reject):
        raise BadInput(row.reason)
    cells = {name.strip().lower(): _unsafe(cell) for name, cell in zip(source.columns, row[2], strict=False)}
    written = row[1].strip().removeprefix("'")
    key = written if is_hash(written) else plain_key(recipient_of(row[1], KINDS))
    scope, reason = default
    if cells.get("sender") or cells.get("topic"):
        scope = Scope.of(cells.get("sender") or None, cells.get("topic") or None)
    return OptOut(
        key=key,
        scope=scope,
        reason=reason_of(cells.get("reason") or "") or reason,
        at=_moment(cells.get("at", ""), now),
    )


def _moment(written: str, now: float) -> float:
    if not written:
        return now
    try:
        day = date.fromisoformat(written)
    except ValueError:
        try:
            at = timestamp(written)
        except BadInput:
            raise BadInput(
                f"column at: {shown(written)!r} is no moment; write it as 2026-11-29T18:30:00+03:00, or leave it empty"
            ) from None
    else:
        at = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    if not 0 < at <= now + 86_400:
        raise BadInput(f"column at: {written} is not a moment of the past")
    return at


def _unsafe(cell: str) -> str:
    """A cell without the apostrophe that `safe` puts in front of what could be a formula."""
    told = cell.strip()
    return told[1:] if told.startswith("'") and safe(told[1:]) == told else told
