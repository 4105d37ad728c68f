"""`docs/extending.md` is true: what it names is all there is to touch, and what was added so works.

A channel, a duty, a metric, a setting and a verb are added to a copy of the tree. The promises of the copy must hold,
and a whole installation of it must use them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDITIONS = Path(__file__).parent / "additions"
COPIED = ("worker", "producers", "smsq", "tests", "docs", "deploy", "pyproject.toml", "README.md", "CHANGELOG.md")
PROMISES = (  # those that hold an addition to its tables and pages
    "tests/promises/test_acl.py",
    "tests/promises/test_scripts.py::test_every_key_that_is_passed_is_in_the_table",
    "tests/promises/test_scripts.py::test_scripts_touch_declared_keys_only",
    "tests/promises/test_scripts.py::test_a_script_begins_with_what_it_does",
    "tests/promises/test_scripts.py::test_a_file_includes_what_it_uses_and_nothing_else",
    "tests/promises/test_totals.py",
    "tests/worker/test_settings.py::test_every_field_has_its_row",
    "tests/worker/test_settings.py::test_every_setting_is_read_by_something",
    "tests/worker/test_settings.py::test_the_page_is_up_to_date",
    "tests/worker/metrics/test_metrics.py::test_every_process_metric_has_an_owner",
    "tests/worker/metrics/test_metrics.py::test_names_follow_the_rules",
    "tests/worker/metrics/test_metrics.py::test_the_page_is_up_to_date",
)


@dataclass(frozen=True, slots=True)
class Tree:
    """A copy of the tree that is changed as a person would change it."""

    root: Path

    def insert(self, path: str, before: str, text: str) -> None:
        """Put `text` in front of the only line that begins with `before`, spaces aside."""
        file = self.root / path
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        (place,) = (number for number, line in enumerate(lines) if line.strip().startswith(before))
        lines.insert(place, text)
        file.write_text("".join(lines), encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Put `new` for `old`, which stands there once."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, (path, old)
        file.write_text(text.replace(old, new), encoding="utf-8")

    def add(self, path: str) -> None:
        """A new file, from those that lie beside this test."""
        assert not (self.root / path).exists()
        shutil.copyfile(ADDITIONS / Path(path).name, self.root / path)

    def write(self, module: str, *, into: str = "") -> None:
        """Have a page or a file written from its table."""
        argv = [sys.executable, "-P", "-m", module]
        done = subprocess.run(argv, cwd=self.root, env=environ(self.root), capture_output=True, text=True, check=True)
        if into:
            (self.root / into).write_text(done.stdout, encoding="utf-8")

    def changed(self) -> set[str]:
        """Files that differ from the tree's."""
        found = set()
        for path in self.root.rglob("*"):
            name = path.relative_to(self.root)
            if path.is_file() and "__pycache__" not in path.parts and name.parts[0] != "smsq":
                theirs = ROOT / name
                if not theirs.exists() or theirs.read_bytes() != path.read_bytes():
                    found.add(str(name))
        return found


def environ(root: Path) -> dict[str, str]:
    """What a process is started with that shall import the copy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SMSQ_", "PYTEST_", "COV_"))}
    return {**kept, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}


def a_channel(tree: Tree) -> None:
    row = '        Channel(name="pigeon", fields={"pigeon": "1"}, parts=_one, meaning="a bird"),\n'
    tree.insert("worker/gateway/channels.py", 'Channel(name="whatsapp"', row)


def a_duty(tree: Tree) -> None:
    tree.add("worker/scheduler/census.py")
    tree.insert(
        "worker/scheduler/loop.py",
        "from smsq.worker.scheduler.doubts",
        "from smsq.worker.scheduler.census import Census\n",
    )
    tree.replace("worker/scheduler/loop.py", "WindUp, Upkeep)", "WindUp, Upkeep, Census)")


def a_verb(tree: Tree) -> None:
    tree.add("worker/ledger/lua/campaigns/census.lua")
    method = '''    def census(self, most: int) -> int:
        """How many campaigns are kept, `most` at the most."""
        return int(self.call("census", [self.key(name) for name in ("campaigns", "census", "totals")], most)[0])

'''
    tree.insert("worker/ledger/ledger.py", "def leases(self)", method)
    row = "| `census` | string | how many campaigns there are | census | never |\n"
    tree.insert("worker/ledger/keys.py", "| `campaigns` |", row)
    tree.replace("worker/acl.py", '"beat control doubt drop', '"beat census control doubt drop')
    tree.write("smsq.worker.acl")


def a_metric(tree: Tree) -> None:
    tree.insert(
        "worker/metrics/processes.py",
        'Metric("smsq_halted"',
        '    Metric("smsq_counts_total", "counter", "Countings.", ("what",)),\n',
    )
    row = '    counted("smsq_censuses_total", "Changes of what was counted.", ("found",), "censuses"),\n'
    tree.insert("worker/metrics/doubts.py", 'counted("smsq_double_accepts_total"', row)
    tree.insert("worker/metrics/labels.py", '"lane": ', '    "found": "`none`, `some`",\n    "what": "`campaigns`",\n')
    tree.insert(
        "worker/metrics/counting.py",
        "self._put_aside = ",
        '        self._counts = _counter("smsq_counts_total", registry)\n',
    )
    method = '''    def counted(self, what: str) -> None:
        """Something was counted."""
        self._counts.labels(what).inc()

'''
    tree.insert("worker/metrics/counting.py", "def put_aside(self", method)
    tree.write("smsq.worker.metrics", into="docs/metrics.md")


def a_setting(tree: Tree) -> None:
    tree.insert("worker/settings/__init__.py", "batch_size: int", "    census_most: int\n")
    row = '    Field("census_most", readers.whole(1, 10**6), "1000", "How far campaigns are counted."),\n'
    tree.insert("worker/settings/table.py", 'Field("batch_size"', row)
    tree.write("smsq.worker.settings", into="docs/settings.md")


ADD = {
    "a channel": a_channel,
    "a duty": a_duty,
    "a verb of the ledger": a_verb,
    "a metric": a_metric,
    "a setting": a_setting,
}


def named(kind: str) -> list[str]:
    """The files and folders that the page names for one of a kind."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {kind} \| (.*) \|$", page, re.MULTILINE)
    return [path for path in re.findall(r"`([^`]+)`", row) if "/" in path]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy of the tree."""
    root = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, root / name, symlinks=True, ignore=skipped)
        else:
            shutil.copyfile(source, root / name)
    return Tree(root)


@pytest.mark.timeout(300)
def test_what_the_page_names_is_enough(tree: Tree) -> None:
    """Each is added by touching only its files, and then all of it works and keeps the promises."""
    seen: set[str] = set()
    for kind, add in ADD.items():
        add(tree)
        touched = tree.changed() - seen
        allowed = named(kind)
        beside = {path for path in touched if not any(_covers(name, path) for name in allowed)}
        assert beside == set(), f"{kind}: docs/extending.md does not name {beside}"
        seen |= touched
    works = tree.root / "tests" / "test_works.py"
    shutil.copyfile(ADDITIONS / "works.py", works)

    argv = [sys.executable, "-P", "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(works), *PROMISES]
    done = subprocess.run(argv, cwd=tree.root, env=environ(tree.root), capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def _covers(name: str, path: str) -> bool:
    """Whether a file or folder that is named takes in this one."""
    pattern = re.sub(r"<\w+>", "*", name)
    return path == name or (name.endswith("/") and fnmatchcase(path, f"{pattern}*"))
