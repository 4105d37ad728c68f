"""Which wire can carry which message: every door asks before it takes one, for the transport that is set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.smpp import client_submits
from smsq.worker.gateway.smtp import client_letters

# What a dialect cannot say although it carries the channel, by the name that SMSQ_TRANSPORT takes.
CHECKS: Mapping[str, Callable[[Options, Collection[str]], None]] = {
    "smtp": client_letters.check_options,
    "smpp": client_submits.check,
}

SAID: Mapping[str, Collection[str]] = {"smtp": client_letters.SAID, "smpp": client_submits.SAID}


def check_carried(transport: str, options: Options, *, later: Collection[str] = (), text: str | None = None) -> None:
    """Raise BadInput for a channel or an option that this transport cannot carry; `check_options` comes first.

    Options named in `later` follow with each message. `text` is that of a message on its own, or
    of a whole campaign.
    """
    row = channel(options.channel)
    if transport not in row.dialects:
        raise BadInput(f"a message of the channel {row.name} cannot leave over {transport} (SMSQ_TRANSPORT)")
    if transport != "http" and row.alone is not None and text == row.alone:
        raise BadInput(
            f"{text!r} alone has the gateway make up a code, which only its answer over HTTP tells: over {transport} "
            "(SMSQ_TRANSPORT) nobody would learn it"
        )
    if transport == "smtp" and text is not None and client_letters.MARKS.search(text):
        raise BadInput("[text] and [/text] mark the message inside a letter: no text may hold them over smtp")
    if check := CHECKS.get(transport):
        check(options, later)


def can_say(transport: str, option: str) -> bool:
    """Whether this transport has a place for an option."""
    said = SAID.get(transport)
    return said is None or option in said
