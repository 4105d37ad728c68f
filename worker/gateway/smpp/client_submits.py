r"""A send as submits: one `submit_sm` for each part of each message, all with our id in the comment.

    text                            what leaves
    Hello                           Hello\n~~~\nsmsq:1000000001
    Hello, by call, voice w         __CALL__: Hello\nvoice:w\n~~~\nsmsq:1000000001
    a number look-up                __HLR__\n~~~\nsmsq:1000000001

A wire without fields chooses kind and options in the text (PROTOCOL H.6). Text of a user that would do so is refused,
and so is an option that this wire cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway import comments
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.smpp import KEYWORD_END
from smsq.worker.gateway.smpp.parts import cut
from smsq.worker.gateway.smpp.pdus import Short

HAS_HEADER = 0x40  # of `esm_class`
WITH_RECEIPT = 1  # `registered_delivery`: of success and of failure
INTERNATIONAL, LETTERS = 1, 5  # types of number
NATIONAL_PLAN = 1

KEYWORDS: Mapping[str, str] = {"call": "__CALL__", "tg": "__TGM__"}
WORDLESS = frozenset({"hlr", "ping"})  # their keyword stands alone
# Options that stand in a line of their own behind a special text, by channel.
LINES: Mapping[str, tuple[str, ...]] = {"call": ("voice",), "mail": ("subj",), "bot": ("bot",)}

_HOURS = re.compile(r"\d{1,2}", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
_UNIX = re.compile(r"0(\d{9,10})", re.ASCII)
_MINUTES = re.compile(r"\+(\d{1,6})", re.ASCII)
_MOMENT = re.compile(r"(\d\d)\.?(\d\d)\.?(\d\d) ?(\d\d):?(\d\d)", re.ASCII)
_MOSCOW = "12+"  # three hours, in quarters


def check(options: Options) -> None:
    """Raise BadInput for a channel or an option that cannot be said over SMPP."""
    _base(options)


def submits(outgoing: Outgoing, *, is_latin: bool = False) -> list[list[Short] | BadInput]:
    """The submits of each message, or why it cannot be sent; raises BadInput for what concerns all of them."""
    base = _base(outgoing.options)
    each: list[list[Short] | BadInput] = []
    for place, phone in enumerate(outgoing.phones):
        text = outgoing.text if outgoing.text is not None else outgoing.texts[place]
        try:
            each.append(_message(base, outgoing, phone, text, is_latin=is_latin))
        except BadInput as error:
            each.append(error)
    return each


def _message(base: Short, outgoing: Outgoing, phone: int, text: str, *, is_latin: bool) -> list[Short]:
    comment = comments.with_id(outgoing.gateway_id)
    said = wire_text(text, outgoing.options)
    parted = cut(said, comment, outgoing.gateway_id, is_latin=is_latin)
    if outgoing.options.channel == "sms" and len(parted.parts) > texts.parts(text):
        raise BadText(f"the text takes {len(parted.parts)} parts here and was counted as {texts.parts(text)}")
    shaped = replace(
        base,
        dest=f"{phone:d}",
        data_coding=parted.data_coding,
        esm_class=HAS_HEADER if parted.has_header else 0,
    )
    return [replace(shaped, octets=octets) for octets in parted.parts]


def wire_text(text: str, options: Options) -> str:
    """The text with what chooses its channel around it; raises BadText if the user's own text would choose one."""
    texts.check_marks(text)
    keyword = KEYWORDS.get(options.channel)
    if keyword is None:
        return text
    if options.channel in WORDLESS:
        return keyword
    names = LINES.get(options.channel, ())
    if any(line.startswith(f"{name}:") for name in names for line in text.split("\n")[1:]):
        raise BadText(f"a line of this text begins like an option of the channel {options.channel}")
    behind = "".join(f"\n{name}:{options.extra[name]}" for name in names if name in options.extra)
    return f"{keyword}{KEYWORD_END}{text}{behind}"


def _base(options: Options) -> Short:
    """What all submits of a send have in common; raises BadInput for what this wire cannot say."""
    channel(options.channel)
    if options.channel != "sms" and options.channel not in KEYWORDS:
        raise BadInput(f"the channel {options.channel!r} cannot be sent over SMPP")
    if options.sender == "":
        raise BadInput("over SMPP the account's own sender name cannot be switched off: leave the sender out")
    if options.translit:
        raise BadInput("translit cannot be said over SMPP")
    for name in options.extra:
        if name not in LINES.get(options.channel, ()):
            raise BadInput(f"the option {name!r} cannot be said over SMPP")
    sender = options.sender or ""
    if len(sender) > 20 or not sender.isascii():
        raise BadInput("over SMPP a sender has up to 20 Latin letters, digits and signs")
    is_number = sender.lstrip("+").isdigit()
    return Short(
        source=sender,
        source_ton=INTERNATIONAL if is_number else LETTERS,
        source_npi=NATIONAL_PLAN,
        dest_ton=INTERNATIONAL,
        dest_npi=NATIONAL_PLAN,
        registered=WITH_RECEIPT,
        schedule=_schedule(options.time),
        validity=_validity(options.valid),
    )


def _validity(valid: str | None) -> str:
    """Hours, or hours and minutes (PROTOCOL B.1), as SMPP's relative time; the standard has days apart from hours."""
    if valid is None:
        return ""
    minutes = -1
    if _HOURS.fullmatch(valid):
        minutes = int(valid) * 60
    elif found := _TIME.fullmatch(valid):
        minutes = int(found[1]) * 60 + int(found[2])
    if not 0 < minutes <= 24 * 60:
        raise BadInput("a validity is 1 to 24 hours, or hh:mm up to 24:00")
    return _relative(minutes)


def _schedule(time: str | None) -> str:
    """A moment to send at, in one of the gateway's own forms (PROTOCOL B.2), as SMPP says it."""
    if time is None or time == "0":
        return ""
    if found := _MINUTES.fullmatch(time):
        return _relative(int(found[1]))
    if found := _UNIX.fullmatch(time):
        return f"{datetime.fromtimestamp(int(found[1]), UTC):%y%m%d%H%M%S}000+"
    if found := _MOMENT.fullmatch(time):
        day, month, year, hour, minute = found.groups()
        return f"{year}{month}{day}{hour}{minute}000{_MOSCOW}"
    raise BadInput(f"the time {time!r} cannot be said over SMPP; give a moment or +minutes")


def _relative(minutes: int) -> str:
    days, rest = divmod(minutes, 24 * 60)
    if days > 28:
        raise BadInput("over SMPP a message may wait 28 days at most")
    return f"0000{days:02d}{rest // 60:02d}{rest % 60:02d}00000R"
