"""`smsq cost`: what a message, or a whole file, would cost; nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli.message_options import message_flags, options_of, template_flags, values_of
from smsq.producers.terminal.display import print_json
from smsq.producers.terminal.stdin import from_stdin

if TYPE_CHECKING:
    from smsq.producers.intake.preflight import Price
    from smsq.worker.domain.batch import Options


@click.command("cost")
@click.argument("phone_or_file")
@click.argument("text", required=False)
@click.option("--text", "of_rows", help="The text for a file's rows; may hold {column}.")
@template_flags
@click.option("--language", help="Language of plural forms and dates in --text: ru, uk, en or kk.")
@click.option("--plain-chars", is_flag=True, help="As `smsq campaign run` writes the texts of a file with that flag.")
@click.option("--phone-column", help="The column that holds recipients.  [default: phone, or email by --channel mail]")
@click.option("--region", default="RU", show_default=True, help="Country of phones that have no plus.")
@message_flags()
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def command(
    phone_or_file: str,
    text: str | None,
    of_rows: str | None,
    template: str | None,
    values: tuple[str, ...],
    language: str | None,
    plain_chars: bool,
    phone_column: str | None,
    region: str,
    as_json: bool,
    **told: Any,
) -> None:
    """Show what TEXT to a phone, or --text to the rows of a file, would cost; a saved template may stand for both.

    If the phone or TEXT is -, it is read from standard input, as for `smsq send`.
    """
    from smsq.producers.api import Smsq
    from smsq.producers.intake import preflight
    from smsq.producers.intake.drafts import draft
    from smsq.worker.gateway.channels import channel

    options = options_of(told)
    way = channel(options.channel)
    is_file = of_rows is not None or Path(phone_or_file).is_file()
    written = of_rows or text
    if template is not None:
        written, language = _saved(written, template, values, language, is_file=is_file)
    if written is None:
        if way.has_text:
            raise click.UsageError("say which text: smsq cost PHONE TEXT, or smsq cost FILE --text TEXT")
        written = ""
    phone_or_file, written = from_stdin(phone_or_file, written) if written else (*from_stdin(phone_or_file), "")
    if not way.campaigns and not is_file:
        _single(phone_or_file, written, options, region, as_json)
        return
    rows = phone_or_file if is_file else [phone_or_file]
    # A single text is taken as it stands.
    written = written if is_file else written.replace("{", "{{").replace("}", "}}")
    drafted = draft(
        rows,
        text=written,
        phone_column=phone_column,
        region=region,
        options=options,
        language=language,
        plain_chars=plain_chars,
    )
    found = preflight.look(drafted.source.rows(), drafted.template, region=drafted.region, options=options)
    preflight.require_some(found)
    with Smsq() as smsq:
        price = preflight.price(found, drafted.template, drafted.options, smsq.price)
    _show(found.messages, found.parts, price, as_json)


def _saved(
    written: str | None, template: str, values: Sequence[str], language: str | None, *, is_file: bool
) -> tuple[str, str | None]:
    """The text of a saved template and its language; for one message it is filled with values."""
    from smsq.producers.api import Smsq
    from smsq.producers.templates import rendered, text_of

    with Smsq() as smsq, smsq.named():
        said, called, of_template = text_of(smsq, written, template)
    if is_file:
        return said, language or of_template
    what = f"the template {called}"
    return rendered(said, values_of(values), language=language or of_template, what=what), None


def _single(recipient: str, text: str, options: Options, region: str, as_json: bool) -> None:
    """The price of one message by a channel that no campaign goes by."""
    from smsq.producers.api import Smsq
    from smsq.producers.intake.preflight import Price
    from smsq.worker.domain.recipient import parse
    from smsq.worker.gateway.channels import channel
    from smsq.worker.gateway.options import check_message, check_options

    check_options(options)
    check_message(text, options)
    asked = {
        "recipients": [parse(recipient, channel(options.channel).recipients, region)],
        "text": text,
        "options": options,
    }
    with Smsq() as smsq:
        cost, parts = smsq.price(asked)
    _show(1, parts, Price(cost=cost, is_exact=True), as_json)


def _show(messages: int, parts: int, price: Price, as_json: bool) -> None:
    if as_json:
        print_json({"messages": messages, "parts": parts, "cost": float(price.cost), "exact": price.is_exact})
    else:
        click.echo(f"{messages} messages, {parts} parts: {price}")
