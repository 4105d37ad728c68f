"""Words of a caller's own beside a row: a reference and tags, which come back in reports, and a key.

The words of all rows of a batch are packed together, compressed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class RowWords(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one row says beside its text; `key` names it among all rows that are ever sent."""

    reference: str = ""
    tags: Mapping[str, str] = {}
    key: str = ""


NO_WORDS = RowWords()
_DECODER = msgspec.msgpack.Decoder(dict[str, Any])


def pack_words(words: Sequence[RowWords]) -> bytes:
    """The words of a batch in the order of its messages; b'' if there are none."""
    columns: dict[str, Any] = {}
    for name in ("reference", "key"):
        if any(values := [getattr(each, name) for each in words]):
            columns[name] = values
    names = dict.fromkeys(name for each in words for name in each.tags)
    tags = {name: [each.tags.get(name, "") for each in words] for name in names}
    if tags := {name: values for name, values in tags.items() if any(values)}:
        columns["tags"] = tags
    return zlib.compress(msgspec.msgpack.encode(columns), 6) if columns else b""


def unpack_words(packed: bytes, count: int) -> list[RowWords]:
    """What `pack_words` wrote for so many messages; words that are empty are left out."""
    if not packed:
        return [NO_WORDS] * count
    columns = _DECODER.decode(zlib.decompress(packed))
    none = [""] * count
    references, keys, tags = columns.get("reference", none), columns.get("key", none), columns.get("tags", {})
    return [
        RowWords(references[at], {name: values[at] for name, values in tags.items() if values[at]}, keys[at])
        for at in range(count)
    ]


def unpack_keys(packed: bytes) -> list[str]:
    """The keys alone; [] if no row of the batch has one."""
    return _DECODER.decode(zlib.decompress(packed)).get("key", []) if packed else []
