"""The hosts of the roll call for people: machine and home, since when they are silent or signed off."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from smsq.worker.domain.errors import LedgerHalted


class HomeInUse(LedgerHalted):
    """Another home with this host's number is in use: one of them is a copy of the other."""


@dataclass(frozen=True, slots=True)
class HostSeen:
    """One host of the roll call."""

    number: str  # as its journal has it
    name: str  # `machine:home`, or its number if it never gave a name
    seen_at: float  # when the ledger last heard its master, Unix seconds; 0 if that is not known
    left_at: float = 0.0  # when it signed off; 0 for a host that did not

    @property
    def said(self) -> str:
        """The host, its number and since when it is silent or signed off."""
        known = f"{self.name} ({self.number})" if self.name != self.number else self.number
        if self.left_at:
            return f"{known}, signed off at {_when(self.left_at)}"
        return f"{known}, silent since {_when(self.seen_at)}" if self.seen_at else known


@dataclass(frozen=True, slots=True)
class Missing:
    """The hosts that the roll call waits for; until they report nothing is enrolled or sent."""

    hosts: tuple[HostSeen, ...]
    since: float  # Unix seconds

    @property
    def said(self) -> str:
        """Which hosts are missing, in a sentence for people."""
        each = "; ".join(host.said for host in self.hosts)
        return f"Redis restarted, and nothing is sent until every host has answered the roll call: missing {each}"

    @property
    def cure(self) -> str:
        """What to do about it, with the command to type."""
        without = " ".join(f"--without {host.number}" for host in self.hosts)
        start = "start `smsq up` there with the same SMSQ_HOME"
        if all(host.left_at for host in self.hosts):
            return f"{start}; if it was not started since it signed off, `smsq recover {without}` loses nothing"
        return f"{start}; if its disk is gone: `smsq recover {without}`"


def host_seen(number: str, homes: Mapping[bytes, bytes], away: Mapping[bytes, bytes]) -> HostSeen:
    """A host by its number, from the ledger's `homes` and `away`."""
    name = homes.get(number.encode(), b"").decode(errors="replace") or number
    left_at = away.get(number.encode(), b"").rpartition(b" ")[2]
    seen_at = homes.get(f"{number}:at".encode(), 0)
    return HostSeen(number, name, float(seen_at) / 1000, float(left_at or 0) / 1000)


def in_use(name: str) -> str:
    """The sentence for another home with this host's number, with what to do."""
    return (
        f"another home has the number of this host, and is in use: {name}. No two hosts share a home or begin with a "
        "copy of one. If this one is the copy, remove its folder `journal` and start again; if it was moved here, stop "
        "the old one and start again half a minute later"
    )


def signed_off(homes: Mapping[bytes, bytes], away: Mapping[bytes, bytes]) -> tuple[HostSeen, ...]:
    """The hosts that signed off."""
    return tuple(host_seen(number.decode(), homes, away) for number in sorted(away))


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def missing(ctl: Mapping[bytes, bytes], homes: Mapping[bytes, bytes], away: Mapping[bytes, bytes]) -> Missing | None:
    """The hosts that the roll call waits for, by the ledger's own notes; None if it waits for no host."""
    if b"waits" not in ctl:
        return None
    hosts = tuple(host_seen(number, homes, away) for number in ctl[b"waits"].decode().split())
    return Missing(hosts, float(ctl.get(b"waits_since", 0)) / 1000)
