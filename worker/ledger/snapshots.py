"""What a backup of the ledger needs of Redis: a snapshot on its disk, and what the ledger contained at that moment.

Redis writes the snapshot from a fork of itself, so it is of one moment, and nobody waits for it. Asking for the same
data as a replica (`SYNC`) would do without the disk, but a server without replicas then takes a new replication id:
that is a new run, and a roll call.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import ResponseError

from smsq.worker.ledger.store import Store, translated

MARK_KEPT_S = 86_400
MARK_BYTES = 20  # a longer one might be packed
_RUNNING = "already in progress"  # of an error of BGSAVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a ledger contains, in numbers that tell one state of it from another."""

    account: str  # `brand/login`; '' if it was never established
    secret: str  # name of the key that seals its texts
    run: str  # the run in force
    n: int  # of that run: how many claims, enrolments and orders it contains
    gateway_id: int  # the newest
    batch: int  # the newest
    campaigns: int
    unfinished: int  # campaigns
    in_motion: int  # batches that are ready, being sent or doubtful
    hosts: int
    at: float  # Unix seconds, by Redis' clock
    server: str  # its version
    database: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a snapshot is."""

    is_running: bool  # or waits for an append-only file that is rewritten
    went_well: bool  # the last one that ended
    share: float  # of the keys, 0 to 1


class Snapshots(Store):
    """Snapshots of the server that has the ledger."""

    def contents(self) -> Contents:
        """What the ledger contains now."""
        key = self.key
        with translated(), self.redis.pipeline() as pipe:
            pipe.hmget(key("stamp"), ["account", "secret"])
            pipe.hgetall(key("run"))
            pipe.get(key("n:gid"))
            pipe.get(key("n:batch"))
            pipe.zcard(key("campaigns"))
            pipe.zcard(key("live"))
            for name in ("ready:urgent", "ready:bulk", "lease", "doubt", "doubt:urgent"):
                pipe.zcard(key(name))
            pipe.scard(key("hosts"))
            pipe.time()
            (account, secret), run, gateway_id, batch, campaigns, unfinished, *more = pipe.execute()
            server = self.redis.info("server")
        *motion, hosts, (seconds, micros) = more
        current = run.get(b"current", b"").decode()
        return Contents(
            account=(account or b"").decode(),
            secret=(secret or b"").decode(),
            run=current,
            n=int(run.get(f"n:{current}".encode(), 0)),
            gateway_id=int(gateway_id or 0),
            batch=int(batch or 0),
            campaigns=campaigns,
            unfinished=unfinished,
            in_motion=sum(motion),
            hosts=hosts,
            at=seconds + micros / 1e6,
            server=f"{server.get('server_name', 'redis')} {server.get('valkey_version') or server['redis_version']}",
            database=int(self.redis.connection_pool.connection_kwargs.get("db") or 0),
        )

    def mark(self) -> bytes:
        """Write a random mark into the ledger: a snapshot that holds it is of this ledger, and not older."""
        mark = secrets.token_bytes(MARK_BYTES)
        with translated():
            self.redis.set(self.key("backup"), mark, ex=MARK_KEPT_S)
        return mark

    def begin_snapshot(self) -> bool:
        """Have Redis write its snapshot; False if it is writing one already."""
        with translated():
            try:
                self.redis.bgsave()
            except ResponseError as error:
                if _RUNNING not in str(error):
                    raise
                return False
        return True

    def snapshot_progress(self) -> Progress:
        """How far the snapshot is that is being written."""
        with translated():
            told = self.redis.info("persistence")
        is_running = bool(told["rdb_bgsave_in_progress"] or told["aof_rewrite_in_progress"])  # it waits for a rewrite
        total = int(told.get("current_save_keys_total") or 0)
        done = int(told.get("current_save_keys_processed") or 0)
        return Progress(is_running, told["rdb_last_bgsave_status"] == "ok", done / total if total else 0.0)

    def snapshot_file(self) -> Path:
        """Where Redis writes its snapshot, on its own machine."""
        with translated():
            told: dict[str, str] = {name: self.redis.config_get(name)[name] for name in ("dir", "dbfilename")}
        return Path(told["dir"]) / told["dbfilename"]
