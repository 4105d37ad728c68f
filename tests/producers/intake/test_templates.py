"""Templates: places for values, and nothing else."""

from __future__ import annotations

import pytest

from smsq.producers.intake.templates import Template
from smsq.worker.domain.errors import BadInput, BadText

COLUMNS = ("phone", "name", "город")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Hello", "Hello"),
        ("Hello {name}!", "Hello {Ivan} %s!"),
        ("{name}{город}", "{Ivan} %sОмск"),
        ("100% {{name}} {name}", "100% {name} {Ivan} %s"),
        ("{ name }%s%%", "{Ivan} %s%s%%"),
    ],
)
def test_values_are_put_in_as_they_stand(written: str, expected: str) -> None:
    """A value with braces or percent signs is only a value."""
    assert Template.compile(written, COLUMNS).render(["1", "{Ivan} %s", "Омск"]) == expected


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("Hi {nmae}", r"uses \{nmae\}, but the columns are: phone, name, город; did you mean name"),
        ("Hi {}", "without a column name"),
        ("Hi {name", r"single \{ at character 4"),
        ("Hi name}", r"single \} at character 8"),
        ("{name.__class__}", "uses"),
        ("{0}", "uses"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused(written: str, sentence: str) -> None:
    """Mistakes are found before the first row."""
    with pytest.raises(BadInput, match=sentence):
        Template.compile(written, COLUMNS)


def test_a_field_is_found_in_other_letters() -> None:
    """As the phone's column is; an exact name comes first, and two that differ in case alone need it."""
    assert Template.compile("{Name}", COLUMNS).fields == ("name",)
    assert Template.compile("{NAME}", ("phone", "Name", "NAME")).fields == ("NAME",)
    with pytest.raises(BadInput, match="uses"):
        Template.compile("{name}", ("phone", "Name", "NAME"))


def test_a_field_is_found_as_it_is_seen() -> None:
    """Signs that nobody sees, and letters in pieces, make no other name."""
    columns = ("phone", "и\u0306мя")

    assert Template.compile("{\u200bймя\u200f}", columns).render(["1", "Ann"]) == "Ann"
    assert Template.compile("{и\u0306мя}", ("phone", "ймя")).render(["1", "Ann"]) == "Ann"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("NULL", "NULL stands for a missing value here; leave the cell empty, or the row out"),
        ("nan", "nan stands for a missing value"),
        ("\\N", r"\\N stands for a missing value"),
        ("#N/A", "a spreadsheet wrote #N/A here, for a value that it could not find"),
        ("#н/д ", "a spreadsheet wrote #н/д here"),
        ("????", r"\?\?\?\? stands for letters that were lost before the file was saved; export it again in UTF-8"),
        ("????? 5, ???????.", "letters that were lost"),
        ("Petr ????????", "letters that were lost"),
    ],
)
def test_what_programs_write_for_no_value_is_not_sent(value: str, why: str) -> None:
    """The column and the cell are named, with what to do."""
    with pytest.raises(BadText, match=f"^column город: .*{why}"):
        Template.compile("{name} {name} {город}", COLUMNS).render(["1", "Ann", value])


@pytest.mark.parametrize("value", ["", "Null", "Nan", "none", "Really???", "Why ??", "?", "#1", "C#", "NULLABLE"])
def test_names_and_questions_are_values(value: str) -> None:
    """A person may have such a name, and a text may ask."""
    assert Template.compile("Hi {name}", COLUMNS).render(["1", value, ""]) == f"Hi {value}"


def test_line_breaks_are_one_character() -> None:
    """Whether they stand in the text or in a value; letters in pieces are made whole."""
    template = Template.compile("Hi\r\n{name}\rbye", COLUMNS)

    assert template.render(["1", "A\r\nи\u0306\u2028B", ""]) == "Hi\nA\nй\nB\nbye"
    assert Template.compile("a\r\nb", COLUMNS).render(()) == "a\nb"


def test_fields_and_constants() -> None:
    """Each field is named once; a text without fields is constant."""
    assert Template.compile("{name} {город} {name}", COLUMNS).fields == ("name", "город")
    assert Template.compile("{{name}}", COLUMNS).is_constant
    assert not Template.compile("{name}", COLUMNS).is_constant
