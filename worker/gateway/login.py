"""Who speaks to the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """Who speaks: a login and its password, or (`is_key`) an API key alone, with the login left empty."""

    login: str
    secret: str = field(repr=False)
    is_key: bool = False
