r"""The comment behind a text: the gateway keeps it and shows it in its history, and does not send it (PROTOCOL B.4).

    Your code is 4821\n~~~\nsmsq:1000000001 order 17

On a wire that gives a message no id of ours, our id stands here, in front of what the caller wrote. No text of a user
holds the mark (`domain/text.py`), so a comment is ours or another program's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from smsq.worker.domain.text import COMMENT_MARK

_OURS = re.compile(r"smsq:([1-9][0-9]{0,9})(?:\s.*)?", re.ASCII | re.DOTALL)
MOST_ID = 2_147_483_647


def with_id(gateway_id: int, told: str = "") -> str:
    """The comment, with the mark in front of it, that names a message by our id."""
    return f"{COMMENT_MARK}smsq:{gateway_id:d}" + (f" {told}" if told else "")


def parted(text: str) -> tuple[str, str]:
    """A text as it is sent on, and its comment, '' for none."""
    text, _, comment = text.partition(COMMENT_MARK)
    return text, comment


def id_of_row(row: Mapping[str, object]) -> int | None:
    """Our id in a row of history: in its comment, or behind the mark in its text; None if there is none.

    Raises ValueError for a comment that cannot be read.
    """
    comment = row.get("comment")
    if comment is None or comment == "":
        text = row.get("message")
        comment = parted(text)[1] if isinstance(text, str) else ""
    if not isinstance(comment, str):
        raise ValueError("a comment is no text")
    return id_in(comment)


def id_in(comment: str) -> int | None:
    """Our id in a comment; None if it names none."""
    found = _OURS.fullmatch(comment.strip())
    if found is None or int(found[1]) > MOST_ID:
        return None
    return int(found[1])
