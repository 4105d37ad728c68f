"""Findings about the ledger's Redis as a server: its memory, its disk, its clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from smsq.producers.findings import Finding

if TYPE_CHECKING:
    from smsq.worker.runtime import Runtime

NEARLY_FULL = 0.8  # of maxmemory
CLOCK_SKEW_S, CLOCK_WRONG_S = 5.0, 3600.0  # journals allow for an hour (docs/quickstart.md)
NOT_TOLD = "this user of Redis may not ask (INFO)"
RIGHTS = "load deploy/redis/ledger.acl of this version"


def memory(runtime: Runtime) -> Iterator[Finding]:
    """Whether what waits still fits into Redis."""
    facts = runtime.ledger.server_facts()
    if facts is None:
        yield Finding("memory", "warn", NOT_TOLD, RIGHTS)
        return
    used, limit = int(facts.get("used_memory", 0)), int(facts.get("maxmemory", 0))
    if not limit:
        room = int(facts.get("total_system_memory", 0))
        share = f", {used / room:.0%} of its machine's memory" if room else ""
        level = "warn" if room and used > NEARLY_FULL * room else "ok"
        yield Finding("memory", level, f"Redis uses {_mb(used)} and has no limit{share}", _more(level))
    else:
        level = "ok" if used < NEARLY_FULL * limit else "warn" if used < limit else "fail"
        yield Finding("memory", level, f"Redis uses {_mb(used)} of {_mb(limit)} ({used / limit:.0%})", _more(level))


def _more(level: str) -> str:
    more = "raise maxmemory, give the machine more, or lower SMSQ_KEEP_DAYS and SMSQ_KEEP_TEXTS"
    return f"{more}; a full Redis takes no messages" if level != "ok" else ""


def persistence(runtime: Runtime) -> Iterator[Finding]:
    """Whether Redis could write its files the last time it tried."""
    facts = runtime.ledger.server_facts()
    if facts is None:
        return
    if troubles := [name for field, name in _FILES.items() if str(facts.get(field, "ok")) != "ok"]:
        said = f"Redis failed at {' and '.join(troubles)}"
        yield Finding("persistence", "fail", said, "free space on its disk, and read its log: it says why")
    else:
        yield Finding("persistence", "ok", f"Redis could write its files; {_aof(facts)}")


_FILES = {
    "aof_last_write_status": "the last write of its append-only file",
    "aof_last_bgrewrite_status": "the last rewrite of its append-only file",
    "rdb_last_bgsave_status": "its last snapshot",
}


def _aof(facts: Mapping[str, Any]) -> str:
    size = facts.get("aof_current_size")
    return f"its append-only file has {_mb(int(size))}" if size is not None else "it keeps no append-only file"


def clock(runtime: Runtime) -> Iterator[Finding]:
    """Whether this machine's clock and that of Redis agree."""
    began = time.time()
    told = runtime.ledger.time()
    took_s = time.time() - began
    yield _clock("Redis", told - began - took_s / 2, took_s)


def gateway_clock(mirror: str, at: float, asked_at: float, took_s: float) -> Finding:
    """Whether this machine's clock and that of a mirror agree; `at` is whole seconds, as its answer says."""
    return _clock(mirror, at + 0.5 - asked_at - took_s / 2, took_s + 1.0)


def _clock(whose: str, ahead_s: float, unsure_s: float) -> Finding:
    off_s = max(0.0, abs(ahead_s) - unsure_s)
    if off_s <= CLOCK_SKEW_S:
        return Finding("clock", "ok", f"this machine and {whose} agree within {abs(ahead_s) + unsure_s:.1f} s")
    way = "behind" if ahead_s > 0 else "ahead of"
    said = f"this machine's clock is {off_s:.0f} s {way} that of {whose}"
    return Finding("clock", "fail" if off_s > CLOCK_WRONG_S else "warn", said, "have NTP set the one that is wrong")


def _mb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
