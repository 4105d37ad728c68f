"""Redis is spoken to inside `ledger/` and `queues/` alone: everybody else asks a method that says what it means."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
INSIDE = (ROOT / "worker" / "ledger", ROOT / "worker" / "queues")
# The ground floor: how a client is made, and whether a server answers at all.
GROUND = {ROOT / "worker" / "redis_client.py", ROOT / "worker" / "redis_health.py"}
OUTSIDE = [
    path
    for top in ("worker", "producers")
    for path in sorted((ROOT / top).rglob("*.py"))
    if path not in GROUND and not any(path.is_relative_to(folder) for folder in INSIDE)
]
MAKES_CLIENTS = {ROOT / "worker" / "runtime.py"}  # hands one to the ledger; the queues make theirs


def test_nobody_else_speaks_to_redis() -> None:
    """No client is imported, made or reached through another's attribute, and no error of one is handled."""
    for path in OUTSIDE:
        found = list(speech(ast.parse(path.read_text(encoding="utf-8"))))
        if path in MAKES_CLIENTS:
            found.remove("connect")
        assert found == [], path


def test_those_inside_would_be_found_out() -> None:
    """The search knows what it looks for."""
    found = {word for folder in INSIDE for path in folder.rglob("*.py") for word in speech(ast.parse(path.read_text()))}

    assert {"import redis", ".redis", "translated", "connect"} <= found


def speech(tree: ast.AST) -> Iterator[str]:
    """How a file speaks to Redis by itself."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (f"import {name.name}" for name in names if name.name.split(".")[0] == "redis")
            case ast.ImportFrom(module=module, names=names) if module:
                if module.split(".")[0] == "redis":
                    yield f"import {module}"
                yield from (
                    name.name
                    for name in names
                    if module.startswith("smsq.") and name.name in ("translated", "connect", "script")
                )
            case ast.Attribute(attr="redis"):
                yield ".redis"
            case ast.Attribute(value=ast.Attribute(attr="broker") | ast.Name(id="broker"), attr="client"):
                yield "broker.client"
