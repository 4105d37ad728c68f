"""The Lua scripts: one file per verb, the tables they need written in front of them.

`include/head.lua` stands before every script, `include/prelude.lua` before those that act on one batch
(`include/windows.lua` before the shield's, `include/budget.lua` before those that keep a budget), and the constants of
`worker/domain/status.py` before the prelude and whatever names a status, so that Lua and Python cannot disagree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from redis.exceptions import NoScriptError

from smsq.worker.domain.receipt import MAX_IDS
from smsq.worker.domain.status import STATUS_TABLE, BatchState, IdState, Status
from smsq.worker.redis_client import ask, ask_all

BATCH_VERBS = frozenset(
    {
        "adopt",
        "advance",
        "asked",
        "claim",
        "doubt",
        "drop",
        "enrol",
        "forget",
        "probe",
        "release",
        "resolve",
        "settle",
        "watched",
    }
)
KEEP_BUDGETS = frozenset({"claim", "control"})
NAME_STATUSES = frozenset({"wind_up"})  # without acting on one batch
Argument = str | bytes | int | float


class Script:
    """One verb: its text, its digest, and how to run it on a client."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = text_of(name)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, connection: Any, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run it; the script is sent only where the server does not know it yet."""
        try:
            return ask(connection, self._words(keys, arguments))
        except NoScriptError:
            return ask(connection, ("EVAL", self.text, len(keys), *keys, *arguments))

    def many(self, connection: Any, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        """Run it on several batches in one round trip; the answers in order. Raises the first error."""
        if not calls:
            return []
        answers = ask_all(connection, [self._words(*call) for call in calls])
        again = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if again:
            ask(connection, ("SCRIPT", "LOAD", self.text))  # nothing of these has run: an unknown script runs nothing
            repeated = ask_all(connection, [self._words(*calls[place]) for place in again])
            for place, answer in zip(again, repeated, strict=True):
                answers[place] = answer
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _words(self, keys: Sequence[str], arguments: Sequence[Argument]) -> tuple[Argument, ...]:
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


@cache
def script(name: str) -> Script:
    """The script of a verb, read once."""
    return Script(name)


def text_of(name: str) -> str:
    """What Redis is given for a verb: tables, head, prelude where it acts on a batch, the verb's own file."""
    parts = [_file("head")]
    if name in BATCH_VERBS:
        parts += [_tables(), _file("prelude")]
    if name in NAME_STATUSES:
        parts.append(_tables())
    if name in KEEP_BUDGETS:
        parts.append(_file("budget"))
    if name.startswith("shield_"):
        parts.append(_file("windows"))
    return "\n".join([*parts, _file(name)])


def _file(name: str) -> str:
    return _files()[name].read_text()


@cache
def _files() -> dict[str, Traversable]:
    """Every file by its name, in whichever subject's folder it lies."""
    subjects = (resources.files("smsq.worker.ledger") / "lua").iterdir()
    return {path.name.removesuffix(".lua"): path for subject in subjects for path in subject.iterdir()}


@cache
def _tables() -> str:
    lines = ["-- From worker/domain/status.py."]
    lines += [f"local {state.name} = {state.value}" for state in BatchState]
    lines += [
        f"local {state.name if state is not IdState.ACCEPTED else 'ACCEPTED_ID'} = {state.value}" for state in IdState
    ]
    used = (s for s in Status if s not in (Status.UNDECIDED, Status.OPTOUT))
    lines += [f"local {status.name} = {status.value}" for status in used]
    lines.append(f"local MOST_IDS = {MAX_IDS}")
    rank = ", ".join(f"[{s.value}] = {row.rank}" for s, row in STATUS_TABLE.items())
    final = ", ".join(f"[{s.value}] = true" for s, row in STATUS_TABLE.items() if row.is_final)
    proves = ", ".join(f"[{s.value}] = true" for s, row in STATUS_TABLE.items() if row.proves_acceptance)
    names = ", ".join(f"[{s.value}] = '{s.name.lower()}'" for s in Status)
    lines += [
        f"local RANK = {{ {rank} }}",
        f"local FINAL = {{ {final} }}",
        f"local PROVES = {{ {proves} }}",
    ]
    lines.append(f"local NAME = {{ {names} }}")
    lines.append("local UNDECIDED_NAME = { queued = true, sending = true, doubtful = true, parked = true }")
    return "\n".join(lines)
