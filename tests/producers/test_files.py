"""Files that callers give: kept before anything is enrolled, refused with a reason before that."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain.batch import MessageId, Options
from smsq.worker.domain.errors import BadInput, Conflict, FilesTrouble, SmsqError
from smsq.worker.domain.files import Attached, FileRef

MAIL = Options(channel="mail", sender="shop@example.ru", subj="Offer")
OFFER = b"%PDF offer"


@pytest.fixture
def offer(tmp_path: Path) -> Path:
    path = tmp_path / "offer.pdf"
    path.write_bytes(OFFER)
    return path


def send(smsq: Smsq, *files: Any, **more: Any) -> str:
    return smsq.send("anna@example.ru", "Hello", **{"options": MAIL, "files": files, **more}).id


def files_of(smsq: Smsq, message_id: str) -> tuple[FileRef, ...]:
    """The files of a message, as its claim will have them."""
    ledger = smsq.runtime.ledger
    number = MessageId.parse(message_id).batch
    meta = ledger.redis.hget(ledger.keys.shard(number), f"{number}m")
    import msgspec

    from smsq.worker.ledger.layout import Meta

    return msgspec.json.decode(msgspec.msgpack.decode(meta)[Meta.OPTIONS], type=Options).files


def is_untouched(smsq: Smsq) -> bool:
    """Whether nothing was enrolled."""
    return smsq.runtime.ledger.redis.get(smsq.runtime.ledger.key("n:batch")) is None


def test_a_message_has_its_files(smsq: Smsq, offer: Path) -> None:
    """By paths, by names with content, or by names with something to read; in order, and on disk."""
    sent = send(smsq, offer, ("b.txt", b"bytes"), ("c.txt", io.BytesIO(b"a stream")))

    files = files_of(smsq, sent)
    assert smsq.runtime.files.read(files) == [
        Attached("offer.pdf", OFFER),
        Attached("b.txt", b"bytes"),
        Attached("c.txt", b"a stream"),
    ]
    assert smsq.runtime.ledger.needed_files([files[0].digest]) == {files[0].digest}


def test_what_was_kept_may_be_given_again(smsq: Smsq, offer: Path) -> None:
    """As what names it, for programs that keep a file once and send it often."""
    (kept,) = files_of(smsq, send(smsq, offer))

    again = smsq.send("boris@example.ru", "Hello", options=Options(**_fields(MAIL), files=(kept,)))

    assert files_of(smsq, again.id) == (kept,)


def test_what_is_kept_no_more_enrols_nothing(smsq: Smsq, offer: Path) -> None:
    """A message would wait for a file that no host has."""
    (kept,) = files_of(smsq, send(smsq, offer))
    for file in smsq.runtime.files.folder.rglob(kept.digest):
        file.unlink()
    before = smsq.runtime.ledger.redis.zcard(smsq.runtime.ledger.key("ready:urgent"))

    for how in ({"options": Options(**_fields(MAIL), files=(kept,))}, {"options": MAIL, "files": [kept]}):
        with pytest.raises(FilesTrouble, match="not kept any more"):
            smsq.send("boris@example.ru", "Hello", **how)  # type: ignore[arg-type]

    assert smsq.runtime.ledger.redis.zcard(smsq.runtime.ledger.key("ready:urgent")) == before


def _fields(options: Options) -> dict[str, Any]:
    return {"channel": options.channel, "sender": options.sender, "subj": options.subj}


def test_a_key_stands_for_the_content_of_files(smsq: Smsq, offer: Path) -> None:
    """The same path with other content is another message; a repeat with the same is not."""
    first = send(smsq, offer, key="order-7")
    again = send(smsq, offer, key="order-7")
    offer.write_bytes(b"%PDF another")

    assert first == again
    with pytest.raises(Conflict):
        send(smsq, offer, key="order-7")


def test_a_campaign_has_files_for_all(smsq: Smsq, offer: Path) -> None:
    """They are part of what it is: run again with the same it is the same campaign."""
    rows = ["anna@example.ru", "boris@example.ru"]
    first = smsq.campaigns.run(rows, text="Hello", options=MAIL, files=[offer], name="spring")
    again = smsq.campaigns.run(rows, text="Hello", options=MAIL, files=[offer])
    offer.write_bytes(b"%PDF another")
    other = smsq.campaigns.run(rows, text="Hello", options=MAIL, files=[offer], again=True)

    assert (first.id, first.messages) == (again.id, 2)
    assert other.id != first.id
    assert [Attached("offer.pdf", OFFER)] == smsq.runtime.files.read(first.options.files)


BIG = b"x" * 700_000

REFUSED: list[tuple[str, list[Any], dict[str, Any], type[SmsqError], str]] = [
    ("no such file", ["/nowhere/offer.pdf"], {}, BadInput, r"/nowhere/offer.pdf cannot be read .*nothing was enrolled"),
    ("a folder", [os.curdir], {}, BadInput, "cannot be read"),
    ("an empty file", [("a", b"")], {}, BadInput, "'a' is empty"),
    ("a path for a name", [("../a", b"x")], {}, BadInput, "no slashes"),
    ("no file", [7], {}, BadInput, "a file is a path, or a name with its content, not int"),
    ("a name alone for all", "offer.pdf", {}, BadInput, "files are a list"),
    ("too large", [("a", b"x" * 1_000_001)], {}, BadInput, "'a' is larger than 1 MB"),
    ("too large together", [("a", BIG), ("b", BIG)], {}, BadInput, "at most 1 MB together"),
    (
        "too many",
        [(f"{n}", b"x") for n in range(4)],
        {},
        BadInput,
        "at most 3 files .SMSQ_MOST_FILES., and this one has 4",
    ),
    ("two of one name", [("a", b"x"), ("a", b"y")], {}, BadInput, "the same name"),
    ("by SMS", [("a", b"x")], {"options": Options()}, BadInput, "files are for the channels mms, mail, not for sms"),
    (
        "no digest",
        [],
        {"options": Options(**_fields(MAIL), files=(FileRef(name="a", digest="../../etc/passwd", size=1),))},
        BadInput,
        "named by no digest",
    ),
]


@pytest.mark.parametrize(
    ("files", "more", "error", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_wrong_files_enrol_nothing(
    environ: dict[str, str], files: list[Any], more: dict[str, Any], error: type[SmsqError], why: str
) -> None:
    """A sentence with the reason, before a batch number is drawn."""
    told = {**environ, "SMSQ_FILES_MB": "1", "SMSQ_MOST_FILES": "3"}
    with Smsq(environ=told) as smsq:
        phone = "anna@example.ru" if more.get("options", MAIL).channel == "mail" else "+79991234567"
        with pytest.raises(error, match=why):
            smsq.send(phone, "Hello", **{"options": MAIL, "files": files, **more})

        assert is_untouched(smsq)


def test_a_folder_that_cannot_be_written_enrols_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    """The disk of files comes before the ledger."""
    (tmp_path / "blocked").write_text("no folder")
    with Smsq(environ={**environ, "SMSQ_FILES": str(tmp_path / "blocked")}) as smsq:
        with pytest.raises(FilesTrouble, match="nothing was enrolled"):
            send(smsq, ("a", b"x"))

        assert is_untouched(smsq)


def test_a_folder_of_files_is_absolute() -> None:
    """Processes that are started elsewhere must mean the same one."""
    with pytest.raises(SmsqError, match="SMSQ_FILES: 'files' is not valid; give an absolute path"):
        Smsq(environ={"SMSQ_FILES": "files"})
