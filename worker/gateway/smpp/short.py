"""A short message as it travels: the fields of `submit_sm` and `deliver_sm` that are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HAS_HEADER = 0x40  # of `esm_class`


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """The fields of `submit_sm` and `deliver_sm` that are used."""

    source: str = ""
    source_ton: int = 0
    source_npi: int = 0
    dest: str = field(default="", repr=False)
    dest_ton: int = 1
    dest_npi: int = 1
    esm_class: int = 0
    data_coding: int = 0
    registered: int = 0
    schedule: str = ""
    validity: str = ""
    octets: bytes = field(default=b"", repr=False)  # of short_message, or of message_payload
    extras: Mapping[int, bytes] = field(default_factory=dict, repr=False)  # optional parameters by their tags

    @property
    def has_header(self) -> bool:
        """Whether `octets` begin with a user data header."""
        return bool(self.esm_class & HAS_HEADER)
