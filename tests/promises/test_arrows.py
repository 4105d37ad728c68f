"""Imports go one way, and every file says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for top in ("worker", "producers") for path in (ROOT / top).rglob("*.py") if path.stat().st_size
)  # an empty __init__ has nothing to say
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]

GROUND = {"settings", "ownership", "clock", "logs", "metrics"}  # anyone may use it, it uses only domain
MAY_USE: dict[str, set[str]] = {
    "domain": set(),
    "gateway": {"domain"},
    "transports": {"domain", "gateway"},
    "ledger": {"domain", "redis_client", "sealing"},  # the last two use nothing of ours but domain
    "queues": {"domain", "redis_client"},
    "questions": {"domain", "gateway", "transports", "ledger"},
    "actors": {"domain", "gateway", "transports", "questions", "ledger", "runtime", "queues", "health"},
    "scheduler": {"domain", "ledger", "runtime", "actors", "queues"},
}
SANDBOX_USERS = {
    "producers/cli/sandbox.py",
    "producers/cli/demo.py",
    "producers/cli/up.py",
    "producers/testbed.py",  # a process of its own that speaks to nobody else
}
LARGE = {"worker/settings.py"}  # one table and its readers
LARGEST = 420


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path, top: str) -> set[str]:
    """The parts of `worker` or `producers` that a file uses."""
    return {name.split(".")[2] for name in imports(path) if name.startswith(f"smsq.{top}.")}


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_imports_go_one_way(path: Path) -> None:
    """Each part may use what stands to its left."""
    top, part = path.relative_to(ROOT).parts[0], path.relative_to(ROOT).parts[1].removesuffix(".py")
    used = ours(path, "worker") - {part}
    if top == "worker":
        assert ours(path, "producers") == set()
    if top == "worker" and part in GROUND:
        assert used <= GROUND | {"domain"}
    if top == "worker" and part != "processes":
        assert "processes" not in used
    if top == "worker" and part in MAY_USE:
        allowed = MAY_USE[part] | (set() if part == "domain" else GROUND)
        assert used <= allowed


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_the_sandbox_is_used_by_tests_and_its_commands_only(path: Path) -> None:
    """Nothing that speaks to the real gateway can meet it by accident, and nobody loads it unasked."""
    name = str(path.relative_to(ROOT))
    if name.startswith("worker/sandbox/"):
        return
    at_the_top = {
        node.module
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert not {module for module in at_the_top if module.startswith("smsq.worker.sandbox")}
    if name not in SANDBOX_USERS:
        assert "sandbox" not in ours(path, "worker")


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_a_file_says_what_it_is_for_and_fits_in_a_look(path: Path) -> None:
    """Its docstring comes first."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    if str(path.relative_to(ROOT)) not in LARGE:
        assert text.count("\n") <= LARGEST


def test_domain_needs_nothing_of_the_outside() -> None:
    """The standard library, the numbering plans and the codec of values."""
    outside = {"phonenumbers", "msgspec", "smsq", "__future__"}
    import sys

    for path in (ROOT / "worker" / "domain").glob("*.py"):
        roots = {name.split(".")[0] for name in imports(path)}
        assert roots <= outside | sys.stdlib_module_names, path


def test_decoders_of_types_are_made_once() -> None:
    """Msgspec builds what it knows of a type at its first use, and threads that do so at once crash the process."""
    threaded = [path for path in SOURCES if "sandbox" not in path.parts]
    built_late = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in threaded
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "decode"
        and any(keyword.arg == "type" for keyword in node.keywords)
    ]

    assert built_late == []
    assert sum("msgspec" in path.read_text() for path in threaded) > 5, "the search finds nothing any more"


def test_one_reader_of_the_environment() -> None:
    """Whoever else looks there hands it to the settings, or starts a process."""
    readers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    assert {name for name in readers if name.startswith("worker/")} == {
        "worker/settings.py",
        "worker/processes/metrics_folder.py",
        "worker/processes/redis_server.py",
    }


def test_the_package_is_two_links_and_what_programs_import() -> None:
    """Code lies in the two folders; `smsq/` only names them."""
    package = ROOT / "smsq"
    links = {path.name: path.readlink() for path in package.iterdir() if path.is_symlink()}
    files = {path.name for path in package.iterdir() if path.is_file()}

    assert links == {"worker": Path("../worker"), "producers": Path("../producers")}
    assert files == {"__init__.py", "__main__.py", "py.typed", "testing.py"}


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_ours_are_imported_by_the_one_name(path: Path) -> None:
    """Never as `worker` or `producers`: an application may have names like these."""
    assert not {name for name in imports(path) if name.split(".")[0] in ("worker", "producers")}
