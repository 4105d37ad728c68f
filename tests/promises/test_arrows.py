"""Imports go one way, and every file says what it is for."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Container
from pathlib import Path

import pytest

from smsq.worker.transports.table import TRANSPORTS

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for top in ("worker", "producers") for path in (ROOT / top).rglob("*.py") if path.stat().st_size
)  # an empty __init__ has nothing to say

GROUND = {"settings", "ownership", "clock", "logs", "metrics"}  # anyone may use it, it uses only domain
STORE = {"domain", "redis_client", "sealing"}  # the last two use nothing of ours but domain
BELOW_RUNTIME = STORE | {
    "redis_health",
    "traces",
    "gateway",
    "transports",
    "questions",
    "ledger",
    "queues",
    "otp",
    "host",
}
# Each room, and what it may use besides itself and, but for the first, the ground floor.
MAY_USE: dict[str, set[str]] = {
    "domain": set(),
    "gateway": {"domain"},
    "transports": {"domain", "gateway"},
    "questions": {"domain", "gateway", "transports", "ledger"},
    "ledger": STORE,
    "queues": {"domain", "redis_client"},
    "otp": {"domain", "gateway", "ledger", "sealing"},
    "host": {"domain", "ledger", "transports"},
    "runtime": BELOW_RUNTIME,
    "acl": {"domain", "ledger", "queues"},
    "actors": BELOW_RUNTIME | {"runtime"},
    "scheduler": {"domain", "ledger", "queues", "runtime", "actors"},
    "processes": BELOW_RUNTIME | {"runtime", "actors", "scheduler"},
    "sandbox": {"domain", "gateway", "letterbox"},
    "letterbox": {"domain"},
    "sealing": {"domain"},
    "redis_client": {"domain"},
    "redis_health": {"redis_client"},
    "traces": set(),
}
# The same inside `producers`. A file there, no folder, is a way in or serves one; so is a folder of `WAYS_IN`.
# `VALUES` use nothing of it.
WAYS_IN = {"campaigns"}
VALUES = {"fields", "moments", "adoption"}
ROOMS: dict[str, set[str]] = {
    "sample": set(),
    "intake": VALUES,
    "web": VALUES | {"api", "campaigns", "files", "intake"},
    "terminal": {"intake"},
    "findings": {"intake"},
    "machine": {"intake", "sample", "terminal"},
    "cli": {"intake", "sample", "terminal", "findings", "machine", "web"},
    "testing": {"machine"},
}
SANDBOX_USERS = {
    "producers/cli/sandbox.py",
    "producers/machine/demo.py",
    "producers/machine/up.py",
    "producers/testing/testbed.py",  # a process of its own that speaks to nobody else
}
LARGEST = 420


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports(path: Path) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(found)


def ours(path: Path, top: str) -> set[str]:
    """The parts of `worker` or `producers` that a file uses."""
    return {name.split(".")[2] for name in imports(path) if name.startswith(f"smsq.{top}.")}


def test_imports_go_one_way() -> None:
    """Each part may use what stands to its left."""
    for path in SOURCES:
        top, part = path.relative_to(ROOT).parts[0], path.relative_to(ROOT).parts[1].removesuffix(".py")
        used = ours(path, "worker") - {part}
        if top == "worker":
            assert ours(path, "producers") == set(), path
        if top == "worker" and part in GROUND:
            assert used <= GROUND | {"domain"}, path
        if top == "worker" and part in MAY_USE:
            assert used <= MAY_USE[part] | (set() if part == "domain" else GROUND), path


def test_producers_import_one_way() -> None:
    """The files of `producers` use `intake` alone of its rooms, and a room what stands to its left."""
    for path in SOURCES:
        top, part = path.relative_to(ROOT).parts[0], path.relative_to(ROOT).parts[1].removesuffix(".py")
        if top == "worker" or part == "__init__":
            continue
        used = ours(path, "producers") - {part}
        if part in VALUES:
            assert used == set(), path
        elif part in ("sample", "intake", "web"):
            assert used <= ROOMS[part], path
        else:
            assert used & ROOMS.keys() <= ROOMS.get(part, {"intake"}), path


def test_every_room_has_its_arrows() -> None:
    """A new folder, and a new file beside the ground floor, says in the tables above what it may use."""
    folders = {path.name for path in (ROOT / "worker").iterdir() if path.is_dir() and path.name != "__pycache__"}
    files = {path.stem for path in (ROOT / "worker").glob("*.py")} - {"__init__"}
    rooms = {path.name for path in (ROOT / "producers").iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert (folders | files) - GROUND - MAY_USE.keys() == set()
    assert rooms - ROOMS.keys() - WAYS_IN == set()


def test_no_imports_go_in_a_circle() -> None:
    """Between modules, those inside functions and those for types alone included."""
    modules = {module_of(path): path for top in ("worker", "producers") for path in (ROOT / top).rglob("*.py")}
    left = {name: {longest(used, modules) for used in imports(path)} - {name, ""} for name, path in modules.items()}
    while free := [name for name, used in left.items() if not used & left.keys()]:
        for name in free:
            del left[name]

    assert left == {}, "these are in circles, or lead to one"


def module_of(path: Path) -> str:
    """The name by which a file is imported."""
    name = ".".join(("smsq", *path.relative_to(ROOT).with_suffix("").parts))
    return name.removesuffix(".__init__")


def longest(used: str, modules: Container[str]) -> str:
    """The module that an import names, by itself or by something in it; '' if none is ours."""
    while used and used not in modules:
        used = used.rpartition(".")[0]
    return used


FOLDERS = sorted({path.parent for top in ("worker", "producers") for path in (ROOT / top).rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=[str(folder.relative_to(ROOT)) for folder in FOLDERS])
def test_a_folder_says_what_may_be_in_it_and_what_never(folder: Path) -> None:
    """In the docstring of its first file."""
    said = ast.get_docstring(tree_of(folder / "__init__.py")) or ""

    assert said[:1].isupper()
    assert re.search(r"\b[Nn]ever\b", said)


# Who speaks a dialect: the wire it travels by, the questions, the one who answers, and who receives its calls.
SPEAKS_HTTP = (
    "worker/gateway/http/",
    "worker/transports/http/",
    "worker/questions/",
    "worker/sandbox/",
    "producers/web/front_door/",
)
RECEIVES_CALLS = {"producers/web/callback.py"}
KNOWS_HTTP_LINES = {"worker/transports/table.py", "worker/runtime.py"}


def test_nobody_but_its_wire_knows_a_dialect() -> None:
    """Actors, ledger and producers speak of messages and outcomes: no form, no reply, no path, no line of HTTP."""
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if name.startswith(SPEAKS_HTTP):
            continue
        dialects = {each for each in imports(path) if each.startswith("smsq.worker.gateway.http")}
        lines = {each for each in imports(path) if each.startswith("smsq.worker.transports.http")}

        assert not dialects or name in RECEIVES_CALLS, path
        assert not lines or name in KNOWS_HTTP_LINES, path


# Letters: the wire they travel by, the one who answers them in tests, and the door.
SPEAKS_LETTERS = ("worker/gateway/smtp/", "worker/transports/smtp/", "worker/sandbox/", "producers/web/front_door/")
CHOOSES_THE_WIRE = {"worker/transports/table.py", "worker/gateway/carried.py"}


def test_nobody_but_its_wire_knows_letters() -> None:
    """The same for letters, and nobody but the letterbox knows the library that takes them."""
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        rooms = ("smsq.worker.gateway.smtp", "smsq.worker.transports.smtp")
        ours = {each for each in imports(path) if each.startswith(rooms)}
        libraries = {each.split(".")[0] for each in imports(path)} & {"aiosmtpd", "smtplib"}

        assert not ours or name.startswith(SPEAKS_LETTERS) or name in CHOOSES_THE_WIRE, path
        assert not libraries or name == "worker/letterbox.py" or name.startswith("worker/transports/smtp/"), path


GATEWAY = ROOT / "worker" / "gateway"
DIALECTS = sorted(path.parent.name for path in GATEWAY.glob("*/__init__.py"))


def half_of(dialect: str, half: str) -> list[Path]:
    """The files of one end: `client_….py` or `client/`, `server_….py` or `server/`."""
    folder = GATEWAY / dialect
    return [path for path in folder.rglob("*.py") if path.relative_to(folder).parts[0].partition("_")[0] == half]


@pytest.mark.parametrize("half", ["client", "server"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_two_ends_of_a_dialect_do_not_know_each_other(dialect: str, half: str) -> None:
    """What one writes wrongly the other must not read rightly, because they share it."""
    other = {"client": "server", "server": "client"}[half]
    files = half_of(dialect, half)
    assert files
    for path in files:
        assert not [name for name in imports(path) if re.search(rf"\.{dialect}\.{other}[._]", name)], path


def test_the_two_ends_of_smpp_share_no_codec() -> None:
    """The server's reads and writes PDUs by itself: see the decision about it."""
    mine = set(half_of("smpp", "server"))
    for path in (GATEWAY / "smpp").glob("*.py"):
        used = [name for name in imports(path) if name.startswith("smsq.worker.gateway.smpp.")]
        is_server = [name.startswith("smsq.worker.gateway.smpp.server_") for name in used]
        assert all(is_server) if path in mine else not any(is_server), path
        assert path not in mine or not [name for name in imports(path) if name.startswith("smpplib")], path


def test_each_transport_is_a_row_of_the_table() -> None:
    """A folder beside the contract, under its name."""
    folders = {path.parent.name for path in (ROOT / "worker" / "transports").glob("*/__init__.py")}

    assert folders == set(TRANSPORTS)


def test_the_sandbox_is_used_by_tests_and_its_commands_only() -> None:
    """Nothing that speaks to the real gateway can meet it by accident, and nobody loads it unasked."""
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if name.startswith("worker/sandbox/"):
            continue
        at_the_top = {node.module for node in tree_of(path).body if isinstance(node, ast.ImportFrom) and node.module}
        assert not {module for module in at_the_top if module.startswith("smsq.worker.sandbox")}, path
        if name not in SANDBOX_USERS:
            assert "sandbox" not in ours(path, "worker"), path


def test_a_file_says_what_it_is_for_and_fits_in_a_look() -> None:
    """Its docstring comes first."""
    for path in SOURCES:
        assert ast.get_docstring(tree_of(path)), path
        assert path.read_text(encoding="utf-8").count("\n") <= LARGEST, path


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
        for node in ast.walk(tree_of(path))
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
        "worker/settings/__init__.py",
        "worker/settings/sources.py",
        "worker/processes/metrics_folder.py",
        "worker/processes/private_redis/redis_server.py",
    }


def test_the_package_is_two_links_and_what_programs_import() -> None:
    """Code lies in the two folders; `smsq/` only names them."""
    package = ROOT / "smsq"
    links = {path.name: path.readlink() for path in package.iterdir() if path.is_symlink()}
    files = {path.name for path in package.iterdir() if path.is_file()}

    assert links == {"worker": Path("../worker"), "producers": Path("../producers")}
    assert files == {"__init__.py", "__main__.py", "py.typed", "testing.py"}


def test_ours_are_imported_by_the_one_name() -> None:
    """Never as `worker` or `producers`: an application may have names like these."""
    for path in SOURCES:
        assert not {name for name in imports(path) if name.split(".")[0] in ("worker", "producers")}, path
