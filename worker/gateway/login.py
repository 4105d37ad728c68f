"""The account's log-in at the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """A log-in and its password, or (`is_key`) an API key, with the log-in left empty."""

    login: str
    secret: str = field(repr=False)
    is_key: bool = False
