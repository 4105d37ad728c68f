"""Whose ledger this is, which run of the server is in force, and the roll call that decides that.

A run is one life of one Redis server. When it changes, nothing is enrolled or claimed until every host has reported
what its journals know and the ledger contains all of it.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec
import redis

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import LedgerForeign, LedgerWeak, WrongKey
from smsq.worker.ledger.batches.enrolment import WRONG_KEY
from smsq.worker.ledger.hosts import HomeInUse, HostSeen, host_seen, in_use
from smsq.worker.ledger.layout import LAYOUT
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import Store, other_layout, translated

GATEWAY_ID_LAST = 2_147_483_647  # the largest that the gateway accepts
GATEWAY_ID_LOW = 1_000_000_000  # the gateway's own ids are small and sequential: keep away from them
GONE_KEPT_S = 604_800
VOUCHED_S = 120.0  # after a look, for which its note counts; `report.lua` has it too
WAITED_FOR_MS = 180_000  # longer than that, even with a clock that runs wrong
HEARD_MS = 20_000  # a master is noted as heard every ten seconds
LEFT_FREE = 1_000_000  # ids and numbers left unused above the highest known one
GATEWAY_ID_SPAN = 900_000_000  # leaves a quarter of a billion up to the largest


class Beat(NamedTuple):
    """The answer to a heartbeat."""

    run: str  # of the server that answered
    current: str  # the run in force
    fell: str  # why the ledger is held to have fallen back, '' if it has not
    at: float = 0.0  # the server's time, Unix seconds
    bad_login: str = ""  # fingerprint of credentials that the gateway refused
    secret: str = ""  # name of the key that seals codes
    other_home: str = ""  # name of another home that has this host's number now
    layout: int = LAYOUT

    @property
    def is_newer(self) -> bool:
        """Whether a newer version has changed the layout of the ledger, so that this one may not touch it any more."""
        return self.layout > LAYOUT

    @property
    def in_force(self) -> bool:
        """Whether claims are granted."""
        return self.run == self.current and not self.fell and not self.is_newer


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """What one host's journals know."""

    gateway_id: int  # the highest
    batch: int  # the highest
    runs: Mapping[str, int]  # per run the highest n
    ids: Sequence[int]  # gateway ids sent lately
    hosts: Sequence[str] = ()
    away: Mapping[str, tuple[str, int]] = field(default_factory=dict)  # host: its sign-off, and when it was seen (ms)
    is_unsure: bool = False  # its machine restarted lately: the last lines may be lost


@dataclass(frozen=True, slots=True)
class Look:
    """The hosts that had signed off when a host looked."""

    run: str
    at: int  # ms by Redis' clock
    away: Mapping[str, str]  # host: its sign-off


class Witness(Protocol):
    """What remembers a ledger's promises: a journal."""

    @property
    def host(self) -> str: ...

    def last(self) -> HostReport | None: ...


class RollCall(Store):
    """Establishing, heartbeats and the roll call."""

    def establish(
        self,
        account: str,
        *,
        host: str = "",
        name: str = "",
        where: str = "",
        knows_sends: bool = False,
        to_recover: bool = False,
    ) -> str:
        """Stamp a new ledger, or check that this one belongs to `account`; return `new`, `known` or `empty`.

        `empty` means that the ledger has no stamp though this host's journals know of sends; `to_recover` then stamps
        it as one that fell back. `name` is the host's name for people; `where` tells its home from a copy. Raises
        LedgerForeign, also for a layout that this version must not work on; WrongKey if the ledger's texts are sealed
        with a secret key that we do not have; HomeInUse if another home with this host's number is in use.
        """
        first = GATEWAY_ID_LOW + secrets.randbelow(GATEWAY_ID_SPAN)
        keys = [self.key(name) for name in ("stamp", "run", "n:gid", "hosts", "ctl", "homes", "away", "owners", "lead")]
        how: Argument = "recover" if to_recover else int(knows_sends)
        names = " ".join(self.sealing().names) if self.sealer or self.make_sealer else ""
        args = (account, first, host, how, names, name, where, HEARD_MS, LAYOUT)
        word, owner = (part.decode() for part in self.call("establish", keys, *args)[:2])
        if word == "copied":
            raise HomeInUse(in_use(owner))
        if word == "foreign":
            raise LedgerForeign(
                f"this ledger belongs to {owner}, not to {account}: use another Redis database or SMSQ_HOME, "
                "or the login it was established with"
            )
        if word == "sealed":
            raise WrongKey(WRONG_KEY)
        if word in ("newer", "older"):
            raise other_layout(int(owner))
        return word

    def beat(
        self, owner: str = "", why_sick: str = "", host: str = "", where: str = "", *, hears_for_s: float = 0.0
    ) -> Beat:
        """Note that a worker process lives, and why it cannot send if it cannot; without `owner` only look.

        `host` says that the master of this host looks; `where` tells its home from a copy. For `hears_for_s` from now
        on those who enrol codes ring the bell of what is ready, and give no hints.
        """
        keys = [self.key(name) for name in ("owners", "run", "ctl", "stamp", "sick", "homes")]
        reply = self.call("beat", keys, owner, why_sick, host, where, int(hears_for_s * 1000) or "")
        run, current, fell, at, bad_login, secret, other, layout = (part.decode() for part in reply)
        return Beat(run, current, fell, int(at) / 1000, bad_login, secret, other, int(layout or 1))

    def report(self, run: str, host: str, report: HostReport, *, is_visitor: bool = False) -> tuple[str, str]:
        """Answer the roll call for `run`; return `moved`, `force`, `waits`, `cleared` or `fell`, and the detail.

        With `cleared`, the detail names hosts that had signed off and were not waited for. A visitor is a home with
        producers only: the roll call does not wait for it, unless it knows more than the ledger.
        """
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
                f"gone:{run}",
                "away",
            )
        ]
        body = {
            "gid": report.gateway_id,
            "batch": report.batch,
            "runs": {"-": 0, **report.runs},
            "ids": list(report.ids),
            "hosts": [host, *report.hosts],
            "unsure": report.is_unsure,
            "away": {each: list(note) for each, note in report.away.items()},
        }
        told = msgspec.json.encode(body)
        reply = [part.decode() for part in self.call("report", keys, run, host, told, int(is_visitor))]
        return reply[0], reply[1] if len(reply) > 1 else ""

    # Hosts that stop in order -----------------------------------------------------------------------------------------

    def look(self, run: str, host: str, noted_at: int) -> Look | None:
        """The hosts that signed off, for a host that will note them; None while `run` is not in force.

        `noted_at` is the time of the look on that host's disk, in ms by Redis' clock.
        """
        reply = [part.decode() for part in self.call("look", self._keys_of_away(run), run, host, noted_at)]
        if reply[0] != "seen":
            return None
        return Look(run, int(reply[1]), dict(zip(reply[2::2], reply[3::2], strict=True)))

    def sign_off(self, run: str, host: str) -> str:
        """Note that a host stopped in order; return `signed`, `alone` if no other host could note it, or `not now`."""
        with translated():
            heard: bytes = self.redis.hget(self.key("homes"), f"{host}:at") or b""
        number = secrets.token_hex(16)
        return self.call("sign_off", self._keys_of_away(run), run, host, number, heard, HEARD_MS)[0].decode()

    def come_back(self, run: str, host: str) -> tuple[str, float, list[str]]:
        """Take back a host's sign-off: `back`, `not now`, or `waits` with until when at most and for which hosts."""
        keys = [*self._keys_of_away(run), self.key(f"gone:{run}")]
        reply = [part.decode() for part in self.call("come_back", keys, run, host, WAITED_FOR_MS)]
        if reply[0] != "waits":
            return reply[0], 0.0, []
        return "waits", int(reply[1]) / 1000, reply[2].split()

    def away(self) -> dict[str, str]:
        """The hosts that signed off, each with its sign-off."""
        with translated():
            raw = self.redis.hgetall(self.key("away"))
        return {host.decode(): said.decode().partition(" ")[0] for host, said in raw.items()}

    def _keys_of_away(self, run: str) -> list[str]:
        return [self.key(name) for name in ("run", "ctl", "hosts", "homes", "away", f"looks:{run}")]

    def visit(self, journal: Witness) -> None:
        """Check that the ledger contains what this home of producers last enrolled; else the ledger fell back."""
        known = journal.last()
        if known is not None:
            self.report(self.beat().run, journal.host, known, is_visitor=True)

    def reported_ids(self, run: str) -> set[int] | None:
        """Every gateway id that a host reported as sent, for a roll call.

        None if that may not be all: a host was given up, or its machine restarted and may have lost lines.
        """
        with translated():
            if self.redis.exists(self.key(f"gone:{run}")):
                return None
            reports = [msgspec.json.decode(each) for each in self.redis.hvals(self.key(f"rollcall:{run}"))]
        if any(report["unsure"] for report in reports):
            return None
        return {gid for report in reports for gid in report["ids"]}

    # Recovery of a ledger that fell back ------------------------------------------------------------------------------

    def contained(self) -> dict[str, int]:
        """Per run the last n that this ledger contains: it has forgotten what a journal knows beyond that."""
        with translated():
            raw = self.redis.hgetall(self.key("run"))
        return {field[2:].decode(): int(n) for field, n in raw.items() if field.startswith(b"n:")}

    def hosts(self) -> list[str]:
        """The hosts that must report."""
        with translated():
            return sorted(host.decode() for host in self.redis.smembers(self.key("hosts")))

    def homes(self, numbers: Collection[str]) -> list[HostSeen]:
        """These hosts with their names for people."""
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self.key("homes"))
            pipe.hgetall(self.key("away"))
            homes, away = pipe.execute()
        return [host_seen(number, homes, away) for number in sorted(numbers)]

    def reported_hosts(self) -> set[str]:
        """All hosts that are named in the reports for the server's run."""
        with translated():
            reports = self.redis.hvals(self.key(f"rollcall:{self.beat().run}"))
        return {host for report in reports for host in msgspec.json.decode(report)["hosts"]}

    def give_up(self, run: str, hosts: Sequence[str]) -> None:
        """Wait for these hosts no longer, even if other hosts name them: what only their journals know is lost."""
        if hosts:
            with translated(), self.redis.pipeline() as pipe:
                pipe.srem(self.key("hosts"), *hosts)
                pipe.hdel(self.key("away"), *hosts)
                pipe.hdel(self.key("homes"), *hosts, *(f"{host}:{what}" for host in hosts for what in ("at", "where")))
                pipe.sadd(self.key(f"gone:{run}"), *hosts)
                pipe.expire(self.key(f"gone:{run}"), GONE_KEPT_S)
                pipe.execute()

    def adopt(self, ref: Ref, gateway_id: int, mirror: str) -> str:
        """Open a forgotten id of a batch again; return `doubtful`, `watched`, `known`, `unknown` or `stale`."""
        return self.call_on("adopt", ref, gateway_id, mirror)[0].decode()

    def keep_stub(self, known_as: str, gateway_id: int, mirror: str, ref: Ref) -> str:
        """Keep a send of something that the ledger does not have, until it is enrolled again: `kept` or `stale`."""
        keys = [self.key(name) for name in ("stubs", "g", "ctl")]
        return self.call("stub", keys, known_as, gateway_id, mirror, str(ref))[0].decode()

    def recovered(self, run: str, host: str) -> tuple[str, str]:
        """Note that a host's journals were taken over; `recovered`, `waits`, `sound` or `moved`, and the detail."""
        names = ("run", "hosts", f"rollcall:{run}", f"recovered:{run}", "ctl", "n:gid", "n:batch", f"gone:{run}")
        keys = [self.key(name) for name in names]
        reply = self.call("recover", keys, run, host, LEFT_FREE)
        return reply[0].decode(), " ".join(part.decode() for part in reply[1:])

    def survives_restart(self) -> bool:
        """False if Redis may skip what our scripts wrote when it reads its append-only file again.

        It then acts as its user `default`, and older servers apply that user's ACL (redis/redis#14541). True also if
        the server cannot be asked: Redis 6.2, or our user has no right to ask.
        """
        with contextlib.suppress(redis.RedisError):
            return bool(self.redis.acl_dryrun("default", "SET", self.key("run"), "") == b"OK")
        return True

    def check_durable(self) -> None:
        """Raise LedgerWeak if Redis could lose writes that it acknowledged."""
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
                f"this Redis may lose acknowledged writes ({found}). Cure: {cure} — or accept "
                "the loss with SMSQ_ACCEPT_LOSS=1"
            )
