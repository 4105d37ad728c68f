"""How a verb reaches Redis: as a function of the server if possible, else as a script.

A function is loaded once and then called; a script runs from its first line at each call. `lua_text.py` makes both of
the same text. Names of functions carry a digest of the text, so that two versions of smsq can use one server. A
function that the server does not have is loaded at its next call. Functions need Valkey or Redis 7, and a user with
the rights to call and load them. A full server refuses a function before it begins, but some verbs must run on a full
server: such a call is repeated as a script, whose single writes the server judges (see `lua/`, "a first write that a
full server allows").
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from redis.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError

from smsq.worker.ledger.lua_text import body_of, library_of, text_of
from smsq.worker.redis_client import ask, ask_all

Argument = str | bytes | int | float
FUNCTION = re.compile(r"smsq_([a-z_]+)_[0-9a-f]{16}")
NO_FUNCTIONS = "this server has no functions, as Redis has from 7 on and Valkey has"
MAY_NOT = "the user in SMSQ_REDIS_URL may not call or load functions"
TRIES = 3  # to call a function that is missing each time, as behind a proxy, before the script is used
_ABSENT = "Function not found"
# A server that is full, cannot write its disk, is a replica or lacks replicas refuses a function before it begins.
_REFUSED = ("MISCONF", "NOREPLICAS", "MASTERDOWN")


class Script:
    """One verb as a script and as a function: the texts, and the names to call them by."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = text_of(name)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        self.function = f"smsq_{name}_{hashlib.sha256(body_of(name).encode()).hexdigest()[:16]}"
        self.library = library_of(name, self.function)


@cache
def script(name: str) -> Script:
    """The script of a verb, read once."""
    return Script(name)


class Call(NamedTuple):
    """One run of a verb."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[Argument]


class Way:
    """How verbs go to one server: as functions, or from the first need on as scripts."""

    def __init__(self) -> None:
        self.why_scripts = ""  # why verbs go as scripts; '' while they go as functions

    def run(self, connection: Any, call: Call) -> Any:
        """Run a verb and return its reply; raises the error that it failed with."""
        for _ in range(TRIES):
            if self.why_scripts:
                break
            try:
                return ask(connection, self._words(call))
            except ResponseError as error:
                if not _never_ran(error):
                    raise
                if not self._makes_callable(connection, call.script, error):
                    break
        try:
            return ask(connection, ("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.arguments))
        except NoScriptError:
            return ask(connection, ("EVAL", call.script.text, len(call.keys), *call.keys, *call.arguments))

    def run_all(self, connection: Any, calls: Sequence[Call]) -> list[Any]:
        """Run several verbs in one write, in order, and return their replies. Raises the first error once all have run.

        A function that the server did not have yet runs after the others.
        """
        replies = self.run_each(connection, calls)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def run_each(self, connection: Any, calls: Sequence[Call]) -> list[Any]:
        """The same with errors among the replies, not raised."""
        replies = ask_all(connection, [self._words(call) for call in calls]) if calls else []
        for place, reply in enumerate(replies):
            if isinstance(reply, Exception) and _never_ran(reply):
                try:
                    replies[place] = self.run(connection, calls[place])
                except ResponseError as error:
                    replies[place] = error
        return replies

    def _words(self, call: Call) -> tuple[Argument, ...]:
        how = ("EVALSHA", call.script.sha) if self.why_scripts else ("FCALL", call.script.function)
        return (*how, len(call.keys), *call.keys, *call.arguments)

    def _makes_callable(self, connection: Any, called: Script, error: ResponseError) -> bool:
        """Whether a function that did not run can be called now; loads it if it was only missing."""
        if _ABSENT in str(error):
            try:
                ask(connection, ("FUNCTION", "LOAD", called.library))
            except ResponseError as refusal:
                if "already exists" in str(refusal):  # another thread was first
                    return True
                if isinstance(refusal, NoPermissionError):
                    self.why_scripts = MAY_NOT
                elif not _is_refused_for_now(refusal):
                    self.why_scripts = f"this server does not take them: {str(refusal)[:100]}"
                return False
            return True
        if _is_unknown(error):
            self.why_scripts = NO_FUNCTIONS
        elif isinstance(error, NoPermissionError):
            self.why_scripts = MAY_NOT
        return False


def _never_ran(error: Exception) -> bool:
    """Whether the server refused a verb before its first line, for a reason that loading it or a script removes."""
    said = str(error)
    if isinstance(error, NoScriptError) or _ABSENT in said or _is_unknown(error):
        return True
    if isinstance(error, NoPermissionError):
        return "'fcall'" in said  # else it is about a key or a command within, which a script may not use either
    if " script: " in said:  # an error within a verb says so
        return False
    return _is_refused_for_now(error)


def _is_refused_for_now(error: Exception) -> bool:
    return isinstance(error, OutOfMemoryError | ReadOnlyError) or str(error).startswith(_REFUSED)


def _is_unknown(error: Exception) -> bool:
    return str(error).lower().startswith("unknown command")
