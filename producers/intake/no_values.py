"""Cells that hold no value: what programs write for none, and what is left if letters were lost on the way.

Each text costs money and cannot be taken back, so a row whose text would take such a cell is rejected, with what the
cell holds and what to do. A cell that is empty is a value: the text is sent with nothing in that place.
"""

from __future__ import annotations

# What Excel and LibreOffice write into a cell whose formula failed, in English and in Russian.
FAILED = frozenset(
    "#N/A #REF! #VALUE! #NAME? #DIV/0! #NULL! #NUM! #SPILL! #CALC! "
    "#\u041d/\u0414 #\u0421\u0421\u042b\u041b\u041a\u0410! #\u0417\u041d\u0410\u0427! #\u0418\u041c\u042f? "
    "#\u0414\u0415\u041b/0! #\u041f\u0423\u0421\u0422\u041e! #\u0427\u0418\u0421\u041b\u041e!".split()
)
# What databases and programs write for nothing, in exactly these letters: Null and Nan are people's names.
NOTHING = frozenset("NULL null (null) <null> \\N nan NaN NaT <NA> None undefined".split())
LEAST_LOST = 3  # question marks that stand for letters, not for a question


def why_no_value(value: str) -> str:
    """Why a cell holds no value, with what to do; '' if it is one.

    >>> why_no_value("Ann"), why_no_value("Really??"), why_no_value("")
    ('', '', '')
    >>> why_no_value("NULL")
    'NULL stands for a missing value here; leave the cell empty, or the row out'
    """
    bare = value.strip()
    if bare.upper() in FAILED:
        return f"a spreadsheet wrote {bare} here, for a value that it could not find"
    if bare in NOTHING:
        return f"{bare} stands for a missing value here; leave the cell empty, or the row out"
    if lost := _lost(bare):
        return f"{lost} stands for letters that were lost before the file was saved; export it again in UTF-8"
    return ""


def _lost(bare: str) -> str:
    """A word of question marks that stand for letters, if there are more of them than of anything else; else ''."""
    many = bare.count("?")
    if many < LEAST_LOST or 2 * many <= len("".join(bare.split())):
        return ""
    return next((word for word in bare.split() if len(word) >= LEAST_LOST and set(word) <= set("?.,;:!-")), "")
