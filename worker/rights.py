"""Who may do what in Redis: a role per kind of process, and the ACL files that are written from them.

A role's commands are those of the scripts it runs, read from the scripts, and those its own code sends,
named here. A command that is in no role is refused by a server that loaded the files, and by a test before
that. `python -m smsq.worker.rights` writes `deploy/redis/`; passwords are filled in where the server runs.

Ledger and broker have a file each, as they have a server each. Roles cannot be told apart by key: every
verb of the ledger is given the keys of the whole batch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from smsq.worker.ledger.keys import Keys
from smsq.worker.ledger.scripts import text_of
from smsq.worker.queues.bell import with_bell
from smsq.worker.queues.broker import NAMESPACE, PUT_ASIDE

FOLDER = Path("deploy") / "redis"
# Nobody is it, but it needs all rights: a server that reads its append-only file again acts as it, and some (Redis
# 7.0.15 is one; redis/redis#14541) skip what it may not do of every script, that is all that we wrote.
DEFAULT_USER = "user default off resetpass ~* &* +@all"
CALLED = re.compile(r"""redis\.p?call\(\s*["'](\w+)["']""")

CONNECTION = frozenset({"ping", "select"})
SCRIPTS = frozenset({"evalsha", "eval", "script|load"})
TRANSACTION = frozenset({"multi", "exec", "discard"})
READS = frozenset(
    {
        *("hget", "hmget", "hgetall", "hvals", "hexists", "get", "exists", "time"),
        *("zrange", "zrevrange", "zrangebyscore", "zcard", "zcount", "smembers"),
    }
)
CHECKS = frozenset({"config|get", "info"})  # that Redis keeps what it acknowledged, and which run this is


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of process does in the ledger: the verbs it runs, and what it sends beside them."""

    verbs: frozenset[str] = frozenset()
    commands: frozenset[str] = frozenset()
    also: tuple[str, ...] = field(default=(), kw_only=True)  # roles whose rights it has too


LEDGER: dict[str, Role] = {
    "worker": Role(
        frozenset(
            "advance asked beat claim code_end code_next code_wait doubt enrol found give_back halt note probe release "
            "report settle shield_admit shield_learn shield_refused take watched".split(),
        ),
        CHECKS | TRANSACTION | {"blpop", "expire", "hdel", "hincrby", "hset", "incrby", "lpush", "zadd", "zrem"},
    ),
    "scheduler": Role(
        frozenset("beat control doubt drop due feed forget lead wind_up".split()),
        frozenset({"del", "hdel", "hset", "set", "zadd", "zrem"}),
    ),
    "producer": Role(
        frozenset(
            "code_check code_open code_step control drop enrol enrol_range open_campaign shield_admit "
            "shield_verified".split(),
        ),
        TRANSACTION | {"blpop", "del", "expire", "hset", "incrby"},
    ),
    "web": Role(frozenset({"advance"}), frozenset({"hincrby"})),
    "exporter": Role(),
    "operator": Role(  # `smsq doctor`, `smsq recover`, and what a person does by hand
        frozenset("adopt beat found fresh_ids recover report resolve shield_rule stub".split()),
        CHECKS | {"acl|dryrun", "hdel", "set", "sadd", "srem"},
        also=("producer",),
    ),
    # All of one host; producers of its home adopt its address from `up.json`, and its rights with it.
    "up": Role(also=("worker", "scheduler", "web", "exporter", "operator")),
}

# What the queues' script does for each role, its bell included; our own `zrem` in front of it is the first.
_GIVE = frozenset({"zrem", "zadd", "hset", "rpush", "llen"})
_DEPTH = frozenset({"llen"})
_WAIT = frozenset({"blpop"})


def broker() -> dict[str, frozenset[str]]:
    """Every role's commands on the queues' server."""
    stock: bytes = (resources.files("dramatiq.brokers") / "redis" / "dispatch.lua").read_bytes()
    take = _called(with_bell(stock).decode()) | _called(PUT_ASIDE.decode()) | _DEPTH | _WAIT
    give = CONNECTION | SCRIPTS | _GIVE
    return {
        "worker": give | take,
        "scheduler": give,
        "producer": give,
        "exporter": CONNECTION | _DEPTH,
        "operator": give | {"info"},
        "up": give | take | {"info"},
    }


def ledger() -> dict[str, frozenset[str]]:
    """Every role's commands on the ledger's server."""
    return {name: _of(role) for name, role in LEDGER.items()}


def acl(commands: Mapping[str, frozenset[str]], *patterns: str) -> str:
    """An ACL file: a user per role, who may give these commands on keys of these patterns; `#<role>` is a password."""
    keys = " ".join(f"~{pattern}" for pattern in patterns)
    lines = [DEFAULT_USER, "user admin on #<admin> ~* &* +@all"]
    for name, allowed in commands.items():
        lines.append(
            f"user {name} on #<{name}> resetchannels {keys} -@all {' '.join(f'+{c}' for c in sorted(allowed))}"
        )
    return "\n".join(lines) + "\n"


def files() -> dict[str, str]:
    """The ACL files by name."""
    return {
        "ledger.acl": acl(ledger(), f"{Keys().tag}:*"),
        "broker.acl": acl(broker(), NAMESPACE, f"{NAMESPACE}:*"),
    }


def _of(role: Role) -> frozenset[str]:
    """All commands of a role; whoever reads the ledger reads all of it."""
    commands = CONNECTION | READS | role.commands
    for verb in role.verbs:
        commands |= SCRIPTS | _called(text_of(verb))
    for other in role.also:
        commands |= _of(LEDGER[other])
    return commands


def _called(lua: str) -> frozenset[str]:
    """The commands that a script gives."""
    return frozenset(name.lower() for name in CALLED.findall(lua))


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
