r"""A send as submits: one `submit_sm` for each part of each message, all with our id in the comment.

    what is sent                    how it leaves
    Hello                           Hello\n~~~\nsmsq:1000000001
    Hello, by call, voice w         __CALL__: Hello\nvoice:w\n~~~\nsmsq:1000000001
    a number look-up                __HLR__\n~~~\nsmsq:1000000001
    bytes                           as they are: a comment would be a part of them

A wire without fields chooses kind and options in the text (PROTOCOL H.6). Text of a user that would do so is refused,
and so is an option that this wire cannot say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.translit import spelled
from smsq.worker.gateway import comments, times
from smsq.worker.gateway.channels import CHANNELS, OCTETS_A_PART, Channel, channel
from smsq.worker.gateway.options import given_options
from smsq.worker.gateway.smpp import KEYWORD_END, LONGEST_ADDRESS
from smsq.worker.gateway.smpp.alphabets import LATIN
from smsq.worker.gateway.smpp.parts import cut, has_header
from smsq.worker.gateway.smpp.short import HAS_HEADER, Short

WITH_RECEIPT = 1  # `registered_delivery`: of success and of failure
INTERNATIONAL, LETTERS = 1, 5  # types of number
NUMBER_PLAN = 1

_BESIDE = frozenset(("sender", "valid", "time", "tz", "translit", "comment"))  # by fields, the text or its comment
SAID = _BESIDE.union(
    *(row.lines for row in CHANNELS.values())
)  # options that this wire has a place for, on one channel or another


def check(options: Options, later: Collection[str] = ()) -> None:
    """Raise BadInput for a channel or an option that cannot be said over SMPP; `later` names those of each message."""
    _base(options)
    _check_said(channel(options.channel), later)


def submits(outgoing: Outgoing, *, is_latin: bool = False) -> list[list[Short] | BadInput]:
    """The submits of each message, or why it cannot be sent; raises BadInput for what concerns all of them."""
    base = _base(outgoing.options)
    each: list[list[Short] | BadInput] = []
    for place, recipient in enumerate(outgoing.recipients):
        text = outgoing.text if outgoing.text is not None else outgoing.texts[place]
        try:
            each.append(_message(base, outgoing, recipient, text, is_latin=is_latin))
        except BadInput as error:
            each.append(error)
    return each


def _message(base: Short, outgoing: Outgoing, recipient: Recipient, text: str, *, is_latin: bool) -> list[Short]:
    row = channel(outgoing.options.channel)
    told = _addressed(base, recipient)
    if row.has_octets:
        return [_binary(told, text)]
    comment = comments.with_id(outgoing.gateway_id, outgoing.options.comment or "")
    said = wire_text(text, outgoing.options)
    parted = cut(said, comment, outgoing.gateway_id, is_latin=is_latin)
    esm_class = HAS_HEADER if parted.has_header else 0
    shaped = replace(told, data_coding=parted.data_coding, esm_class=esm_class)
    return [replace(shaped, octets=octets) for octets in parted.parts]


def _addressed(base: Short, recipient: Recipient) -> Short:
    if isinstance(recipient, int):
        return replace(base, dest=f"{recipient:d}")
    if len(recipient) > LONGEST_ADDRESS or not recipient.isascii():
        raise BadInput(f"over SMPP an address has up to {LONGEST_ADDRESS} Latin letters, digits and signs")
    return replace(base, dest=recipient, dest_ton=LETTERS)


def _binary(told: Short, text: str) -> Short:
    """Bytes as one submit; they bring their own header, so they cannot be cut into several."""
    octets = bytes.fromhex(text)
    if len(octets) > OCTETS_A_PART:
        raise BadText(f"over SMPP a binary message has at most {OCTETS_A_PART} bytes, not {len(octets)}")
    return replace(
        told, octets=octets, data_coding=LATIN.data_coding, esm_class=HAS_HEADER if has_header(octets) else 0
    )


def wire_text(text: str, options: Options) -> str:
    """The text with what chooses its channel around it; raises BadText if the user's own text would choose one."""
    row = channel(options.channel)
    texts.check_marks(text)
    text = spelled(text, options.translit)
    if row.keyword is None:
        return text
    if not row.has_text:
        return row.keyword
    if any(line.startswith(f"{name}:") for name in row.lines for line in text.split("\n")[1:]):
        raise BadText(f"a line of this text begins like an option of the channel {row.name}")
    behind = "".join(f"\n{name}:{value}" for name in row.lines if (value := getattr(options, name)) is not None)
    return f"{row.keyword}{KEYWORD_END}{text}{behind}"


def _base(options: Options) -> Short:
    """What all submits of a send have in common; raises BadInput for what this wire cannot say."""
    row = channel(options.channel)
    if "smpp" not in row.dialects:
        raise BadInput(f"the channel {row.name!r} cannot be sent over SMPP")
    if options.sender == "":
        raise BadInput("over SMPP the account's own sender name cannot be switched off: leave the sender out")
    _check_said(row, (*given_options(options), *options.extra))
    _check_comment(row, options)
    sender = options.sender or ""
    if len(sender) > LONGEST_ADDRESS or not sender.isascii():
        raise BadInput(f"over SMPP a sender has up to {LONGEST_ADDRESS} Latin letters, digits and signs")
    is_number = sender.lstrip("+").isdigit()
    return Short(
        source=sender,
        source_ton=INTERNATIONAL if is_number else LETTERS,
        source_npi=NUMBER_PLAN,
        dest_ton=INTERNATIONAL,
        dest_npi=NUMBER_PLAN,
        registered=WITH_RECEIPT,
        schedule=_schedule(options.time, options.tz or 0),
        validity=_validity(options.valid),
    )


def _check_said(row: Channel, names: Collection[str]) -> None:
    for name in names:
        if name not in _BESIDE and name not in row.lines:
            raise BadInput(f"the option {name!r} cannot be said over SMPP")


def _check_comment(row: Channel, options: Options) -> None:
    if options.comment is not None and row.has_octets:
        raise BadInput("over SMPP a binary message has no comment")


def _validity(valid: str | None) -> str:
    """Hours, or hours and minutes (PROTOCOL B.1), in SMPP's relative form."""
    if valid is None:
        return ""
    hours, _, minutes = valid.partition(":")
    return _relative(int(hours) * 60 + int(minutes or 0))


def _schedule(time: str | None, tz: int) -> str:
    """A moment to send at, as it is kept, in SMPP's absolute form; hours and delays have become moments before."""
    if time is None or time == "0":
        return ""
    if times.is_stamp(time):
        return f"{datetime.fromtimestamp(int(time), UTC):%y%m%d%H%M%S}000+"
    digits = "".join(char for char in time if char.isdigit())
    if len(digits) != 10 or time[:1] == "+":
        raise BadInput(f"the time {time!r} cannot be said over SMPP")
    zone = timezone(timedelta(hours=times.MOSCOW_H + tz))
    moment = datetime.strptime(digits, "%d%m%y%H%M").replace(tzinfo=zone).astimezone(UTC)
    return f"{moment:%y%m%d%H%M%S}000+"


def _relative(minutes: int) -> str:
    days, rest = divmod(minutes, 24 * 60)
    return f"0000{days:02d}{rest // 60:02d}{rest % 60:02d}00000R"
