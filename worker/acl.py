"""Rights in Redis: a role for each kind of process, and the ACL files that are written from the roles.

A role has the commands of the scripts that it runs, which are read from the scripts, and those that its own code
sends, which are named here. A server with these files refuses a command that is in no role; a test finds it before.
`python -m smsq.worker.acl` writes `deploy/redis/`; passwords are filled in where the server runs.

Ledger and broker have a server each, so they have a file each. `web` and `producer` reach only the keys that they
touch. Every verb on a batch gets all keys of `Keys.batch_verb`, and a server requires the right to read and write each
key that a script gets, so a role that runs one cannot have less. Patterns are plain, without `%R~`, which Redis 6.2
cannot read.

Redis 6.2 has no functions, and does not start with a file that names a command it does not have. `ledger-6.2.acl` is
for such a server: verbs run there as scripts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.keys import SHARD, Keys
from smsq.worker.ledger.lua_text import text_of
from smsq.worker.queues.bell import with_bell
from smsq.worker.queues.hint_broker import NAMESPACE
from smsq.worker.queues.texts import ACKNOWLEDGE, PUT_ASIDE

FOLDER = Path("deploy") / "redis"
# No process logs in as `default`, but it needs all rights: a server that reads its append-only file again acts as this
# user, and some (Redis 7.0.15; redis/redis#14541) then skip whatever it has no right to: all that our scripts wrote.
DEFAULT_USER = "user default off resetpass ~* &* +@all"
CALLED = re.compile(r"""redis\.p?call\(\s*["'](\w+)["']""")

CONNECTION = frozenset({"ping", "select"})
SCRIPTS = frozenset({"evalsha", "eval", "script|load"})
FUNCTIONS = frozenset({"fcall", "function|load"})
SINCE_7 = FUNCTIONS | {"function|delete", "function|list", "acl|dryrun"}  # what Redis 6.2 does not know
TRANSACTION = frozenset({"multi", "exec", "discard"})
READS = frozenset(
    {
        *("hget", "hmget", "hgetall", "hscan", "hvals", "hexists", "get", "exists", "time", "zrange", "zrevrange"),
        *("lrange", "zrangebyscore", "zcard", "zcount", "zscore", "smembers", "scard", "sismember"),
        "info",  # whether the server takes writes, and how full it is
    }
)
CHECKS = frozenset({"config|get", "info"})  # that Redis keeps what it acknowledged, and which run this is


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of process does in the ledger: the verbs it runs, and what it sends beside them."""

    verbs: frozenset[str] = frozenset()
    commands: frozenset[str] = frozenset()
    also: tuple[str, ...] = field(default=(), kw_only=True)  # roles whose rights it has too
    keys: tuple[str, ...] = field(default=("*",), kw_only=True)  # patterns of names in the table of `Keys`


def _of_a_batch() -> tuple[str, ...]:
    """Patterns of what every verb on a batch is given."""
    number, campaign = SHARD * 7, "0" * 12
    names = [name.removeprefix(f"{Keys().tag}:") for name in Keys().batch_verb(Ref(number, campaign))]
    shard, one, held = names[:3]
    if (shard, one, held) != ("b:7", f"c:{campaign}", f"c:{campaign}:h"):
        raise ValueError("`Keys.batch_verb` names a batch's own keys otherwise than the rights know")
    return ("b:*", "c:*", *names[3:])


LEDGER: dict[str, Role] = {
    "worker": Role(
        frozenset(
            "advance asked beat claim claim_next come_back doubt enrol establish give_back halt keep_early "
            "list_optouts look note otp_end otp_next otp_wait probe release report ring screen settle settle_each "
            "shield_admit shield_learn shield_refused sign_off take watched".split(),
        ),
        CHECKS | TRANSACTION | {"blpop", "expire", "hdel", "hincrby", "hset", "incrby", "lpush", "zadd", "zrem"},
    ),
    "scheduler": Role(
        frozenset(
            "beat control doubt drop detach due enrol_range feed forget lead move_due occur open_campaign set_openings "
            "wind_up".split()
        ),
        frozenset({"del", "function|delete", "function|list", "hdel", "hset", "incrby", "set", "zadd", "zrem"}),
    ),
    "producer": Role(
        frozenset(
            "amend control drop edit enrol enrol_range list_optouts open_campaign otp_check otp_open otp_step "
            "shield_admit shield_verified template_add template_remove".split(),
        ),
        TRANSACTION | {"blpop", "del", "expire", "hincrby", "hset", "incrby"},
        keys=(
            *_of_a_batch(),
            *(
                "campaigns",
                "files",
                "live",
                "optouts",
                "places",
                "templates",
                "digest:*",
                "idem:*",
                "code:*",
                "codekey:*",
                "shield",
                "shield:*",
                "stamp",
                "cap:*",
            ),
            "bell:ready:urgent",  # which a code rings that is enrolled
            *("job:*", "bell:job:*", "homes", "lead", "sick"),  # questions to the chores lane; what holds sending up
            # Its home knows more than the ledger: a visitor of the roll call.
            *("hosts", "rollcall:*", "gone:*", "away"),
        ),
    ),
    "door": Role(  # what a producer does, for callers over HTTP
        frozenset({"enrol_request", "note_told"}),
        frozenset(),
        also=("producer",),
        keys=("n:door", "n:door:jobs", "door:*"),
    ),
    "web": Role(
        frozenset({"advance", "list_optouts"}),
        frozenset({"hincrby"}),
        # The last four to say whether all is well.
        keys=(*_of_a_batch(), "optouts", "stamp", "lead", "sick", "homes", "away"),
    ),
    "pager": Role(also=("web", "producer")),  # `smsq web` with SMSQ_ALERTS_KEY: it enrols the pages to those on call
    "exporter": Role(commands=frozenset({"info"})),
    "operator": Role(  # `smsq doctor`, `smsq recover`, and what a person does by hand
        frozenset(
            "adopt beat country_rule erase establish fresh_ids limit recover report resolve shield_rule stub".split()
        ),
        CHECKS | {"acl|dryrun", "hdel", "set", "sadd", "srem"},
        also=("producer",),
    ),
    "backup": Role(  # `smsq backup`: it reads what a ledger is, writes a mark, and has Redis write its snapshot
        commands=CHECKS | TRANSACTION | {"bgsave", "scard", "set"},
        keys=(
            "backup",
            "stamp",
            "run",
            "n:*",
            "campaigns",
            "live",
            "hosts",
            "ready:*",
            "lease",
            "doubt",
            "doubt:urgent",
        ),
    ),
    # All of one host; producers of its home adopt its address from `up.json`, and its rights with it.
    "up": Role(also=("worker", "scheduler", "web", "door", "exporter", "operator")),
}

# What the queues' script does for each role, its bell included; our own `zrem` in front of it is the first.
_GIVE = frozenset({"zrem", "zadd", "hset", "rpush", "llen"})
_DEPTH = frozenset({"llen"})
_WAIT = frozenset({"blpop"})


def broker() -> dict[str, frozenset[str]]:
    """Every role's commands on the queues' server."""
    stock: bytes = (resources.files("dramatiq.brokers") / "redis" / "dispatch.lua").read_bytes()
    scripts = (with_bell(stock), PUT_ASIDE, ACKNOWLEDGE)
    take = frozenset().union(*(_called(each.decode()) for each in scripts)) | _DEPTH | _WAIT
    give = CONNECTION | SCRIPTS | _GIVE
    return {
        "worker": give | take,
        "scheduler": give,
        "producer": give,
        "door": give,
        "web": CONNECTION,
        "pager": give,
        "exporter": CONNECTION | _DEPTH | {"info"},
        "operator": give | {"info"},
        "up": give | take | {"info"},
    }


def ledger() -> dict[str, frozenset[str]]:
    """Every role's commands on the ledger's server."""
    return {name: _of(role) for name, role in LEDGER.items()}


def keys() -> dict[str, tuple[str, ...]]:
    """Every role's patterns of keys on the ledger's server."""
    return {name: tuple(Keys().of(pattern) for pattern in _patterns(role)) for name, role in LEDGER.items()}


def _patterns(role: Role) -> list[str]:
    """A role's own patterns and those of the roles whose rights it has; `*` is all of them."""
    found = dict.fromkeys([*role.keys, *(pattern for other in role.also for pattern in _patterns(LEDGER[other]))])
    return ["*"] if "*" in found else [*found]


def acl(commands: Mapping[str, frozenset[str]], patterns: Mapping[str, Sequence[str]]) -> str:
    """An ACL file: a user per role, who may give its commands on keys of its patterns; `#<role>` is a password."""
    lines = [DEFAULT_USER, "user admin on #<admin> ~* &* +@all"]
    for name, allowed in commands.items():
        keys = " ".join(f"~{pattern}" for pattern in patterns[name])
        lines.append(
            f"user {name} on #<{name}> resetchannels {keys} -@all {' '.join(f'+{c}' for c in sorted(allowed))}"
        )
    return "\n".join(lines) + "\n"


def files() -> dict[str, str]:
    """The ACL files by name."""
    return {
        "ledger.acl": acl(ledger(), keys()),
        "ledger-6.2.acl": acl({name: allowed - SINCE_7 for name, allowed in ledger().items()}, keys()),
        "broker.acl": acl(broker(), dict.fromkeys(broker(), (NAMESPACE, f"{NAMESPACE}:*"))),
    }


def _of(role: Role) -> frozenset[str]:
    """All commands of a role; a role that reads the ledger may read all of it."""
    commands = CONNECTION | READS | role.commands
    for verb in role.verbs:
        commands |= SCRIPTS | FUNCTIONS | _called(text_of(verb))
    for other in role.also:
        commands |= _of(LEDGER[other])
    return commands


def _called(lua: str) -> frozenset[str]:
    """The commands that a script gives."""
    return frozenset(name.lower() for name in CALLED.findall(lua))


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
