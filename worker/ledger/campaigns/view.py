"""A campaign as people and programs see it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from smsq.worker.domain.batch import Options
from smsq.worker.domain.campaign import GOING
from smsq.worker.domain.money import of_units
from smsq.worker.domain.pace import FREE, Pace
from smsq.worker.domain.read_as import ReadAs
from smsq.worker.domain.status import REPORT_STATUSES
from smsq.worker.ledger.campaigns.occurring import Recurring, recurring
from smsq.worker.ledger.values import PLAIN, POLICIES

_OPTIONS = msgspec.json.Decoder(Options)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignView:
    """A campaign for people and programs; the counts of `statuses` add up to `rows`."""

    id: str
    name: str
    state: str
    rows: int
    invalid: int
    statuses: Mapping[str, int]
    doubles: int
    cost: Decimal
    parts: int
    batches: int
    fed: int
    closed: bool
    created_at: float
    first_sent_at: float
    done_at: float
    start_at: float
    template: str
    budget: Decimal
    window: str
    why: str
    rate: float = 0.0
    weight: float = 1.0  # its share of what campaigns send together
    stop_if_bad: float | None = None  # percent of failures that pause it; 0 for never, None as the settings say
    auto_resume: bool = False  # whether it goes on by itself once the balance that paused it is back
    pace: Pace = FREE  # of its own rate
    found: str = ""  # what an automatic pause found, in words
    paused_at: float = 0.0  # Unix seconds, of the latest pause
    resumed_at: float = 0.0
    on_doubt: str = "ask"
    options: Options = PLAIN
    file: str = ""  # the path of its rows; '' for rows that a program had at hand
    read_as: ReadAs | None = None  # how its files were read; None for rows at hand, and for campaigns of older versions
    is_scheduled: bool = False  # it begins later, and nothing of it has left
    part_price: Decimal = Decimal(0)  # the quoted price of a part, 0 if it was not known
    unpriced: int = 0  # parts that left and whose cost is not known yet
    doubts: int = 0  # requests of unknown outcome that were decided
    doubt_seconds: float = 0.0  # how long that took, on average
    doubt_longest_seconds: float = 0.0
    enrolled_at: float = 0.0  # Unix seconds: when its latest rows were enrolled, or it was begun
    topic: str = ""
    cap: str = ""  # of its own
    left_out: int = 0  # messages that were in no batch, since their recipients may not be sent to
    repeats: str = ""  # the decision about rows that were sent already
    origin: str = ""  # the campaign of whose messages it is made, '' for none
    kin: str = ""  # what it is to that one: its `retry`, `copy`, `edit`, or `every` for an occurrence
    recurring: Recurring | None = None  # how it recurs, None if it does not
    replaced_by: str = ""  # the campaign that was begun in its place by an edit
    needed_by: str = ""  # the newest campaign that is made of its messages
    words: tuple[str, ...] = ()  # what its rows say beside their texts, as in `Plan`
    zones: tuple[str, ...] = ()  # time zones of its batches, () if they have none
    zone_waiting: tuple[int, ...] = ()  # how many batches of each are not handed out yet, those with a moment left out
    moment: float = 0.0  # Unix seconds: when the first batch with a moment of its own comes due; 0 for none
    saved_as: str = ""  # the saved template that its text is, such as `welcome@3`
    language: str = ""  # of plural forms and dates in it, '' if it has none
    plain_chars: bool = False  # whether characters that make a text dear are exchanged

    @property
    def standing(self) -> str:
        """Its state for people: `scheduled` while it waits for the moment at which it begins."""
        if self.recurring is not None and self.state != "paused":
            return "recurring" if self.state in GOING else "ended"
        return "scheduled" if self.is_scheduled and self.state in GOING else self.state

    @property
    def takes_rows(self) -> bool:
        """Whether it is still being enrolled, or its enrolment was interrupted and can go on."""
        return not self.closed and self.state != "cancelled"

    @property
    def messages(self) -> int:
        """Rows that are messages, be it to those who may not be sent to."""
        return self.rows - self.invalid

    @property
    def enrolled(self) -> int:
        """Messages that are in batches: `parts` are theirs."""
        return self.messages - self.left_out

    @property
    def expected(self) -> Decimal:
        """What may be spent beyond `cost`: parts that left, or may have, without a known cost, at the quoted price."""
        flying = sum(self.statuses.get(name, 0) for name in ("sending", "doubtful", "parked"))
        return self.part_price * (self.unpriced + Decimal(flying * self.parts) / max(1, self.enrolled))

    @property
    def is_over(self) -> bool:
        """Whether it is done or cancelled, and nothing of it will change."""
        return self.state == "done" or (
            self.state == "cancelled"
            and not any(self.statuses.get(s) for s in ("queued", "sending", "doubtful", "accepted"))
        )


def campaign_view(campaign_id: str, raw: Mapping[bytes, bytes], now: float) -> CampaignView | None:
    """The campaign that a hash of the ledger holds, as it is at `now`; None if there is none."""
    if b"name" not in raw:
        return None
    view = _campaign(campaign_id, {field.decode(): value.decode(errors="replace") for field, value in raw.items()}, now)
    zones = raw.get(b"zones")
    if not zones:
        return view
    waiting = tuple(many for (many,) in struct.iter_unpack(">I", raw.get(b"zone_left", b"")))
    return replace(view, zones=tuple(zones.decode().split("\n")), zone_waiting=waiting)


def _campaign(campaign_id: str, raw: Mapping[str, str], now: float) -> CampaignView:
    start_at, first_sent_at = (int(raw.get(name, "0")) / 1000 for name in ("start_at", "first_sent_at"))
    statuses = {name: int(raw.get(f"s:{name}", "0")) for name in REPORT_STATUSES}
    return CampaignView(
        id=campaign_id,
        name=raw["name"],
        state=raw["state"],
        rows=int(raw["rows"]),
        invalid=statuses["invalid"] + statuses["duplicate"],
        statuses={name: many for name, many in statuses.items() if many},
        doubles=int(raw.get("doubles", "0")),
        cost=of_units(Decimal(raw["cost"])),
        parts=int(raw["parts"]),
        batches=int(raw["batches"]),
        fed=int(raw["fed"]),
        closed=raw.get("closed") == "1",
        created_at=int(raw["created_at"]) / 1000,
        first_sent_at=first_sent_at,
        done_at=int(raw.get("done_at", "0")) / 1000,
        start_at=start_at,
        is_scheduled=start_at > now and not first_sent_at,
        template=raw.get("template", ""),
        budget=of_units(Decimal(raw.get("budget", "0"))),
        part_price=of_units(Decimal(raw.get("part_price", "0"))),
        unpriced=int(raw.get("unpriced", "0")),
        options=_OPTIONS.decode(raw.get("options") or "{}"),
        file=raw.get("file", ""),
        read_as=ReadAs.read(raw.get("read_as", "")),
        window=raw.get("window", ""),
        why=raw.get("why", ""),
        doubts=int(raw.get("doubts", "0")),
        doubt_seconds=int(raw.get("doubt_ms", "0")) / max(1, int(raw.get("doubts", "0"))) / 1000,
        doubt_longest_seconds=int(raw.get("doubt_longest", "0")) / 1000,
        rate=float(raw.get("rate", "0")),
        weight=float(raw.get("weight", "1")),
        stop_if_bad=float(raw["stop_if_bad"]) if raw.get("stop_if_bad") else None,
        auto_resume=raw.get("auto_resume") == "1",
        pace=Pace.read(raw.get("tokens"), raw.get("tokens_at")),
        found=raw.get("found", ""),
        paused_at=int(raw.get("paused_at", "0")) / 1000,
        resumed_at=int(raw.get("resumed_at", "0")) / 1000,
        enrolled_at=int(raw.get("ranged_at", raw["created_at"])) / 1000,
        repeats=raw.get("repeats", ""),
        origin=raw.get("origin", ""),
        kin=raw.get("kin", ""),
        replaced_by=raw.get("replaced_by", ""),
        needed_by=raw.get("needed_by", ""),
        recurring=recurring(raw),
        words=tuple(filter(None, raw.get("words", "").split("\n"))),
        moment=int(raw.get("moment") or 0) / 1000,
        topic=raw.get("topic", ""),
        cap=raw.get("cap", ""),
        left_out=int(raw.get("left_out", "0")),
        saved_as=raw.get("saved_as", ""),
        language=raw.get("language", ""),
        plain_chars=raw.get("plain_chars") == "1",
        on_doubt=next((name for name, number in POLICIES.items() if str(number) == raw.get("policy")), "ask"),
    )
