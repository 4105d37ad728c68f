"""The pumping shield for programs and operators: what it would decide, what it is set to, who is held.

    smsq.shield.dry_run("+79991234567", client="203.0.113.7").why
    smsq.shield.hold("+7900123", for_s=3600)

Changes hold at once for everybody who shares the ledger.
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

LONGEST_S = 365 * DAY_S  # that a prefix is held by hand; longer is `deny`


class ShieldControl:
    """`smsq.shield`."""

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    @property
    def _admin(self) -> ShieldAdmin:
        return ShieldAdmin(self._smsq.runtime.shield)

    def show(self) -> ShieldView:
        """Limits in force, rules with their reasons, the busiest prefixes, prices. Raises LedgerTrouble."""
        return self._admin.view()

    def dry_run(self, phone: str | int, *, client: str | None = None, channel: str = "sms") -> Decision:
        """What would be decided about a code to this phone now; counts nothing. Raises BadPhone, BadInput."""
        number = phone_of(phone)
        check_client(client)
        return self._smsq.runtime.shield.admit(number, client=client, channel=channel_row(channel).name, dry_run=True)

    def allow(self, name: str) -> str:
        """Serve a country whatever the lists say, or a prefix without limits and holds of prefixes; its name."""
        return self._rule("allow", name)

    def deny(self, name: str) -> str:
        """Serve a country or a prefix no more; its name."""
        return self._rule("deny", name)

    def hold(self, name: str, *, for_s: float | None = None) -> str:
        """Hold a country or a prefix for so many seconds, or until it is released; its name."""
        if for_s is not None and not 1 <= for_s <= LONGEST_S:
            raise BadInput(f"a hold lasts from a second to a year, not {for_s:g} s")
        return self._rule("hold", name, int(for_s or 0))

    def release(self, name: str) -> str:
        """End a hold, and let its prefix alone for an hour; or take back what was allowed or denied. Its name.

        Raises BadInput if nothing is said about it, with what is said below it.
        """
        told = names.named(name)
        if self._admin.rule("release", told):
            return told
        below = [
            names.shown(rule.name) for rule in self._admin.rules() if told.isdigit() and rule.name.startswith(told)
        ]
        more = f"; below it there is {', '.join(below[:10])}" if below else ""
        raise BadInput(f"nothing is held, allowed or denied at {names.shown(told)}{more}")

    def limit(self, name: str, written: str | None) -> str:
        """Set a limit as `smsq shield show` writes it; None gives it back to the settings. What holds now."""
        if written is None and name not in names_of_limits():
            raise BadInput(f"no limit is called {name!r}; there is {', '.join(names_of_limits())}")
        self._admin.limit(name, written)
        return self._admin.view().limits[name]

    def _rule(self, verb: str, name: str, for_s: int = 0) -> str:
        told = names.named(name)
        self._admin.rule(verb, told, for_s)
        return told


def names_of_limits() -> tuple[str, ...]:
    """What can be limited."""
    from smsq.worker.domain.limits import READINGS

    return tuple(READINGS)
