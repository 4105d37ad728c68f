"""The Lua text of a verb: its file in `lua/<subject>/`, behind the pieces of `lua/include/` that its head names.

The same text is a script or a library of functions; only its first and last lines differ. `lua/include/head.lua` comes
first. What Python and Lua share is written in from `constants.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from smsq.worker.ledger.constants import names_in, tables_for, with_numbers

_INCLUDE = re.compile(r"^-- include: (.+)$", re.MULTILINE)
_BEGIN = re.compile(r"^local function (begin_\w+)\(", re.MULTILINE)


def text_of(name: str) -> str:
    """A verb as a script, all of which the server runs at each call."""
    return f"local keys, arguments = KEYS, ARGV\n{body_of(name)}\nreturn call(keys, arguments)"


def library_of(name: str, function: str) -> str:
    """The same verb as a library with one function, both named `function`; the pieces run once, at load."""
    return f"#!lua name={function}\n{body_of(name)}\nredis.register_function('{function}', call)"


def body_of(name: str) -> str:
    """Tables, head, included pieces, and the verb's own file as a function.

    The `begin_…` of each piece sets what belongs to one call, before the verb's own lines run.
    """
    parts = [*tables_for(named_in(name))]
    begins = ["begin_call(keys, arguments)"]
    for piece in ("head", *included_in(name)):
        parts.append(source(piece))
        begins += [f"{begin}()" for begin in _BEGIN.findall(source(piece)) if begin != "begin_call"]
    parts += ["local function verb()", source(name), "end"]
    parts += ["local function call(keys, arguments)", *begins, "return verb()", "end"]
    return "\n".join(map(with_numbers, parts))


def included_in(name: str) -> list[str]:
    """The pieces that a file includes, each after those that it includes itself."""
    found: dict[str, None] = {}
    for piece in _includes(name):
        found.update(dict.fromkeys((*included_in(piece), piece)))
    return list(found)


def named_in(name: str) -> set[str]:
    """All names in a verb's file and in its included pieces."""
    return set().union(*(names_in(source(piece)) for piece in ("head", *included_in(name), name)))


@cache
def source(name: str) -> str:
    """The text of a Lua file, by its name without folder and suffix."""
    return files()[name].read_text(encoding="utf-8")


@cache
def files() -> dict[str, Traversable]:
    """Every Lua file by its name, in any folder."""
    subjects = (resources.files("smsq.worker.ledger") / "lua").iterdir()
    return {path.name.removesuffix(".lua"): path for subject in subjects for path in subject.iterdir()}


def _includes(name: str) -> Iterable[str]:
    found = _INCLUDE.search(source(name))
    return found[1].split(", ") if found else ()
