"""Limits of the gateway that smsq paces itself by: what the gateway blocks an address for, or refuses for a while.

Each is what the gateway allows, or is assumed to; smsq stops earlier by itself (docs/gateway.md, B.8, D.2 and L.7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class GatewayLimit:
    """At most `most` of something, at once or within some time."""

    most: int
    meaning: str


GATEWAY_LIMITS: Final[Mapping[str, GatewayLimit]] = MappingProxyType(
    {
        "errors": GatewayLimit(100, "answers with an error within ten minutes, which block our address"),
        "logins": GatewayLimit(3, "tries of a refused log-in within half an hour"),
        "sends": GatewayLimit(15, "send requests at once, hanging ones included"),
        "questions": GatewayLimit(4, "status and history requests at once"),
        "balance": GatewayLimit(10, "balance requests within a minute"),
    }
)


def used_ratio(limit: str, used: float) -> float:
    """The share of a limit that is used, from 0 to 1.

    >>> used_ratio("errors", 25), used_ratio("balance", 11)
    (0.25, 1.0)
    """
    return min(1.0, max(0.0, used / GATEWAY_LIMITS[limit].most))
