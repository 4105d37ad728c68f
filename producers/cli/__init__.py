"""The `smsq` command: a table of sub-commands, each imported only when it is used.

An error of ours becomes one sentence on stderr and an exit code by its kind; results go to stdout.
Never anything but commands: what they run is in `machine/` and in the files above, what they show in `terminal/`.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, NamedTuple

import click

from smsq.producers.terminal import output
from smsq.worker.domain.errors import BadInput, Halted, Later, LedgerUnreachable, Refused, SmsqError

__all__ = ["COMMANDS", "Row", "Suggesting", "exit_code", "main"]

DONE, FAILED, USAGE, REFUSED, UNREACHABLE, UNDELIVERED = range(6)
INTERRUPTED = 130  # what a shell calls Ctrl-C
INSTALL_WORKER = "pip install 'smsq[worker]'"


class Row(NamedTuple):
    """Where a sub-command is (`module:attribute`) and its line in the list of them."""

    target: str
    help: str


COMMANDS: Final[dict[str, Row]] = {
    "demo": Row(
        "smsq.producers.cli.demo:command", "Run a sample campaign on this machine alone, then show its report."
    ),
    "init": Row("smsq.producers.cli.init:command", "Set up a real account: ask, try it without cost, write it down."),
    "up": Row("smsq.producers.cli.up:command", "Run everything in the foreground; --sandbox brings a local gateway."),
    "send": Row("smsq.producers.cli.send:command", "Send one message."),
    "otp": Row("smsq.producers.cli.otp:group", "Send one-time codes, and check what people typed."),
    "campaign": Row("smsq.producers.cli.campaign:group", "Check, run and watch campaigns."),
    "template": Row("smsq.producers.cli.template:group", "Keep texts under a name, with versions."),
    "hlr": Row("smsq.producers.cli.probes:hlr", "Ask the operators about phones: who serves them, are they on."),
    "ping": Row("smsq.producers.cli.probes:ping", "Find out which phones are on."),
    "doubts": Row("smsq.producers.cli.doubts:group", "Show messages whose outcome is unknown, and decide."),
    "cap": Row("smsq.producers.cli.cap:command", "Limit how many messages of campaigns one recipient gets."),
    "countries": Row("smsq.producers.cli.countries:group", "Allow, block or monitor what goes to a country."),
    "forget": Row("smsq.producers.cli.forget:command", "Erase what is kept of a person."),
    "optout": Row("smsq.producers.cli.optout:group", "Keep the list of those who want no messages."),
    "shield": Row("smsq.producers.cli.shield:group", "Show and adjust the limits against SMS pumping."),
    "limits": Row("smsq.producers.cli.limits:group", "Show and change the pace of sending, and the reserve."),
    "top": Row("smsq.producers.cli.top:command", "Watch lanes, rates, mirrors, money and campaigns live."),
    "status": Row("smsq.producers.cli.status:command", "Show a message or a campaign, and why it waits."),
    "cost": Row("smsq.producers.cli.cost:command", "Show what a message or a file would cost."),
    "balance": Row("smsq.producers.cli.balance:command", "Show what is left on the account."),
    "doctor": Row("smsq.producers.cli.doctor:command", "Find what is wrong, and say how to fix it."),
    "health": Row("smsq.producers.cli.health:command", "Say whether all is well, in a word; for probes of containers."),
    "recover": Row("smsq.producers.cli.recover:command", "Repair a ledger that was restored or lost writes."),
    "backup": Row("smsq.producers.cli.backup:backup", "Write a backup of the ledger, while everything runs."),
    "restore": Row("smsq.producers.cli.backup:restore", "Begin a new ledger with a backup."),
    "web": Row("smsq.producers.cli.web:command", "Receive the gateway's statuses."),
    "door": Row("smsq.producers.cli.door:command", "Serve software that uses the gateway's own libraries."),
    "worker": Row("smsq.producers.cli.processes:worker", "Run the workers of one lane."),
    "scheduler": Row("smsq.producers.cli.processes:scheduler", "Run the scheduler; a second one stands by."),
    "exporter": Row("smsq.producers.cli.processes:exporter", "Serve the metrics of this host."),
    "sandbox": Row("smsq.producers.cli.sandbox:command", "Run a local gateway that fails on demand."),
    "completion": Row("smsq.producers.cli.completion:command", "Print the completion script for a shell."),
}

# The first that fits decides.
EXIT_CODES: Final[tuple[tuple[type[SmsqError], int], ...]] = (
    (BadInput, USAGE),
    (Refused, REFUSED),
    (Halted, REFUSED),
    (Later, UNREACHABLE),
    (LedgerUnreachable, UNREACHABLE),
    (SmsqError, FAILED),
)


def exit_code(error: SmsqError) -> int:
    """What the shell is told about this error."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


class Suggesting(click.Group):
    """A group that names the command somebody may have meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; for a name that is not there with the nearest that is, or all of a short list."""
        typed = args[0] if args else ""
        if typed and not typed.startswith("-") and self.get_command(ctx, typed) is None:
            known = self.list_commands(ctx)
            near = difflib.get_close_matches(typed.lower(), known, n=1, cutoff=0.5)
            hint = f"did you mean `{ctx.command_path} {near[0]}`?" if near else f"its commands are {', '.join(known)}"
            raise click.UsageError(f"{ctx.command_path} has no command {_quoted(typed)}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def _quoted(typed: str) -> str:
    return repr("".join(char if char.isprintable() else "?" for char in typed))


class _Lazy(Suggesting):
    """A group whose commands are rows of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        module, _, attribute = row.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table alone, so that asking for help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in COMMANDS.items()])

    def main(self, *args: Any, **options: Any) -> Any:
        """As every command of click is run, with its output guarded and nothing foreign in its environment."""
        _clean(os.environ)
        with output.guarded() as guard:
            try:
                try:
                    return super().main(*args, **options)
                finally:
                    guard.finish()  # a full disk is heard of here, not while Python goes down
            except output.Lost as lost:
                output.changed()
                if not lost.is_pipe:
                    click.echo(f"smsq: {lost.sentence}", err=True)
                sys.exit(FAILED)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SmsqError as error:
            click.echo(f"smsq: {error.sentence}", err=True)
            ctx.exit(exit_code(error))
        except ModuleNotFoundError as error:
            if not _is_of_workers(error.name or ""):
                raise
            click.echo(f"smsq: this command needs {error.name}, which is not installed: {INSTALL_WORKER}", err=True)
            ctx.exit(FAILED)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nsmsq: interrupted", err=True)
            ctx.exit(INTERRUPTED)


def _is_of_workers(module: str) -> bool:
    """Whether this is a library that only `smsq[worker]` brings: programs that bring messages in do without."""
    from importlib.metadata import requires

    name = module.partition(".")[0]
    return any(re.match(rf"{re.escape(name)}\b.*extra == ['\"]worker['\"]", row) for row in requires("smsq") or ())


def _clean(environ: MutableMapping[str, str]) -> None:
    """Take what would let others into our children out of an environment.

    An empty entry of PYTHONPATH, as `PYTHONPATH=$PYTHONPATH:…` leaves it, means the working directory. SSLKEYLOGFILE
    has every TLS library write down what opens the connections to the gateway and to Redis.
    """
    environ.pop("SSLKEYLOGFILE", None)
    if (paths := environ.get("PYTHONPATH")) is not None:
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths.split(os.pathsep)))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="smsq", prog_name="smsq")
@click.option("--parent", type=int, hidden=True, help="Exit when this process exits; for the supervisor's children.")
def main(parent: int | None) -> None:
    """Bulk and one-time messages through the SMS Centre gateway: nothing lost, nothing sent twice."""
    if parent is not None:
        from smsq.worker.processes.parent import die_with_parent

        die_with_parent(parent)
