"""The roles in Redis keep their word: the files are current, every command we send is somebody's, none is dangerous."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import redis as redis_py

from smsq.worker import acl
from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.keys import Keys
from smsq.worker.ledger.lua_text import text_of

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for top in ("worker", "producers")
    for path in (ROOT / top).rglob("*.py")
    if "sandbox" not in path.parts and path.name not in ("embedded.py", "fresh.py")  # none speaks to a server of others
]
CLIENTS = {"redis", "pipe", "client"}
NAMED_OTHERWISE = {
    "delete": "del",
    "script_load": "script|load",
    "acl_dryrun": "acl|dryrun",
    "config_get": "config|get",
    "function_delete": "function|delete",
    "function_list": "function|list",
    "pipeline": "multi",
}
CAPITALS = re.compile(r"[A-Z]+")
NO_COMMANDS = {"close", "client", "execute", "register_script"}  # of the Python client alone
DANGEROUS = frozenset(
    "acl bgrewriteaof bgsave client cluster config config|set debug eval_ro failover flushall flushdb function keys "
    "migrate module monitor move psync rename replicaof restore save scan shutdown slaveof swapdb sync".split()
)


def sent(path: Path) -> Iterator[str]:
    """The commands of Redis that a file's Python sends: methods of the client, and words in capitals."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple):
            words = [each.value for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if words and CAPITALS.fullmatch(words[0]) and hasattr(redis_py.Redis, words[0].lower()):
                yield words[0].lower()
            elif words[:1] in (["SCRIPT"], ["FUNCTION"]):
                yield "|".join(words[:2]).lower()
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner, name = node.func.value, node.func.attr
        said = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
        if said in CLIENTS and hasattr(redis_py.Redis, name) and name not in NO_COMMANDS:
            yield NAMED_OTHERWISE.get(name, name)


def everything() -> frozenset[str]:
    """What any role may do anywhere."""
    return frozenset().union(*acl.ledger().values(), *acl.broker().values())


@pytest.mark.parametrize("name", acl.files())
def test_the_files_are_current(name: str) -> None:
    """Whoever changes a script or a role writes them anew: python -m smsq.worker.acl."""
    written = (ROOT / acl.FOLDER / name).read_text(encoding="utf-8")

    assert acl.files()[name] == written


def test_the_files_of_redis_6_2_name_nothing_newer() -> None:
    """It would not start: it has no functions, no trial of a right and no key patterns with a permission."""
    for name in ("ledger-6.2.acl", "broker.acl"):
        words = acl.files()[name].split()
        assert [word for word in words if word.startswith(("+fcall", "+function", "+acl", "%", "("))] == [], name

    full, older = (acl.files()[name].splitlines() for name in ("ledger.acl", "ledger-6.2.acl"))
    assert [line.split()[1] for line in full] == [line.split()[1] for line in older]


def test_every_command_that_python_sends_is_somebodys() -> None:
    """A new one wants a role that may give it."""
    found = {command for path in SOURCES for command in sent(path)}

    assert {"hget", "evalsha", "function|load", "del", "config|get", "blpop"} <= found, (
        "the search finds nothing any more"
    )
    assert found - everything() == set()


def test_every_verb_is_somebodys() -> None:
    """A script that no role runs is refused everywhere."""
    verbs = {path.stem for path in (ROOT / "worker/ledger/lua").glob("*/*.lua") if path.parent.name != "include"}

    assert verbs == {verb for role in acl.LEDGER.values() for verb in role.verbs}


def test_commands_in_scripts_are_found_whatever_their_spelling() -> None:
    """The search for them is not blind to a call: every `redis.call` of every verb names its command in quotes."""
    for verb in sorted({verb for role in acl.LEDGER.values() for verb in role.verbs}):
        text = text_of(verb)
        assert len(re.findall(r"redis\.p?call\(", text)) == len(acl.CALLED.findall(text)), verb


def test_no_role_may_do_what_is_dangerous() -> None:
    """`KEYS` alone is needed, by those who keep the queues in order, and never where the ledger is."""
    for name, commands in acl.ledger().items():
        assert commands & DANGEROUS == ({"bgsave"} if name == "backup" else set()), name
    for name, commands in acl.broker().items():
        assert commands & DANGEROUS <= ({"keys"} if name in ("worker", "up") else set()), name


def test_who_only_reads_may_not_write() -> None:
    """The exporter cannot run a script, and so changes nothing."""
    assert acl.ledger()["exporter"] == acl.CONNECTION | acl.READS | {"info"}


def test_who_takes_calls_from_outside_reaches_what_a_status_touches() -> None:
    """The receiver's user has the keys of a batch, and a producer's has those and what it enrols and asks."""
    web, producer = (acl.keys()[name] for name in ("web", "producer"))

    for key in Keys().batch_verb(Ref(5000, "x")):
        assert any(fnmatchcase(key, pattern) for pattern in web), key
    assert set(web) < set(producer)
    assert not any(name.endswith("}:*") for name in producer)
    for name in ("*", "code:*", "shield:*", "idem:*", "hosts"):
        assert Keys().of(name) not in web


def test_settings_of_the_server_are_read_by_name_and_by_who_judges_them() -> None:
    """`CONFIG GET *` tells passwords; who neither sends nor examines asks for none of it."""
    asks = {path.name: text for path in SOURCES if "config_get" in (text := path.read_text(encoding="utf-8"))}

    assert asks.keys() == {"runs.py", "snapshots.py"}
    named = re.findall(r'in \(("[\w", -]+)\)\n.*\n.*', asks["runs.py"])[0]
    assert named == '"appendonly", "appendfsync", "maxmemory-policy"'
    assert 'for name in ("dir", "dbfilename")' in asks["snapshots.py"]
    assert {name for name, may in acl.ledger().items() if "config|get" in may} == {
        *("worker", "operator", "up", "backup")
    }
    assert not any("config|get" in may for may in acl.broker().values())


def test_no_password_is_kept() -> None:
    """What stands in the files is a placeholder, with which no server starts."""
    for name in acl.files():
        for line in (ROOT / acl.FOLDER / name).read_text().splitlines()[1:]:
            _, user, *told = line.split()
            assert [word for word in told if word[0] in "#><!"] == [f"#<{user}>"]
            assert "nopass" not in told
