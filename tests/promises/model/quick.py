"""A named tuple whose `_replace` is written out, as its `__new__` is: a walk changes states millions of times."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T", bound=tuple[Any, ...])


def quick(cls: type[T]) -> type[T]:
    """Give a named tuple a `_replace` of half the price."""
    fields: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
    told = ", ".join(f"{name}=same" for name in fields)
    old = ", ".join(f"_{name}" for name in fields)
    chosen = ", ".join(f"_{name} if {name} is same else {name}" for name in fields)
    made: dict[str, Any] = {"new": tuple.__new__, "cls": cls, "same": object()}
    exec(f"def _replace(self, /, *, {told}):\n    {old}, = self\n    return new(cls, ({chosen},))", made)
    cls._replace = made["_replace"]  # type: ignore[attr-defined]
    return cls
