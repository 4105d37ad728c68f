"""Answers as values: JSON is read strictly for a send, leniently for answers that have people's texts in them.

Nothing here raises. A value that is not exactly a number or an id is None and proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

MAX_NUMBER = 18  # digits; more is no number of the gateway's


def _json(http_status: int, body: bytes, read: Callable[[bytes], object] | None = None) -> tuple[object, str]:
    """The JSON value of an answer, or (None, why there is none); strictly read unless `read` is given."""
    if http_status != 200:
        return None, f"the answer has HTTP status {http_status}"
    if not body.strip():
        return None, "the answer is empty"
    try:
        return (read or _read_strictly)(body), ""
    except (ValueError, RecursionError, InvalidOperation):
        return None, "the answer is not well-formed JSON"


def _read_strictly(body: bytes) -> object:
    return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_no)


def _read_leniently(body: bytes) -> object:
    written = body.decode("utf-8-sig", "replace")
    return json.loads(
        written, strict=False, object_pairs_hook=_marked, parse_float=Decimal, parse_constant=lambda _: None
    )


def _marked(pairs: list[tuple[str, object]]) -> dict[str, object]:
    answer = dict(pairs)
    return answer if len(answer) == len(pairs) else _Ambiguous(answer)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object without repeated keys: of two values for one key neither can be trusted."""
    answer = dict(pairs)
    if len(answer) != len(pairs):
        raise ValueError
    return answer


def _no(constant: str) -> object:
    raise ValueError


def object_of(http_status: int, body: bytes) -> tuple[dict[str, object] | None, str]:
    """The JSON object of an answer, or (None, why there is none)."""
    value, trouble = _json(http_status, body)
    if isinstance(value, dict):
        return value, ""
    return None, trouble or "the answer is no JSON object"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a list answer; `broken` is how many more there were that cannot be read."""

    rows: list[dict[str, object]]
    broken: int = 0


class _Ambiguous(dict[str, object]):
    """An object has a key twice: of two values neither can be trusted."""


def rows_of(http_status: int, body: bytes) -> tuple[Rows | None, int | None, str]:
    """The rows of a list answer (a lone object is a list of one), or (None, error code, why there are none).

    These answers have people's texts, with raw tabs, line breaks and broken bytes: none of these can hide the end of a
    string, so they are accepted. A row that cannot be read proves nothing and does not affect other rows.
    """
    value, trouble = _json(http_status, body, _read_leniently)
    if isinstance(value, dict) and not isinstance(value, _Ambiguous):
        error = error_of(value)
        return (None, *error) if error is not None else (Rows([value]), None, "")
    if isinstance(value, dict):
        return Rows([], 1), None, ""
    if isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict) and not isinstance(row, _Ambiguous)]
        return Rows(rows, len(value) - len(rows)), None, ""
    return None, None, trouble or "the answer is neither object nor list"


def error_of(answer: dict[str, object]) -> tuple[int | None, str] | None:
    """The error that an object reports: its code (None if malformed) and a sentence; None if it reports none."""
    if "error_code" not in answer and "error" not in answer:
        return None
    code = count_of(answer.get("error_code"))
    return code, f"the gateway answers error {code}" if code is not None else "an error without its code"


def is_id(value: object, gateway_id: int) -> bool:
    """Whether a value is our id: the number itself or exactly its digits."""
    return (type(value) is int and value == gateway_id) or (isinstance(value, str) and value == str(gateway_id))


def count_of(value: object) -> int | None:
    """A whole number from 0, written as number or digits; None for anything else, `true` and 1.0 included."""
    if type(value) is int:
        return value if 0 <= value < 10**MAX_NUMBER else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MAX_NUMBER:
        return int(value)
    return None


def code_of(value: object) -> int | None:
    """A status code, which may be negative; None if it is not one."""
    if type(value) is int:
        return value if abs(value) < 10**6 else None
    if isinstance(value, str):
        size = count_of(value.removeprefix("-"))
        if size is not None and size < 10**6:
            return -size if value.startswith("-") else size
    return None
