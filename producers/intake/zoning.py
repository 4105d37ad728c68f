"""In which time zone the recipient of a row lives, and how that is known.

In this order: the row's own column; what the gateway has said of numbers with the same first seven digits; the country,
if all of it has one time; else as `unknown` says: `all`, the window must be open in every zone that is possible; `own`,
it is kept by this machine's clock; or a zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from smsq.producers.intake.columns import Columns
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.zones import ALL, OWN, country_of, openings, read_zone, said, zone_of_country

HEAD = 10_000_000  # a number with seven digits is below it
WAYS = {
    "column": "a column of the file",
    "gateway": "what the gateway said of such numbers",
    "country": "their country, which has one time",
    "all": "every zone that is possible, since it is not known",
    "own": "this machine's clock, since it is not known",
    "zone": "the zone that was chosen for those that are not known",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoning:
    """Finds zone and moment of each row of one campaign.

    `unknown` is '' for a campaign whose window is by the machine's clock, for all rows alike. `learned` has zones by
    the first seven digits of phones; `now` decides whether a moment has passed, None if that is not asked.
    """

    columns: Columns
    window: str = ""
    unknown: str = ""
    learned: Mapping[int, str] = field(default_factory=dict, repr=False)
    now: float | None = None
    ways: Counter[str] = field(default_factory=Counter, repr=False, compare=False)  # way -> rows
    _checked: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def with_knowledge(self, learned: Mapping[int, str], now: float) -> Zoning:
        """The same with what is known; it counts anew."""
        return replace(self, learned=learned, now=now, ways=Counter(), _checked={})

    def afresh(self) -> Zoning:
        """The same, which counts anew."""
        return replace(self, ways=Counter(), _checked={})

    @property
    def by_recipient(self) -> bool:
        """Whether the window is kept in each recipient's own time."""
        return self.unknown != ""

    @property
    def cuts(self) -> bool:
        """Whether rows are grouped by zone or moment."""
        return self.by_recipient or self.columns.has("at")

    def place(self, values: Sequence[str], recipient: Recipient) -> tuple[str, float | None]:
        """Zone and moment of a row. Raises BadInput with the column and the cell that is wrong."""
        if not self.by_recipient:
            return OWN, self.columns.moment(values, "", self.now)
        zone, way = self._zone(values, recipient)
        moment = None
        if "at" in self.columns.places:
            moment = self.columns.moment(values, zone if _is_one(zone) else "", self.now)
        if why := self._checked.get(zone) if zone in self._checked else self._never(zone):
            raise BadInput(why)
        self.ways[way] += 1
        return zone, moment

    def _zone(self, values: Sequence[str], recipient: Recipient) -> tuple[str, str]:
        if zone := self.columns.zone(values):
            return zone, "column"
        country = ""
        if isinstance(recipient, int):
            digits = len(str(recipient))
            head = recipient // 10 ** max(0, digits - 7)
            if zone := self.learned.get(head, ""):
                return zone, "gateway"
            country = country_of(head, digits)
            zone = zone_of_country(country)
            if zone and not zone.startswith(ALL):
                return zone, "country"
        if self.unknown == "own":
            return OWN, "own"
        if self.unknown != "all":
            return self.unknown, "zone"
        if not zone:
            raise BadInput(
                "neither its time zone nor its country is known: name a column with zones (--per-row zone), or choose "
                "a zone with --zone-unknown"
            )
        return zone, "all"

    def _never(self, zone: str) -> str:
        """Why nothing could ever leave in this zone, '' if the window opens there."""
        if zone not in self._checked:
            way_out = "change it"
            if not _is_one(zone):
                way_out = "make it longer, name a column with zones (--per-row zone), or add --zone-unknown own"
            opens = not self.window or openings(self.window, zone, self.now or 0.0)
            self._checked[zone] = "" if opens else f"the window {self.window} is never open in {said(zone)}: {way_out}"
        return self._checked[zone]


def _is_one(zone: str) -> bool:
    """Whether this is one zone, and not one of several."""
    return zone != OWN and "&" not in zone and not zone.startswith(ALL)


def zoning_of(
    meanings: Mapping[str, str], columns: Sequence[str], window: str | None, unknown: str | None
) -> Zoning | None:
    """How a campaign's rows are zoned, None if nothing about them has a meaning. Raises BadInput."""
    if not meanings and unknown is None:
        return None
    found = Columns.of(meanings, columns)
    if unknown is not None and unknown not in ("all", "own"):
        unknown = read_zone(unknown)
    if unknown is None and found.has("zone", "region"):
        unknown = "all"
    if unknown is not None and window is None and not found.has("at"):
        raise BadInput("the recipients' time zones are for sending hours: add --window, such as 9-21")
    return Zoning(columns=found, window=window or "", unknown=unknown or "")


def way_lines(ways: Mapping[str, int]) -> list[str]:
    """How the time zones of rows are known, for people: a line for each way that rows took."""
    head = ["the window is kept in each recipient's own time, which is known"] if any(ways.values()) else []
    return head + [f"  {ways[way]} by {words}" for way, words in WAYS.items() if ways.get(way)]
