"""The Lua scripts: a file per verb in `lua/<subject>/`, with the pieces of `lua/include/` that its head names.

Redis runs the whole text of a script at each call, so a script gets only what it names; `lua/include/head.lua` stands
before all. What Python and Lua share is written in from `constants.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from redis.exceptions import NoScriptError

from smsq.worker.ledger.constants import names_in, tables_for, with_numbers
from smsq.worker.redis_client import ask, ask_all

Argument = str | bytes | int | float
_INCLUDE = re.compile(r"^-- include: (.+)$", re.MULTILINE)
_BEGIN = re.compile(r"^local function (begin_\w+)\(", re.MULTILINE)


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
    """What Redis is given for a verb: tables, head, included pieces, and the verb's own file as a function.

    What belongs to one call is set by the `begin_…` of each piece, before the verb's own.
    """
    parts = [*tables_for(named_in(name))]
    begins = ["begin_call(keys, arguments)"]
    for piece in ("head", *included_in(name)):
        parts.append(source(piece))
        begins += [f"{begin}()" for begin in _BEGIN.findall(source(piece)) if begin != "begin_call"]
    parts += ["local function verb()", source(name), "end"]
    parts += ["local function call(keys, arguments)", *begins, "return verb()", "end"]
    text = [with_numbers(part) for part in parts]
    return "\n".join(["local keys, arguments = KEYS, ARGV", *text, "return call(keys, arguments)"])


def included_in(name: str) -> list[str]:
    """The pieces that a file stands on, each behind those that it stands on itself."""
    found: dict[str, None] = {}
    for piece in _includes(name):
        found.update(dict.fromkeys((*included_in(piece), piece)))
    return list(found)


def named_in(name: str) -> set[str]:
    """All names in a verb's file and in the pieces that stand before it."""
    return set().union(*(names_in(source(piece)) for piece in ("head", *included_in(name), name)))


@cache
def source(name: str) -> str:
    """The text of a file, by its name alone."""
    return files()[name].read_text(encoding="utf-8")


@cache
def files() -> dict[str, Traversable]:
    """Every file by its name, in whichever subject's folder it lies."""
    subjects = (resources.files("smsq.worker.ledger") / "lua").iterdir()
    return {path.name.removesuffix(".lua"): path for subject in subjects for path in subject.iterdir()}


def _includes(name: str) -> Iterable[str]:
    found = _INCLUDE.search(source(name))
    return found[1].split(", ") if found else ()
