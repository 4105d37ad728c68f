"""Whose ledger this is, which run of the server is in force, and the roll call that decides it.

A run is one life of one Redis. After any change of it nothing is enrolled or claimed until every
host has reported what its journals know and the ledger was found to contain all of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from worker.domain.errors import LedgerForeign, LedgerWeak
from worker.ledger.store import Store, translated

GATEWAY_ID_LOW = 1_000_000_000  # the gateway's own ids are small and sequential; stay clear of them
GATEWAY_ID_SPAN = 900_000_000  # leaves a quarter of a billion up to the largest id it takes, 2147483647


class Beat(NamedTuple):
    """What a heartbeat is answered."""

    run: str  # of the server that answered
    current: str  # the run in force
    fell: str  # why the ledger is taken to have fallen back, '' where it has not

    @property
    def in_force(self) -> bool:
        """Whether claims are granted."""
        return self.run == self.current and not self.fell


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """What one host's journals know."""

    gateway_id: int  # the highest
    batch: int  # the highest
    runs: Mapping[str, int]  # per run the highest n
    ids: Sequence[int]  # gateway ids said lately
    hosts: Sequence[str] = ()


class RollCall(Store):
    """Founding, heartbeats and the roll call."""

    def found(self, account: str, *, host: str = "", knows_sends: bool = False) -> str:
        """Stamp a new ledger, or check that this one is of `account`; `new`, `known` or `empty`.

        `empty` is a ledger without a stamp while this host's journals know of sends. Raises LedgerForeign.
        """
        first = GATEWAY_ID_LOW + secrets.randbelow(GATEWAY_ID_SPAN)
        keys = [self.key(name) for name in ("stamp", "run", "n:gid", "hosts")]
        word, owner = (part.decode() for part in self.call("found", keys, account, first, host, int(knows_sends))[:2])
        if word == "foreign":
            raise LedgerForeign(
                f"this ledger belongs to {owner}, not to {account}: use another Redis database or SMSQ_HOME, "
                "or the login it was founded with"
            )
        return word

    def beat(self, owner: str = "") -> Beat:
        """Say that a worker process lives (or, without `owner`, just look)."""
        keys = [self.key(name) for name in ("owners", "run", "ctl")]
        return Beat(*(part.decode() for part in self.call("beat", keys, owner)))

    def report(self, run: str, host: str, report: HostReport) -> tuple[str, str]:
        """Answer the roll call for `run`: `moved`, `force`, `waits`, `cleared` or `fell`, and the detail."""
        keys = [
            self.key(name)
            for name in (
                "run",
                "hosts",
                f"rollcall:{run}",
                "ctl",
                "n:gid",
                "n:batch",
                "g",
            )
        ]
        body = {
            "gid": report.gateway_id,
            "batch": report.batch,
            "runs": {"-": 0, **report.runs},
            "ids": list(report.ids),
            "hosts": [host, *report.hosts],
        }
        reply = [part.decode() for part in self.call("report", keys, run, host, msgspec.json.encode(body))]
        return reply[0], reply[1] if len(reply) > 1 else ""

    def reported_ids(self, run: str) -> set[int]:
        """Every gateway id that some host has reported as said, for a roll call."""
        with translated():
            reports = self.redis.hvals(self.key(f"rollcall:{run}"))
        return {gid for report in reports for gid in msgspec.json.decode(report)["ids"]}

    def check_durable(self) -> None:
        """Raise LedgerWeak where Redis could lose what it acknowledged."""
        with translated():
            config = {
                name: value
                for setting in ("appendonly", "appendfsync", "maxmemory-policy")
                for name, value in self.redis.config_get(setting).items()
            }
        wanted = {
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
        }
        wrong = {name: value for name, value in wanted.items() if config.get(name, value) != value}
        if wrong:
            cure = " ; ".join(f"redis-cli CONFIG SET {name} {value}" for name, value in wrong.items())
            found = ", ".join(f"{name} is {config[name]}" for name in wrong)
            raise LedgerWeak(
                f"this Redis may lose acknowledged writes ({found}). Cure: {cure} — or live with "
                "it by SMSQ_ACCEPT_LOSS=1"
            )
