"""Tell the encoding of a file of rows from its bytes.

UTF-8 is recognised (and UTF-16, see `snapshot`). windows-1251, or any of `GUESSED`, is only assumed if its reading of
the bytes is far likelier than that of any other Cyrillic encoding: in the wrong one all texts would be sent garbled,
and every text costs money. It is then a guess, which is said with a row as it was read. Any other file is refused with
what to do. A file with UTF-8 and other bytes is UTF-8, and its broken rows are rejected one by one.
"""

from __future__ import annotations

import codecs
import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smsq.producers.intake.alphabets import weigh
from smsq.producers.intake.snapshot import Snapshot
from smsq.worker.domain.errors import BadInput

BLOCK = 1 << 20
SAMPLE_PER_BLOCK = 8192  # bytes of lines beyond ASCII that are judged, of each block

OURS = "windows-1251"
# Other 8-bit encodings of Cyrillic, the near relatives of ours among them (they share most of its letters, so that a
# wrong guess shows in few places only), and by how much (a logarithm) our reading must be likelier: more if a few words
# look well in either, less for those that hardly anybody writes any more.
RIVALS: Final = {
    "mac-cyrillic": 4.0,
    "kz1048": 4.0,
    "ptcp154": 4.0,
    "koi8-r": 6.0,
    "koi8-u": 6.0,
    "koi8-t": 6.0,
    "cp866": 4.0,
    "iso8859-5": 1.0,
    "cp855": -3.0,
}
# The other ones that a file may be taken for. The rest are named in a refusal: too few letters tell them from these.
GUESSED: Final = ("koi8-r", "cp866", "mac-cyrillic")
LEAST_LEAD_OF_GUESS = 8.0  # of such a reading over all others
LEAST_LETTERS_OF_GUESS, LEAST_LIKELY_OF_GUESS = 8, -3.8  # fewer, and less likely ones, are not enough
LEAST_TIMES = 4  # more bytes that are not UTF-8 than letters that are so by chance
_DRAWN = re.compile("[\u2500-\u259f]").search  # lines and boxes of old screens: letters of another encoding
LEAST_LEAD = 4.0  # of another reading over all others, to be named alone in the refusal
LEAST_LIKELY = -4.9  # of a letter on average, as a logarithm; plain Russian has about -3.2
LEAST_USUAL = 0.8  # of the letters: in words of one alphabet and a usual case
_TOKEN = re.compile(rb"[^\s,;\"]+")
# Bytes in which the near relatives differ and that Russian hardly needs: the rows that hold them are always looked at.
_TELLING = re.compile(rb"[\x80-\x83\x86-\x90\x95\x98-\x9f\xa1-\xa7\xaa\xac-\xb7\xba\xbc-\xbf]").search
# UTF-8 letters that another program read as windows-1251 or Western European and wrote again: each became two.
_SECOND_HALF = "".join(bytes([byte]).decode("cp1251", "ignore") for byte in range(0x80, 0xC0))
_SECOND_HALF_WEST = "".join({bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0xC0)} - {"\ufffd"})
_GARBLED = {
    "cp1251": ("\u0420\u0421", re.compile(f"(?:[\u0420\u0421][{re.escape(_SECOND_HALF)}]){{3,}}").search),
    "cp1252": ("\u00d0\u00d1", re.compile(f"(?:[\u00d0\u00d1][{re.escape(_SECOND_HALF_WEST)}]){{3,}}").search),
}
_EVERY_SECOND = {first: re.compile(f"{first[0]}.{first[0]}.{first[0]}").search for first, _ in _GARBLED.values()}
_MEANT_SHOWN = 12  # letters
_CYRILLIC_PAIR = re.compile("[\u0400-\u04ff]{2}").search


@dataclass(frozen=True, slots=True)
class Look:
    """What one pass over a file found."""

    digest: str  # SHA-256 of its bytes
    encoding: str
    is_dirty: bool  # some rows hold NUL bytes or bytes of another encoding
    is_guessed: bool = False  # it was told by its letters, so a person should see a row as it was read


def look_through(path: Path | Snapshot, name: str, told: str | None = None) -> Look:
    """Digest and encoding of a file; `told` is the caller's word for it. Raises BadInput if it cannot be told.

    If a file is read in another encoding than it seems to have, that is part of the digest: its texts differ.
    """
    hashed, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    has_nul = has_pair = has_98 = False  # 0x98 is the one byte that windows-1251 leaves free
    head, sample, garbled = b"", bytearray(), ""
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            head = head or block[:4096]
            hashed.update(block)
            has_nul = has_nul or b"\0" in block
            decoded = decoder.decode(block)
            if not decoded.isascii():
                has_98 = has_98 or b"\x98" in block
                garbled = garbled or _garbled(decoded)
                broken = _count_broken(decoded)
                bad += broken
                has_pair = has_pair or _CYRILLIC_PAIR(decoded) is not None
                if not has_pair:  # else it is UTF-8, and nothing has to be judged
                    good += len(decoded) - broken - len(decoded.encode("ascii", "ignore"))
                    sample += _high_lines(block)
                    sample += _telling_lines(block)
    bad += _count_broken(decoder.decode(b"", final=True))
    digest = hashed.hexdigest()
    if not head:
        raise BadInput(f"{name} is empty")
    wanted = canonical(told) if told is not None else None
    is_marked = head.startswith(codecs.BOM_UTF8)
    guess = ("utf-8-sig" if is_marked else "utf-8") if is_marked or bad <= good or has_pair else None
    if guess is None:
        guess = _judged(
            bytes(sample), name, has_utf8=good > 0, is_mixed=good * LEAST_TIMES > bad, is_told=wanted is not None
        )
    if wanted is not None and wanted != guess and not (wanted == "utf-8" and guess == "utf-8-sig"):
        return Look(f"{digest}:{wanted}", wanted, True)
    if garbled and wanted is None and guess.startswith("utf-8"):
        raise BadInput(f"{name} was garbled before it was saved: {garbled}. Export it again, or add --encoding utf-8")
    is_dirty = has_nul or (has_98 if guess == OURS else bad > 0)
    return Look(digest, guess, is_dirty, is_guessed=guess in (OURS, *GUESSED) and wanted is None)


def canonical(encoding: str) -> str:
    """An encoding's usual name; raises BadInput for an unknown one."""
    try:
        info = codecs.lookup(encoding)
        "".encode(encoding)
    except (LookupError, ValueError):
        raise BadInput(f"there is no encoding {encoding!r}; try utf-8, windows-1251, koi8-r or cp866") from None
    return {"cp1251": "windows-1251"}.get(info.name, info.name)


def _judged(sample: bytes, name: str, *, has_utf8: bool, is_mixed: bool, is_told: bool) -> str:
    """The encoding of a file with bytes that are not UTF-8; `is_mixed` if more than a few letters are."""
    tokens = [token for token in set(_TOKEN.findall(sample)) if not token.isascii()]
    ours = _Reading.of(tokens, OURS)
    others = [other for each in RIVALS if (other := _Reading.of(tokens, each)).words != ours.words]
    best = max((other.score + RIVALS[other.encoding] for other in others), default=-math.inf)
    if ours.is_plausible and ours.score >= best:
        return OURS
    likely = sorted((each for each in [ours, *others] if each.is_plausible), key=lambda each: -each.score)
    close = {each.words for each in likely if each.score > likely[0].score - LEAST_LEAD_OF_GUESS}
    likely = [each for each in likely if each.score > likely[0].score - LEAST_LEAD]
    if len(close) == 1 and likely[0].is_sure and not is_mixed and not is_told:
        alike = [each.encoding for each in likely if each.words == likely[0].words]
        if guess := next((each for each in GUESSED if each in alike), ""):
            return guess
    if is_told or (has_utf8 and not likely):
        return "utf-8"
    looks = ""
    if len({each.words for each in likely}) == 1:
        looks = f" and looks like {likely[0].encoding}"
    elif likely:
        looks = f"; it may be in {' or in '.join(each.encoding for each in likely)}"
    raise BadInput(
        f"{name} is not in UTF-8{looks}: save it as CSV in UTF-8, or name its encoding by --encoding "
        "and check the first text that `campaign check` shows"
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the words of a file are in one encoding."""

    encoding: str
    words: tuple[str, ...]
    score: float  # the logarithm of how likely all of them are
    is_plausible: bool  # most of them could be words at all
    is_sure: bool  # all of them are words of a usual kind, and there are enough to tell

    @classmethod
    def of(cls, tokens: Sequence[bytes], encoding: str) -> _Reading:
        words = tuple(token.decode(encoding, "replace") for token in tokens)
        weight = weigh(words)
        is_plausible = (
            weight.letters > 0
            and weight.usual >= LEAST_USUAL * weight.letters
            and weight.plain >= LEAST_LIKELY * weight.letters
        )
        is_sure = (
            weight.letters >= LEAST_LETTERS_OF_GUESS
            and weight.plain >= LEAST_LIKELY_OF_GUESS * weight.letters
            and not any(map(_DRAWN, words))
            # Greek and Hebrew look like Russian in one case alone.
            and any(char.isupper() for word in words for char in word)
            and any(char.islower() for word in words for char in word)
        )
        return cls(encoding, words, weight.score, is_plausible, is_sure)


def _high_lines(block: bytes) -> bytes:
    """Lines of a block that hold bytes beyond ASCII, until there are enough; spread over all of it."""
    lines = [line for line in block.split(b"\n") if not line.isascii()]
    wanted = max(1, SAMPLE_PER_BLOCK * len(lines) // max(1, sum(map(len, lines))))
    step = max(1, len(lines) // wanted)
    return b"\n".join(_first(lines[::step])) + b"\n"


def _telling_lines(block: bytes) -> bytes:
    """The first lines of a block by whose bytes near relatives are told apart."""
    found: list[bytes] = []
    at = 0
    while len(found) * 16 < SAMPLE_PER_BLOCK and (byte := _TELLING(block, at)):
        start, end = block.rfind(b"\n", at, byte.start()) + 1 or at, block.find(b"\n", byte.start())
        at = end if end >= 0 else len(block)
        found.append(block[max(start, byte.start() - 64) : min(at, byte.start() + 192)])
    return b"\n".join(found) + b"\n"


def _first(lines: Iterable[bytes]) -> list[bytes]:
    return [line[:SAMPLE_PER_BLOCK] for line in lines]


def _garbled(decoded: str) -> str:
    """Which letters seem to stand for which others, since a program misread them earlier; '' if none do."""
    for encoding, (first, find) in _GARBLED.items():
        seen = decoded.replace(first[1], first[0])  # a quick look, since few texts need the other
        if _EVERY_SECOND[first](seen) and (found := find(decoded)):
            raw = found[0].encode(encoding)
            meant = raw.decode("utf-8", "ignore")[:_MEANT_SHOWN]
            return f"{raw[: 2 * len(meant)].decode(encoding)} seems to stand for {meant}"
    return ""


def _count_broken(decoded: str) -> int:
    """How many bytes could not be decoded."""
    try:
        decoded.encode("utf-8")
    except UnicodeEncodeError:
        return sum("\udc80" <= char <= "\udcff" for char in decoded)
    return 0
