"""The fields allowed in `Options.extra`: a closed list, with a check of the values of each.

The gateway's manual has some forty parameters of a send (PROTOCOL B.1), and more than half of them change what is sent:
to an e-mail, a probe, a request that is only priced. Passed on unchecked, such a message would leave by a way that was
not chosen and be reported as a delivered SMS. So a name that is in neither table is refused too. What has a row in
`options.py` is an option of its own; some of those were extra fields first, and may still be written as such.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.channels import CHOOSING, Channel
from smsq.worker.gateway.checks import Check, shaped

# PROTOCOL B.1, read 2026-11-20 and once more 2026-11-29.
ALLOWED: dict[str, Check] = {
    "pp": shaped("[0-9]{1,10}", "pp is the number of a partner"),
}
# Options that were extra fields before they had keywords: enrolled messages and programs have them here, those of the
# first kind beside any channel.
ONCE_BESIDE_ANY = frozenset("tinyurl maxsms tz period freq userip imgcode".split())
ONCE_EXTRA = ONCE_BESIDE_ANY | {"voice", "param"}

_OURS = "smsq writes it itself: leave it out"
_UNSERVED = "smsq does not send by that channel: leave it out"
_AN_OPTION = "it is an option of its own: set it beside `extra`"

# Why a name is refused, and what to do instead.
REFUSED: dict[str, str] = {
    **dict.fromkeys(("login", "psw", "apikey", "soap", "oauth"), "the log-in comes from the settings"),
    **dict.fromkeys(("id", "phones", "phone", "mes", "list", "nl"), _OURS),
    **dict.fromkeys(("cost", "fmt", "charset", "err", "op", "del", "all"), _OURS),
    **dict.fromkeys(("add", "get", "get_all", "cancel", "get_messages", "get_answers", "name"), _OURS),
    **dict.fromkeys(("sender", "valid", "time", "translit"), _AN_OPTION),
    **dict.fromkeys(("subj", "comment", "fileurl", "smsreq"), _AN_OPTION),
    **dict.fromkeys(("wap", "tgbot", "max"), _UNSERVED),
    "file": "files are given by themselves",
    **dict.fromkeys(("pid", "dcs"), "smsq does not send them: leave it out"),
}


def check_names(row: Channel, extra: Mapping[str, str]) -> None:
    """Raise BadInput for a field that would change what is sent, or that is in no table, whenever it was enrolled."""
    for name in extra:
        if not isinstance(name, str):
            raise BadInput("the names of extra fields are words, such as 'tinyurl'")
        if name in CHOOSING:
            raise BadInput(f"the field {name!r} is not set by itself: choose the channel")
        if name in ALLOWED or name in ONCE_BESIDE_ANY or name in row.takes & ONCE_EXTRA:
            continue
        if name in ONCE_EXTRA:
            takers = row.others_that_take(name)
            raise BadInput(f"the field {name!r} is for the channel {', '.join(takers)}, not for {row.name}")
        if why := REFUSED.get(name):
            raise BadInput(f"the extra field {name!r} is not for callers to set: {why}")
        known = sorted({*ALLOWED, *ONCE_BESIDE_ANY, *(row.takes & ONCE_EXTRA)})
        near = difflib.get_close_matches(name, known, 1)
        meant = f"did you mean {near[0]!r}?" if near else f"the fields are {', '.join(known)}"
        raise BadInput(f"the extra field {name!r} is not for callers to set: smsq does not know it; {meant}")


def check_value(name: str, value: object) -> None:
    """Raise BadInput for a wrong value of an extra field that is no option."""
    if not isinstance(value, str):
        raise BadInput(f"the value of the extra field {name!r} is a word, such as '1'")
    check = ALLOWED.get(name)
    if check is not None and (wrong := check(value)):
        raise BadInput(f"{wrong}; not {value!r}")
