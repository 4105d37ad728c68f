"""Which encoding a file of rows is in, told from its bytes; and what files are no CSV at all.

UTF-8 is recognised, windows-1251 only assumed where what it makes of the bytes looks like Russian:
read in the wrong encoding a file's texts would go out garbled, and every one of them costs money. What is
left is refused with a way out. A file that holds UTF-8 and other bytes too is UTF-8: its broken rows are
turned away one by one.
"""

from __future__ import annotations

import codecs
import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smsq.producers.snapshot import Snapshot
from smsq.worker.domain.errors import BadInput

BLOCK = 1 << 20
SAMPLE_PER_BLOCK = 8192  # bytes of lines beyond ASCII that are judged, of each block
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# How files begin that spreadsheets and people offer in place of a CSV.
_MAGIC: Final[dict[bytes, str]] = {
    b"PK\x03\x04": "a spreadsheet or archive (xlsx, ods, zip)",
    b"\xd0\xcf\x11\xe0\xa1\xb1": "an old spreadsheet (xls)",
    b"\x1f\x8b": "compressed (gzip)",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"%PDF": "a PDF",
    b"{\\rtf": "a text document (RTF)",
    b"SQLite format 3": "a database (SQLite)",
}

# Share of each letter in Russian text, in percent (the national corpus, rounded); others that windows-1251
# writes in neighbouring languages are rare but not wrong.
_SHARES: Final[dict[str, float]] = {
    **dict(zip("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", (
        *(10.97, 8.45, 8.01, 7.35, 6.70, 6.26, 5.47, 4.73, 4.54, 4.40, 3.49, 3.21, 2.98, 2.81, 2.62, 2.01, 1.90),
        *(1.74, 1.70, 1.65, 1.59, 1.44, 1.21, 0.97, 0.94, 0.73, 0.64, 0.48, 0.36, 0.32, 0.26, 0.04, 0.04),
    ), strict=True)),
    **dict.fromkeys("іїєґў", 0.3),
}  # fmt: skip
_STRANGE = 0.01  # percent: a letter, or a mark within a word, that hardly occurs
_TOUCHING = "«»„“”‘’–—…\u00a0"  # marks that stand right beside letters
_MARKS = frozenset(_TOUCHING + "№•°§©®™€·±")
_OTHERS = ("koi8-r", "cp866")
_WORD = re.compile(r"[^\W\d_]+(?:[^\W\d_]|[^\x00-\x7f\s])*|[^\x00-\x7f]+")
_CYRILLIC_PAIR = re.compile("[\u0400-\u04ff]{2}").search
LEAST_WELL_FORMED = 0.8  # of the letters beyond ASCII: in words that are written in one alphabet and a usual case
LEAST_LEAD = 0.3  # by how much a letter on average must be likelier than under another encoding
LEAST_LIKELY = 0.9  # percent: how common the letters are on average (geometric); plain Russian has about 5


@dataclass(frozen=True, slots=True)
class Look:
    """What one pass over a file found."""

    digest: str  # SHA-256 of its bytes
    encoding: str
    is_dirty: bool  # some rows hold NUL bytes or bytes of another encoding


def look_through(path: Path | Snapshot, name: str, told: str | None = None) -> Look:
    """Digest and encoding of a file, `told` where somebody said so; raises BadInput where it cannot be told.

    Of a file that is read otherwise than it looks, the encoding is part of the digest: its texts are others.
    """
    hashed, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    has_nul = has_pair = has_98 = False  # 0x98 is the one byte that windows-1251 leaves free
    head, sample = b"", bytearray()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            head = head or block[:4096]
            hashed.update(block)
            has_nul = has_nul or b"\0" in block
            decoded = decoder.decode(block)
            if not decoded.isascii():
                has_98 = has_98 or b"\x98" in block
                broken = _count_broken(decoded)
                bad += broken
                good += len(decoded) - broken - len(decoded.encode("ascii", "ignore"))
                has_pair = has_pair or _CYRILLIC_PAIR(decoded) is not None
                sample += _high_lines(block)
    bad += _count_broken(decoder.decode(b"", final=True))
    digest = hashed.hexdigest()
    if not head:
        raise BadInput(f"{name} is empty")
    wanted = canonical(told) if told is not None else None
    if wanted is None:
        _refuse_other_files(head, name)
    is_marked = head.startswith(codecs.BOM_UTF8)
    guess = ("utf-8-sig" if is_marked else "utf-8") if is_marked or bad <= good or has_pair else None
    if guess is None:
        guess = _judged(bytes(sample), name, has_utf8=good > 0, is_told=wanted is not None)
    if wanted is not None and wanted != guess and not (wanted == "utf-8" and guess == "utf-8-sig"):
        return Look(f"{digest}:{wanted}", wanted, True)
    return Look(digest, guess, has_nul or (has_98 if guess == "windows-1251" else bad > 0))


def canonical(encoding: str) -> str:
    """An encoding's usual name; raises BadInput for one that nobody knows."""
    try:
        info = codecs.lookup(encoding)
        "".encode(encoding)
    except (LookupError, ValueError):
        raise BadInput(f"there is no encoding {encoding!r}; there are utf-8, windows-1251, koi8-r, cp866 …") from None
    return {"cp1251": "windows-1251"}.get(info.name, info.name)


def _refuse_other_files(head: bytes, name: str) -> None:
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise BadInput(f"{name} is {what}, not a CSV: save it as CSV in UTF-8")
    # Text has no NUL; in UTF-16 every second byte of plain letters is one.
    if head.startswith(_UTF16_MARKS) or max(head[::2].count(0), head[1::2].count(0)) * 4 > len(head):
        raise BadInput(f"{name} is in UTF-16; save it as CSV in UTF-8")


def _judged(sample: bytes, name: str, *, has_utf8: bool, is_told: bool) -> str:
    """The encoding of a file with bytes that are not UTF-8."""
    ours = _likelihood(sample.decode("windows-1251", "replace"))
    others = {each: _likelihood(sample.decode(each, "replace")) for each in _OTHERS}
    best = max(others, key=lambda each: others[each])
    if ours >= math.log(LEAST_LIKELY) and ours >= others[best] + LEAST_LEAD:
        return "windows-1251"
    is_other = others[best] > max(ours, math.log(LEAST_LIKELY))
    if is_told or (has_utf8 and not is_other):
        return "utf-8"
    looks = f" and looks like {best}" if is_other else ""
    raise BadInput(
        f"{name} is not in UTF-8{looks}: save it as CSV in UTF-8, or say by --encoding what it is in, "
        "and look at the first text that `campaign check` shows"
    )


def _likelihood(text: str) -> float:
    """How likely a letter beyond ASCII of this text is in Russian, on average, as a logarithm of percent."""
    letters, score, well_formed = 0, 0.0, 0
    for word in _WORD.findall(text):
        beyond = [char for char in word if char > "\x7f" and char not in _MARKS]
        if not beyond:
            continue
        letters += len(beyond)
        score += sum(math.log(_SHARES.get(char.lower(), _STRANGE)) for char in beyond)
        if _is_well_formed(word.strip(_TOUCHING)):
            well_formed += len(beyond)
    if not letters:
        return math.log(_STRANGE)
    if well_formed < LEAST_WELL_FORMED * letters:
        return math.log(_STRANGE)
    return score / letters


def _is_well_formed(word: str) -> bool:
    """Whether a word is Russian letters throughout, and small, capital, or small behind a capital."""
    lowered = word.lower()
    return all(char in _SHARES or char in _TOUCHING for char in lowered) and word in (
        lowered,
        word.upper(),
        lowered[:1].upper() + lowered[1:],
    )


def _high_lines(block: bytes) -> bytes:
    """Lines of a block that hold bytes beyond ASCII, until there are enough; spread over all of it."""
    lines = [line for line in block.split(b"\n") if not line.isascii()]
    wanted = max(1, SAMPLE_PER_BLOCK * len(lines) // max(1, sum(map(len, lines))))
    step = max(1, len(lines) // wanted)
    return b"\n".join(_first(lines[::step])) + b"\n"


def _first(lines: Iterable[bytes]) -> list[bytes]:
    return [line[:SAMPLE_PER_BLOCK] for line in lines]


def _count_broken(decoded: str) -> int:
    """How many bytes could not be decoded."""
    try:
        decoded.encode("utf-8")
    except UnicodeEncodeError:
        return sum("\udc80" <= char <= "\udcff" for char in decoded)
    return 0
