"""`smsq completion`: what a shell reads to complete the names of commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL. Use it as: eval "$(smsq completion bash)"."""
    from smsq.producers.cli import main

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    click.echo(kind(main, {}, "smsq", "_SMSQ_COMPLETE").source())
