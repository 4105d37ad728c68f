"""Campaigns that are made of the messages of another one, their origin: retries, copies, occurrences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from smsq.worker.domain.errors import Conflict
from smsq.worker.ledger.campaigns.copying import Selection
from smsq.worker.ledger.store import Store, translated


class RetriedMeanwhile(Conflict):
    """Another retry of this campaign was begun since its retries were read: read them again."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"campaign {origin} was retried meanwhile: run the same command again")


class OthersMeanwhile(Conflict):
    """Since the rows were compared another campaign was begun or has taken rows: compare them again."""

    def __init__(self) -> None:
        super().__init__(
            "other campaigns with this text and sender are being enrolled, and nothing of this one was: run the same "
            "command again when they are in, or with --again if they are for other people (in Python `again=True`)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the rows of a campaign were compared with before it was begun.

    `kept` says which campaigns there were, as `Lately` noted it; `rows` is how many rows each of the compared ones had.
    """

    kept: str
    rows: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """What a campaign is to its origin: its `retry`, `copy`, `edit` or an occurrence of it (`every`).

    Of a retry, `rows` are the origin's rows that it takes, and `seen` how many retries that had as they were read.
    """

    origin: str
    word: str
    rows: Selection | None = field(default=None, repr=False)
    seen: int = 0

    @property
    def told(self) -> tuple[int | str, bytes | str, str]:
        """The same as the verb takes it."""
        return ("", "", self.word) if self.rows is None else (self.seen, self.rows.written(), self.word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """An earlier retry of a campaign: the rows that it takes, as far as they are in or will be."""

    id: str
    rows: Selection = field(repr=False)


def copied(origin: str, copy: str, state: str) -> str:
    """Why the same copy is not made once more, and what to do."""
    return (
        f"campaign {origin} was copied already as campaign {copy} ({state}); add --again for one more copy (in Python "
        "`again=True`)"
    )


def replaced(campaign_id: str, heir: str) -> str:
    """Why a campaign neither goes on nor is edited while another has its place, and what to do."""
    return (
        f"campaign {campaign_id} is replaced by campaign {heir} already, and its recipients would get both: edit that "
        f"one, or end it with `smsq campaign cancel {heir}`. If it had begun by then, `smsq campaign retry {heir} "
        "--unsent` sends what has not left; if not, run this command again"
    )


class Kinship(Store):
    """Reads the retries of a campaign."""

    def retries(self, origin: str) -> list[Retry]:
        """Those that were begun, each with the rows that nobody else may take.

        Of one that was cancelled while it was enrolled, these are the rows that are in.
        """
        with translated():
            held = self.redis.hgetall(self.keys.campaign(origin, "y"))
            with self.redis.pipeline(transaction=False) as pipe:
                for raw in held:
                    pipe.hmget(self.keys.campaign(raw.decode()), ["state", "closed", "rows"])
                said = pipe.execute() if held else []
        return list(_retries(held, said))

    def has_forgotten(self) -> bool:
        """Whether a ledger that fell back knows of sends only by journals: nobody can tell which retry took what."""
        with translated():
            return bool(self.redis.exists(self.key("stubs")))

    def retry_rows(self, origin: str, campaign_id: str) -> Selection | None:
        """All rows that a retry takes, None if it is no retry of that campaign."""
        with translated():
            written = self.redis.hget(self.keys.campaign(origin, "y"), campaign_id)
        return Selection.read(written) if written is not None else None


def _retries(held: dict[bytes, bytes], said: list[list[bytes | None]]) -> Iterator[Retry]:
    for (campaign_id, written), (state, closed, rows) in zip(held.items(), said, strict=True):
        selection = Selection.read(written)
        if state == b"cancelled" and closed != b"1":
            selection = selection.first(int(rows or 0))
        yield Retry(id=campaign_id.decode(), rows=selection)
