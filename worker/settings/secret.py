"""A value that is never printed."""

from __future__ import annotations


class Secret(str):
    """A string that prints as `***`; only `reveal` returns it."""

    __slots__ = ()

    def reveal(self) -> str:
        """The value itself, for the one place that sends or compares it."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)
