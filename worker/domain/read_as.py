"""How the files of a campaign were read: kept with it, so that they can be read the same way again."""

from __future__ import annotations

from typing import Final

import msgspec

SEVERAL_PHONES: Final = ("error", "each")  # what becomes of a cell with more than one


class ReadAs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The files in their order, and what was said of them; None for what their content told."""

    files: tuple[str, ...]
    phone_column: str = "phone"
    region: str = "RU"
    encoding: str | None = None
    sheet: str | None = None
    several_phones: str = "error"

    def written(self) -> str:
        """The same as the ledger keeps it."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, written: str) -> ReadAs | None:
        """What `written` wrote; None for nothing."""
        return _DECODER.decode(written) if written else None


_DECODER = msgspec.json.Decoder(ReadAs)
