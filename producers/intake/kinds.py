"""What kind of file this is, told by its content: a name may be wrong, and standard input has none.

Files of rows are CSV, JSON lines and XLSX. Everything else that people offer in their place is refused by name, with
what to do about it.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import PurePath
from typing import Final, Literal

from smsq.producers.intake.snapshot import Snapshot
from smsq.worker.domain.errors import BadInput

Kind = Literal["csv", "json", "xlsx"]

CALLED: Final[dict[Kind, str]] = {"csv": "a CSV", "json": "JSON lines", "xlsx": "an XLSX workbook"}
# What a name's last part claims; `.txt`, `.dat` and alike claim nothing.
_CLAIMED: Final[dict[str, Kind]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
HEAD = 4096
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1"
# First bytes of files that people offer in place of a file of rows.
_MAGIC: Final[dict[bytes, str]] = {
    b"PK\x05\x06": "an empty zip archive",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"%PDF": "a PDF",
    b"{\\rtf": "a text document (RTF)",
    b"SQLite format 3": "a database (SQLite)",
    b"BZh": "compressed (bzip2)",
    b"\xfd7zXZ": "compressed (xz)",
    b"(\xb5/\xfd": "compressed (zstd)",
    b"7z\xbc\xaf": "an archive (7z)",
    b"Rar!": "an archive (rar)",
}
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_TAR_AT = 257
# A workbook's rows shrink to a tenth, to a fiftieth if they are much alike.
_MOST_TIMES, _ALWAYS_ALLOWED = 200, 512 << 20
_JSON_LINE = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*(?:"|\})')
_JSON_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*(?:[{\[\]]|$)")
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|\?xml|table)\b", re.IGNORECASE)


def kind_of(snapshot: Snapshot, *, is_told: bool = False) -> Kind:
    """What kind a file is; raises BadInput for one that holds no rows.

    `is_told` if its encoding was named: then any bytes may be letters.
    """
    with snapshot.open("rb") as stream:
        head: bytes = stream.read(HEAD)
    name = snapshot.name
    if head.startswith(_ZIP):
        return _in_zip(snapshot)
    if head.startswith(_OLE):
        _refuse_old(snapshot)
    if not is_told:
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                raise BadInput(f"{name} is {what}, not a file of rows: save it as CSV in UTF-8, or as XLSX")
        if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
            raise BadInput(f"{name} is an archive (tar): unpack it and name the file of rows in it")
    if _HTML.match(head):
        raise BadInput(f"{name} is a page (HTML or XML), not a file of rows: save it as CSV in UTF-8, or as XLSX")
    if _JSON_ARRAY.match(head):
        raise BadInput(
            f"{name} is one JSON array, which cannot be read row by row: write one object in each line, "
            f"such as by `jq -c '.[]' {PurePath(name).name}`"
        )
    return "json" if _JSON_LINE.match(head) else "csv"


def mismatch(name: str, kind: Kind, *, was_gzip: bool) -> str:
    """What a name claims if that is wrong, as a clause of a sentence; '' if it is right or claims nothing."""
    path = PurePath(name)
    claims_gzip = path.suffix.lower() in {".gz", ".gzip"}
    claimed = _CLAIMED.get((path.with_suffix("") if claims_gzip else path).suffix.lower())
    wrong = []
    if claimed is not None and claimed != kind:
        wrong.append(f"{CALLED[kind]}, not {CALLED[claimed]} as its name says")
    if claims_gzip != was_gzip and (claims_gzip or claimed is not None):
        wrong.append("compressed (gzip), though its name does not say so" if was_gzip else "not compressed (gzip)")
    return " and ".join(wrong)


def _in_zip(snapshot: Snapshot) -> Kind:
    """An XLSX workbook; raises BadInput for any other zip archive, and for a workbook that unpacks beyond all use."""
    name = snapshot.name
    try:
        with snapshot.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise BadInput(
            f"{name} begins as an XLSX workbook or a zip archive and cannot be read as one ({error}): it was cut or "
            "damaged; get the whole file"
        ) from None
    names = {each.filename for each in members}
    if "xl/workbook.bin" in names:
        raise BadInput(f"{name} is a binary workbook (xlsb): save it as XLSX or as CSV in UTF-8")
    if "content.xml" in names and "mimetype" in names:
        raise BadInput(f"{name} is an OpenDocument file (ods): save it as XLSX or as CSV in UTF-8")
    if "word/document.xml" in names or "ppt/presentation.xml" in names:
        raise BadInput(f"{name} is a document, not a workbook: put the rows into a table and save that as XLSX or CSV")
    if "xl/workbook.xml" not in names:
        held = ", ".join(sorted(each for each in names if not each.endswith("/"))[:3]) or "nothing"
        raise BadInput(f"{name} is a zip archive, not a workbook: unpack it and name the file of rows in it ({held})")
    if any(each.flag_bits & 1 for each in members):
        raise BadInput(f"{name} is protected by a password: save it without one")
    plain = sum(each.file_size for each in members)
    if plain > max(_ALWAYS_ALLOWED, _MOST_TIMES * snapshot.size):
        raise BadInput(
            f"{name} unpacks to {plain >> 20} MB, more than {_MOST_TIMES} times its size, as no list of phones does: "
            "save its rows as CSV if they are real"
        )
    return "xlsx"


def _refuse_old(snapshot: Snapshot) -> None:
    """Raise BadInput for an old workbook, or a new one in an envelope that a password opens."""
    before = b""
    with snapshot.open("rb") as stream:
        while block := stream.read(1 << 20):
            if _ENCRYPTED in before + block:
                raise BadInput(f"{snapshot.name} is protected by a password: save it without one, as XLSX or as CSV")
            before = block[-len(_ENCRYPTED) :]
    raise BadInput(f"{snapshot.name} is an old workbook (xls): open it and save it as XLSX, or as CSV in UTF-8")
