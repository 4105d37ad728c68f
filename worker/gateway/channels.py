"""The ways a message can travel, and the request fields that choose each.

Adding a channel is adding a row; nothing else asks which channel it is. Voice, Viber, e-mail, HLR and
the others of the gateway's manual (PROTOCOL B.1) have no row yet, so that nobody can choose them by chance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from worker.domain.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel: its name in options and metrics, and the fields that a request for it carries."""

    name: str
    fields: dict[str, str] = field(default_factory=dict)
    meaning: str = ""


# Chapter "sending" of the HTTP manual (PROTOCOL B.1), read 2026-11-20.
CHANNELS: dict[str, Channel] = {row.name: row for row in (Channel(name="sms", meaning="a plain SMS"),)}


def channel(name: str) -> Channel:
    """The row of that name; raises BadInput naming the rows there are."""
    try:
        return CHANNELS[name]
    except KeyError:
        raise BadInput(f"there is no channel {name!r}; there is {', '.join(CHANNELS)}") from None
