"""Docstrings, comments, sentences for people and pages say *if* for a condition, and name the one who acts.

Only phrases that can be told without a mistake are looked for: "where" may also mean a place.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("worker", "producers", "smsq", "docs")
SOURCES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".lua", ".md"}]
FILES = sorted({path.resolve() for path in SOURCES} | {ROOT / "README.md", ROOT / "CHANGELOG.md"})
ROOMS = {
    folder: [path for path in FILES if path.parent == folder] for folder in sorted({path.parent for path in FILES})
}

NOT = r"(?:cannot|(?:is|are|was|were|does|do|did|has|have|can|could|may|must|will|would) (?:not?|none|nobody|nothing))"
INSTEAD = {
    r"\bwho(?:m|so)?ever\b": "the one who acts: a process that, a program that, a person who",
    r"\bastray\b": "what happened: lost, or nobody waits for the answer any more",
    rf"\bwhere (?:it|this|that|they|one) {NOT}\b": "if",
    r"\bwhere (?:none|nobody|nothing|there (?:is|are|was|were))\b": "if",
    r"(?:'1?'|\b(?:None|False|True|raises? \w+)|(?<![.\d])[01]) where\b": "if",
}
# A phrase that is meant as it is written: by file, with words around it.
ALLOWED: dict[str, str] = {}


def prose(path: Path) -> str:
    """In one line: the strings and comments of a source, the comments of a script, a page without its code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    elif path.suffix == ".lua":
        text = "\n".join(re.findall(r"--(.*)", text))
    else:
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments = [token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT]
        constants = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
        text = "\n".join([" ".join(comments), *(value for value in constants if isinstance(value, str))])
    return re.sub(r"\s+", " ", text)


def unclear(text: str) -> list[tuple[str, str]]:
    """Each phrase with the words around it, and what to write instead."""
    return [
        (text[max(0, found.start() - 40) : found.end() + 40], instead)
        for pattern, instead in INSTEAD.items()
        for found in re.finditer(pattern, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("folder", ROOMS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_sentence_says_who_acts_and_on_what_condition(folder: Path) -> None:
    """As an engineer on call would write it."""
    for path in ROOMS[folder]:
        allowed = ALLOWED.get(str(path.relative_to(ROOT)))
        assert not [found for found in unclear(prose(path)) if not allowed or allowed not in found[0]], path


@pytest.mark.parametrize(
    "text",
    [
        "Whoever finds the lock taken waits.",
        "Sends that may be running; more than are sending: astray.",
        "The other, None where it runs.",
        "Raises BadInput where the file is another.",
        "an error where nobody waits",
        "left out where there is none",
        "where it cannot be told",
        "1 where a number is refused",
    ],
)
def test_what_is_looked_for_is_found(text: str) -> None:
    """The forms that stood here once."""
    assert unclear(text)


@pytest.mark.parametrize(
    "text", ["where it is kept", "the folder where a home would be made", "F.1 Where it is registered", "a stray hint"]
)
def test_a_place_is_a_place(text: str) -> None:
    """The words that mean one keep their meaning."""
    assert not unclear(text)
