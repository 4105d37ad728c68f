"""The hosts of the roll call as people know them: machine and home, since when they are silent, and the cure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostSeen:
    """One host of the roll call."""

    number: str  # as its journal has it
    name: str  # `machine:home`; its number where it never gave a name
    seen_at: float  # when the ledger last heard its master, Unix seconds; 0 where that is not known

    @property
    def said(self) -> str:
        """The host, its number and since when it is silent."""
        known = f"{self.name} ({self.number})" if self.name != self.number else self.number
        if not self.seen_at:
            return known
        return f"{known}, silent since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(self.seen_at))}"


@dataclass(frozen=True, slots=True)
class Missing:
    """Whom the roll call waits for, so that nothing is enrolled or sent."""

    hosts: tuple[HostSeen, ...]
    since: float  # Unix seconds

    @property
    def said(self) -> str:
        """What is the matter, in a sentence for people."""
        each = "; ".join(host.said for host in self.hosts)
        return (
            f"Redis began a new life, and nothing is sent before every host has answered its roll call: missing {each}"
        )

    @property
    def cure(self) -> str:
        """What ends it, with the command to type."""
        without = " ".join(f"--without {host.number}" for host in self.hosts)
        return f"start `smsq up` there with the same SMSQ_HOME; if its disk is gone: `smsq recover {without}`"


def host_seen(number: str, homes: Mapping[bytes, bytes]) -> HostSeen:
    """A host by its number, from the ledger's `homes`."""
    name = homes.get(number.encode(), b"").decode(errors="replace") or number
    return HostSeen(number, name, float(homes.get(f"{number}:at".encode(), 0)) / 1000)


def missing(ctl: Mapping[bytes, bytes], homes: Mapping[bytes, bytes]) -> Missing | None:
    """Whom the roll call waits for by the ledger's own notes, None where it waits for nobody."""
    if b"waits" not in ctl:
        return None
    hosts = tuple(host_seen(number, homes) for number in ctl[b"waits"].decode().split())
    return Missing(hosts, float(ctl.get(b"waits_since", 0)) / 1000)
