"""Rules for countries, for programs and operators: what becomes of all that goes there.

smsq.countries.block("*")
smsq.countries.allow("RU")
"""

from __future__ import annotations

from collections.abc import Iterable

from smsq.producers.installation import Installation
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.limits import is_region
from smsq.worker.ledger.optouts.countries import OTHERS, CountryRule


class CountryControl:
    """Look at the rules and change them: `Smsq.countries`.

    They hold at once, for all hosts and for everything that leaves, codes too; `smsq.shield` has more for codes. A
    country is two letters; `*` is every country without a rule of its own.
    """

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def rules(self) -> list[CountryRule]:
        """The rules, and how many messages have met them."""
        return self._smsq.patiently(self._smsq.runtime.ledger.country_rules)

    def allow(self, country: str) -> str:
        """Let messages to this country go, whatever is said of the others; return its letters."""
        return self._say("allow", country)

    def block(self, country: str) -> str:
        """Let nothing go there: rows are left out, single messages refused, and what waits ends as `blocked`."""
        return self._say("block", country)

    def monitor(self, country: str) -> str:
        """Count what goes there, and let it go."""
        return self._say("monitor", country)

    def release(self, country: str) -> str:
        """Take the rule back. Raises BadInput if there is none."""
        name = _named(country)
        if not self._smsq.runtime.ledger.rule_country("release", name):
            raise BadInput(f"there is no rule for {name}; `smsq countries list` shows those there are")
        return name

    def _say(self, verb: str, country: str) -> str:
        name = _named(country)
        self._smsq.patiently(lambda: self._smsq.runtime.ledger.rule_country(verb, name))
        return name


def check_names(countries: Iterable[str]) -> None:
    """Raise BadInput if one of these is no country: nothing is changed then."""
    for country in countries:
        _named(country)


def _named(country: str) -> str:
    name = country.strip().upper()
    if name != OTHERS and not is_region(name):
        raise BadInput(f"no country is called {country!r}: give its two letters, such as KZ, or * for all others")
    return name
