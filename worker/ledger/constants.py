"""Constants that Lua gets from Python, so that the two cannot disagree: states, places, limits, the status tables.

A number replaces its name in a script, so that it takes neither one of the 200 locals of a Lua function nor one of its
60 upvalues. A table is written in front of a script that names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from smsq.worker.domain.fact import MISSING_PART
from smsq.worker.domain.guard import HELD_BACK_AT, MORE_URGENT, MOST_AT_ONCE, POISON_DEATHS
from smsq.worker.domain.lane import SENDING, SENDING_BY_NUMBER
from smsq.worker.domain.receipt import MAX_IDS, MAX_PARTS, SIZE
from smsq.worker.domain.result import FIELDS, OTHER_NETWORK, PROBES
from smsq.worker.domain.simulated import CHANNEL as SIMULATED
from smsq.worker.domain.status import STATUS_TABLE, UNDECIDED_NAMES, BatchState, IdState, Status
from smsq.worker.ledger.keys import SHARD
from smsq.worker.ledger.layout import BESIDE_SIZE, EXEMPT, RESENT_BY, BesidePlace, IdPlace, Meta, hint_again_ms
from smsq.worker.ledger.values import POLICIES

MOST_READY_RINGS = 128  # kept at the bell of what is ready: more threads than most lanes have
MOST_NETWORKS = 50  # that a metric names; the others are counted together
_NAMED_OTHERWISE = {IdState.ACCEPTED: "ACCEPTED_ID"}  # a status has that name already

NUMBERS: Mapping[str, str] = {
    **{state.name: str(state.value) for state in BatchState},
    **{_NAMED_OTHERWISE.get(state, state.name): str(state.value) for state in IdState},
    **{status.name: str(status.value) for status in Status if status is not Status.UNDECIDED},
    **{place.name: str(place + 1) for place in (*Meta, *IdPlace)},
    **{name.upper(): str(number) for name, number in POLICIES.items()},
    **{f"BY_{who.upper()}": str(number) for number, who in enumerate(RESENT_BY) if who},
    "RECEIPT": str(SIZE),
    "NO_RECEIPT": "'" + r"\0" * SIZE + "'",
    "MOST_IDS": str(MAX_IDS),
    "MOST_PARTS": str(MAX_PARTS),
    "MISSING_PART": str(MISSING_PART),
    "BESIDE_SIZE": str(BESIDE_SIZE),
    **{f"BESIDE_{place.name}": str(place + 1) for place in BesidePlace},
    "ALL_VALUES": str(len(FIELDS)),
    "OTHER_NETWORK": f"'{OTHER_NETWORK}'",
    "MOST_NETWORKS": str(MOST_NETWORKS),
    **{f"MOST_ERRORS_{lane.upper()}": str(sends.most_errors) for lane, sends in SENDING.items()},
    **{f"HINT_AGAIN_{lane.upper()}": str(hint_again_ms(lane)) for lane in SENDING},
    "BATCHES_IN_A_SHARD": str(SHARD),
    "POISON_DEATHS": str(POISON_DEATHS),
    "MOST_READY_RINGS": str(MOST_READY_RINGS),
    "MORE_URGENT": str(MORE_URGENT),
    "MOST_AT_ONCE": str(MOST_AT_ONCE),
    "HELD_BACK_AT": f"'{HELD_BACK_AT}'",
    "EXEMPT": f"'{EXEMPT}'",
    "SIMULATED": f"'{SIMULATED}'",
}


def _table(rows: Mapping[int, str]) -> str:
    return "{ " + ", ".join(f"[{number}] = {value}" for number, value in rows.items()) + " }"


TABLES: Mapping[str, str] = {
    "RANK": _table({status: str(row.rank) for status, row in STATUS_TABLE.items()}),
    "FINAL": _table({status: "true" for status, row in STATUS_TABLE.items() if row.is_final}),
    "PROVES": _table({status: "true" for status, row in STATUS_TABLE.items() if row.proves_acceptance}),
    "NAME": _table({status: f"'{status.name.lower()}'" for status in Status}),
    "NEEDED": "{ "
    + ", ".join(
        f"{name} = {{ {', '.join(str(BesidePlace.VALUES + 1 + FIELDS.index(field)) for field in needed)} }}"
        for name, needed in PROBES.items()
    )
    + " }",
    "LANES": _table({number: f"'{lane}'" for number, lane in enumerate(SENDING_BY_NUMBER)}),
    "UNDECIDED": _table({state: f"'{name}'" for state, name in UNDECIDED_NAMES.items()}),
    "UNDECIDED_NAME": "{ " + ", ".join(f"{name} = true" for name in UNDECIDED_NAMES.values()) + " }",
}

_WORDS = re.compile(r"""--[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|(?<![\w.:])[A-Za-z_]\w*""")


def names_in(lua: str) -> set[str]:
    """Every name in a piece of Lua, except in comments and strings."""
    return {word for word in _WORDS.findall(lua) if word[0] not in "-'\""}


def with_numbers(lua: str) -> str:
    """A piece of Lua with names replaced by their numbers, without comments and the lines they leave empty."""
    text = _WORDS.sub(lambda found: "" if found[0].startswith("--") else NUMBERS.get(found[0], found[0]), lua)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def tables_for(names: set[str]) -> list[str]:
    """The Lua lines that define the named tables."""
    return [f"local {name} = {TABLES[name]}" for name in TABLES if name in names]
