"""Lists as strangers write them: where the numbers end and the text begins."""

from __future__ import annotations

import pytest

from smsq.worker.gateway.http.server import records
from smsq.worker.gateway.http.server.form import FormError

LINES = [
    ("a semicolon before a text with a colon", "79991234567;Your code: 123", ["79991234567"], "Your code: 123"),
    ("a colon", "79991234567:Your code: 123", ["79991234567"], "Your code: 123"),
    ("several numbers", "7999,7998;7997:a;b:c", ["7999", "7998", "7997"], "a;b:c"),
    ("several numbers and a semicolon", "7999;7998;Code: 5", ["7999", "7998"], "Code: 5"),
    ("a semicolon alone", "7996;d", ["7996"], "d"),
    ("a text of digits", "79991234567;4821", ["79991234567"], "4821"),
    ("a number as people write it", "+7 (999) 123-45-67;Code: 5", ["79991234567"], "Code: 5"),
    ("what is no number", "abc;d:e", ["abc"], "d:e"),
    ("what is no number before a colon", "abc:d;e", ["abc"], "d;e"),
    ("a line break in the text", "7999:a\\nb", ["7999"], "a\nb"),
    ("a carriage return at the end", "7999;a: b\r", ["7999"], "a: b"),
]


@pytest.mark.parametrize(("line", "phones", "text"), [row[1:] for row in LINES], ids=[row[0] for row in LINES])
def test_only_the_first_separator_counts(line: str, phones: list[str], text: str) -> None:
    """Whichever of the two it is; a semicolon between numbers is none."""
    assert [(records.shown(one), said) for one, said in records.record(line)] == [(phone, text) for phone in phones]


@pytest.mark.parametrize("line", ["7999", "7999:", "7999;", "text", ","])
def test_what_is_no_record_is_said(line: str) -> None:
    """The gateway's error 1."""
    with pytest.raises(FormError, match="a record"):
        records.record(line)


def test_an_empty_line_is_no_record() -> None:
    """Lists end with a line feed."""
    assert records.record("  ") == records.record("\r") == []
