"""How likely a text is to be Russian, Ukrainian, Belarusian or Kazakh: what tells one 8-bit encoding from another.

The same bytes make other letters in each encoding. A reading is weighed word by word: how common its letters are
in the language that suits the word best, whether its capitals stand where capitals do, whether its marks stand
where marks do. Each word counts once, since a city in every row is no more evidence than in one.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from operator import add
from typing import Final

# Shares of letters in percent (Russian: the national corpus; the others: their usual tables, rounded).
_SHARES: Final[dict[str, dict[str, float]]] = {
    "ru": dict(zip("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", (
        *(10.97, 8.45, 8.01, 7.35, 6.70, 6.26, 5.47, 4.73, 4.54, 4.40, 3.49, 3.21, 2.98, 2.81, 2.62, 2.01, 1.90),
        *(1.74, 1.70, 1.65, 1.59, 1.44, 1.21, 0.97, 0.94, 0.73, 0.64, 0.48, 0.36, 0.32, 0.26, 0.04, 0.2),
    ), strict=True)),
    "uk": dict(zip("оанивіртескулдмпзягьбчйхцжюшїєщфґ", (
        *(9.28, 8.34, 7.10, 6.10, 5.40, 5.70, 5.48, 5.45, 4.60, 4.60, 3.90, 3.40, 3.70, 3.40, 3.00, 2.90, 2.30),
        *(2.40, 1.60, 1.80, 1.80, 1.40, 1.20, 1.20, 0.70, 0.90, 0.80, 0.70, 0.80, 0.60, 0.40, 0.40, 0.02),
    ), strict=True)),
    "be": dict(zip("анірескялутдцыозмпвгьбэўйчжшюхёф", (
        *(14.5, 6.30, 6.00, 5.00, 4.60, 4.70, 4.50, 4.40, 4.00, 4.00, 3.60, 4.00, 4.00, 4.00, 3.20, 3.40, 3.00),
        *(2.80, 3.00, 1.90, 1.80, 1.70, 1.50, 1.50, 1.50, 1.40, 1.10, 1.00, 0.80, 0.90, 0.80, 0.30),
    ), strict=True)),
    "kk": dict(zip("аеынтірлдқсмкбоуйғжизшңгөпұүәяхвфэчцюһьёщъ", (
        *(12.0, 8.20, 8.00, 6.90, 5.60, 5.20, 5.50, 5.20, 4.90, 3.40, 3.60, 3.10, 3.10, 2.60, 2.50, 2.20, 2.20, 1.80),
        *(1.90, 1.60, 1.50, 1.50, 1.30, 1.60, 0.90, 1.50, 1.00, 1.00, 0.90, 0.50, 0.30, 0.50, 0.20, 0.15, 0.15, 0.15),
        *(0.20, 0.05, 0.20, 0.02, 0.02, 0.01),
    ), strict=True)),
}  # fmt: skip
_LANGUAGES: Final = tuple(_SHARES)
_UNSEEN = 0.3  # words that each language is taken to have before one is seen
_STRANGE = math.log(0.0002)  # a letter that a language does not have
_FOREIGN = math.log(0.00002)  # a letter that none of them has, or a mark within a word
_ODD_CASE = math.log(0.001)  # of a word that is neither small, nor capital, nor small behind a capital
_NEVER = math.log(0.01)  # letters that do not follow each other
_MARK = math.log(0.004)
_MISPLACED = math.log(0.02)  # of a mark: an opening quote behind a letter, and the like
_SYMBOL = math.log(0.00002)
_NOTHING = math.log(1e-7)  # a byte that the encoding does not have, a control character

LETTERS: Final = frozenset("".join(map("".join, _SHARES.values())))
_LOGS: Final = {name: {char: math.log(part / 100) for char, part in row.items()} for name, row in _SHARES.items()}
_VOWELS = "аеёиіоуыэюяєїәөұү"
# ї stands behind a vowel or an apostrophe, ў behind a vowel and before none. Kazakh's own letters stand in roots
# without the consonants of loanwords, its own vowels beside no other, and neither they nor ғ at a word's end.
_NOT_THERE: Final = {
    "uk": re.compile(f"[^\\W{_VOWELS}ьй]ї|[ьй]ї"),
    "be": re.compile(f"[^\\W{_VOWELS}]ў|ў[{_VOWELS}]"),
    "kk": re.compile(
        f"[{_VOWELS}][ұүө]|[ұүө][{_VOWELS}вфцчщьъ]|[вфцчщьъ][ұүө]|[ұүөғ]$|ғ[вгкпстфхцчшщ]|^[ңғ][вгджзкпстфхцчшщ]"
    ),
}
_OPENING, _CLOSING, _PLAIN_MARKS = "«„“‘", "»”’", "—–…№•·\u00a0§°©®™±"
_PIECE = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Weight:
    """What the words of a text weigh: `score` is the logarithm of how likely all of them and their marks are.

    `letters` are those beyond ASCII in words of more than one, `usual` those of them that stand in usual words, `plain`
    the logarithm of how likely these words are.
    """

    score: float
    letters: int
    usual: int
    plain: float


def weigh(tokens: Iterable[str]) -> Weight:
    """Weigh words and marks, each token once however often it is given."""
    words: list[str] = []
    score = 0.0
    for token in set(tokens):
        for piece in _PIECE.finditer(token):
            if piece[0].isascii():
                continue
            if piece[0][0].isalpha():
                words.append(piece[0])
            else:
                at, end = piece.span()
                score += _of_mark(piece[0], token[at - 1 : at] or " ", token[end : end + 1] or " ")
    told = [_of_word(word) for word in words]
    seen = Counter(max(range(len(_LANGUAGES)), key=each.__getitem__) for each in told)
    priors = [
        math.log((seen[place] + _UNSEEN) / (len(words) + _UNSEEN * len(_LANGUAGES))) for place in range(len(_LANGUAGES))
    ]
    letters, usual, plain = 0, 0, 0.0
    for word, each in zip(words, told, strict=True):
        likely = max(map(add, each, priors))
        score += likely
        if len(word) > 1:  # an accented letter that stands alone is a word in Italian too
            beyond = sum(char > "\x7f" for char in word)
            letters += beyond
            plain += likely
            usual += beyond if is_usual(word) else 0
    return Weight(score, letters, usual, plain)


def is_usual(word: str) -> bool:
    """Whether a word is of letters that these languages have, and small, capital, or small behind a capital."""
    return LETTERS.issuperset(word.lower().replace("'", "").replace("\u2019", "")) and _has_usual_case(word)


def _of_mark(piece: str, before: str, behind: str) -> float:
    """The logarithm of how likely a mark is beside the characters around it."""
    if piece in _OPENING:
        return _MARK + (_MISPLACED if before.isalnum() or not (behind.isalnum() or behind in _OPENING) else 0.0)
    if piece in _CLOSING:
        return _MARK + (_MISPLACED if behind.isalpha() or before.isspace() else 0.0)
    if piece in _PLAIN_MARKS:
        return _MARK + (_MISPLACED if before.isalpha() and behind.isalpha() else 0.0)
    return _SYMBOL if piece.isprintable() and piece != "\ufffd" else _NOTHING


@functools.lru_cache(maxsize=50_000)
def _of_word(word: str) -> tuple[float, ...]:
    """The logarithm of how likely a word is in each language."""
    lowered = word.lower()
    odd = 0.0 if _has_usual_case(word) else _ODD_CASE
    return tuple(_in_language(lowered, name) + odd for name in _LANGUAGES)


def _in_language(lowered: str, name: str) -> float:
    shares = _LOGS[name]
    score = sum(shares.get(char, _STRANGE if char in LETTERS else _FOREIGN) for char in lowered if char not in "'’")
    misplaced = _NOT_THERE.get(name)
    return score + (len(misplaced.findall(lowered)) * _NEVER if misplaced is not None else 0.0)


def _has_usual_case(word: str) -> bool:
    """Whether a word is small, capital, or small behind a capital."""
    lowered = word.lower()
    return word in (lowered, word.upper(), lowered[:1].upper() + lowered[1:])
