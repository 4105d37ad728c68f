"""The fields allowed in `Options.extra`: a closed list, with a check of the values of each.

The gateway's manual has some forty parameters of a send (PROTOCOL B.1), and more than half of them change what is sent:
to an e-mail, a probe, a request that is only priced. Passed on unchecked, such a message would leave by a way that was
not chosen and be reported as a delivered SMS. So a name that is in neither table is refused too. Fields of one channel
(`voice`, `param`) are in its row of `channels.py`.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from smsq.worker.domain.errors import BadInput

# Moscow is UTC+3, and zones go from UTC-12 to UTC+14.
WEST, EAST = -15, 11
LONGEST_DELAY_M = 366 * 24 * 60

_WHOLE = re.compile(r"0|[1-9][0-9]{0,5}", re.ASCII)
_ZONE = re.compile(r"0|-?[1-9][0-9]?", re.ASCII)
_HOURS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", re.ASCII)
_CAPTCHA = re.compile(r"[!-~]{1,32}", re.ASCII)
_PARTNER = re.compile(r"[0-9]{1,10}", re.ASCII)
_STAMP = re.compile(r"0[0-9]{9,10}", re.ASCII)
_LATER = re.compile(r"\+([0-9]{1,6})", re.ASCII)
_WINDOW = re.compile(r"([0-9]{1,2})-([0-9]{1,2})", re.ASCII)
_DIGITS = re.compile(r"[0-9]{10}", re.ASCII)
_DOTTED = re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2} [0-9]{2}:[0-9]{2}", re.ASCII)

Check = Callable[[str], str]  # of a value: what is wrong with it, '' for nothing


def _whole(first: int, last: int, sentence: str) -> Check:
    def check(value: str) -> str:
        return "" if _WHOLE.fullmatch(value) and first <= int(value) <= last else sentence

    return check


def _zone(value: str) -> str:
    fits = _ZONE.fullmatch(value) is not None and WEST <= int(value) <= EAST
    return "" if fits else f"a time zone is whole hours from Moscow's, {WEST} to {EAST}"


def _period(value: str) -> str:
    fits = _HOURS.fullmatch(value) is not None and 0.1 <= float(value) <= 720
    return "" if fits else "a period is 0.1 to 720 hours"


def _address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "a user's address is an IP address"
    return ""


def _shaped(pattern: re.Pattern[str], sentence: str) -> Check:
    return lambda value: "" if pattern.fullmatch(value) else sentence


# PROTOCOL B.1, read 2026-11-20 and once more 2026-11-29.
ALLOWED: dict[str, Check] = {
    "tinyurl": _whole(0, 1, "tinyurl is 0 or 1"),
    "maxsms": _whole(1, 99, "maxsms is a number of parts, 1 to 99"),
    "tz": _zone,
    "period": _period,
    "freq": _whole(1, 1440, "freq is 1 to 1440 minutes"),
    "userip": _address,
    "imgcode": _shaped(_CAPTCHA, "imgcode is what a person typed, up to 32 letters, digits and signs"),
    "pp": _shaped(_PARTNER, "pp is the number of a partner"),
}
# A field that the gateway ignores or refuses without another one.
NEEDS = {"freq": "period", "imgcode": "userip"}

_OURS = "smsq writes it itself: leave it out"
_NOT_A_TEXT = "that is no text message, and would be reported as one: leave it out"
_UNSERVED = "smsq does not send by that channel: leave it out"
_OF_OTHERS = "it belongs to a kind of message that smsq does not send: leave it out"

# Why a name is refused, and what to do instead.
REFUSED: dict[str, str] = {
    **dict.fromkeys(("login", "psw", "apikey", "soap", "oauth"), "the log-in comes from the settings"),
    **dict.fromkeys(("id", "phones", "phone", "mes", "list", "nl"), _OURS),
    **dict.fromkeys(("cost", "fmt", "charset", "err", "op", "del", "all"), _OURS),
    **dict.fromkeys(("add", "get", "get_all", "cancel", "get_messages", "get_answers", "name"), _OURS),
    **dict.fromkeys(("sender", "valid", "time", "translit"), "it is an option of its own: set it beside `extra`"),
    **dict.fromkeys(("hlr", "ping", "flash", "bin", "push"), _NOT_A_TEXT),
    **dict.fromkeys(("mms", "mail", "soc", "viber", "whatsapp", "wap", "bot", "tgbot", "max"), _UNSERVED),
    **dict.fromkeys(("tg", "call"), "choose the channel instead"),
    **dict.fromkeys(("subj", "fileurl", "file", "smsreq", "pid", "dcs"), _OF_OTHERS),
}


def check(extra: Mapping[str, str], of_channel: Mapping[str, Check]) -> None:
    """Raise BadInput for a field that may not be set, or for a wrong value; `of_channel` are fields of the channel."""
    for name, value in extra.items():
        check_name(name, of_channel)
        if not isinstance(value, str):
            raise BadInput(f"the value of the extra field {name!r} is a word, such as '1'")
        if wrong := (of_channel.get(name) or ALLOWED[name])(value):
            raise BadInput(f"{wrong}; not {value!r}")
    for name, other in NEEDS.items():
        if name in extra and other not in extra:
            raise BadInput(f"the extra field {name!r} counts only beside {other!r}")


def check_name(name: str, of_channel: Mapping[str, Check]) -> None:
    """Raise BadInput for a field that would change what is sent, or that is in no table."""
    if not isinstance(name, str):
        raise BadInput("the names of extra fields are words, such as 'tinyurl'")
    if name in of_channel or name in ALLOWED:
        return
    if why := REFUSED.get(name):
        raise BadInput(f"the extra field {name!r} is not for callers to set: {why}")
    known = sorted({*ALLOWED, *of_channel})
    near = difflib.get_close_matches(name, known, 1)
    meant = f"did you mean {near[0]!r}?" if near else f"the fields are {', '.join(known)}"
    raise BadInput(f"the extra field {name!r} is not for callers to set: smsq does not know it; {meant}")


def check_time(value: str) -> None:
    """Raise BadInput for a `time` that the gateway cannot read (PROTOCOL B.2): it would refuse every message."""
    if not (value == "0" or _is_moment(value) or _is_delay(value) or _is_window(value)):
        raise BadInput(
            "a time is DDMMYYhhmm or 'DD.MM.YY hh:mm', hours of the day such as 9-21, 0 and Unix seconds, "
            f"+ and minutes from now, or 0 for at once; not {value!r}"
        )


def _is_moment(value: str) -> bool:
    if _STAMP.fullmatch(value) and int(value) < 2**32:
        return True
    form = "%d%m%y%H%M" if _DIGITS.fullmatch(value) else "%d.%m.%y %H:%M" if _DOTTED.fullmatch(value) else ""
    try:
        return bool(form) and datetime.strptime(value, form).replace(tzinfo=UTC).year > 0
    except ValueError:
        return False


def _is_delay(value: str) -> bool:
    found = _LATER.fullmatch(value)
    return found is not None and int(found[1]) <= LONGEST_DELAY_M


def _is_window(value: str) -> bool:
    found = _WINDOW.fullmatch(value)
    return found is not None and 0 <= int(found[1]) < int(found[2]) <= 24
