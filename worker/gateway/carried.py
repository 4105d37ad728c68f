"""Which wire can carry which message: every door asks before it takes one, for the transport that is set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.smtp import client_letters

# What a dialect cannot say although it carries the channel, by the name that SMSQ_TRANSPORT takes.
CHECKS: Mapping[str, Callable[[Options, Collection[str]], None]] = {"smtp": client_letters.check_options}


def check_carried(transport: str, options: Options, *, later: Collection[str] = ()) -> None:
    """Raise BadInput for a channel or an option that this transport cannot carry; `check_options` comes first.

    Options named in `later` follow with each message.
    """
    row = channel(options.channel)
    if transport not in row.dialects:
        raise BadInput(f"a message of the channel {row.name} cannot leave over {transport} (SMSQ_TRANSPORT)")
    if check := CHECKS.get(transport):
        check(options, later)


def can_say(transport: str, option: str) -> bool:
    """Whether this transport has a place for an option."""
    return transport != "smtp" or option in client_letters.SAID
