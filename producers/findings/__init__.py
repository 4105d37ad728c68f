"""The findings of `smsq doctor`, by what is examined: this machine, the ledger, the processes.

They never change or print anything: a finding is a value. Each has a code, and each code a heading in the runbook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RUNBOOK = "docs/runbook.md"

# Each code with the heading that says what it means, where to look and what to do.
HEADINGS: Final[Mapping[str, str]] = {
    "settings": "Settings",
    "up": "Nothing runs here",
    "disk-space": "Journal cannot be written",
    "secrets": "A secret that others can read",
    "tools": "A program is missing",
    "log-in": "No log-in is set",
    "gateway-log-in": "Login halted",
    "redis": "Ledger unreachable",
    "rights": "Redis forbids a command",
    "durability": "Redis may lose writes",
    "persistence": "Redis cannot write its disk",
    "disk": "Redis has a slow disk",
    "memory": "Redis full",
    "clock": "A clock is wrong",
    "account": "Ledger of another account",
    "secret": "Text does not open",
    "secret-key": "Text does not open",
    "sealed-texts": "Text does not open",
    "files": "Files are not where they are sent",
    "run": "Roll call waits",
    "hosts": "Roll call waits",
    "verbs": "Verbs run as scripts",
    "broker": "Broker unreachable",
    "hints": "Workers and producers use two brokers",
    "processes": "Ledger unreachable",
    "lane": "A lane without workers",
    "sick": "A host cannot send",
    "scheduler": "No scheduler leads",
    "shield": "The shield does not limit codes",
    "state": "Ledger unreachable",
    "sending": "Sending is halted",
    "back-off": "Too many errors",
    "gateway": "No mirror reachable",
    "gateway-ids": "Gateway ids end",
    "slots": "A mirror that swallows",
    "parked": "Parked messages",
    "doubles": "Doubles counter",
    "alarm": "Alarms",
    "balance": "No money",
    "mirror": "No mirror reachable",
    "mail-server": "No mirror reachable",
    "SMPP-host": "No mirror reachable",
    "callbacks": "Callbacks refused",
    "callback-address": "Callbacks do not come",
}
FAMILIES = ("lane", "back off")  # findings that are named after one of several: `lane urgent`


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was examined, its state in words, and what to do about it."""

    name: str
    level: str  # ok, warn or fail
    said: str
    cure: str = ""
    is_outage: bool = False  # unreachable things have an exit code of their own

    @property
    def code(self) -> str:
        """What programs call it: the same for every lane and every mirror.

        >>> Finding("lane urgent", "ok", "").code, Finding("disk space", "ok", "").code
        ('lane', 'disk-space')
        """
        family = next((each for each in FAMILIES if self.name.startswith(f"{each} ")), self.name)
        return family.replace(" ", "-")

    @property
    def page(self) -> str:
        """Where the runbook says more, as `docs/runbook.md#login-halted`."""
        return f"{RUNBOOK}#{HEADINGS[self.code].lower().replace(' ', '-')}"
