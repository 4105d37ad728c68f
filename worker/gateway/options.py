"""The table of options: what may be asked of the gateway beside recipient and text, and its checks.

To add an option, add a field to `Options` in `domain/batch.py`, a row here, and its name to the channels that take it
in `channels.py`. From this table come the keywords of `Options`, the flags of the commands and the columns of a file.
What is wrong is refused by name before anything is enrolled: at the send a wrong option would have every message
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import msgspec

from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.files import check_ref
from smsq.worker.domain.job import PriceJob
from smsq.worker.domain.translit import spelled
from smsq.worker.gateway import checks, extras, times
from smsq.worker.gateway.channels import CHANNELS, Channel, channel
from smsq.worker.gateway.checks import Check, shaped, whole

TRANSLITS = (0, 1, 2)  # PROTOCOL B.1

Value = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option: its name as a keyword, a flag and a column, and how a request carries it.

    `wire` is its field in a request, '' for one that is no field. `check` says what is wrong with a value as it is
    written, `type` is that of the keyword. It counts only beside the option `needs`.
    """

    name: str
    check: Check
    help: str
    wire: str = ""
    type: type[str] | type[int] | type[float] | type[bool] = str
    needs: str = ""

    def read(self, written: str) -> Value:
        """The value of a flag or a cell; raises BadInput."""
        written = written.strip() if self.type is not str else written
        if wrong := self.check(written):
            raise BadInput(f"{self.name}: {wrong}; not {written!r}")
        if self.type is bool:
            return written == "1"
        return self.type(written)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that take it."""
        return tuple(row.name for row in CHANNELS.values() if self.name in row.takes)


def _any(value: str) -> str:
    return ""


_VALID = r"[1-9]|1\d|2[0-4]|(?!00:00)(?:[01]\d|2[0-3]):[0-5]\d|24:00"

# Chapters "sending" and "time" of the HTTP manual (PROTOCOL B.1, B.2, B.4), read 2026-11-20 and 2026-11-29.
OPTIONS: dict[str, Option] = {
    row.name: row
    for row in (
        Option(name="sender", wire="sender", check=_any, help="Sender name that is registered, or a mail address."),
        Option(
            name="valid",
            wire="valid",
            check=shaped(_VALID, "operators try for 1 to 24 hours, or hh:mm from 00:01 to 24:00"),
            help="How long operators try to deliver: hours from 1 to 24, or hh:mm.",
        ),
        Option(
            name="time",
            wire="time",
            check=times.check,
            help="When the gateway sends: DDMMYYhhmm, 'DD.MM.YY hh:mm', 9-21, +30 (minutes), or 0 and Unix seconds.",
        ),
        Option(name="tz", wire="tz", type=int, check=checks.zone, help="Hours from Moscow of --time and its hours."),
        Option(
            name="translit",
            wire="translit",
            type=int,
            check=whole(0, 2, "translit is 0 (none), 1 (translit) or 2 (look-alike letters)"),
            help="Write Cyrillic in Latin letters: 0 no, 1 translit, 2 look-alike letters.",
        ),
        Option(
            name="period",
            wire="period",
            type=float,
            check=checks.period,
            help="Hours over which the gateway spreads each request, 0.1 to 720.",
        ),
        Option(
            name="freq",
            wire="freq",
            type=int,
            check=whole(1, 1440, "freq is 1 to 1440 minutes"),
            needs="period",
            help="Minutes between the portions of a --period.",
        ),
        Option(
            name="maxsms",
            wire="maxsms",
            type=int,
            check=whole(1, 99, "maxsms is a number of parts, 1 to 99"),
            help="Cut the text so that it has at most so many parts.",
        ),
        Option(
            name="tinyurl",
            wire="tinyurl",
            type=bool,
            check=whole(0, 1, "tinyurl is 0 or 1"),
            help="Shorten links in the text: 0 or 1.",
        ),
        Option(name="subj", wire="subj", check=checks.subject, help="Subject of an e-mail or an MMS."),
        Option(
            name="comment",
            check=checks.comment,
            help="A comment for your own records: it is not sent, and the gateway's history shows it.",
        ),
        Option(
            name="voice",
            wire="voice",
            check=checks.voice,
            help="Voice of a call: m, m2-m4, w, w2-w4, with a language such as w,en.",
        ),
        Option(
            name="param",
            wire="param",
            check=checks.param,
            help="How a call rings: seconds of ringing, seconds until the next try, tries; such as 25,60,2.",
        ),
        Option(name="fileurl", wire="fileurl", check=checks.url, help="Address of a file that the gateway attaches."),
        Option(
            name="userip", wire="userip", check=checks.ip_address, help="IP address of the person who asked for it."
        ),
        Option(
            name="imgcode",
            wire="imgcode",
            check=shaped("[!-~]{1,32}", "imgcode is what a person typed, up to 32 letters, digits and signs"),
            needs="userip",
            help="What that person read from the gateway's picture.",
        ),
        Option(
            name="bot",
            wire="bot",
            check=shaped(r"@[A-Za-z0-9_]{3,64}|wa:[0-9]{5,15}", "a bot is @name or wa: and a number"),
            help="The bot that speaks: @name, or wa: and a number.",
        ),
        Option(
            name="smsreq",
            wire="smsreq",
            type=int,
            check=whole(10, 999, "smsreq is 10 to 999 days"),
            needs="bot",
            help="Hide a bot's text until the phone is confirmed again if that was so many days ago.",
        ),
    )
}


def check_options(options: Options, *, later: Collection[str] = ()) -> None:
    """Raise BadInput for options that the gateway would refuse, or that a caller may not set.

    Every entrance that takes options must call this. What is named in `later` may still be missing.
    """
    if not isinstance(options, Options):
        raise BadInput(f"options are an Options, not {type(options).__name__}")
    row = channel(options.channel)
    if row.same_as:
        raise BadInput(f"the channel {row.name!r} is how {row.same_as} is written on the wire: choose {row.same_as}")
    if not isinstance(options.extra, Mapping):
        raise BadInput("extra fields are a mapping of names and values, such as {'tinyurl': '1'}")
    extras.check_names(row, options.extra)
    given = given_options(options)
    for name, value in given.items():
        if not _is_of(value, OPTIONS[name].type):
            raise BadInput(f"{_CALLED[OPTIONS[name].type].format(name)}, not {value!r}")
        if name in options.extra:
            raise BadInput(f"{name!r} is given twice: as an option and in `extra`")
    told: dict[str, object] = {**options.extra, **{name: written(value) for name, value in given.items()}}
    check_fields(row, told, later=later)
    if options.files:
        check_takes_files(options)
        for file in options.files:
            check_ref(file)
    for name in row.needs:
        if not told.get(name) and name not in later:
            raise BadInput(f"the channel {row.name} needs `{name}`: {OPTIONS[name].help}")


def check_takes_files(options: Options) -> None:
    """Raise BadInput if no files go with messages of this channel."""
    row = channel(options.channel)
    if not row.files:
        takers = tuple(other.name for other in CHANNELS.values() if other.files)
        raise BadInput(f"files are for {_listed(takers)}, not for {row.name}")


def check_fields(row: Channel, told: Mapping[str, object], *, later: Collection[str] = ()) -> None:
    """Raise BadInput for an option of this channel with a wrong value, one that it does not take, or one left alone.

    Values are as a request has them; names that are no options are left to `extras.py`.
    """
    for name, value in told.items():
        option = OPTIONS.get(name)
        if option is None:
            extras.check_value(name, value)
            continue
        if not isinstance(value, str):
            raise BadInput(f"the value of the extra field {name!r} is a word, such as '1'")
        if name not in row.takes:
            raise BadInput(f"{name!r} is for {_listed(option.channels)}, not for {row.name}")
        if wrong := (row.sender if name == "sender" else option.check)(value):
            raise BadInput(f"{wrong}; not {value!r}")
        if option.needs and option.needs not in told and option.needs not in later:
            raise BadInput(f"{name!r} counts only beside {option.needs!r}")


def given_options(options: Options) -> dict[str, Value]:
    """The options that were given, by name; `translit` 0 is none."""
    found: dict[str, Value] = {}
    for name in OPTIONS:
        value = getattr(options, name)
        if value is not None and not (name == "translit" and type(value) is int and value == 0):
            found[name] = value
    return found


def written(value: Value) -> str:
    """A value as a request has it.

    >>> written(True), written(2.0), written(0.5), written("m3")
    ('1', '2', '0.5', 'm3')
    """
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def accepted(options: Options, now: float) -> Options:
    """Checked options as a message keeps them: a `time` that counts from when it is accepted has become a moment."""
    if options.time is None:
        return options
    time = times.resolved(options.time, now, options.tz)
    is_settled = time is None or times.is_stamp(time)
    if time == options.time and not (is_settled and options.tz is not None):
        return options
    return msgspec.structs.replace(options, time=time, tz=None if is_settled else options.tz)


def parts_of(text: str, options: Options) -> int:
    """How many parts a text is charged for by its channel and with its options, as far as we can tell."""
    return counter(options)(text)


def counter(options: Options) -> Callable[[str], int]:
    """What counts the parts of many texts with the same options."""
    count, way, most = channel(options.channel).parts, options.translit, options.maxsms
    if not way and not most:
        return count

    def counted(text: str) -> int:
        many = count(spelled(text, way))
        return min(many, most) if most else many

    return counted


def check_message(text: str, options: Options, *, is_alone: bool = False, has_files: bool = False) -> None:
    """Raise BadText for a text that its channel does not take, or that has no room for its comment.

    `is_alone` says that it goes to one recipient, in a message of its own; `has_files` that files go with it which its
    options do not name yet.
    """
    row = channel(options.channel)
    if row.files and not (text or has_files or options.files or options.fileurl):
        raise BadText(f"there is nothing in this {row.name}: give a text, a file or `fileurl`")
    if not (is_alone and text == row.alone and options.comment is None):
        row.check(text)
    if options.comment is not None and texts.units(with_comment(text, options)) > texts.MAX_LENGTH:
        raise BadText(f"text and comment are longer than {texts.MAX_LENGTH} characters together")


def check_own_texts(options: Options) -> None:
    """Raise BadInput for options that cannot stand beside texts of recipients' own.

    These travel in one field, where a new line is two characters: whether the gateway would find a comment there, or
    send it on, is not known (PROTOCOL B.3, B.4).
    """
    if options.comment is not None:
        raise BadInput("a comment goes only with one text for all, since it might be sent on with texts of rows' own")


def with_comment(text: str, options: Options) -> str:
    """A text as a request has it."""
    return f"{text}{texts.COMMENT_MARK}{options.comment}" if options.comment is not None else text


def check_price(job: PriceJob) -> None:
    """Raise BadInput for wrong options, and BadText for a text that could not be sent.

    A price request is a send with one field more. So an option that changes what is sent is refused before the job is
    stored, and again before the request is made.
    """
    check_options(job.options)
    if job.messages:
        check_own_texts(job.options)
    for text in job.texts:
        check_message(text, job.options, is_alone=len(job.recipients) == 1, has_files=True)
        if job.messages:
            texts.check_list(text)


_CALLED: dict[type, str] = {
    str: "{} is a word",
    int: "{} is a whole number",
    float: "{} is a number",
    bool: "{} is True or False",
}


def _is_of(value: object, kind: type) -> bool:
    if kind is float:
        return type(value) in (int, float)
    return type(value) is kind


def _listed(names: tuple[str, ...]) -> str:
    return f"the channel{'s' if len(names) > 1 else ''} {', '.join(names)}"
