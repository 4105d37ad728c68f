"""The docs keep their word: what is drawn is current, what is named exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from smsq.producers.cli import main
from smsq.worker.domain import diagram
from smsq.worker.settings import FIELDS
from tests.promises import reliability

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
FILE = re.compile(r"(?:worker|producers|tests|docs)/[\w/.-]*\w|(?<![\w/])\.ci/run")
SECTION = r"[A-L](?:\.\d+)*"
MARK = re.compile(rf"(?:PROTOCOL |\bP\.)({SECTION}(?:(?:, |-|, and | and ){SECTION})*)\b")
# Written by commands, perhaps not yet in this copy; shown as names of what a command makes.
NOT_KEPT = {"docs/benchmarks.md", "docs/doubles.md", "docs/otp-latency.md", "docs/otp-latency.svg"}


def words(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_drawings_of_the_journey_are_current() -> None:
    """Whoever changes the table of moves draws the page anew: python -m smsq.worker.domain.diagram."""
    written = words(diagram.PAGE)

    assert diagram.drawn(written) == written


def test_the_tables_of_the_reliability_page_are_current() -> None:
    """Whoever adds a journey or a safeguard writes them anew: python -m tests.promises.reliability."""
    page = words(reliability.PAGE)

    assert reliability.written(page) == page


def test_each_fault_has_a_test_that_exists() -> None:
    """On real processes and on the real parts; no fault is named twice."""
    rows = [*reliability.journeys(), *reliability.PARTS]

    for _, _, test in rows:
        path, _, name = test.partition("::")
        assert f"\ndef {name}(" in words(reliability.ROOT / path), test
    assert len({fault for fault, _, _ in rows}) == len(rows)


def test_a_page_without_markers_is_not_drawn_into() -> None:
    """Nothing is lost silently when somebody removes a marker."""
    with pytest.raises(ValueError, match="no markers for batches"):
        diagram.drawn("# Another page\n")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    """A link within the repository names a file that is there and a heading that it has."""
    broken = [link for link in links(page) if not leads_somewhere(page, link)]

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_that_are_named_exist(page: Path) -> None:
    """A path in code style that begins like one of ours is one of ours."""
    named = {path for code in CODE.findall(words(page)) for path in FILE.findall(code)}
    missing = {path for path in named - NOT_KEPT if "NNN" not in path and not list(ROOT.glob(path.rstrip(".")))}

    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_that_are_shown_exist(page: Path) -> None:
    """Every `smsq …` in code style is a command there is, with options that it takes."""
    wrong = [f"{said}: {why}" for said in commands(page) if (why := trouble_with(said))]

    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_targets_that_are_shown_exist(page: Path) -> None:
    """Every `make …` is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", words(ROOT / "Makefile"), re.MULTILINE))
    shown = {name for code in codes(page) for name in re.findall(r"^\s*make ([a-z-]+)", code, re.MULTILINE)}

    assert shown <= targets


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_settings_that_are_named_exist(page: Path) -> None:
    """Every SMSQ_… is a setting, or a file that holds one."""
    known = {row.variable for row in FIELDS} | {f"{row.variable}_FILE" for row in FIELDS if row.may_be_in_file}
    named = set(re.findall(r"\bSMSQ_[A-Z_]+\b", words(page)))

    assert named - known == set()


def test_the_readme_names_the_command_that_ci_runs() -> None:
    """What a newcomer types is what decides: `.ci/run` makes check, and check runs what `make test` runs."""
    makefile = words(ROOT / "Makefile")
    recipe = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", makefile, re.MULTILINE))

    assert "make test" in words(ROOT / "README.md")
    assert "make check" in words(ROOT / ".ci/run")
    assert recipe["test"].strip().splitlines()[-1].strip() in recipe["check"]


def test_marks_of_the_manual_in_the_code_have_a_heading() -> None:
    """`PROTOCOL B.6` or `P.B.6` in a comment is a heading, or begins an item, of docs/gateway.md."""
    page = words(ROOT / "docs" / "gateway.md")
    known = {heading.split(" ")[0].rstrip(".") for heading in HEADING.findall(page)}
    known |= {
        mark for item in re.findall(r"^- ([A-L]\.[^:]+):", page, re.MULTILINE) for mark in re.findall(SECTION, item)
    }
    cited = {
        (mark, str(path.relative_to(ROOT)))
        for folder in ("worker", "producers", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for marks in MARK.findall(words(path))
        for mark in re.findall(SECTION, marks)
        if path != Path(__file__)
    }

    assert {(mark, path) for mark, path in cited if mark not in known} == set()


def links(page: Path) -> Iterator[str]:
    """Link targets within the repository."""
    prose = CODE.sub(lambda code: "" if code[0].startswith("```") else code[0], words(page))
    return (link for link in LINK.findall(prose) if "://" not in link and not link.startswith("mailto:"))


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return str(target.relative_to(ROOT)) in NOT_KEPT
    return not anchor or anchor in {slug(heading) for heading in HEADING.findall(words(target))}


def slug(heading: str) -> str:
    """A heading's anchor as GitHub makes it."""
    plain = re.sub(r"[^\w\- ]", "", heading.lower().replace("`", ""))
    return plain.replace(" ", "-")


def codes(page: Path) -> list[str]:
    """What stands in code style: fenced, indented or between backticks."""
    text = words(page)
    indented = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    return [code.strip("`") for code in CODE.findall(text)] + indented


def commands(page: Path) -> set[str]:
    """Command lines of ours, each up to its comment."""
    lines = {line.strip().removeprefix("$ ") for code in codes(page) for line in code.splitlines()}
    return {line.split(" # ")[0].strip() for line in lines if line.startswith("smsq ")}


def trouble_with(said: str) -> str:
    """What is wrong with a command line, '' for nothing; `…` and capitals stand for what a person fills in."""
    command: click.Command = main
    context = click.Context(main)
    for word in shlex.split(said)[1:]:
        if word.startswith("-") and len(word) > 1:
            options = {
                name for option in command.get_params(context) for name in (*option.opts, *option.secondary_opts)
            }
            if word.split("=")[0] not in options:
                return f"there is no option {word}"
        elif isinstance(command, click.Group):
            names = word.split("|") if "|" in word else [word]
            found = [command.get_command(context, name) for name in names]
            if any(each is None for each in found):
                return "" if word in ("…", "...") else f"there is no command {word}"
            assert found[0] is not None
            command, context = found[0], click.Context(found[0], parent=context)
    return ""


def test_no_page_needs_a_client_of_redis() -> None:
    """The private servers come without one, so that what the runbook says to do can be done."""
    for page in PAGES:
        if page.name != "CHANGELOG.md":
            assert not re.search(r"(redis|valkey)-cli", words(page)), page
