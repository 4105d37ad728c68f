"""What is typed, or piped, instead of written on the command line, which every user of the machine can read."""

from __future__ import annotations

import sys

from smsq.worker.domain.errors import BadInput

LONGEST = 20_000  # characters; no text that can be sent is longer


def from_stdin(*given: str) -> tuple[str, ...]:
    """The same arguments, each `-` taken from standard input: a line each, and for the last one all that is left.

    The line end after it is not part of a text. Raises BadInput for what cannot be read, is empty or too long.
    """
    if "-" not in given:
        return given
    taken = []
    try:
        for place, each in enumerate(given, 1):
            if each != "-":
                taken.append(each)
                continue
            told = sys.stdin.read(LONGEST + 1) if place == len(given) else sys.stdin.readline(LONGEST + 1)
            if len(told) > LONGEST:
                raise BadInput(f"standard input has more than {LONGEST} characters")
            taken.append(told.removeprefix("\ufeff").removesuffix("\n").removesuffix("\r"))
    except UnicodeDecodeError:
        raise BadInput("standard input is not text in this terminal's encoding") from None
    if not all(taken):
        raise BadInput("- means standard input, and nothing came from there")
    return tuple(taken)
