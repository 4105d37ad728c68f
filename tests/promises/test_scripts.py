"""The ledger's scripts: keys only from KEYS, every key in the table, tables that Lua and Python share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.status import STATUS_TABLE, Status, merge
from smsq.worker.ledger import keys
from smsq.worker.ledger.keys import Keys
from smsq.worker.ledger.scripts import BATCH_VERBS, _tables, script, text_of

FOLDER = Path(keys.__file__).parent / "lua"
LUA = sorted(FOLDER.glob("*/*.lua"))
FILES = {path.stem: path for path in LUA}
VERBS = [path.stem for path in LUA if path.parent.name != "include"]
CALL = re.compile(r"redis\.call\('(\w+)'(?:, ([^,)]+(?:\([^)]*\))?))?")
NAMED = re.compile(r"^\| `([^|]+)` \| (\w[\w ]*) \|", re.MULTILINE)
# Local names of the scripts that hold a key, besides those the prelude reads from KEYS.
HOLDS_KEY = {"run_key": "head", "key": "enrol_range", "set": "prelude"}


def declared() -> set[str]:
    names = re.search(r"local (SHARD.*?) = unpack\(KEYS\)", FILES["prelude"].read_text(), re.DOTALL)
    assert names is not None
    return set(re.split(r",\s*", names[1]))


@pytest.mark.parametrize("path", LUA, ids=[path.stem for path in LUA])
def test_scripts_touch_declared_keys_only(path: Path) -> None:
    """Nothing is built from a string inside a script; there is nothing to scan."""
    text = re.sub(r"--.*", "", path.read_text())
    for command, key in CALL.findall(text):
        assert command not in ("KEYS", "SCAN", "EVAL", "SORT")
        if command in ("TIME", "INFO"):
            continue
        held = key in HOLDS_KEY and HOLDS_KEY[key] == path.stem
        by_lane = ("ready_key(m", "slots_key(m", "doubts_key(m", "asks_key(m")
        assert key in declared() or key.startswith(("KEYS[", "unpack(KEYS", *by_lane)) or held, (
            command,
            key,
        )
    assert "smsq" not in text


@pytest.mark.parametrize("path", LUA, ids=[path.stem for path in LUA])
def test_a_script_begins_with_what_it_does(path: Path) -> None:
    """Purpose, arguments and every possible return."""
    head = path.read_text().split("\n\n")[0]
    assert head.startswith("-- ")
    if path.stem in VERBS:
        assert "Returns" in head
        assert "ARGV" in head


def test_the_prelude_names_its_keys_in_the_order_they_are_passed() -> None:
    """One list in Python, one in Lua."""
    prelude = FILES["prelude"].read_text()
    names = re.split(r",\s*", re.search(r"local (SHARD.*?) = unpack\(KEYS\)", prelude, re.DOTALL)[1])  # type: ignore[index]
    passed = [key.removeprefix("{smsq}:") for key in Keys().batch_verb(Ref(1, "camp1"))]
    alike = {
        "SHARD": "b:0", "CAMPAIGN_KEY": "c:camp1", "HELD": "c:camp1:h", "LEASES": "lease", "DOUBTS": "doubt",
        "PARKINGS": "parked", "IDS_KEY": "g",
    }  # fmt: skip
    assert passed == [alike.get(name, name.lower().replace("_", ":")) for name in names]


def test_every_key_that_is_passed_is_in_the_table() -> None:
    """And keeps to one hash tag."""
    table = {name.strip(" `") for row in NAMED.findall(keys.__doc__ or "") for name in row[0].split("` `")}
    patterns = [re.compile(re.sub(r"<[^>]*>", "[^:]+", name)) for name in table]
    source = "".join(path.read_text() for path in Path(keys.__file__).parent.glob("*.py"))
    used = set(re.findall(r'self\.key\(f?"([^"]+)"\)', source)) | set(re.findall(r'\{tag\}:([\w:]+)"', source))
    for name in used:
        shown = re.sub(r"\{[^}]*\}", "x", name)
        assert any(pattern.fullmatch(shown) for pattern in patterns), name
    for key in Keys().batch_verb(Ref(1)):
        assert key.startswith("{smsq}:")


def test_batch_verbs_are_those_that_read_the_prelude() -> None:
    """Every verb is a file, and nothing else is called."""
    assert set(VERBS) >= BATCH_VERBS
    for verb in VERBS:
        uses_batch = "load_batch" in FILES[verb].read_text() or verb == "enrol"
        assert uses_batch == (verb in BATCH_VERBS), verb


def test_every_script_runs_where_it_is_sent(redis: redis_py.Redis) -> None:
    """It compiles on this server; a verb that was never loaded is sent whole."""
    for verb in VERBS:
        assert redis.script_load(text_of(verb)) == script(verb).sha


PAIRS = [(known, reported) for known in Status for reported in Status if known and reported not in (0, Status.OPTOUT)]


def test_lua_merges_as_the_domain_does(redis: redis_py.Redis) -> None:
    """Every pair of statuses, by the tables that stand in front of the scripts."""
    ask = (
        _tables()
        + "\nlocal known, reported = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
        + "return { RANK[reported] > RANK[known] and reported or known, FINAL[reported] and 1 or 0, "
        + "PROVES[reported] and 1 or 0, NAME[reported] }"
    )
    for known, reported in PAIRS:
        answer: Any = redis.eval(ask, 0, int(known), int(reported))
        row = STATUS_TABLE[reported]
        assert answer == [merge(known, reported), row.is_final, row.proves_acceptance, reported.name.lower().encode()]
