"""The command itself: quick, lazy, and plain about what went wrong."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from smsq.producers.cli import COMMANDS, exit_code, main
from smsq.worker.domain import errors

ROOT = Path(__file__).parents[3]


def smsq(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, without the shell's own settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
    return subprocess.run(
        [sys.executable, "-m", "smsq", *words],
        env={**clean, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_row_of_the_table_is_a_command(name: str) -> None:
    """What `--help` lists can be run, and its own help begins with a sentence."""
    module, _, attribute = COMMANDS[name].target.partition(":")
    command = getattr(importlib.import_module(module), attribute)

    assert isinstance(command, click.Command)
    assert (command.name, bool(command.help)) == (name, True)


def test_help_lists_every_command_and_imports_none() -> None:
    """A person who only looks waits for nothing."""
    script = (
        "import sys; from smsq.producers.cli import main; from click.testing import CliRunner;"
        "print(CliRunner().invoke(main, ['--help']).output);"
        "print('heavy:', *sorted({'redis', 'dramatiq', 'requests', 'rich', 'prometheus_client'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert shown.rstrip().endswith("heavy:")
    assert all(f"\n  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadPhone("x"), 2),
        (errors.BadSettings("x"), 2),
        (errors.Conflict("x"), 2),
        (errors.Refused("x"), 3),
        (errors.BadCredentials("x"), 3),
        (errors.Halted("x"), 3),
        (errors.Unreachable("x"), 4),
        (errors.LedgerUnreachable("x"), 4),
        (errors.LedgerFull("x"), 1),
        (errors.NoReply("x"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_error_has_its_exit_code(error: errors.SmsqError, code: int) -> None:
    """Scripts can tell usage, refusal and outage apart."""
    assert exit_code(error) == code


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    """No traceback: the variable, what was given, and exit code 2."""
    answer = smsq("exporter", SMSQ_HOME=str(tmp_path), SMSQ_BATCH_SIZE="many")

    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("smsq: SMSQ_BATCH_SIZE: 'many'")
    assert answer.stderr.count("\n") == 1


def test_an_unknown_command_is_a_usage_error() -> None:
    """Exit code 2, as for every wrong use."""
    result = CliRunner().invoke(main, ["sned"])

    assert result.exit_code == 2
    assert "sned" in result.output


def test_the_version_is_the_package_s() -> None:
    """`smsq --version` says which one is installed."""
    assert CliRunner().invoke(main, ["--version"]).output.startswith("smsq, version ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_be_taught(shell: str) -> None:
    """What is printed names the command and its variable."""
    taught = CliRunner().invoke(main, ["completion", shell]).output

    assert "_SMSQ_COMPLETE" in taught


def test_a_child_whose_supervisor_is_gone_leaves_at_once() -> None:
    """The hidden option of the supervisor's children."""
    answer = smsq("--parent", "999999999", "completion", "bash")

    assert (answer.returncode, answer.stdout) == (71, "")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["campain", "list"], "smsq has no command 'campain'; did you mean `smsq campaign`?"),
        (["campaign", "resum", "x"], "smsq campaign has no command 'resum'; did you mean `smsq campaign resume`?"),
        (["otp", "snd"], "did you mean `smsq otp send`?"),
        (["doubts", "setle"], "did you mean `smsq doubts settle`?"),
        (["shield", "alow"], "did you mean `smsq shield allow`?"),
        (["campaign", "xyzzyx"], "its commands are cancel, check, copy, edit, list"),
        (["campaign", "\x1bc"], "has no command '?c'"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_a_mistyped_command_gets_a_suggestion(words: list[str], hint: str) -> None:
    """At every level; it is a matter of usage."""
    result = CliRunner().invoke(main, words, prog_name="smsq")

    assert result.exit_code == 2
    assert hint in result.stderr
