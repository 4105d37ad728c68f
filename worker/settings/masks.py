"""Values as they may be printed."""

from __future__ import annotations

import re

_MAY_BE_PASSWORD = re.compile(r"://[^/]*:(?!\d{1,5}(?:[/?]|$))")  # `redis://:secret`, its host forgotten
_PASSWORD_IN_QUERY = re.compile(r"(?i)((?:user|pass)[a-z]*=)[^&]*")


def masked(value: object, *, is_address: bool = False) -> str:
    """A value as it may be printed: without secrets, and without what is before the @ of an address."""
    if isinstance(value, dict):
        return ",".join(f"{name}:{each}" for name, each in value.items())
    if isinstance(value, tuple):
        return ",".join(masked(each, is_address=is_address) for each in value)
    written = _PASSWORD_IN_QUERY.sub(r"\1***", str(value))
    before, mark, after = written.rpartition("@")
    if is_address and not mark and _MAY_BE_PASSWORD.search(written):
        return written.partition("://")[0] + "://***"
    if not mark or not (is_address or ":" in before):  # a log-in may have an @ of its own
        return written
    scheme, mark, _ = before.partition("://")
    return f"{scheme}{mark}***@{after}" if mark else f"***@{after}"
