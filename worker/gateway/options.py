"""Checks of the options of a send, before anything is enrolled."""

from __future__ import annotations

import re
from collections.abc import Mapping

from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.job import PriceJob
from smsq.worker.gateway.channels import channel, check_extras
from smsq.worker.gateway.extras import check_time

TRANSLITS = (0, 1, 2)  # PROTOCOL B.1

# PROTOCOL B.1; an empty sender, formerly a dot, switches the account's own off.
_SENDER = re.compile(r"[ -~]{0,11}|\d{12,15}", re.ASCII)
_VALID = re.compile(r"[1-9]|1\d|2[0-4]|(?!00:00)(?:[01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)


def check_options(options: Options) -> None:
    """Raise BadInput for options that the gateway would refuse, or that a caller may not set.

    Every entrance that takes options must call this: at the send a wrong option would have every message refused.
    """
    if not isinstance(options, Options):
        raise BadInput(f"options are an Options, not {type(options).__name__}")
    row = channel(options.channel)
    if not isinstance(options.extra, Mapping):
        raise BadInput("extra fields are a mapping of names and values, such as {'tinyurl': '1'}")
    check_extras(row, options.extra)
    sender, valid, time = options.sender, options.valid, options.time
    if not all(isinstance(word, str | None) for word in (sender, valid, time)):
        raise BadInput("sender, valid and time are words")
    if sender is not None and _SENDER.fullmatch(sender) is None:
        raise BadInput(f"a sender is up to 11 latin letters, digits and signs, or up to 15 digits, not {sender!r}")
    if valid is not None and _VALID.fullmatch(valid) is None:
        raise BadInput(f"operators try for 1 to 24 hours, or hh:mm from 00:01 to 24:00, not {valid!r}")
    if time is not None:
        check_time(time)
    if type(options.translit) is not int or options.translit not in TRANSLITS:
        raise BadInput(f"translit is 0 (none), 1 (translit) or 2 (look-alike letters), not {options.translit!r}")


def check_price(job: PriceJob) -> None:
    """Raise BadInput for wrong options, and BadText for a text that could not be sent.

    A price request is a send with one field more. So an option that changes what is sent is refused before the job is
    stored, and again before the request is made.
    """
    check_options(job.options)
    row = channel(job.options.channel)
    for text in job.texts:
        row.check(text)
        if job.messages:
            texts.check_list(text)
