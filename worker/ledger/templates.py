"""Saved templates: texts of campaigns under a name, each change a version of its own.

They are the operator's own texts, no message of anybody, and are yet in no log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from smsq.worker.domain.errors import BadInput
from smsq.worker.ledger.store import Store, translated

MOST_VERSIONS = 500  # of one name

_KEPT = msgspec.msgpack.Decoder(tuple[str, str, int, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTemplate:
    """One version of a saved template; `language` is '' if it is told from the text, `added_at` Unix seconds.

    `is_newest` says whether it is what the name alone means.
    """

    name: str
    version: int
    text: str = field(repr=False)
    language: str
    added_at: float
    added_by: str
    is_newest: bool = True

    @property
    def called(self) -> str:
        """The name with the version, such as `welcome@3`, as campaigns remember it."""
        return f"{self.name}@{self.version}"


class SavedTemplates(Store):
    """The verbs on saved templates. Each raises LedgerTrouble if Redis cannot do it."""

    def add_template(self, name: str, text: str, language: str, by: str) -> tuple[int, bool]:
        """Keep a text under a name; return its version, and whether that is a new one.

        The text that the newest version has already makes no new one. Raises BadInput if the name has as many versions
        as are kept.
        """
        reply = self.call("template_add", [self.key("templates")], name, language, text, by, MOST_VERSIONS)
        if reply[0] == b"full":
            raise BadInput(f"the template {name} has {MOST_VERSIONS} versions already; take a new name")
        return int(reply[0]), int(reply[1]) == 1

    def remove_template(self, name: str) -> int:
        """Remove all versions of a template; return how many there were."""
        return int(self.call("template_remove", [self.key("templates")], name, MOST_VERSIONS)[0])

    def template(self, name: str, version: int | None = None) -> SavedTemplate | None:
        """A saved template, the newest version if none is named; None if there is none."""
        key = self.key("templates")
        with translated():
            newest = int(self.redis.hget(key, name) or 0)
            wanted = newest if version is None else version
            raw = self.redis.hget(key, f"{name}@{wanted}")
        return _read(name, wanted, raw, is_newest=wanted == newest) if raw is not None else None

    def templates(self) -> list[SavedTemplate]:
        """The newest version of each, by name."""
        with translated():
            raw = self.redis.hgetall(self.key("templates"))
        kept = {field.decode(): value for field, value in raw.items()}
        found = ((name, int(value)) for name, value in kept.items() if "@" not in name)
        return _sorted(
            _read(name, newest, kept[f"{name}@{newest}"]) for name, newest in found if f"{name}@{newest}" in kept
        )


def _read(name: str, version: int, raw: bytes, *, is_newest: bool = True) -> SavedTemplate:
    text, language, at, by = _KEPT.decode(raw)
    return SavedTemplate(
        name=name,
        version=version,
        text=text,
        language=language,
        added_at=at / 1000,
        added_by=by,
        is_newest=is_newest,
    )


def _sorted(found: Iterable[SavedTemplate]) -> list[SavedTemplate]:
    return sorted(found, key=lambda each: each.name.casefold())
