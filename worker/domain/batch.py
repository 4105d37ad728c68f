"""A batch: the messages that leave in one gateway request, and how it lies packed in the ledger.

Phones are packed at the narrowest width that holds them all, recipients among which is an address as a list; texts
are compressed together; rows are written down only if they have gaps. Packing and unpacking live here so that
producers, workers and reports agree.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from smsq.worker.domain.files import FileRef
from smsq.worker.domain.recipient import Recipient

PLAIN_CHANNEL: Final = "sms"  # what a message goes by if nothing else is chosen
MAX_MESSAGES = 500  # one request; the gateway's own limit is unknown (PROTOCOL B.3), 500 is the largest measured


class Ref(NamedTuple):
    """Names a batch together with its campaign, so that every key it touches can be derived.

    Written `4711` for a single message and `4711@k7xm2` for a batch of campaign `k7xm2`.
    """

    number: int
    campaign: str = ""

    def __str__(self) -> str:
        return f"{self.number}@{self.campaign}" if self.campaign else str(self.number)

    @classmethod
    def parse(cls, written: str | bytes) -> Ref:
        """Read what `str` wrote; raises ValueError on anything else."""
        if isinstance(written, bytes):
            written = written.decode()
        number, _, campaign = written.partition("@")
        return cls(int(number), campaign)


class MessageId(NamedTuple):
    """The public id of a message: its batch and its place in it, written `4711.17`."""

    batch: int
    place: int

    def __str__(self) -> str:
        return f"{self.batch}.{self.place}"

    @classmethod
    def parse(cls, written: str) -> MessageId:
        """Read `4711.17`; raises ValueError on anything else."""
        batch, dot, place = written.partition(".")
        if not dot:
            raise ValueError(f"a message id looks like 4711.17, not {written!r}")
        return cls(int(batch), int(place))


class Options(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is asked of the gateway for all messages of a batch or campaign, beyond recipient and text.

    `channel` is a row of `gateway/channels.py`, every other field but `extra` one of `gateway/options.py`, which says
    what it does and checks it. `sender` None keeps the account's own, '' switches it off. `valid` and `time` are in the
    gateway's form (PROTOCOL B.1, B.2). New fields come last, so that options written before are written alike.
    """

    channel: str = PLAIN_CHANNEL
    sender: str | None = None
    valid: str | None = None
    time: str | None = None
    translit: int = 0
    extra: dict[str, str] = {}
    tz: int | None = None
    period: float | None = None
    freq: int | None = None
    maxsms: int | None = None
    tinyurl: bool | None = None
    subj: str | None = None
    comment: str | None = None
    voice: str | None = None
    param: str | None = None
    fileurl: str | None = None
    userip: str | None = None
    imgcode: str | None = None
    bot: str | None = None
    smsreq: int | None = None
    files: tuple[FileRef, ...] = ()

    def written(self) -> bytes:
        """JSON of what is not left at its default: equal options are written alike, wherever their words come from."""
        if self == _PLAIN:
            return b"{}"
        # The encoder leaves out what is the default itself; a word equal to it that was read from somewhere is not.
        said = {name: value for name, value in msgspec.structs.asdict(self).items() if value != _LEFT_OUT[name]}
        return msgspec.json.encode(said | {"extra": dict(sorted(self.extra.items()))} if self.extra else said)


_PLAIN = Options()
_LEFT_OUT = msgspec.structs.asdict(_PLAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A batch as producers hand it to the ledger."""

    count: int
    recipients: bytes
    texts: bytes = b""  # empty if the campaign has one text for all
    rows: bytes = b""  # empty if rows follow one another without a gap
    first_row: int = 0
    parts: int = 0  # of all messages together: what pacing counts
    options: Options | None = None  # None for those of its campaign
    words: bytes = b""  # of its rows, as `domain/row_words.py` packs them; empty if they have none
    zone: int | None = None  # its place in the campaign's table of zones
    moment: float | None = None  # Unix seconds: not before then
    is_simulated: bool = False  # whether all of them are simulated numbers; otherwise none is


def pack(
    recipients: Sequence[Recipient],
    texts: Sequence[str] | None,
    rows: Sequence[int],
    parts: int,
    *,
    first_row: int | None = None,
) -> Packed:
    """Pack one batch; `texts` None if the campaign's own text serves all.

    `first_row` is the row at which the batch stands in its file, if that row itself is left out of it.
    """
    first = first_row if first_row is not None else rows[0] if rows else 0
    gapless = not rows or rows[-1] - first == len(rows) - 1
    return Packed(
        count=len(recipients),
        recipients=pack_recipients(recipients),
        texts=pack_texts(texts) if texts is not None else b"",
        rows=b"" if gapless else pack_rows(rows, first),
        first_row=first,
        parts=parts,
    )


def pack_recipients(recipients: Sequence[Recipient]) -> bytes:
    """A width byte, then each phone in that many bytes, most significant first.

    If there is an address among them, the width byte is 0 and a MessagePack list of all follows.
    """
    if not all(type(recipient) is int for recipient in recipients):
        return _ADDRESSES + msgspec.msgpack.encode(recipients)
    phones: Sequence[int] = recipients  # type: ignore[assignment]
    width = max(5, (max(phones).bit_length() + 7) // 8)
    return bytes((width,)) + b"".join([phone.to_bytes(width, "big") for phone in phones])


def unpack_recipients(blob: bytes) -> Sequence[Recipient]:
    """The recipients that `pack_recipients` wrote, in order."""
    width = blob[0]
    if width == 0:
        return _RECIPIENTS.decode(blob[1:])
    return [int.from_bytes(blob[at : at + width], "big") for at in range(1, len(blob), width)]


def addresses_of(blob: bytes) -> Sequence[Recipient]:
    """The recipients of a batch that has an address among them; none of phones alone, which are not looked at."""
    return unpack_recipients(blob) if blob[:1] == _ADDRESSES else ()


_ADDRESSES = b"\0"
_RECIPIENTS = msgspec.msgpack.Decoder(list[Recipient])
_TEXTS = msgspec.msgpack.Decoder(list[str])
_ROWS = msgspec.msgpack.Decoder(list[int])


def pack_texts(texts: Sequence[str]) -> bytes:
    """All texts of a batch, compressed together (they differ by a name or two)."""
    return zlib.compress(msgspec.msgpack.encode(texts), 1)


def unpack_texts(blob: bytes) -> list[str]:
    """The texts that `pack_texts` wrote, in order."""
    return _TEXTS.decode(zlib.decompress(blob))


def pack_rows(rows: Sequence[int], first: int) -> bytes:
    """Row numbers relative to the batch's first, as the ledger keeps them if there are gaps."""
    return msgspec.msgpack.encode([row - first for row in rows])


def unpack_rows(blob: bytes, first_row: int, count: int) -> list[int]:
    """The row numbers of a batch; an empty blob means one after another."""
    if not blob:
        return list(range(first_row, first_row + count))
    return [first_row + offset for offset in _ROWS.decode(blob)]
