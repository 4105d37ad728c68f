"""Cyrillic texts as the gateway writes them in Latin letters (`translit` 1 and 2), to count their parts.

The manual shows one word of each way, `translit` and `mpaHc/Ium` (PROTOCOL B.1), and no table. So these tables are
ours, and take the longer spelling if there are several: the parts counted here are rarely fewer than the gateway
charges. What is sent is the text itself; the gateway writes it anew.
"""

from __future__ import annotations

from typing import Final

# As passports and postmen of the ex-USSR spell it, with the longer choice.
_SMALL: Final = {
    **dict(zip("абвгдезийклмнопрстуфыэ", "abvgdeziyklmnoprstufye", strict=True)),
    "ё": "yo",
    "ж": "zh",
    "х": "kh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ю": "yu",
    "я": "ya",
    "ъ": "'",
    "ь": "'",
    "і": "i",
    "ї": "yi",
    "є": "ye",
    "ґ": "g",
    "ў": "u",
    "ә": "a",
    "ғ": "gh",
    "қ": "q",
    "ң": "ng",
    "ө": "o",
    "ұ": "u",
    "ү": "u",
    "һ": "h",
}
_SPELLED: Final = {
    **_SMALL,
    **{small.upper(): latin.capitalize() for small, latin in _SMALL.items()},
    "№": "No",
    "«": '"',
    "»": '"',
    "“": '"',
    "”": '"',
    "„": '"',
    "—": "-",
    "–": "-",
    "…": "...",
}
# Letters by the signs that look like them.
_ALIKE: Final = {
    **_SPELLED,
    **dict(zip("авеёийкмнорстухьАВЕЁИЙКМНОРСТУХЬ", "aBeeuukMHopcmyxbABEEuuKMHOPCTYXb", strict=True)),
    "б": "6",
    "Б": "6",
    "г": "r",
    "Г": "r",
    "д": "g",
    "Д": "D",
    "з": "3",
    "З": "3",
    "л": "/I",
    "Л": "/I",
    "п": "n",
    "П": "n",
    "ф": "qp",
    "Ф": "qp",
    "ч": "4",
    "Ч": "4",
    "ж": ">I<",
    "Ж": ">I<",
    "ц": "LL",
    "Ц": "LL",
    "ш": "LLI",
    "Ш": "LLI",
    "щ": "LLL",
    "Щ": "LLL",
    "ъ": "'b",
    "Ъ": "'b",
    "ы": "bI",
    "Ы": "bI",
    "э": "3",
    "Э": "3",
    "ю": "IO",
    "Ю": "IO",
    "я": "9I",
    "Я": "9I",
}
WAYS: Final = {0: str.maketrans({}), 1: str.maketrans(_SPELLED), 2: str.maketrans(_ALIKE)}


def spelled(text: str, way: int) -> str:
    """A text about as long as what the gateway makes of it by this way; itself for 0.

    >>> spelled("транслит", 1), spelled("транслит", 2)
    ('translit', 'mpaHc/Ium')
    """
    return text.translate(WAYS[way]) if way else text
