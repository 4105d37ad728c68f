"""Rules for countries: what becomes of all that goes there.

They are in the table of the shield's rules, under `all:`, and use its words for countries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.region import region_of
from smsq.worker.ledger.store import Store, translated

PREFIX = "all:"
OTHERS = "*"  # every country without a rule of its own
VERBS = ("allow", "block", "monitor")


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryRule:
    """One rule; `since` is Unix seconds, `counted` how many messages it has met."""

    country: str
    verb: str
    since: float
    counted: Mapping[str, int]


class Countries(Store):
    """The verbs on these rules."""

    def rule_country(self, verb: str, country: str) -> str:
        """`allow`, `block`, `monitor` or `release` a country, or `*`; returns the rule there was, '' for none."""
        return self.call("country_rule", [self.key("shield:rules"), self.key("ctl")], verb, country)[0].decode()

    def country_rules(self) -> list[CountryRule]:
        """The rules in force, and how many messages each country with a rule has met."""
        with translated():
            raw = self.redis.hgetall(self.key("shield:rules"))
            totals = self.redis.hgetall(self.key("totals"))
        counted: dict[str, dict[str, int]] = {}
        for name, many in totals.items():
            kind, _, labels = name.decode().partition(":")
            if kind == "countries":
                region, _, verb = labels.partition(":")
                counted.setdefault(region, {})[verb] = int(many)
        rules = [
            CountryRule(country=name.removeprefix(PREFIX), verb=told["k"], since=told["f"] / 1000, counted={})
            for name, told in ((name.decode(), msgspec.msgpack.decode(each)) for name, each in raw.items())
            if name.startswith(PREFIX)
        ]
        known = {rule.country for rule in rules}
        found = [replace(rule, counted=counted.get(rule.country, {})) for rule in rules]
        found += [
            CountryRule(country=region, verb="", since=0.0, counted=many)
            for region, many in counted.items()
            if region not in known
        ]
        return sorted(found, key=lambda rule: rule.country)

    def by_country(self, recipients: Sequence[Recipient]) -> tuple[list[str], dict[str, str]]:
        """The country of each recipient, and the rules of those that have one: `block` or `monitor`."""
        regions = [region_of(each) for each in recipients]
        names = sorted({region for region in regions if region})
        if not names:
            return regions, {}
        with translated():
            raw = self.redis.hmget(self.key("shield:rules"), [PREFIX + name for name in (*names, OTHERS)])
        verbs = ["" if each is None else str(msgspec.msgpack.decode(each)["k"]) for each in raw]
        others = verbs.pop()
        rules = {name: verb or others for name, verb in zip(names, verbs, strict=True)}
        return regions, {name: verb for name, verb in rules.items() if verb in ("block", "monitor")}

    def count_countries(self, met: Iterable[tuple[str, str]]) -> None:
        """Count messages that met a rule: pairs of a country and `block` or `monitor`."""
        counted = Counter(met)
        if counted:
            with translated(), self.redis.pipeline(transaction=False) as pipe:
                for (region, verb), many in counted.items():
                    pipe.hincrby(self.key("totals"), f"countries:{region}:{verb}", many)
                pipe.execute()
