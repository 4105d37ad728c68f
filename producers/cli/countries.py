"""`smsq countries …`: what becomes of all that goes to a country."""

from __future__ import annotations

from typing import Any

import click

from smsq.producers.cli import Suggesting
from smsq.producers.terminal import output
from smsq.producers.terminal.display import counted, print_json, talk

SAID = {"allow": "allowed", "block": "blocked", "monitor": "monitored", "release": "released"}


@click.group("countries", cls=Suggesting)
def group() -> None:
    """Allow, block or monitor everything that goes to a country, one-time codes too.

    A country is two letters, such as KZ; * is every country without a rule of its own.
    """


def _verb(name: str, help_text: str) -> None:
    """One command per verb: they differ in a word."""

    @group.command(name, help=help_text)
    @click.argument("countries", metavar="COUNTRY...", nargs=-1, required=True)
    def command(countries: tuple[str, ...]) -> None:
        from smsq.producers.api import Smsq
        from smsq.producers.countries import check_names

        check_names(countries)
        with Smsq() as smsq, smsq.named():
            told = [getattr(smsq.countries, name)(country) for country in countries]
            output.changed()
        click.echo(f"{SAID[name]} {', '.join(told)}")


_verb("allow", "Let messages to COUNTRY go, whatever is said of the others.")
_verb("block", "Let nothing go to COUNTRY. What waits to be sent there ends with the status blocked.")
_verb("monitor", "Count messages to COUNTRY, and let them go.")
_verb("release", "Take the rule for COUNTRY back.")


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")
def list_rules(as_json: bool) -> None:
    """List the rules, and how many messages have met them."""
    from smsq.producers.api import Smsq
    from smsq.producers.moments import when
    from smsq.producers.report import iso

    with Smsq() as smsq, smsq.named():
        rules = smsq.countries.rules()
    if as_json:
        objects: list[dict[str, Any]] = [
            {
                "country": rule.country,
                "rule": rule.verb or None,
                "since": iso(rule.since) or None,
                "blocked": rule.counted.get("block", 0),
                "monitored": rule.counted.get("monitor", 0),
            }
            for rule in rules
        ]
        print_json(objects)
        return
    if not rules:
        talk("there are no rules: messages go to every country")
    for rule in rules:
        many = [f"{counted(each, 'message')} {SAID[verb]}" for verb, each in sorted(rule.counted.items())]
        name = "others" if rule.country == "*" else rule.country
        verb = SAID.get(rule.verb, "no rule")
        click.echo(f"{name:<7} {verb:<10} {when(rule.since):<25}  {', '.join(many)}".rstrip())
