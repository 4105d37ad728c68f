"""JSON lines: an object in each line, whose names are the columns.

How a value becomes text: a number as it is written, without a `.0` behind it; `true` and `false` as these words;
null, and a name that a line leaves out, as an empty cell. An object or a list in a value keeps its JSON, and its row
is rejected if the campaign uses that name. A line that is no object is rejected by itself; one that is cut ends the
file, which is then refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from smsq.producers.intake.rows import phone_place, tidy
from smsq.producers.intake.snapshot import Snapshot
from smsq.producers.intake.stored import Store, Stored
from smsq.worker.domain.errors import BadInput

MOST_COLUMNS: Final = 1000  # names in all lines together; more are no names
LONGEST_LINE: Final = 1 << 20  # bytes


class _Float(str):
    """A number with a point or a power, as it is written."""

    __slots__ = ()


_OBJECT = msgspec.json.Decoder(dict[str, Any], float_hook=_Float)
_BOM = b"\xef\xbb\xbf"


def read_json_lines(snapshot: Snapshot, phone_column: str, encoding: str, *, is_guessed: bool = False) -> Stored:
    """The rows of JSON lines; raises BadInput if they are none, or if no line has the column of phones."""
    store, columns = Store(), dict[str, int]()
    for number, line in enumerate(_lines(snapshot, encoding), 1):
        if line.strip():
            _keep(number, line, store, columns, snapshot.name)
    names = tuple(map(tidy, columns))
    twice = {each for each in names if names.count(each) > 1}
    if twice:
        raise BadInput(f"{snapshot.name}: {', '.join(sorted(twice))} is written in two ways that look alike")
    store.header(names)
    return Stored(
        snapshot=snapshot,
        store=store,
        name=snapshot.name,
        kind="json",
        described=f"{snapshot.name} read as JSON lines",
        columns=names,
        phone_at=phone_place(names, phone_column, snapshot.name),
        is_guessed=is_guessed,
        encoding=encoding,
    )


def _lines(snapshot: Snapshot, encoding: str) -> Iterator[bytes]:
    """Each line in UTF-8; raises BadInput for one that has no end in sight, and for a cut end."""
    with snapshot.open("rb") as stream:
        is_utf8 = encoding.startswith("utf-8")
        number = 0
        while line := stream.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                raise BadInput(f"line {number} of {snapshot.name} is longer than {LONGEST_LINE >> 20} MB")
            line = line.removeprefix(_BOM) if number == 1 else line
            yield line if is_utf8 else line.decode(encoding, "surrogateescape").encode("utf-8", "surrogateescape")
            if not line.endswith(b"\n") and not line.rstrip().endswith(b"}"):
                raise BadInput(
                    f"{snapshot.name} ends in the middle of line {number} and was cut there: get the whole file"
                )


def _keep(number: int, line: bytes, store: Store, columns: dict[str, int], name: str) -> None:
    marked: dict[int, str] = {}
    try:
        values = _OBJECT.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        store.add_broken(number, _shown(line), f"this line is not a JSON object ({error})")
        return
    if line.count(b":") > len(values) and (twice := _twice(line)):
        store.add_broken(number, _shown(line), f"{twice} is in this line more than once")
        return
    cells = [""] * len(columns)
    for key, value in values.items():
        at = columns.get(key)
        if at is None:
            at = columns[key] = len(columns)
            if at >= MOST_COLUMNS:
                raise BadInput(f"line {number} of {name}: its lines have more than {MOST_COLUMNS} names between them")
            cells.append("")
        if type(value) is str:
            cells[at] = value
            if not value.isprintable() and "\0" in value:
                marked[at] = "this holds a NUL"
        elif value is None:
            pass
        elif isinstance(value, bool):
            cells[at] = "true" if value else "false"
        elif isinstance(value, dict | list):
            cells[at] = json.dumps(value, ensure_ascii=False)
            kind = "an object" if isinstance(value, dict) else "a list"
            marked[at] = f"this is {kind}, and a text takes a word or a number; give its parts names of their own"
        else:
            cells[at] = str(value).removesuffix(".0")
    store.add(number, cells, marked)


def _twice(line: bytes) -> str:
    """A name that an object holds twice: only one of its values could be sent."""
    found: list[str] = []

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in members]
        found.extend(name for name in names if names.count(name) > 1)
        return dict(members)

    json.loads(line, object_pairs_hook=pairs)
    return found[0] if found else ""


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()
