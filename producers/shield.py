"""The pumping shield for programs and operators: try a decision, read the limits, hold or release a prefix.

    smsq.shield.dry_run("+79991234567", client="203.0.113.7").why
    smsq.shield.hold("+7900123", for_s=3600)

Changes take effect at once for all processes that share the ledger.
"""

from __future__ import annotations

from smsq.producers.fields import check_client, phone_of
from smsq.producers.installation import Installation
from smsq.worker.domain import shield as names
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.limits import DAY_S
from smsq.worker.domain.shield import Decision
from smsq.worker.gateway.channels import channel as channel_row
from smsq.worker.ledger.otp.shield_admin import ShieldAdmin, ShieldView

LONGEST_S = 365 * DAY_S  # the longest hold by hand; for longer use `deny`


class ShieldControl:
    """Look at the shield and change it: `Smsq.shield`."""

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    @property
    def _admin(self) -> ShieldAdmin:
        return ShieldAdmin(self._smsq.runtime.shield)

    def show(self) -> ShieldView:
        """Limits in force, rules with their reasons, the busiest prefixes and the prices. Raises LedgerTrouble."""
        return self._admin.view()

    def dry_run(self, phone: str | int, *, client: str | None = None, channel: str = "sms") -> Decision:
        """What the shield would decide about a code to this phone now; counts nothing. Raises BadPhone, BadInput."""
        number = phone_of(phone)
        check_client(client)
        return self._smsq.runtime.shield.admit(number, client=client, channel=channel_row(channel).name, dry_run=True)

    def allow(self, name: str) -> str:
        """Serve a country whatever the lists say, or a prefix without its limits and holds; return its name."""
        return self._rule("allow", name)

    def deny(self, name: str) -> str:
        """Refuse codes to a country or a prefix; return its name."""
        return self._rule("deny", name)

    def hold(self, name: str, *, for_s: float | None = None) -> str:
        """Hold a country or a prefix for `for_s` seconds, or until it is released; return its name."""
        if for_s is not None and not 1 <= for_s <= LONGEST_S:
            raise BadInput(f"a hold lasts from one second to a year, not {for_s:g} s")
        return self._rule("hold", name, int(for_s or 0))

    def release(self, name: str) -> str:
        """End a hold and leave its prefix alone for an hour; or take back `allow` or `deny`. Return its name.

        Raises BadInput if there is no rule for exactly this name; the sentence lists the rules for longer prefixes.
        """
        told = names.named(name)
        if self._admin.rule("release", told):
            return told
        below = [
            names.shown(rule.name) for rule in self._admin.rules() if told.isdigit() and rule.name.startswith(told)
        ]
        more = f"; below it there are {', '.join(below[:10])}" if below else ""
        raise BadInput(f"{names.shown(told)} is not held, allowed or denied{more}")

    def limit(self, name: str, written: str | None) -> str:
        """Set a limit, written as `smsq shield show` does; None restores the setting. Return what is in force now."""
        if written is None and name not in names_of_limits():
            raise BadInput(f"no limit is called {name!r}; the limits are {', '.join(names_of_limits())}")
        self._admin.limit(name, written)
        return self._admin.view().limits[name]

    def _rule(self, verb: str, name: str, for_s: int = 0) -> str:
        told = names.named(name)
        self._admin.rule(verb, told, for_s)
        return told


def names_of_limits() -> tuple[str, ...]:
    """The names of all limits."""
    from smsq.worker.domain.limits import READINGS

    return tuple(READINGS)
