"""One word, one meaning: what the list in `docs/extending.md` rules out is in no name of a module or a class."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8").partition("\n## Words\n")[2]
ROW = re.compile(r"^\|[^|]+\|[^|]+\|([^|]*)\|$", re.MULTILINE)
PICTURES = LIST.partition("not by a picture of it:")[2]
MODULES = sorted(
    path
    for top in ("smsq", "worker", "producers")
    for path in (ROOT / top).rglob("*.*")
    if path.suffix in (".py", ".lua")
)
OURS = re.compile(r"one_time_codes?|OneTimeCodes?")
PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# What programs import: these names stay.
PUBLIC = {"CodeOver", "CodeShown", "OneTimeCode"}
GATEWAYS = {"ErrorCode", "StatusCode"}  # a code is a number that the gateway gave


def ruled_out() -> set[str]:
    """The words that no name may hold."""
    return {word for text in (*ROW.findall(LIST), PICTURES) for word in re.findall(r"`(\w+)`", text)}


def words(name: str) -> set[str]:
    """The words of a name, small, and without the s of many.

    >>> sorted(words("ShieldDesks")), sorted(words("lane_of"))
    (['desk', 'shield'], ['lane', 'of'])
    """
    small = {part.lower() for part in PART.findall(name)}
    return {part if part.endswith("ss") else part.removesuffix("s") for part in small}


def classes(path: Path) -> list[str]:
    """The classes of a module, those within others included."""
    if path.suffix != ".py":
        return []
    return [
        node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)
    ]


def test_the_list_rules_words_out() -> None:
    """It is read as it is written."""
    assert {"rest", "leave", "found", "sms", "desk", "eye", "overseer"} <= ruled_out()
    assert not {"otp", "permit", "code", "order", "state"} & ruled_out()


def named() -> Iterator[tuple[str, str]]:
    """Every module and class with its file; of a module also the folders that it lies in."""
    for path in MODULES:
        where = path.relative_to(ROOT)
        yield from ((str(where), name) for name in [*where.with_suffix("").parts, *classes(path)])


def test_names_keep_to_the_list() -> None:
    """Of modules, of the folders they lie in, and of classes."""
    not_ours = ruled_out()

    assert [(where, name) for where, name in named() if words(name) & not_ours] == [], "the words in docs/extending.md"


def test_a_code_is_the_gateways() -> None:
    """All about one-time codes is `otp`, but for what is public, and for the one-time codes themselves."""
    spelled = [(where, OURS.sub("", name)) for where, name in named() if name not in PUBLIC | GATEWAYS]

    assert [each for each in spelled if "code" in words(each[1])] == []
