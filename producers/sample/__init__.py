"""The sample campaign of the demo: made-up people, most of them reachable, eight rows as files really have them.

`people.csv` beside this file is the first 2,000 rows of `lines`, so that it can be read, opened and sent by
hand. Names and numbers are drawn by arithmetic, never from anybody's address book.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PEOPLE = Path(__file__).with_name("people.csv")
TEXT = "Hello {name}! Your order {order} is waiting for you in {city}."
ROWS = 2000

HEADER = "phone,name,city,order"
_NAMES = (
    *"Alice Boris Clara Dmitri Elena Felix Galina Henry Irina Jonas Karina Leonid Maria Nikita Olga Pavel".split(),
    *"Rita Stepan Tamara Victor Yana Zoya Anton Bella Denis Emma Gleb Inga Kirill Lidia Maxim Nora".split(),
)
_CITIES = (*"Moscow Kazan Perm Omsk Tver Samara Tula Ufa Pskov Sochi Tomsk".split(), "Nizhny Novgorod", "Veliky Ustyug")
_CODES = (*range(901, 930), *range(950, 970), *range(977, 1000))


def lines(rows: int = ROWS) -> Iterator[str]:
    """The file's lines without their ends: a header and so many rows (one of them takes three lines)."""
    yield HEADER
    for number in range(1, rows + 1):
        bad = _BAD.get(number)
        yield bad if bad is not None else _good(number)


def write(path: Path, rows: int = ROWS) -> Path:
    """Write a file of so many rows."""
    with path.open("w", encoding="utf-8", newline="") as out:
        out.writelines(line + "\n" for line in lines(rows))
    return path


def _good(number: int) -> str:
    return f"{_phone(number)},{_NAMES[number * 7 % len(_NAMES)]},{_CITIES[number * 5 % len(_CITIES)]},{70000 + number}"


def _phone(number: int) -> str:
    """A number of its own for each row: the middle digits walk through all values before one comes again."""
    code = _CODES[number % len(_CODES)]
    return f"+7{code}{number * 7919 % 10_000_000:07d}"


# Row number -> what stands there instead.
_BAD: dict[int, str] = {
    7: "12345,Alice,Omsk,70007",  # too short for a phone
    42: _good(41),  # a duplicate of the row before
    99: f"{_phone(99)},Boris",  # columns are missing
    128: f"{_phone(128)},Clara,Perm,70128,thank you,!",  # and here are too many
    256: "2025550123,Henry,Washington,70256",  # of another country, and no plus
    777: f'{_phone(777)},"Elena\n~~~\ncall me",Tula,70777',  # the gateway would take the rest for a comment
    1234: ",Felix,Sochi,71234",  # no phone at all
    1999: "ask at reception,Galina,Ufa,71999",  # no phone either
}
