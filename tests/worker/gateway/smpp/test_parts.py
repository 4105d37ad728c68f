"""Parts: texts cut without a wound, and their comment whole at the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain import text as texts
from smsq.worker.domain.errors import BadText
from smsq.worker.domain.text import GSM_BASIC, GSM_EXTENDED
from smsq.worker.gateway import comments
from smsq.worker.gateway.smpp import server_texts
from smsq.worker.gateway.smpp.parts import cut, has_header, header_of

SAID = comments.with_id(1000000001)
ANY = st.one_of(
    st.text(st.sampled_from(GSM_BASIC + GSM_EXTENDED), max_size=700),
    st.text(st.characters(max_codepoint=0x1FFFF, exclude_categories=("Cs",)), max_size=350),
)


def joined(parts: list[bytes], coding: int, *, has_headers: bool) -> str:
    """What the server makes of them."""
    bodies = [server_texts.cut_header(part)[1] if has_headers else part for part in parts]
    return "".join(server_texts.read_text(body, coding) for body in bodies)


@given(ANY)
def test_a_server_reads_what_was_cut(text: str) -> None:
    """Each part by itself, as a phone would: so no escape and no pair of surrogates was parted."""
    made = cut(text, SAID, 7)

    assert joined(made.parts, made.data_coding, has_headers=made.has_header) == text + SAID
    assert all(len(part) <= 254 for part in made.parts)


@given(ANY)
def test_parts_are_as_many_as_are_counted(text: str) -> None:
    """So that what was enrolled as one part never leaves as two, and is never charged so."""
    assert len(cut(text, SAID, 7).parts) == texts.parts(text)


def test_parts_are_numbered() -> None:
    """With the reference of the whole, of eight bits."""
    made = cut("a" * 400, SAID, 1000000001)

    heads = [header_of(part)[0] for part in made.parts]
    assert [(head.reference, head.count, head.number) for head in heads if head] == [(1, 3, n) for n in (1, 2, 3)]


def test_the_comment_stands_whole_in_the_last_part() -> None:
    """Behind a part that is full, since it is not sent on."""
    made = cut("a" * 306, SAID, 7)

    first, last = (header_of(part)[1] for part in made.parts)
    assert server_texts.read_text(first, 0) == "a" * 153
    assert server_texts.read_text(last, 0) == "a" * 153 + SAID


def test_a_long_comment_is_cut_and_our_id_stays() -> None:
    """Letters that the text's alphabet lacks become question marks: they must not make the message dearer."""
    said = comments.with_id(1000000001, "заказ" + "x" * 300)

    made = cut("a" * 160, said, 7)

    assert (len(made.parts), made.data_coding, len(made.parts[0]) <= 254) == (1, 0, True)
    text, comment = comments.parted(server_texts.read_text(made.parts[0], 0))
    assert (text, comments.id_in(comment)) == ("a" * 160, 1000000001)
    assert comment.startswith("smsq:1000000001 ?????xxx")


def test_a_message_has_255_parts_at_most() -> None:
    """More cannot be numbered."""
    with pytest.raises(BadText, match="255"):
        cut("a" * 153 * 256, SAID, 7)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\x05\x00\x03\x01\x02\x01rest", True),
        (b"\x06\x05\x04\x0b\x84\x23\xf0rest", True),
        (b"\x05\x00\x03\x01", False),
        (b"", False),
        (b"\x00abc", False),
        (b"\x05\x00\x04\x01\x02\x01rest", False),
    ],
)
def test_a_header_of_somebody_elses_is_known_by_its_lengths(octets: bytes, expected: bool) -> None:
    """Bytes that a caller gave."""
    assert has_header(octets) == expected


@given(st.binary(max_size=300))
def test_any_octets_have_a_header_or_none(octets: bytes) -> None:
    """Nothing is raised."""
    header_of(octets)
    has_header(octets)
