r"""Recipients and texts as strangers write them: the values of `phones` and `list` (PROTOCOL B.1, B.3).

    +79991234567,8 (999) 123-45-68;anna@example.com;@nick;#123456
    79991234567;79991234568;Your code: 4821
    dest@example.com:Good news: read on\nhere

Of the separators between recipients and text only the first counts, since texts have colons and semicolons of their
own. A semicolon separates recipients too, so they go on as long as another one follows. The two characters backslash
and n inside a record's text are a line break; as one library writes them *between* records, they are one too.
"""

from __future__ import annotations

import re

from smsq.worker.gateway.http.server.form import FormError

NO_RECORD = "a record of `list` is recipients, a colon and a text"

_PHONE = re.compile(r"[0-9+ ()\-]*[0-9][0-9+ ()\-]*", re.ASCII)
_MARKS = str.maketrans("", "", "+ -()")
# A phone with digits in plenty, so that a short text of digits is not taken for one; an address; a nick or an id.
_ONE = r"[+ ()-]*[0-9][0-9 ()-]*|\s*[^\s,;:@]+@[^\s,;:@]+\s*|\s*[@#][A-Za-z0-9_]+\s*"
_RECORD = re.compile(rf"\s*((?:(?:{_ONE})[,;])*(?:{_ONE}))[:;](.*)", re.ASCII | re.DOTALL)


def shown(written: str) -> str:
    """A recipient as answers and callbacks show it: a phone's digits alone, anything else as it is."""
    digits = written[1:] if written[:1] == "+" else written
    if digits.isdigit():
        return digits
    return written.translate(_MARKS) if _PHONE.fullmatch(written) else written.strip()


def recipients(written: str) -> list[str]:
    """Recipients that are separated by commas or semicolons, as they were written."""
    return [item.strip() for item in written.replace(";", ",").split(",") if item.strip()]


def listed(value: str, *, keeps_breaks: bool = False) -> list[tuple[str, str]]:
    """The (recipient as written, text) of a `list`; FormError 1 if a line is no record.

    `keeps_breaks` is the request's `nl=1`, a mode for texts of several lines that nobody describes (PROTOCOL B.1): it
    is taken if no text has a line break in either way of writing one, so that every reading of it is the same.
    """
    if keeps_breaks and "\\n" in value:
        raise FormError(1, "how nl=1 writes a line break is not known: leave it out and write backslash and n")
    return [message for line in value.split("\n") for message in record(line)]


def record(line: str) -> list[tuple[str, str]]:
    """One line of `list`: nothing for an empty one."""
    line = line.rstrip("\r")
    if not line.strip():
        return []
    written, separator, text = line.partition(":")
    if ";" in written or not separator:
        written, text = _at_semicolon(line)
    if not text:
        raise FormError(1, NO_RECORD)
    if "\\n" in text:
        text = text.replace("\\n", "\n")
    return [(one, text) for one in recipients(written)]


def _at_semicolon(line: str) -> tuple[str, str]:
    """Recipients and text of a line in which a semicolon comes before the first colon."""
    if found := _RECORD.fullmatch(line):
        return found[1], found[2]
    written, separator, text = line.partition(";")  # no recipient in front: it stays as written, for error 7
    if not separator:
        raise FormError(1, NO_RECORD)
    return written, text
