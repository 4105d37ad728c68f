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
from smsq.worker.ledger.constants import NUMBERS, TABLES, names_in, tables_for
from smsq.worker.ledger.keys import Keys
from smsq.worker.ledger.lua_text import files, source, text_of
from smsq.worker.ledger.scripts import script

LUA = sorted(files())
VERBS = [name for name in LUA if Path(str(files()[name])).parent.name != "include"]
PIECES = [name for name in LUA if name not in VERBS]
CALL = re.compile(r"redis\.call\('(\w+)'(?:, ([^,)]+(?:\([^)]*\))?))?")
NAMED = re.compile(r"^\| `([^|]+)` \| (\w[\w ]*) \|", re.MULTILINE)
# Local names of the scripts that hold a key, besides those that `batch.lua` reads from KEYS.
HOLDS_KEY = {
    *(("run_key", "run"), ("key", "enrol_range"), ("set", "batch"), ("log", "audit")),
    *(("campaign", "budget"), ("campaign", "pace"), ("bucket", "pace"), ("key", "pace")),
}
DEFINED = re.compile(r"^local (?:function (\w+)|([\w, \n]+?)(?= =|$(?!\n  )))", re.MULTILINE)
BOUND = re.compile(
    r"\blocal function (\w+)|\blocal ((?!function)\w+(?:, \w+)*)|\bfor ([\w, ]+)\b(?: in|=)|\bfunction \w*\(([\w, ]*)\)"
)
# What a call may leave behind for the next one, and why.
KEPT = {"run_id": "it cannot change while the server lives"}
FREE = 60  # of the 200 locals that Lua allows in a function, the text of a script being one
OUTER_FREE = 12  # of the 60 names from outside


def declared() -> set[str]:
    return set(keys_of_a_batch())


def keys_of_a_batch() -> list[str]:
    names = re.search(r"^  (SHARD.*?) = unpack\(KEYS\)", source("batch"), re.DOTALL | re.MULTILINE)
    assert names is not None
    return re.split(r",\s*", names[1])


def defined_in(piece: str) -> set[str]:
    """The names that a piece gives to what stands behind it."""
    found = DEFINED.findall(re.sub(r"--.*", "", source(piece)))
    return {name for function, names in found for name in re.split(r",\s*", function or names.strip())}


@pytest.mark.parametrize("name", LUA)
def test_scripts_touch_declared_keys_only(name: str) -> None:
    """Nothing is built from a string inside a script; there is nothing to scan."""
    text = re.sub(r"--.*", "", source(name))
    for command, key in CALL.findall(text):
        assert command not in ("KEYS", "SCAN", "EVAL", "SORT")
        if command in ("TIME", "INFO"):
            continue
        held = (key, name) in HOLDS_KEY
        by_lane = ("ready_key(m", "ready_of(lane", "slots_key(m", "doubts_key(m", "asks_key(m", "list_of(zone")
        assert key in declared() or key.startswith(("KEYS[", "unpack(KEYS", *by_lane)) or held, (
            command,
            key,
        )
    assert "smsq" not in text


def test_one_script_names_the_batch_it_takes_by_itself() -> None:
    """Its keys stand in the list of those that the ledger passes for that very batch."""
    made = {name for name in LUA if re.search(r"\b(SHARD|CAMPAIGN_KEY|HELD) = ", re.sub(r"--.*", "", source(name)))}
    assert made - {"batch"} == {"claim_next"}
    for ref in (Ref(4711), Ref(4711, "k7xm2")):
        shards, campaigns = Keys().claim(None)[:2]
        campaign = campaigns + (ref.campaign or "-")
        assert Keys().claim(ref)[:3] == [f"{shards}{ref.number // keys.SHARD}", campaign, f"{campaign}:h"]
        assert Keys().claim(ref)[3:] == Keys().claim(None)[3:]


@pytest.mark.parametrize("name", LUA)
def test_a_script_begins_with_what_it_does(name: str) -> None:
    """Purpose, arguments and every possible return."""
    head = source(name).split("\n\n")[0]
    assert head.startswith("-- ")
    if name in VERBS:
        assert "Returns" in head
        assert "ARGV" in head


def test_the_keys_of_a_batch_are_named_in_the_order_they_are_passed() -> None:
    """One list in Python, one in Lua."""
    names = keys_of_a_batch()
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
    source = "".join(path.read_text() for path in Path(keys.__file__).parent.rglob("*.py"))
    used = set(re.findall(r'self\.key\(f?"([^"]+)"\)', source)) | set(re.findall(r'\{tag\}:([\w:]+)"', source))
    for name in used:
        shown = re.sub(r"\{[^}]*\}", "x", name)
        assert any(pattern.fullmatch(shown) for pattern in patterns), name
    for key in Keys().batch_verb(Ref(1)):
        assert key.startswith("{smsq}:")


@pytest.mark.parametrize("name", LUA)
def test_a_file_includes_what_it_uses_and_nothing_else(name: str) -> None:
    """By a line of its head; a name that no piece gives it would be an error when the line runs."""
    text = source(name)
    own = {word for names in BOUND.findall(re.sub(r"--.*", "", text)) for word in re.findall(r"\w+", "".join(names))}
    used = {piece for piece in PIECES if piece != "head" and (defined_in(piece) - own) & names_in(text)} - {name}
    told = re.search(r"^-- include: (.+)$", text.split("\n\n")[0], re.MULTILINE)

    assert sorted(told[1].split(", ") if told else []) == sorted(used)
    assert set(re.findall(r"redis\.call\('(\w+)'", source("head"))) == {"TIME"}


def test_no_two_pieces_give_the_same_name() -> None:
    """Nor a name that a number or a table of Python has."""
    given = [name for piece in PIECES for name in defined_in(piece)] + [*NUMBERS, *TABLES]

    assert sorted(given) == sorted(set(given))


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_has_room_to_grow(redis: redis_py.Redis, verb: str) -> None:
    """Sixty locals more than it has fit in its text and in the verb itself, and a dozen names from outside."""
    spare = [f"spare_{n}" for n in range(FREE)]
    text = script(verb).text
    begin = "\nlocal function verb()\n"
    used = " or ".join(spare[:OUTER_FREE])
    fuller = text.replace(
        begin, f"\nlocal {', '.join(spare)}{begin}local inner = {used}\nlocal {', '.join(spare[1:])}\n"
    )
    longer = text.replace(begin, f"\nlocal {', '.join(f'{name}_{n}' for n in range(4) for name in spare)}{begin}")

    assert text.count(begin) == 1
    assert redis.script_load(fuller)
    with pytest.raises(redis_py.ResponseError, match="more than 200 local variables"):
        redis.script_load(longer)


@pytest.mark.parametrize("piece", PIECES)
def test_nothing_leaks_from_call_to_call(piece: str) -> None:
    """What stands at the top of a piece lives as long as a function: `begin_…` sets it anew, nothing else does."""
    text = re.sub(r"--.*", "", source(piece))
    own = defined_in(piece)
    for function in re.split(r"^(?=local function )", text, flags=re.MULTILINE)[1:]:
        named, body = re.match(r"local function (\w+)", function)[1], function.partition("\n")[2]  # type: ignore[index]
        own_here = {word for names in BOUND.findall(function) for word in re.findall(r"\w+", " ".join(names))}
        changed = {
            word
            for names in re.findall(r"^\s*((?:[A-Za-z_]\w*(?:, *\n? *)?)+) = ", body, re.MULTILINE)
            for word in re.findall(r"\w+", names)
        }
        filled = set(re.findall(r"\b([A-Za-z_]\w*)\[[^]]+\] = ", body))
        if not named.startswith("begin_"):
            assert ((changed | filled) - own_here) & own <= KEPT.keys(), named


def test_every_script_runs_where_it_is_sent(redis: redis_py.Redis) -> None:
    """It compiles on this server; a verb that was never loaded is sent whole."""
    for verb in VERBS:
        assert redis.script_load(text_of(verb)) == script(verb).sha


def test_every_script_is_a_function_too(redis: redis_py.Redis) -> None:
    """Its library compiles and can be made as it is loaded, when little of Redis may be called."""
    try:
        loaded = {verb: redis.function_load(script(verb).library, replace=True) for verb in VERBS}
    except redis_py.ResponseError as error:
        if "unknown command" in str(error):
            pytest.skip("this server has no functions")
        raise

    assert loaded == {verb: script(verb).function.encode() for verb in VERBS}


PAIRS = [(known, reported) for known in Status for reported in Status if known and reported not in (0, Status.OPTOUT)]


def test_lua_merges_as_the_domain_does(redis: redis_py.Redis) -> None:
    """Every pair of statuses, by the tables that stand in front of the scripts."""
    ask = (
        "\n".join(tables_for(set(TABLES)))
        + "\nlocal known, reported = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
        + "return { RANK[reported] > RANK[known] and reported or known, FINAL[reported] and 1 or 0, "
        + "PROVES[reported] and 1 or 0, NAME[reported] }"
    )
    for known, reported in PAIRS:
        answer: Any = redis.eval(ask, 0, int(known), int(reported))
        row = STATUS_TABLE[reported]
        assert answer == [merge(known, reported), row.is_final, row.proves_acceptance, reported.name.lower().encode()]
